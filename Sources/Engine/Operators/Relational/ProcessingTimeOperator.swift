import MillraceColumns
import MillraceTypes

/// Gives rows the time at which they come, in whole milliseconds, as event time and as the value of a column (PROCTIME()), so that
/// windows over it need to know nothing of clocks. The watermark is the clock.
///
/// The time never goes back, not even across a restart. Nothing of it can be repeated: a row that is read again gets another time.
public final class ProcessingTimeOperator: ClockedOperator {
  private static let version: UInt8 = 1

  private let column: Int
  private let schema: Schema
  private let context: OperatorContext
  /// Of the driver's clock, rounded down; `beginning` before it has said.
  private var now = EventTime.beginning
  private var rowCount: Int64 = 0

  public init(column: Int, schema: Schema, context: OperatorContext) {
    self.column = column
    self.schema = schema
    self.context = context
  }

  public func tick(_ now: Int64, into output: inout OperatorOutput) -> EventTime? { tick(now) }

  func tick(_ now: Int64) -> EventTime? {
    let millis = now - ((now % 1000) + 1000) % 1000
    guard millis > self.now else { return nil }
    self.now = millis
    return millis
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    let count = batch.rowCount
    if let weights = batch.weights?.pointer(Int64.self), (0..<count).contains(where: { weights[$0] < 1 }) {
      throw .notSupported("a window by processing time over an input that retracts rows", hint: "put the window before what updates")
    }
    var rows = batch
    rows.eventTimes = .int64s([Int64](repeating: now, count: count))
    if rows.order == nil {
      rows.order = KeyEncoder.encode([.int64s((0..<count).map { rowCount &+ Int64($0) })], rowCount: count, prefix: [128, 0])
    }
    rowCount &+= Int64(count)
    rows.columns[column] = WindowGrid.column(now, type: schema.fields[column].type, count: count)
    output.emit(rows)
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    watermark == .end ? .end : now
  }

  /// The time so far, with every key group of this partition, so that it goes on from there whoever owns them next.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    let owned = KeyGroup.range(
      partition: context.partition, parallelism: context.parallelism, maxParallelism: context.maxParallelism)
    for keyGroup in owned {
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(now)
      writer.write(rowCount)
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "processing time")
    now = max(now, try reader.readInt64())
    rowCount = max(rowCount, try reader.readInt64())
  }
}
