import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// GROUP BY window_start, window_end and further keys of rows that say themselves which window they are in: a second grouping over
/// window aggregates, over window joins, over sessions of other keys.
///
/// Each window is emitted once, when the watermark passes its end and with it all its rows. An emitted row's event time is the
/// window's end minus one millisecond; its order is the spec's rank, the further keys and the window. Rows may come in any order.
public final class AttachedAggregateOperator: Operator {
  private static let version: UInt8 = 1

  private let spec: AttachedAggregateSpec
  private let context: OperatorContext
  private let inputs: AggregateInputs
  /// By further keys, start and end.
  private let index: KeyIndex
  private let table: AggregateTable
  private let ends = DenseArray<Int64>(fill: 0)
  private let fresh = DenseArray<Int32>(fill: 0, capacity: 4096)
  private var due: DueQueue
  private let clock: WindowClock
  private let endName: String

  public init(_ spec: AttachedAggregateSpec, inputSchema: Schema, context: OperatorContext) throws(MillraceError) {
    self.spec = spec
    self.context = context
    inputs = try AggregateInputs(keys: spec.keys, calls: spec.aggregates, inputTypes: inputSchema.fields.map(\.type))
    index = KeyIndex(types: inputs.keyTypes, maxParallelism: context.maxParallelism)
    table = try AggregateTable(AggregateLayout(calls: spec.aggregates, retracts: false))
    clock = try WindowClock(spec.kind, lagMicros: spec.lagMicros)
    due = DueQueue(widthMicros: clock.stepMicros)
    endName = "window_end"
  }

  public var stateSize: StateSize {
    StateSize(keys: index.count, bytes: index.heldBytes + table.heldBytes + ends.heldBytes + due.heldBytes)
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    let count = batch.rowCount
    guard count > 0 else { return }
    if let weights = batch.weights?.pointer(Int64.self), (0..<count).contains(where: { weights[$0] < 1 }) {
      throw Accumulator.cannotRetract("a grouping by window")
    }
    let (keys, arguments) = try inputs.evaluate(batch)
    let micros = try WindowGrid.micros(keys[keys.count - 1], endName)
    var ids = [Int32](repeating: 0, count: count)
    fresh.grow(to: count + 1)
    let found = try ids.withUnsafeMutableBufferPointer { buffer throws(MillraceError) -> Int in
      guard let ids = buffer.baseAddress else { return 0 }
      index.ids(of: keys, rowCount: count, into: ids, insert: true)
      table.grow(to: index.idBound)
      ends.grow(to: index.idBound)
      let times = micros.pointer(Int64.self)
      for i in 0..<count { ends.base[Int(ids[i])] = times[i] }
      return try table.update(
        ids, count, arguments, weights: batch.weights, times: batch.eventTimes, order: batch.order, fresh: fresh.base)
    }
    withExtendedLifetime(micros) {}
    for i in 0..<found { due.add(fresh[i], at: ends[Int(fresh[i])]) }
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard let bound = clock.bound(watermark) else { return .beginning }
    let ready = sorted(due.take(before: bound.saturating(1)))
    for from in stride(from: 0, to: ready.count, by: context.batchRows) {
      output.emit(try rows(Array(ready[from..<min(ready.count, from + context.batchRows)])))
    }
    table.clear(ready)
    index.remove(ready)
    return clock.output(after: bound)
  }

  /// By end, then key.
  private func sorted(_ ids: [Int32]) -> [Int32] {
    if ids.count < 256 { return ids.sorted { ends[Int($0)] != ends[Int($1)] ? ends[Int($0)] < ends[Int($1)] : index.precedes($0, $1) } }
    var runs: [Int64: [Int32]] = [:]
    for id in ids { runs[ends[Int(id)], default: []].append(id) }
    return runs.keys.sorted().flatMap { end -> [Int32] in
      let run = runs[end] ?? []
      return run.count < 64 ? run.sorted(by: index.precedes) : index.sorted(run)
    }
  }

  private func rows(_ ids: [Int32]) throws(MillraceError) -> Batch {
    let keys = try index.keyColumns(ids)
    let results = try table.results(ids)
    let times = ids.map { ends[Int($0)] &- WindowAggregateOperator.endToTimeMicros }
    let columns = zip(spec.outputs, spec.schema.fields).map { place, field -> Column in
      switch place {
      case .key(let index): keys[index]
      case .windowStart: keys[keys.count - 2]
      case .windowEnd: keys[keys.count - 1]
      case .windowTime: WindowGrid.column(times, type: field.type)
      case .aggregate(let index): results[index]
      }
    }
    var batch = Batch(schema: spec.schema, columns: columns, rowCount: ids.count)
    batch.eventTimes = .int64s(times)
    batch.order = index.encodedKeys(ids, keys: keys, prefix: spec.rank)
    return batch
  }

  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    for (keyGroup, ids) in index.idsByKeyGroup() {
      var writer = ByteWriter()
      writer.write(Self.version)
      index.writeKeys(ids, into: &writer)
      table.write(ids, into: &writer)
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a grouping by window")
    let ids = try index.readKeys(&reader)
    table.grow(to: index.idBound)
    ends.grow(to: index.idBound)
    try table.read(ids, from: &reader)
    let micros = try WindowGrid.micros(try index.keyColumns(ids)[spec.keys.count - 1], endName)
    for (place, id) in ids.enumerated() {
      ends[Int(id)] = micros.pointer(Int64.self)[place]
      due.add(id, at: ends[Int(id)])
    }
    withExtendedLifetime(micros) {}
  }
}
