import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// SESSION as a table function: rows wait for the end of their session and come out with its start and end added.
///
/// A row's event time becomes the session's end minus one millisecond (window_time). Rows come out in the total order: by that,
/// then by rank, the event time they had, and their own order bytes.
public final class SessionAssignOperator: Operator {
  private static let version: UInt8 = 1
  private static let rank: [UInt8] = [128, 255]

  private let schema: Schema
  private let inputSchema: Schema
  private let timeColumn: Int
  private let lagMicros: Int64
  private let keys: ExpressionEvaluator
  private let context: OperatorContext
  private let sessions: OpenSessions
  private var rows: SessionRows
  private var scratchIDs: [Int32] = []

  public init(_ window: WindowTable, context: OperatorContext) throws(MillraceError) {
    guard case .session(let gap) = window.kind, gap > 0 else {
      throw MillraceError(.invalidSQL, "a session needs a gap longer than zero")
    }
    schema = window.schema
    inputSchema = window.input.schema
    timeColumn = window.timeColumn
    lagMicros = window.lagMicros
    self.context = context
    keys = try ExpressionEvaluator(window.partitionKeys, schema: inputSchema)
    sessions = OpenSessions(keyTypes: window.partitionKeys.map(\.type), gapMicros: gap, maxParallelism: context.maxParallelism)
    rows = SessionRows(schema: inputSchema)
  }

  public var stateSize: StateSize { StateSize(keys: sessions.index.count, bytes: sessions.heldBytes + rows.heldBytes) }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    if let weights = batch.weights?.pointer(Int64.self), (0..<batch.rowCount).contains(where: { weights[$0] < 1 }) {
      throw Accumulator.cannotRetract("SESSION")
    }
    try hold(batch)
  }

  private func hold(_ batch: Batch) throws(MillraceError) {
    let count = batch.rowCount
    guard batch.eventTimes != nil, batch.order != nil else {
      throw MillraceError(
        .invalidInput, "rows without event time reached SESSION", hint: "declare WATERMARK FOR on the table they come from")
    }
    let columns = try keys.evaluate(batch)
    let times = try WindowGrid.micros(batch.columns[timeColumn], inputSchema.fields[timeColumn].name)
    var ids = [Int32](repeating: 0, count: count)
    var merges: [OpenSessions.Merge] = []
    ids.withUnsafeMutableBufferPointer { buffer in
      guard let ids = buffer.baseAddress else { return }
      sessions.index.ids(of: columns, rowCount: count, into: ids, insert: true)
      merges = sessions.assign(ids, times.pointer(Int64.self), count)
    }
    withExtendedLifetime(times) {}
    for merge in merges { rows.move(from: merge.from, to: merge.into) }
    rows.append(batch, sessions: ids)
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard watermark > -(1 << 61) else { return .beginning }
    let bound = watermark == .end ? watermark : watermark.subtractingReportingOverflow(lagMicros).partialValue
    let ended = sessions.ended(before: bound)
    if !ended.isEmpty { try emit(ended, into: &output) }
    sessions.close(ended)
    return watermark == .end ? .end : bound &- WindowAggregateOperator.endToTimeMicros
  }

  private func emit(_ ended: [Int32], into output: inout OperatorOutput) throws(MillraceError) {
    var starts: [Int64] = []
    var ends: [Int64] = []
    var batch = rows.take(ended) { session, count in
      starts.append(contentsOf: repeatElement(sessions.start(session), count: count))
      ends.append(contentsOf: repeatElement(sessions.end(session), count: count))
    }
    if let times = batch.eventTimes, let order = batch.order {
      batch.order = .joiningBytes(KeyEncoder.encode([times], rowCount: batch.rowCount, prefix: Self.rank), order)
    }
    batch.eventTimes = .int64s(ends.map { $0 &- WindowAggregateOperator.endToTimeMicros })
    let sorted = batch.replacing(schema: schema, columns: batch.columns + WindowGrid.columns(starts, ends, schema.fields.suffix(3)))
      .inTotalOrder()
    for from in stride(from: 0, to: sorted.rowCount, by: context.batchRows) {
      output.emit(sorted.slice(from..<min(sorted.rowCount, from + context.batchRows)))
    }
  }

  /// Per key group its rows: sessions are made of them again.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    for (keyGroup, _, open) in sessions.byKeyGroup() {
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(block: BatchCodec.encode(rows.peek(open)))
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "SESSION")
    try hold(try BatchCodec.decode(try reader.readBlock(), schema: inputSchema))
  }
}
