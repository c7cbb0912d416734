import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Aggregates over frames that end at the current row, per partition key and in the total order.
///
/// ROWS frames count rows in the total order. RANGE frames go by event time and take in the current row's peers: all rows
/// of its instant and partition. EXCLUDE CURRENT ROW leaves out the row itself and nothing else. Rows wait for the watermark; output is
/// the input's columns, then one per call, in the total order. The output's watermark is the input's. Null partition keys are one
/// partition, as in GROUP BY.
public final class OverOperator: Operator {
  /// Calls whose frames are stepped through in the same way: one branch of the state each.
  private struct Group {
    let isRange: Bool
    let excludesCurrentRow: Bool
    /// Positions among the operator's calls.
    var calls: [Int]
  }

  private let context: OperatorContext
  private let schema: Schema
  private let inputWidth: Int
  private let keyCount: Int
  private let groups: [Group]
  /// Partition keys, then what the lanes of each group need.
  private let values: ExpressionEvaluator
  private let laneColumns: [Range<Int>]
  private let waitingSchema: Schema
  private let buffer: TotalOrderBuffer
  private let state: SlidingState
  private let list = SlidingStepList()
  private let ids = DenseArray<Int32>(fill: 0)
  /// Rows of the instant at hand per key id; zero between instants.
  private let peers = DenseArray<Int32>(fill: 0)
  private static let version: UInt8 = 1

  /// - Throws: `not-supported` for aggregates without a sliding form; what compiling expressions throws.
  public init(_ over: Over, context: OperatorContext) throws(MillraceError) {
    self.context = context
    schema = over.schema
    let input = over.input.schema
    inputWidth = input.count
    keyCount = over.partitionKeys.count
    var groups: [Group] = []
    for (index, call) in over.calls.enumerated() {
      let frame = call.frame
      if let known = groups.firstIndex(where: {
        $0.isRange == frame.isRange && $0.excludesCurrentRow == frame.excludesCurrentRow
      }) {
        groups[known].calls.append(index)
      } else {
        groups.append(Group(isRange: frame.isRange, excludesCurrentRow: frame.excludesCurrentRow, calls: [index]))
      }
    }
    self.groups = groups
    var branches: [[SlidingCall]] = []
    for group in groups {
      var calls: [SlidingCall] = []
      for index in group.calls { calls.append(try Self.call(over.calls[index])) }
      branches.append(calls)
    }
    state = try SlidingState(
      keyTypes: over.partitionKeys.map(\.type), branches: branches, maxParallelism: context.maxParallelism)
    var wanted = over.partitionKeys
    var ranges: [Range<Int>] = []
    for lanes in state.branches {
      ranges.append(inputWidth + wanted.count..<inputWidth + wanted.count + lanes.expressions.count)
      wanted += lanes.expressions
    }
    laneColumns = ranges
    values = try ExpressionEvaluator(wanted, schema: input)
    waitingSchema = Schema(input.fields + wanted.enumerated().map { Field("\($0)", $1.type) })
    buffer = TotalOrderBuffer(schemas: [waitingSchema])
  }

  private static func call(_ call: Over.Call) throws(MillraceError) -> SlidingCall {
    let frame = call.frame
    switch frame.start {
    case .unbounded: return SlidingCall(call: call.call, window: .unbounded)
    case .micros(let micros):
      guard frame.isRange else { throw MillraceError(.invalidSQL, "a ROWS frame starts a number of rows back, not an interval") }
      return SlidingCall(call: call.call, window: .micros(micros))
    case .rows(let rows):
      guard !frame.isRange else { throw MillraceError(.invalidSQL, "a RANGE frame starts an interval back, not a number of rows") }
      return SlidingCall(call: call.call, window: .rows(Int64(rows) + (frame.excludesCurrentRow ? 0 : 1)))
    }
  }

  public var stateSize: StateSize { state.size + StateSize(keys: 0, bytes: buffer.heldBytes) }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    try PendingRows.requireInsertions(batch, "OVER")
    guard batch.rowCount > 0 else { return }
    var waiting = batch.replacing(schema: waitingSchema, columns: batch.columns + (try values.evaluate(batch)))
    waiting.weights = nil
    try buffer.push(waiting, port: 0)
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    if let released = buffer.release(before: watermark) { try run(released.batches[0], into: &output) }
    state.advance(to: watermark)
    return watermark
  }

  // MARK: running

  private func run(_ rows: Batch, into output: inout OperatorOutput) throws(MillraceError) {
    guard let timeColumn = rows.eventTimes else { return }
    ids.grow(to: rows.rowCount)
    state.enterKeys(Array(rows.columns[inputWidth..<inputWidth + keyCount]), rowCount: rows.rowCount, into: ids.base)
    peers.grow(to: state.index.idBound)
    for (group, lanes) in state.branches.enumerated() { lanes.load(Array(rows.columns[laneColumns[group]]), rowCount: rows.rowCount) }
    try withExtendedLifetime((rows, timeColumn)) { () throws(MillraceError) in
      let times = timeColumn.pointer(Int64.self)
      var start = 0
      while start < rows.rowCount {
        // Peers stay together.
        var end = min(rows.rowCount, start + context.batchRows)
        while end < rows.rowCount && times[end] == times[end - 1] { end += 1 }
        var results = [Column?](repeating: nil, count: schema.count - inputWidth)
        for (index, group) in groups.enumerated() {
          let columns = try run(index, group, start..<end, times)
          for (call, column) in zip(group.calls, columns) { results[call] = column }
        }
        try emit(rows.slice(start..<end), results.compactMap { $0 }, into: &output)
        start = end
      }
    }
    for lanes in state.branches { lanes.unload() }
  }

  private func emit(_ rows: Batch, _ results: [Column], into output: inout OperatorOutput) throws(MillraceError) {
    let emitted = rows.replacing(schema: schema, columns: Array(rows.columns[..<inputWidth]) + results)
    var at = 0
    while at < emitted.rowCount {
      let end = min(emitted.rowCount, at + context.batchRows)
      output.emit(emitted.slice(at..<end))
      at = end
    }
  }

  /// The columns of one group's calls for a range of rows.
  private func run(
    _ branch: Int, _ group: Group, _ range: Range<Int>, _ times: UnsafePointer<Int64>
  ) throws(MillraceError) -> [Column] {
    let ids = ids.base
    list.removeAll()
    list.reserve(2 * range.count)
    if !group.isRange {
      for row in range {
        if group.excludesCurrentRow { list.ask(ids[row], time: times[row], place: row &- range.lowerBound) }
        list.enter(ids[row], time: times[row], row: row)
        if !group.excludesCurrentRow { list.ask(ids[row], time: times[row], place: row &- range.lowerBound) }
      }
      return state.run(branch, list, askCount: range.count)
    }
    if group.excludesCurrentRow { return try runWithoutCurrent(branch, range, times) }
    var start = range.lowerBound
    while start < range.upperBound {
      let end = endOfInstant(start, range.upperBound, times)
      for row in start..<end { list.enter(ids[row], time: times[row], row: row) }
      for row in start..<end { list.ask(ids[row], time: times[row], place: row &- range.lowerBound) }
      start = end
    }
    return state.run(branch, list, askCount: range.count)
  }

  private func endOfInstant(_ start: Int, _ limit: Int, _ times: UnsafePointer<Int64>) -> Int {
    var end = start + 1
    while end < limit && times[end] == times[start] { end += 1 }
    return end
  }

  /// RANGE with EXCLUDE CURRENT ROW: a row without peers asks before it enters. Rows with peers ask one by one of a copy of the
  /// key's state that the other peers have entered.
  private func runWithoutCurrent(
    _ branch: Int, _ range: Range<Int>, _ times: UnsafePointer<Int64>
  ) throws(MillraceError) -> [Column] {
    let ids = ids.base
    let types = state.branches[branch].results.map(\.type)
    var parts = types.map { _ in [Column]() }
    /// Places of the results gathered so far.
    var places: [Int32] = []
    var asked = 0
    func flush() {
      let columns = state.run(branch, list, askCount: asked)
      for (index, column) in columns.enumerated() { parts[index].append(column) }
      list.removeAll()
      asked = 0
    }
    func ask(_ key: Int32, _ row: Int) {
      list.ask(key, time: times[row], place: asked)
      places.append(Int32(truncatingIfNeeded: row - range.lowerBound))
      asked += 1
    }
    var start = range.lowerBound
    while start < range.upperBound {
      let end = endOfInstant(start, range.upperBound, times)
      list.reserve(2 * (end - start))
      for row in start..<end { peers[Int(ids[row])] &+= 1 }
      for row in start..<end where peers[Int(ids[row])] == 1 {
        ask(ids[row], row)
        list.enter(ids[row], time: times[row], row: row)
      }
      for row in start..<end where peers[Int(ids[row])] > 1 {
        let key = ids[row]
        let group = (row..<end).filter { ids[$0] == key }
        flush()
        for current in group {
          let spare = try state.copy(branch, of: key)
          list.reserve(group.count + 1)
          for peer in group where peer != current { list.enter(spare, time: times[peer], row: peer) }
          ask(spare, current)
          flush()
          state.discardCopy(branch, spare)
        }
        list.reserve(group.count + 2 * (end - start))
        for peer in group { list.enter(key, time: times[peer], row: peer) }
        peers[Int(key)] = 0
      }
      for row in start..<end { peers[Int(ids[row])] = 0 }
      start = end
    }
    flush()
    // Back to the order of the rows.
    var order = [Int32](repeating: 0, count: range.count)
    for (at, place) in places.enumerated() { order[Int(place)] = Int32(truncatingIfNeeded: at) }
    return order.withUnsafeBufferPointer { order in
      zip(parts, types).map { Column.concat($0, type: $1).take(order) }
    }
  }

  // MARK: snapshots

  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    let pending = buffer.pending(port: 0)
    let rows = PendingRows.byKeyGroup(
      pending, keys: Array(pending.columns[inputWidth..<inputWidth + keyCount]), maxParallelism: context.maxParallelism)
    let ids = Dictionary(state.idsByKeyGroup().map { ($0.keyGroup, $0.ids) }, uniquingKeysWith: { a, _ in a })
    for group in Set(rows.keys).union(ids.keys) {
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(block: rows[group].map(BatchCodec.encode) ?? [])
      state.write(ids[group] ?? [], into: &writer)
      snapshot.keyGroups[group] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    guard try reader.readUInt8() == Self.version else { throw SlidingComponent.damaged("unknown version") }
    let block = try reader.readBlock()
    if !block.isEmpty { try buffer.push(try BatchCodec.decode(block, schema: waitingSchema), port: 0) }
    try state.read(from: &reader)
    guard reader.isAtEnd else { throw SlidingComponent.damaged("bytes are left over") }
  }
}
