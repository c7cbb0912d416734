import MillraceColumns
import MillraceTypes

/// The rows that a keyed function makes, on their way into batches.
public final class FunctionOutput {
  public let builders: [ColumnBuilder]
  let needsOrder: Bool
  private let schema: Schema
  private let hasTimes: Bool
  private var times: [Int64] = []
  private var weights: [Int64] = []
  private var retracts = false
  private let order = ColumnBuilder(.bytes, capacity: 64)
  private var scratch: [UInt8] = []
  /// Rows made so far of one cause.
  private var ordinal: Int64 = 0

  init(schema: Schema, hasTimes: Bool, needsOrder: Bool) {
    self.schema = schema
    self.hasTimes = hasTimes
    self.needsOrder = needsOrder
    builders = schema.fields.map { ColumnBuilder($0.type, capacity: 64) }
  }

  var rowCount: Int { times.count }

  func beginCause() { ordinal = 0 }

  func endRow(at time: Int64, weight: Int64) {
    times.append(time)
    weights.append(weight)
    if weight != 1 { retracts = true }
  }

  /// The order bytes of the row just ended: its cause's, then its place among the rows of that.
  func appendOrder(of cause: UnsafeBufferPointer<UInt8>) {
    scratch.removeAll(keepingCapacity: true)
    scratch.append(contentsOf: cause)
    scratch.append(2)
    KeyEncoder.append(ordinal, to: &scratch)
    ordinal &+= 1
    scratch.withUnsafeBytes { order.append(bytes: $0) }
  }

  /// What was made since the last time.
  func take() -> Batch {
    var batch = Batch(schema: schema, columns: builders.map { $0.finish() }, rowCount: times.count)
    if hasTimes { batch.eventTimes = .int64s(times) }
    if retracts { batch.weights = .int64s(weights) }
    let order = order.finish()
    if needsOrder { batch.order = order }
    times.removeAll(keepingCapacity: true)
    weights.removeAll(keepingCapacity: true)
    retracts = false
    return batch
  }
}
