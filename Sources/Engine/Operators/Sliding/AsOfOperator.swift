import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The values of a feature view as of each row of another input.
///
/// Port 0 brings the rows that ask, port 1 + i the rows of the view's branch i. All wait for the watermark and are then taken in the
/// total order: a row that asks sees the branch rows strictly before it (a branch row at its very place, such as the row itself
/// in another role, is not before it), and the edges of its windows are counted from its own time. With a shift a
/// row asks at its event time plus the shift, after every branch row of that instant; its event time moves there, and its order bytes
/// get the outcome rank in place of their own, which goes to their end so that places stay apart.
///
/// Output: the input's columns, the asked keys, the features; one row per asking row, in the total order, whatever the key. A
/// key that is null or unknown has empty windows. The output's watermark is the input's.
public final class AsOfOperator: Operator {
  private struct Branch {
    let filter: ExpressionEvaluator?
    /// Keys, then what the lanes need.
    let values: ExpressionEvaluator
    /// Of the rows that wait.
    let schema: Schema
  }

  private let name: String
  private let context: OperatorContext
  private let schema: Schema
  private let keyCount: Int
  private let inputWidth: Int
  private let shiftMicros: Int64
  private let outcomeRank: [UInt8]
  private let keys: ExpressionEvaluator
  private let waitingSchema: Schema
  private let branches: [Branch]
  private let features: ExpressionEvaluator
  private let aggregateSchema: Schema
  private let buffer: TotalOrderBuffer
  private let state: SlidingState
  private let lists: [SlidingStepList]
  private let askIDs = DenseArray<Int32>(fill: 0)
  private let enterIDs: [DenseArray<Int32>]
  private static let version: UInt8 = 1
  private static let stepsPerRun = 16_384

  /// - Parameter outcomeRank: two bytes that begin the order bytes of emitted rows when the join has a shift.
  /// - Throws: `not-supported` for aggregates without a sliding form and for negative shifts; what compiling expressions throws.
  public init(_ join: AsOfJoin, outcomeRank: [UInt8], context: OperatorContext) throws(MillraceError) {
    guard join.shiftMicros >= 0 else {
      throw .notSupported("asking feature view \(join.view.name) as of an instant before the row's own time")
    }
    name = join.view.name
    self.context = context
    self.outcomeRank = outcomeRank
    shiftMicros = join.shiftMicros
    schema = join.schema
    keyCount = join.view.keys.count
    let input = join.input.schema
    inputWidth = input.count
    keys = try ExpressionEvaluator(join.keys, schema: input)
    waitingSchema = Schema(input.fields + join.view.keys.map { Field($0.name, $0.type) })
    state = try SlidingState(
      keyTypes: join.view.keys.map(\.type), branches: join.view.branches.map { $0.aggregates.map(Self.call) },
      maxParallelism: context.maxParallelism)
    var branches: [Branch] = []
    for (index, branch) in join.view.branches.enumerated() {
      let source = branch.input.schema
      let wanted = branch.keys + state.branches[index].expressions
      branches.append(
        Branch(
          filter: try branch.filter.map { filter throws(MillraceError) in try ExpressionEvaluator([filter], schema: source) },
          values: try ExpressionEvaluator(wanted, schema: source),
          schema: Schema(wanted.enumerated().map { Field("\($0)", $1.type) })))
    }
    self.branches = branches
    let calls = join.view.branches.flatMap { $0.aggregates.map(\.call) }
    aggregateSchema = Schema(calls.enumerated().map { Field("\($0)", $1.type, isNullable: $1.isNullable) })
    features = try ExpressionEvaluator(join.view.features.map(Self.expression), schema: aggregateSchema)
    buffer = TotalOrderBuffer(
      schemas: [waitingSchema] + branches.map(\.schema),
      places: [join.shiftMicros == 0 ? 0 : 1] + branches.map { _ in 0 })
    lists = branches.map { _ in SlidingStepList() }
    enterIDs = branches.map { _ in DenseArray<Int32>(fill: 0) }
  }

  private static func call(_ aggregate: WindowedAggregate) -> SlidingCall {
    switch aggregate.frame {
    case .lastMicros(let micros): SlidingCall(call: aggregate.call, window: .micros(micros))
    case .lastRows(let rows): SlidingCall(call: aggregate.call, window: .rows(Int64(rows)))
    case .unbounded: SlidingCall(call: aggregate.call, window: .unbounded)
    }
  }

  private static func expression(_ feature: FeatureViewDefinition.Feature) -> Expression {
    guard let value = feature.defaultValue else { return feature.expression }
    return Expression(.call("COALESCE", [feature.expression, value]), type: feature.expression.type, isNullable: value.isNullable)
  }

  // MARK: input

  public var stateSize: StateSize { state.size + StateSize(keys: 0, bytes: buffer.heldBytes) }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    try PendingRows.requireInsertions(batch, "feature view \(name)")
    guard batch.rowCount > 0 else { return }
    if port == 0 {
      try buffer.push(try asking(batch), port: 0)
    } else {
      try buffer.push(try entering(batch, branches[port - 1]), port: port)
    }
  }

  private func asking(_ batch: Batch) throws(MillraceError) -> Batch {
    let columns = try keys.evaluate(batch)
    var asking = batch.replacing(schema: waitingSchema, columns: batch.columns + columns)
    asking.weights = nil
    guard shiftMicros != 0, let times = batch.eventTimes, let order = batch.order else { return asking }
    let old = times.pointer(Int64.self)
    asking.eventTimes = .int64s(
      (0..<batch.rowCount).map { row in
        let (instant, overflow) = old[row].addingReportingOverflow(shiftMicros)
        return overflow ? .max : instant
      })
    asking.order = outcomeOrder(order)
    withExtendedLifetime(times) {}
    return asking
  }

  private func outcomeOrder(_ order: Column) -> Column {
    let (offsets, bytes) = order.variable
    var out: [UInt8] = []
    var ends: [Int32] = [0]
    for row in 0..<order.count {
      let slice = UnsafeBufferPointer(start: bytes + Int(offsets[row]), count: Int(offsets[row + 1] - offsets[row]))
      let rank = min(slice.count, outcomeRank.count)
      out.append(contentsOf: outcomeRank)
      out.append(contentsOf: slice[rank...])
      out.append(contentsOf: slice[..<rank])
      ends.append(Int32(truncatingIfNeeded: out.count))
    }
    withExtendedLifetime(order) {}
    return Column(type: .bytes, count: order.count, values: .variable(offsets: Buffer(ends), bytes: Buffer(out)))
  }

  /// The rows that count, with keys and arguments in place of their columns. A null key matches nobody.
  private func entering(_ batch: Batch, _ branch: Branch) throws(MillraceError) -> Batch {
    var kept = batch
    if let filter = branch.filter { kept = try filter.evaluateFilter(batch).apply(to: batch) }
    let columns = try branch.values.evaluate(kept)
    var entering = Batch(schema: branch.schema, columns: columns, rowCount: kept.rowCount)
    entering.eventTimes = kept.eventTimes
    entering.order = kept.order
    var valid: Bitmap?
    for column in columns[..<keyCount] {
      if case .none = column.values { return entering.slice(0..<0) }
      valid = Bitmap.both(valid, column.validity)
    }
    return valid.map { Selection($0).apply(to: entering) } ?? entering
  }

  // MARK: output

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    if let released = buffer.release(before: watermark) { try run(released, into: &output) }
    state.advance(to: watermark)
    return watermark
  }

  private func run(_ released: TotalOrderBuffer.Released, into output: inout OperatorOutput) throws(MillraceError) {
    let asking = released.batches[0]
    var times: [UnsafePointer<Int64>] = []
    for (port, batch) in released.batches.enumerated() {
      guard let column = batch.eventTimes else { throw MillraceError(.invalidInput, "rows without event time at port \(port)") }
      times.append(column.pointer(Int64.self))
    }
    for index in branches.indices {
      let batch = released.batches[index + 1]
      enterIDs[index].grow(to: batch.rowCount)
      state.enterKeys(Array(batch.columns[..<keyCount]), rowCount: batch.rowCount, into: enterIDs[index].base)
      state.branches[index].load(Array(batch.columns[keyCount...]), rowCount: batch.rowCount)
    }
    askIDs.grow(to: asking.rowCount)
    state.findKeys(Array(asking.columns[inputWidth...]), rowCount: asking.rowCount, into: askIDs.base)
    try withExtendedLifetime(released) { () throws(MillraceError) in
      var at = [Int](repeating: 0, count: released.batches.count)
      var step = 0
      while step < released.sequence.count {
        let firstAsk = at[0]
        step = gather(released.sequence, from: step, &at, times)
        var aggregates: [Column] = []
        for index in branches.indices { aggregates += state.run(index, lists[index], askCount: at[0] - firstAsk) }
        if at[0] > firstAsk { output.emit(try emitted(asking.slice(firstAsk..<at[0]), aggregates)) }
      }
    }
    for lanes in state.branches { lanes.unload() }
  }

  /// Turns the next part of the sequence into steps; returns where it ended.
  private func gather(
    _ sequence: [UInt8], from start: Int, _ at: inout [Int], _ times: [UnsafePointer<Int64>]
  ) -> Int {
    let end = min(sequence.count, start + Self.stepsPerRun)
    for list in lists {
      list.removeAll()
      list.reserve(end - start)
    }
    let asks = askIDs.base
    var asked = 0
    var step = start
    var next = at[0]
    while step < end && asked < context.batchRows {
      let port = Int(sequence[step])
      if port == 0 {
        for list in lists { list.ask(asks[next], time: times[0][next], place: asked) }
        asked &+= 1
        next &+= 1
      } else {
        let row = at[port]
        lists[port &- 1].enter(enterIDs[port &- 1].base[row], time: times[port][row], row: row)
        at[port] = row &+ 1
      }
      step &+= 1
    }
    at[0] = next
    return step
  }

  private func emitted(_ asking: Batch, _ aggregates: [Column]) throws(MillraceError) -> Batch {
    let values = try features.evaluate(Batch(schema: aggregateSchema, columns: aggregates, rowCount: asking.rowCount))
    return asking.replacing(schema: schema, columns: asking.columns + values)
  }

  // MARK: snapshots

  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    var rows: [[Int: Batch]] = []
    for port in 0...branches.count {
      let pending = buffer.pending(port: port)
      let keys = Array(port == 0 ? pending.columns[inputWidth...] : pending.columns[..<keyCount])
      rows.append(PendingRows.byKeyGroup(pending, keys: keys, maxParallelism: context.maxParallelism))
    }
    let ids = Dictionary(state.idsByKeyGroup().map { ($0.keyGroup, $0.ids) }, uniquingKeysWith: { a, _ in a })
    for group in Set(rows.flatMap(\.keys)).union(ids.keys) {
      var writer = ByteWriter()
      writer.write(Self.version)
      for port in rows.indices { writer.write(block: rows[port][group].map(BatchCodec.encode) ?? []) }
      state.write(ids[group] ?? [], into: &writer)
      snapshot.keyGroups[group] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    guard try reader.readUInt8() == Self.version else { throw SlidingComponent.damaged("unknown version") }
    for port in 0...branches.count {
      let block = try reader.readBlock()
      if block.isEmpty { continue }
      let batch = try BatchCodec.decode(block, schema: port == 0 ? waitingSchema : branches[port - 1].schema)
      try buffer.push(batch, port: port)
    }
    try state.read(from: &reader)
    guard reader.isAtEnd else { throw SlidingComponent.damaged("bytes are left over") }
  }
}
