import MillraceColumns
import MillracePlan
import MillraceTypes

/// Runs a function over each batch: map, filter and the like. Keeps nothing; rows keep their event time, weight and order unless the
/// function makes others.
public final class RowFunctionOperator: Operator {
  /// The batches made of one.
  public typealias Body = (Batch) throws -> Batch

  private let id: String
  private let body: Body

  public init(_ function: UserFunction, body: @escaping Body) {
    id = function.id
    self.body = body
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    do { output.emit(try body(batch)) } catch { throw FunctionFailure.naming(error, id) }
  }
}

/// The rows that a stateless function makes, with the row that each is made of.
public final class MadeRows {
  public let builders: [ColumnBuilder]
  @usableFromInline var sources: [Int32] = []
  /// Per made row its place among those of its row; empty while each row made one at most.
  @usableFromInline var ordinals: [Int64] = []

  public init(schema: Schema, capacity: Int) {
    builders = schema.fields.map { ColumnBuilder($0.type, capacity: capacity) }
    sources.reserveCapacity(capacity)
  }

  /// Called after a value was appended to each builder.
  @inlinable public func end(row: Int) { sources.append(Int32(truncatingIfNeeded: row)) }

  @inlinable public func end(row: Int, ordinal: Int) {
    sources.append(Int32(truncatingIfNeeded: row))
    ordinals.append(Int64(ordinal))
  }

  /// The made rows with what the rows they are made of carry along.
  ///
  /// - Parameter timeColumn: a column of the made rows that is to be their event time.
  /// - Throws: `functionFailed` when a row's event time would be earlier than that of its cause.
  public func finish(of batch: Batch, schema: Schema, timeColumn: Int?) throws(MillraceError) -> Batch {
    let columns = builders.map { $0.finish() }
    let isWhole = sources.count == batch.rowCount && ordinals.isEmpty && sources.indices.allSatisfy { Int(sources[$0]) == $0 }
    // Only what is hidden is taken over.
    let hidden = batch.replacing(schema: Schema([]), columns: [])
    var result = isWhole ? hidden : hidden.take(rows: sources)
    if !ordinals.isEmpty, let order = result.order {
      result.order = .joiningBytes(order, KeyEncoder.encode([.int64s(ordinals)], rowCount: ordinals.count))
    }
    if let timeColumn, result.eventTimes != nil { try EventTimes.move(&result, to: columns[timeColumn]) }
    return result.replacing(schema: schema, columns: columns)
  }
}

/// Event times that a function gives to its rows.
enum EventTimes {
  /// Sets the event times of rows to a column of microseconds.
  static func move(_ batch: inout Batch, to column: Column) throws(MillraceError) {
    guard let times = batch.eventTimes?.pointer(Int64.self) else { return }
    let wanted = column.pointer(Int64.self)
    for row in 0..<batch.rowCount where wanted[row] < times[row] { throw tooEarly(wanted[row], before: times[row]) }
    withExtendedLifetime(batch) {}
    batch.eventTimes = column.retyped(.int64)
  }

  static func tooEarly(_ time: Int64, before cause: Int64) -> MillraceError {
    func text(_ micros: Int64) -> String { TimestampText.string(micros, .timestampLTZ(precision: 6)) ?? "\(micros)" }
    return MillraceError(
      .functionFailed, "a row with the event time \(text(time)) was made at \(text(cause)): event time does not go back",
      hint: "give it the event time of its cause or a later one, or leave @EventTime out")
  }
}
