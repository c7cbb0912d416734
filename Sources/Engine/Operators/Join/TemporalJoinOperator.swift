import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Every left row with the version of the right relation that is valid at its event time. Port 0 is the left input, port 1 the
/// versions.
///
/// Rows of both sides are taken in the total order, right rows before the left rows of their instant. Of each key only the
/// current version is kept: a right row takes the place of the one before it with its key, a retraction takes it away. Left rows
/// go out in their order with their own event time and order bytes. Null keys match nothing.
public final class TemporalJoinOperator: Operator {
  private static let version: UInt8 = 1

  private let join: Join
  private let context: OperatorContext
  private let pairs: JoinPairs
  private let residual: JoinResidual?
  private let retracts: Bool
  private let index: KeyIndex
  private let buffer: TotalOrderBuffer
  /// Versions by number; most of them gone, until they are compacted.
  private let store: RowStore
  /// All columns of a version, encoded: where versions are retracted.
  private var contents = ColumnStore(.bytes)
  /// Per key: its current version, -1 for none.
  private let current = DenseArray<Int32>(fill: -1)
  private var liveCount = 0
  private var restored: [Batch] = []

  public init(_ temporal: TemporalJoin, context: OperatorContext) throws(MillraceError) {
    join = temporal.join
    self.context = context
    pairs = try JoinPairs(join)
    residual = try JoinResidual(join)
    retracts = join.right.isUpdating
    index = KeyIndex(types: pairs.keyTypes, maxParallelism: context.maxParallelism)
    buffer = TotalOrderBuffer(schemas: [join.left.schema, join.right.schema], places: [1, 0])
    store = RowStore(schema: join.right.schema)
  }

  public var stateSize: StateSize {
    StateSize(keys: index.count, bytes: index.heldBytes + store.heldBytes + contents.heldBytes + current.heldBytes + buffer.heldBytes)
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    if port == 0 { try PendingRows.requireInsertions(batch, "FOR SYSTEM_TIME AS OF event time") }
    try buffer.push(batch, port: port)
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    try placeRestored()
    if let released = buffer.release(before: watermark) { try take(released, into: &output) }
    return watermark
  }

  // MARK: in order

  private func take(_ released: TotalOrderBuffer.Released, into output: inout OperatorOutput) throws(MillraceError) {
    let (left, right) = (released.batches[0], released.batches[1])
    let first = Int32(truncatingIfNeeded: store.count)
    let rightIDs = try append(right)
    let leftIDs = pairs.ids(try pairs.keys(left, isLeft: true), rowCount: left.rowCount, in: index, insert: false)
    current.grow(to: index.idBound)
    let weights = right.weights?.pointer(Int64.self)
    var matches = [Int32](repeating: -1, count: left.rowCount)
    var (l, r) = (0, 0)
    var touched: [Int32] = []
    for port in released.sequence {
      if port == 0 {
        if leftIDs[l] >= 0 { matches[l] = current.base[Int(leftIDs[l])] }
        l += 1
      } else {
        change(rightIDs[r], to: first + Int32(truncatingIfNeeded: r), weight: weights?[r] ?? 1, &touched)
        r += 1
      }
    }
    try emit(left, matches, into: &output)
    withExtendedLifetime(right) {}
    // Keys that are left without a version, each once.
    var gone: Set<Int32> = []
    index.remove(touched.filter { current.base[Int($0)] < 0 && gone.insert($0).inserted })
    if store.count > 4096, store.count > 2 * liveCount { try compact() }
  }

  /// Puts rows into the store. Returns their keys.
  private func append(_ right: Batch) throws(MillraceError) -> [Int32] {
    var rows = right
    rows.weights = nil
    // Only their values are seen again.
    (rows.eventTimes, rows.order, rows.arrivalTimes) = (nil, nil, nil)
    store.append(rows)
    if retracts { contents.append(KeyEncoder.encode(right.columns, rowCount: right.rowCount)) }
    return pairs.ids(try pairs.keys(right, isLeft: false), rowCount: right.rowCount, in: index, insert: true)
  }

  @inline(__always) private func change(_ id: Int32, to row: Int32, weight: Int64, _ touched: inout [Int32]) {
    guard id >= 0 else { return }
    let old = current.base[Int(id)]
    if weight > 0 {
      if old < 0 { liveCount &+= 1 }
      current.base[Int(id)] = row
    } else if old >= 0, ByteOrder.compare(contents.slot(Int(old)), contents.slot(Int(row))) == 0 {
      current.base[Int(id)] = -1
      liveCount &-= 1
      touched.append(id)
    }
  }

  // MARK: emitting

  private func emit(_ left: Batch, _ found: [Int32], into output: inout OperatorOutput) throws(MillraceError) {
    var matches = found
    if let residual { try check(left, &matches, residual) }
    let rows =
      join.kind == .left
      ? (0..<Int32(truncatingIfNeeded: left.rowCount)).map { $0 }
      : (0..<Int32(truncatingIfNeeded: left.rowCount)).filter { matches[Int($0)] >= 0 }
    for start in stride(from: 0, to: rows.count, by: context.batchRows) {
      let part = Array(rows[start..<min(rows.count, start + context.batchRows)])
      let mine = part.count == left.rowCount ? left : left.take(rows: part)
      let theirs = store.gather(part.map { matches[Int($0)] }, columns: Array(store.schema.fields.indices))
      var joined = mine.replacing(schema: join.schema, columns: mine.columns + theirs)
      joined.weights = nil
      output.emit(joined)
    }
  }

  /// Takes back matches for which the rest of the condition is not true.
  private func check(_ left: Batch, _ matches: inout [Int32], _ residual: JoinResidual) throws(MillraceError) {
    let rows = (0..<Int32(truncatingIfNeeded: left.rowCount)).filter { matches[Int($0)] >= 0 }
    guard !rows.isEmpty else { return }
    let mine = rows.withUnsafeBufferPointer { rows in residual.leftColumns.map { left.columns[$0].take(rows) } }
    let theirs = store.gather(rows.map { matches[Int($0)] }, columns: residual.rightColumns)
    let selection = try residual.matching(mine, theirs, count: rows.count)
    if selection.isAll { return }
    var holds = [Bool](repeating: false, count: rows.count)
    for place in selection.indices { holds[Int(place)] = true }
    for (place, row) in rows.enumerated() where !holds[place] { matches[Int(row)] = -1 }
  }

  // MARK: forgetting

  /// Current versions, by the order of their keys' ids.
  private func live() -> (ids: [Int32], rows: [Int32]) {
    let ids = index.allIDs().filter { current.base[Int($0)] >= 0 }.sorted()
    return (ids, ids.map { current.base[Int($0)] })
  }

  private func compact() throws(MillraceError) {
    let (ids, rows) = live()
    store.compact(keeping: rows)
    for (row, id) in ids.enumerated() { current.base[Int(id)] = Int32(truncatingIfNeeded: row) }
    guard retracts else { return }
    let kept = rows.withUnsafeBufferPointer { contents.gather($0, hasMissing: false) }
    contents = ColumnStore(.bytes)
    contents.append(kept)
  }

  // MARK: snapshots

  /// Per key group: current versions, then the rows of both sides that wait for the watermark.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    try placeRestored()
    let versions = store.gather(live().rows)
    let waiting = [buffer.pending(port: 0), buffer.pending(port: 1)]
    let groups = [
      versions.rowsByKeyGroup(try pairs.keys(versions, isLeft: false), maxParallelism: context.maxParallelism),
      waiting[0].rowsByKeyGroup(try pairs.keys(waiting[0], isLeft: true), maxParallelism: context.maxParallelism),
      waiting[1].rowsByKeyGroup(try pairs.keys(waiting[1], isLeft: false), maxParallelism: context.maxParallelism),
    ]
    for keyGroup in 0..<context.maxParallelism where groups.contains(where: { !$0[keyGroup].isEmpty }) {
      var writer = ByteWriter()
      writer.write(Self.version)
      for (rows, group) in zip([versions] + waiting, groups) { writer.write(block: BatchCodec.encode(rows.take(rows: group[keyGroup]))) }
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a temporal join")
    let versions = try BatchCodec.decode(try reader.readBlock(), schema: join.right.schema)
    if versions.rowCount > 0 { restored.append(versions) }
    try buffer.push(try BatchCodec.decode(try reader.readBlock(), schema: join.left.schema), port: 0)
    try buffer.push(try BatchCodec.decode(try reader.readBlock(), schema: join.right.schema), port: 1)
  }

  private func placeRestored() throws(MillraceError) {
    guard !restored.isEmpty else { return }
    let parts = restored
    restored = []
    var touched: [Int32] = []
    for versions in parts {
      let first = Int32(truncatingIfNeeded: store.count)
      let ids = try append(versions)
      current.grow(to: index.idBound)
      for (row, id) in ids.enumerated() { change(id, to: first + Int32(truncatingIfNeeded: row), weight: 1, &touched) }
    }
  }
}
