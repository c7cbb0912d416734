import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Regular join of streams: inner, left, right, full, semi and anti, over inputs that may retract rows. Port 0 is the left input,
/// port 1 the right one.
///
/// An inner join of inputs that only insert emits each pair as soon as both rows are there, in whatever order they come: its event
/// time is the later of the two, its order bytes the left row's followed by the right row's. The other joins take rows in the total
/// order and emit the changes of each instant, consolidated: a left row is shown without a match exactly while the weights of its
/// matches add up to zero. Order bytes of a change are the rank of results, 0 for -1 and 1 for +1, then the rows'. Where one input has
/// no event time rows are taken as they come, and only the folded result is a function of the input.
///
/// Rows are kept for ever, except where a condition of the join bounds them by the other side's event time (`Join.expiry`). Null keys match nothing.
public final class StreamJoinOperator: Operator {
  private static let version: UInt8 = 2
  /// Candidate pairs looked at together.
  static let pairsAtOnce = 65_536

  let join: Join
  let context: OperatorContext
  let pairs: JoinPairs
  let residual: JoinResidual?
  let index: KeyIndex
  let sides: [StreamJoinSide]
  /// Pairs go out as they are found; see above.
  let isDirect: Bool
  /// Rows of both inputs have event times and wait for the watermark. Only where not `isDirect`.
  private let isOrdered: Bool
  /// The result retracts rows.
  let isUpdating: Bool
  private let buffer: TotalOrderBuffer
  private var watermark = EventTime.beginning
  /// Rows of a snapshot that are not in the sides yet, per port, in the order of its layers.
  private var restored: [[Batch]] = [[], []]
  /// Those of the newest layer that wait for the watermark, by port and key group.
  private var restoredWaiting: [[Int: [Batch]]] = [[:], [:]]
  private var waitingKeyGroups = [WaitingKeyGroups(), WaitingKeyGroups()]

  public init(_ join: Join, context: OperatorContext) throws(MillraceError) {
    self.join = join
    self.context = context
    pairs = try JoinPairs(join)
    residual = try JoinResidual(join)
    index = KeyIndex(types: pairs.keyTypes, maxParallelism: context.maxParallelism)
    let updates = [join.left.isUpdating, join.right.isUpdating]
    isDirect = join.kind == .inner && updates == [false, false]
    isOrdered = !isDirect && join.left.carriesEventTime && join.right.carriesEventTime
    isUpdating = LogicalPlan.join(join).isUpdating
    let expiry = isDirect ? join.expiry : ([], [])
    sides = [
      try StreamJoinSide(join.left, isUpdating: updates[0], expiry: expiry.0),
      try StreamJoinSide(join.right, isUpdating: updates[1], expiry: expiry.1),
    ]
    buffer = TotalOrderBuffer(schemas: [join.left.schema, join.right.schema])
  }

  public var stateSize: StateSize {
    StateSize(keys: index.count, bytes: sides.reduce(index.heldBytes + buffer.heldBytes) { $0 + $1.heldBytes })
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    if isOrdered { return try buffer.push(batch, port: port) }
    if isDirect {
      try joinDirectly(batch, port, into: &output)
    } else {
      var batches = [Batch(schema: sides[0].schema, columns: [], rowCount: 0), Batch(schema: sides[1].schema, columns: [], rowCount: 0)]
      batches[port] = batch
      let sequence = [UInt8](repeating: UInt8(truncatingIfNeeded: port), count: batch.rowCount)
      try takeInstants(.init(batches: batches, sequence: sequence), isOrdered: false, into: &output)
    }
    forget()
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    self.watermark = watermark
    if isOrdered, let released = buffer.release(before: watermark) {
      try takeInstants(released, isOrdered: true, into: &output)
      forget()
    }
    return watermark
  }

  // MARK: pairs as they come

  private func joinDirectly(_ batch: Batch, _ port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    if let weights = batch.weights?.pointer(Int64.self), (0..<batch.rowCount).contains(where: { weights[$0] != 1 }) {
      throw MillraceError(.invalidInput, "an input that only inserts retracted a row", subject: "a join")
    }
    let (mine, other) = (sides[port], sides[1 - port])
    let ids = pairs.ids(try pairs.keys(batch, isLeft: port == 0), rowCount: batch.rowCount, in: index, insert: true)
    for side in sides { side.growKeys(to: index.idBound) }
    var row = 0
    while row < batch.rowCount {
      var probes: [Int32] = []
      var found: [Int32] = []
      while row < batch.rowCount && found.count < Self.pairsAtOnce {
        let id = ids[row]
        if id >= 0 {
          var match = other.head(id)
          while match >= 0 {
            probes.append(Int32(truncatingIfNeeded: row))
            found.append(match)
            match = other.rowBefore(match)
          }
        }
        row += 1
      }
      try emitPairs(batch, port, probes, found, other, into: &output)
    }
    try mine.append(batch, ids: ids)
  }

  /// Emits the pairs of rows of a batch and stored rows of the other side for which the rest of the condition is true.
  private func emitPairs(
    _ batch: Batch, _ port: Int, _ probes: [Int32], _ found: [Int32], _ other: StreamJoinSide, into output: inout OperatorOutput
  ) throws(MillraceError) {
    guard !probes.isEmpty else { return }
    var (probes, found) = (probes, found)
    if let residual {
      let mine = probes.withUnsafeBufferPointer { probes in
        (port == 0 ? residual.leftColumns : residual.rightColumns).map { batch.columns[$0].take(probes) }
      }
      let theirs = other.store.gather(found, columns: port == 0 ? residual.rightColumns : residual.leftColumns)
      let selection = try residual.matching(port == 0 ? mine : theirs, port == 0 ? theirs : mine, count: probes.count)
      if selection.count == 0 { return }
      if !selection.isAll {
        let kept = Array(selection.indices)
        probes = kept.map { probes[Int($0)] }
        found = kept.map { found[Int($0)] }
      }
    }
    for start in stride(from: 0, to: probes.count, by: context.batchRows) {
      let range = start..<min(probes.count, start + context.batchRows)
      let mine = batch.take(rows: Array(probes[range]))
      let theirs = other.store.gather(Array(found[range]))
      let (left, right) = port == 0 ? (mine, theirs) : (theirs, mine)
      var joined = pairs.joined(left, right)
      joined.eventTimes = Self.later(left.eventTimes, right.eventTimes)
      joined.order = JoinPairs.order(left, right)
      joined.arrivalTimes = JoinPairs.arrivalTimes(left, right)
      output.emit(joined)
    }
  }

  static func later(_ a: Column?, _ b: Column?) -> Column? {
    guard let a, let b else { return nil }
    let (x, y) = (a.pointer(Int64.self), b.pointer(Int64.self))
    let out = Buffer(uninitialized: a.count * 8)
    let target = out.pointer(Int64.self)
    for i in 0..<a.count { target[i] = max(x[i], y[i]) }
    return withExtendedLifetime((a, b)) { Column(type: .int64, count: a.count, values: .fixed(out)) }
  }

  // MARK: forgetting

  private func forget() {
    guard sides.contains(where: { $0.shouldCompact(isWeighted: !isDirect) }) else { return }
    for side in sides { side.compact(keeping: side.liveRows(watermark: watermark, isWeighted: !isDirect)) }
    index.remove(index.allIDs().filter { sides[0].head($0) < 0 && sides[1].head($0) < 0 })
  }

  // MARK: snapshots

  /// Per key group and port: rows with their weights, then the rows that wait for the watermark. An increment has the rows that came
  /// and those whose weight changed.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    try finishRestore()
    let (context, pairs, isWeighted) = (context, pairs, !isDirect)
    let isIncrement = snapshot.allowsIncrement && sides.allSatisfy(\.canTellChanges)
    snapshot.isIncrement = isIncrement
    var ports: [(held: FrozenRows, waiting: FrozenRows.Split, told: Set<Int>)] = []
    for port in 0...1 {
      let keys = { (batch: Batch) throws(MillraceError) -> [Column] in try pairs.keys(batch, isLeft: port == 0) }
      snapshot.liveCount += sides[port].liveCount(isWeighted: isWeighted)
      let (held, written) = try sides[port].freeze(
        isIncrement: isIncrement, watermark: watermark, isWeighted: isWeighted, maxParallelism: context.maxParallelism, keys: keys)
      snapshot.writtenCount += written
      let waiting = try FrozenRows([buffer.pending(port: port)], maxParallelism: context.maxParallelism, keys: keys).split()
      ports.append((held, waiting, waitingKeyGroups[port].next(waiting.keyGroups, isIncrement: isIncrement)))
    }
    let frozen = ports
    snapshot.encodeLater { emit throws(MillraceError) in
      let held = frozen.map { $0.held.split() }
      for keyGroup in 0..<context.maxParallelism {
        var writer = ByteWriter()
        writer.write(Self.version)
        for port in 0...1 where held[port].hasRows(keyGroup) || frozen[port].told.contains(keyGroup) {
          writer.write(UInt8(port))
          held[port].write(keyGroup, into: &writer)
          frozen[port].waiting.write(keyGroup, into: &writer)
        }
        if writer.bytes.count > 1 { try emit(keyGroup, writer.bytes) }
      }
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a join of streams")
    while !reader.isAtEnd {
      let port = Int(try reader.readUInt8())
      guard port <= 1 else { throw MillraceError(.checkpointInvalid, "the state of a join is damaged") }
      restored[port] += try FrozenRows.read(&reader, schema: sides[port].schema)
      restoredWaiting[port][keyGroup] = try FrozenRows.read(&reader, schema: sides[port].schema)
    }
  }

  public func finishRestore() throws(MillraceError) {
    for port in 0...1 {
      for keyGroup in restoredWaiting[port].keys.sorted() {
        for batch in restoredWaiting[port][keyGroup] ?? [] { try buffer.push(batch, port: port) }
      }
      restoredWaiting[port] = [:]
    }
    guard !restored[0].isEmpty || !restored[1].isEmpty else { return }
    for port in 0...1 {
      for batch in restored[port] {
        var rows = batch
        rows.weights = nil
        let weights = batch.weights?.pointer(Int64.self)
        let ids = pairs.ids(try pairs.keys(rows, isLeft: port == 0), rowCount: rows.rowCount, in: index, insert: true)
        for side in sides { side.growKeys(to: index.idBound) }
        let numbers = try sides[port].numbers(of: rows, ids: ids)
        for (row, number) in numbers.enumerated() { sides[port].setWeight(number, weights?[row] ?? 1) }
        withExtendedLifetime(batch) {}
      }
      restored[port] = []
    }
    if !isDirect { try countMatches() }
  }
}
