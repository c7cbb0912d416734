import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// GROUP BY keys and SESSION of them: each row goes straight into the partial aggregates of its session, in whatever order rows
/// come, and a session is emitted when the watermark passes its end (a row just at the end would still be in it).
///
/// Each session is emitted once. An emitted row's event time is the session's end minus one millisecond (Flink's window_time); its
/// order is the spec's rank and the encoded key. Sessions come out by event time and key.
public final class SessionAggregateOperator: Operator {
  private static let version: UInt8 = 1

  private let spec: WindowAggregateSpec
  private let context: OperatorContext
  private let inputs: AggregateInputs
  private let sessions: OpenSessions
  /// By session.
  private let table: AggregateTable
  private let layout: AggregateLayout
  private let timeName: String
  private var scratchIDs: [Int32] = []

  public init(_ spec: WindowAggregateSpec, inputSchema: Schema, context: OperatorContext) throws(MillraceError) {
    guard case .session(let gap) = spec.kind, gap > 0 else {
      throw MillraceError(.invalidSQL, "a session needs a gap longer than zero")
    }
    self.spec = spec
    self.context = context
    inputs = try AggregateInputs(keys: spec.keys, calls: spec.aggregates, inputTypes: inputSchema.fields.map(\.type))
    layout = AggregateLayout(calls: spec.aggregates, retracts: false)
    table = try AggregateTable(layout)
    sessions = OpenSessions(keyTypes: inputs.keyTypes, gapMicros: gap, maxParallelism: context.maxParallelism)
    timeName = inputSchema.fields[spec.timeColumn].name
  }

  public var stateSize: StateSize { StateSize(keys: sessions.index.count, bytes: sessions.heldBytes + table.heldBytes) }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    let count = batch.rowCount
    guard count > 0 else { return }
    if let weights = batch.weights?.pointer(Int64.self), (0..<count).contains(where: { weights[$0] < 1 }) {
      throw Accumulator.cannotRetract("a session aggregate")
    }
    let (keys, arguments) = try inputs.evaluate(batch)
    let times = try WindowGrid.micros(batch.columns[spec.timeColumn], timeName)
    if scratchIDs.count < count { scratchIDs = [Int32](repeating: 0, count: count) }
    var ids = scratchIDs
    scratchIDs = []
    defer { scratchIDs = ids }
    try ids.withUnsafeMutableBufferPointer { buffer throws(MillraceError) in
      guard let ids = buffer.baseAddress else { return }
      sessions.index.ids(of: keys, rowCount: count, into: ids, insert: true)
      let merges = sessions.assign(ids, times.pointer(Int64.self), count)
      table.grow(to: sessions.bound)
      if !merges.isEmpty { try merge(merges) }
      try table.update(ids, count, arguments, weights: batch.weights, times: batch.eventTimes, order: batch.order)
    }
    withExtendedLifetime(times) {}
  }

  /// Moves the aggregates of sessions that others have taken in.
  private func merge(_ merges: [OpenSessions.Merge]) throws(MillraceError) {
    // By way of another table: an accumulator must not read what it writes.
    let moved = try AggregateTable(layout)
    moved.grow(to: merges.count)
    let places = Array(0..<Int32(truncatingIfNeeded: merges.count))
    try moved.merge(places, from: table, merges.map(\.from))
    try table.merge(merges.map(\.into), from: moved, places)
    table.clear(merges.map(\.from))
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    // Before anything is known; the arithmetic below must not run over the end of time.
    guard watermark > -(1 << 61) else { return .beginning }
    // No later row's time column is below the bound.
    let bound = watermark == .end ? watermark : watermark.subtractingReportingOverflow(spec.lagMicros).partialValue
    let ended = sessions.ended(before: bound)
    for from in stride(from: 0, to: ended.count, by: context.batchRows) {
      output.emit(try rows(Array(ended[from..<min(ended.count, from + context.batchRows)])))
    }
    table.clear(ended)
    sessions.close(ended)
    // What is still open ends at the bound or later.
    return watermark == .end ? .end : bound &- WindowAggregateOperator.endToTimeMicros
  }

  private func rows(_ ended: [Int32]) throws(MillraceError) -> Batch {
    let ids = ended.map(sessions.key)
    let keys = try sessions.index.keyColumns(ids)
    let results = try table.results(ended)
    let ends = ended.map(sessions.end)
    let times = ends.map { $0 &- WindowAggregateOperator.endToTimeMicros }
    let columns = zip(spec.outputs, spec.schema.fields).map { place, field -> Column in
      switch place {
      case .key(let index): keys[index]
      case .windowStart: WindowGrid.column(ended.map(sessions.start), type: field.type)
      case .windowEnd: WindowGrid.column(ends, type: field.type)
      case .windowTime: WindowGrid.column(times, type: field.type)
      case .aggregate(let index): results[index]
      }
    }
    var batch = Batch(schema: spec.schema, columns: columns, rowCount: ended.count)
    batch.eventTimes = .int64s(times)
    batch.order = sessions.index.encodedKeys(ids, keys: keys, prefix: spec.rank)
    return batch
  }

  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    for (keyGroup, keys, open) in sessions.byKeyGroup() {
      var writer = ByteWriter()
      writer.write(Self.version)
      sessions.write(keys, into: &writer)
      table.write(open, into: &writer)
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a session aggregate")
    let open = try sessions.read(&reader)
    table.grow(to: sessions.bound)
    try table.read(open, from: &reader)
  }
}
