import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Join of rows that are in the same window: inner, left, right, full, semi and anti. Port 0 is the left input, port 1 the right one.
///
/// The rows of a window are joined once, when the watermark passes its end on both sides, and are forgotten then. What comes out has
/// the window's end minus one millisecond as event time (window_time), and comes in the total order: event time, then the left row's
/// order bytes followed by the right row's. Null keys match nothing. Rows may come in any order.
public final class WindowJoinOperator: Operator {
  private static let version: UInt8 = 1
  /// Candidate pairs looked at together.
  private static let pairsAtOnce = 65_536

  private let join: Join
  private let window: Join.Window
  private let context: OperatorContext
  private let pairs: JoinPairs
  private let residual: JoinResidual?
  private let clock: WindowClock
  private let sides: [WindowRows]
  /// What decides the key group of a row.
  private let exchangeKeys: [ExpressionEvaluator]

  public init(_ join: Join, context: OperatorContext) throws(MillraceError) {
    guard let window = join.window else { throw MillraceError(.invalidInput, "a window join needs the windows of both inputs") }
    self.join = join
    self.window = window
    self.context = context
    pairs = try JoinPairs(join)
    residual = try JoinResidual(join)
    let clock = try WindowClock(window.kind, lagMicros: window.lagMicros)
    self.clock = clock
    sides = [join.left.schema, join.right.schema].map { WindowRows(schema: $0, stepMicros: clock.stepMicros) }
    let (left, right) = window.exchangeKeys(join)
    exchangeKeys = [
      try ExpressionEvaluator(left, schema: join.left.schema), try ExpressionEvaluator(right, schema: join.right.schema),
    ]
  }

  private func schema(_ port: Int) -> Schema { port == 0 ? join.left.schema : join.right.schema }

  public var stateSize: StateSize { StateSize(keys: 0, bytes: sides.reduce(0) { $0 + $1.heldBytes }) }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    if let weights = batch.weights?.pointer(Int64.self), (0..<batch.rowCount).contains(where: { weights[$0] != 1 }) {
      throw .notSupported("a window join of an input that retracts rows", hint: "join the windows before what updates its results")
    }
    guard batch.eventTimes != nil, batch.order != nil else {
      throw MillraceError(
        .invalidInput, "rows without event time reached a window join", hint: "declare WATERMARK FOR on the table they come from")
    }
    try hold(batch, port: port)
  }

  private func hold(_ batch: Batch, port: Int) throws(MillraceError) {
    let column = port == 0 ? window.leftEnd : window.rightEnd
    let ends = try WindowGrid.micros(batch.columns[column], schema(port).fields[column].name)
    var plain = batch
    plain.weights = nil
    sides[port].append(plain, ends: ends.pointer(Int64.self))
    withExtendedLifetime(ends) {}
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard let bound = clock.bound(watermark) else { return .beginning }
    let (left, right) = (sides[0].take(through: bound), sides[1].take(through: bound))
    if left.rowCount > 0 || right.rowCount > 0 { try joinWindows(left, right, into: &output) }
    return clock.output(after: bound)
  }

  // MARK: matching

  /// Joins the rows of all windows that are over, which come in the total order.
  private func joinWindows(_ left: Batch, _ right: Batch, into output: inout OperatorOutput) throws(MillraceError) {
    let isOneWindow = !window.kind.isSession && isOneInstant(left, right)
    let (keysLeft, keysRight) = (try keys(left, 0, isOneWindow), try keys(right, 1, isOneWindow))
    let index = KeyIndex(types: keysLeft.map(\.type), maxParallelism: context.maxParallelism)
    let rightIDs = pairs.ids(keysRight, rowCount: right.rowCount, in: index, insert: true)
    let leftIDs = pairs.ids(keysLeft, rowCount: left.rowCount, in: index, insert: false)
    // Right rows of each key, ascending.
    var first = [Int32](repeating: -1, count: index.idBound)
    var next = [Int32](repeating: -1, count: right.rowCount)
    for row in stride(from: right.rowCount - 1, through: 0, by: -1) where rightIDs[row] >= 0 {
      next[row] = first[Int(rightIDs[row])]
      first[Int(rightIDs[row])] = Int32(truncatingIfNeeded: row)
    }
    var joined = WindowMatches(join.kind, left: left, right: right)
    var row = 0
    while row < left.rowCount {
      let begin = row
      var candidates = (left: [Int32](), right: [Int32]())
      while row < left.rowCount && candidates.left.count < Self.pairsAtOnce {
        var match = leftIDs[row] >= 0 ? first[Int(leftIDs[row])] : -1
        while match >= 0 {
          candidates.left.append(Int32(truncatingIfNeeded: row))
          candidates.right.append(match)
          match = next[Int(match)]
        }
        row += 1
      }
      joined.add(try matching(candidates, left, right), of: begin..<row)
    }
    emit(joined.finish(), left, right, into: &output)
  }

  /// The equal keys, and the window where rows of several may be there. Start and end tell windows apart; where windows have one size
  /// one of them does.
  private func keys(_ batch: Batch, _ port: Int, _ isOneWindow: Bool) throws(MillraceError) -> [Column] {
    let keys = try pairs.keys(batch, isLeft: port == 0)
    if isOneWindow { return keys }
    let start = batch.columns[port == 0 ? window.leftStart : window.rightStart]
    let end = batch.columns[port == 0 ? window.leftEnd : window.rightEnd]
    return keys + [end] + (window.kind.isSession ? [start] : [])
  }

  /// Whether all rows have one event time; they come by it.
  private func isOneInstant(_ left: Batch, _ right: Batch) -> Bool {
    var instants: Set<Int64> = []
    for batch in [left, right] where batch.rowCount > 0 {
      guard let times = batch.eventTimes?.pointer(Int64.self) else { return false }
      instants.formUnion([times[0], times[batch.rowCount - 1]])
    }
    return withExtendedLifetime((left, right)) { instants.count == 1 }
  }

  private func matching(
    _ candidates: (left: [Int32], right: [Int32]), _ left: Batch, _ right: Batch
  ) throws(MillraceError) -> (left: [Int32], right: [Int32]) {
    guard let residual, !candidates.left.isEmpty else { return candidates }
    let selection = try residual.matching(
      residual.leftColumns.map { column in candidates.left.withUnsafeBufferPointer(left.columns[column].take) },
      residual.rightColumns.map { column in candidates.right.withUnsafeBufferPointer(right.columns[column].take) },
      count: candidates.left.count)
    if selection.isAll { return candidates }
    return (selection.indices.map { candidates.left[Int($0)] }, selection.indices.map { candidates.right[Int($0)] })
  }

  // MARK: emitting

  private func emit(_ rows: (left: [Int32], right: [Int32]), _ left: Batch, _ right: Batch, into output: inout OperatorOutput) {
    for from in stride(from: 0, to: rows.left.count, by: context.batchRows) {
      let part = from..<min(rows.left.count, from + context.batchRows)
      let l = left.take(rows: Array(rows.left[part]))
      if join.kind.isLeftOnly {
        output.emit(l)
        continue
      }
      let r = right.take(rows: Array(rows.right[part]))
      var batch = pairs.joined(l, r)
      batch.order = JoinPairs.order(l, r)
      batch.arrivalTimes = JoinPairs.arrivalTimes(l, r)
      if let times = l.eventTimes?.pointer(Int64.self), let others = r.eventTimes?.pointer(Int64.self) {
        batch.eventTimes = .int64s(part.enumerated().map { rows.left[$1] >= 0 ? times[$0] : others[$0] })
      }
      output.emit(batch)
    }
  }

  // MARK: snapshots

  /// Per key group the rows of each port that wait.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    var writers: [Int: ByteWriter] = [:]
    for port in 0...1 {
      let waiting = sides[port].waiting()
      let groups = waiting.rowsByKeyGroup(try exchangeKeys[port].evaluate(waiting), maxParallelism: context.maxParallelism)
      for (keyGroup, rows) in groups.enumerated() where !rows.isEmpty {
        var writer = writers[keyGroup] ?? ByteWriter()
        if writer.bytes.isEmpty { writer.write(Self.version) }
        writer.write(UInt8(port))
        writer.write(block: BatchCodec.encode(waiting.take(rows: rows)))
        writers[keyGroup] = writer
      }
    }
    for (keyGroup, writer) in writers { snapshot.keyGroups[keyGroup] = writer.bytes }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a window join")
    while !reader.isAtEnd {
      let port = Int(try reader.readUInt8())
      guard port <= 1 else { throw MillraceError(.checkpointInvalid, "the state of a window join is damaged") }
      let batch = try BatchCodec.decode(try reader.readBlock(), schema: schema(port))
      guard batch.rowCount == 0 || (batch.eventTimes != nil && batch.order != nil) else {
        throw MillraceError(.checkpointInvalid, "the state of a window join is damaged")
      }
      try hold(batch, port: port)
    }
  }
}
