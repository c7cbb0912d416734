import MillraceColumns
import MillraceOperators
import MillracePlan
import MillraceRows
import MillraceTypes

/// Rows of a job as values of Swift, each with the event time it carries.
///
///     try job.stream("messages", of: Message.self)
///       .filter { $0.content.contains("http") }
///       .map { Link(author: $0.authorID, sentAt: $0.sentAt) }
///       .insert(into: "links")
///
/// Closures get a view of a row, which reads a property from its column when it is asked. They run on any thread, each row for itself:
/// they must not depend on anything that changes. What rows have to do with each other is for windows, joins and process functions.
public struct DataStream<R: Row> {
  let job: Job
  /// Of exactly the columns of `R`.
  public let plan: LogicalPlan
  /// The function whose rows these are, for its side outputs.
  var origin: FunctionOutputs?

  init(job: Job, plan: LogicalPlan, origin: FunctionOutputs? = nil) {
    self.job = job
    self.plan = plan
    self.origin = origin
  }

  // MARK: row by row

  /// Only rows for which the closure says true.
  @inlinable public func filter(
    id: String? = nil, _ isIncluded: @escaping @Sendable (ViewOf<R>) throws -> Bool
  ) throws(MillraceError) -> DataStream<R> {
    try applying("filter", id, R.self) { batch in
      let columns = try R.Reader(batch.columns, at: 0, within: nil)
      var kept: [Int32] = []
      kept.reserveCapacity(batch.rowCount)
      for row in 0..<batch.rowCount where try isIncluded(columns.view(at: row)) { kept.append(Int32(truncatingIfNeeded: row)) }
      return kept.count == batch.rowCount ? batch : kept.withUnsafeBufferPointer(batch.take)
    }
  }

  /// A row made of each row.
  @inlinable public func map<Out: Row>(
    id: String? = nil, _ transform: @escaping @Sendable (ViewOf<R>) throws -> Out
  ) throws(MillraceError) -> DataStream<Out> {
    try applying("map", id, Out.self) { batch in
      let columns = try R.Reader(batch.columns, at: 0, within: nil)
      let made = MadeRows(schema: Out.schema, capacity: batch.rowCount)
      for row in 0..<batch.rowCount {
        Out.append(try transform(columns.view(at: row)), to: made.builders, at: 0)
        made.end(row: row)
      }
      return try made.finish(of: batch, schema: Out.schema, timeColumn: Out.eventTimeField)
    }
  }

  /// A row made of each row, or none.
  @inlinable public func compactMap<Out: Row>(
    id: String? = nil, _ transform: @escaping @Sendable (ViewOf<R>) throws -> Out?
  ) throws(MillraceError) -> DataStream<Out> {
    try applying("compact-map", id, Out.self) { batch in
      let columns = try R.Reader(batch.columns, at: 0, within: nil)
      let made = MadeRows(schema: Out.schema, capacity: batch.rowCount)
      for row in 0..<batch.rowCount {
        guard let result = try transform(columns.view(at: row)) else { continue }
        Out.append(result, to: made.builders, at: 0)
        made.end(row: row)
      }
      return try made.finish(of: batch, schema: Out.schema, timeColumn: Out.eventTimeField)
    }
  }

  /// Any number of rows made of each row; they keep their order.
  @inlinable public func flatMap<Out: Row>(
    id: String? = nil, _ transform: @escaping @Sendable (ViewOf<R>) throws -> [Out]
  ) throws(MillraceError) -> DataStream<Out> {
    try applying("flat-map", id, Out.self) { batch in
      let columns = try R.Reader(batch.columns, at: 0, within: nil)
      let made = MadeRows(schema: Out.schema, capacity: batch.rowCount)
      for row in 0..<batch.rowCount {
        for (ordinal, result) in try transform(columns.view(at: row)).enumerated() {
          Out.append(result, to: made.builders, at: 0)
          made.end(row: row, ordinal: ordinal)
        }
      }
      return try made.finish(of: batch, schema: Out.schema, timeColumn: Out.eventTimeField)
    }
  }

  /// A stateless function over batches. Optimised callers specialise the closure that they write in place.
  @usableFromInline func applying<Out: Row>(
    _ kind: String, _ id: String?, _ type: Out.Type, _ body: @escaping @Sendable (Batch) throws -> Batch
  ) throws(MillraceError) -> DataStream<Out> {
    let function = UserFunction(
      inputs: [plan], id: try job.functionID(id, kind), order: .stateless, schema: Out.schema,
      eventTimeColumns: Out.eventTimeField.map { [$0] } ?? [],
      program: RowProgram(body))
    return DataStream<Out>(job: job, plan: .function(function))
  }

  // MARK: several streams

  /// The rows of both.
  public func union(_ other: DataStream<R>) throws(MillraceError) -> DataStream<R> {
    try asTable().union(other.asTable()).asStream(of: R.self)
  }

  /// The rows that the function gave to a side output.
  ///
  /// - Throws: `invalidOption` when this stream is not the result of a function that declared it.
  public func sideOutput<Side: Row>(_ tag: OutputTag<Side>) throws(MillraceError) -> DataStream<Side> {
    guard let origin else {
      throw MillraceError(
        .invalidOption, "the stream is not the direct result of a function", subject: "side output \(tag.name)",
        hint: "ask the stream that `process` returned")
    }
    return DataStream<Side>(job: job, plan: try origin.plan(of: tag.name, Side.self))
  }

  // MARK: by key

  /// The rows by the value of a property.
  public func keyed<Key: RowValue>(by property: KeyPath<R, Key>) throws(MillraceError) -> KeyedStream<Key, R> {
    guard let field = R.field(of: property) else {
      throw MillraceError(
        .invalidOption, "\(property) is no stored property of \(R.self)", subject: job.name, hint: "use a closure: keyed { ... }")
    }
    return KeyedStream(job: job, plan: plan, keyColumn: field, firstColumn: 0)
  }

  /// The rows by a value that is computed of each.
  @inlinable public func keyed<Key: RowValue>(
    id: String? = nil, _ key: @escaping @Sendable (ViewOf<R>) throws -> Key
  ) throws(MillraceError) -> KeyedStream<Key, R> {
    try withKey(id, Key.self) { batch in
      let columns = try R.Reader(batch.columns, at: 0, within: nil)
      let builder = ColumnBuilder(Key.dataType, capacity: batch.rowCount)
      for row in 0..<batch.rowCount { Key.append(try key(columns.view(at: row)), to: builder) }
      return builder.finish()
    }
  }

  @usableFromInline func withKey<Key: RowValue>(
    _ id: String?, _ type: Key.Type, _ body: @escaping @Sendable (Batch) throws -> Column
  ) throws(MillraceError) -> KeyedStream<Key, R> {
    let fields = [RowCoding.field("key", Key.self)] + plan.schema.fields
    let schema = Schema(fields)
    let program = RowProgram { batch in batch.replacing(schema: schema, columns: [try body(batch)] + batch.columns) }
    let time = R.eventTimeField.flatMap { plan.timeAttribute(of: $0) == .exact(offsetMicros: 0) ? $0 + 1 : nil }
    let function = UserFunction(
      inputs: [plan], id: try job.functionID(id, "key"), order: .stateless, schema: schema, eventTimeColumns: time.map { [$0] } ?? [],
      program: program)
    return KeyedStream(job: job, plan: .function(function), keyColumn: 0, firstColumn: 1)
  }

  // MARK: out of the layer

  /// The rows as a relation; columns are named as the properties are.
  public func asTable() -> Table { Table(job: job, plan: plan) }

  /// Makes the rows part of what the job feeds a table of the catalog: properties find their columns by name.
  public func insert(into name: String) throws(MillraceError) {
    let columns = R.fields.map { SQLText.name($0.name) }.joined(separator: ", ")
    try job.insert(plan, "INSERT INTO \(SQLText.name(name)) (\(columns)) SELECT \(columns) FROM \(SQLText.this)")
  }

  /// Runs the stream alone to the end of its input: its rows in the total order.
  public func collect() async throws -> [R] {
    let batch = try await job.collect(plan)
    guard batch.rowCount > 0 else { return [] }
    let columns = try R.Reader(batch.columns, at: 0, within: nil)
    let rows = (0..<batch.rowCount).map { columns[$0] }
    return withExtendedLifetime(batch) { rows }
  }
}

/// A closure over batches as a program of the plan.
final class RowProgram: OperatorProgram {
  private let body: @Sendable (Batch) throws -> Batch

  init(_ body: @escaping @Sendable (Batch) throws -> Batch) { self.body = body }

  func makeOperator(_ function: UserFunction, context: OperatorContext) -> any Operator {
    RowFunctionOperator(function, body: body)
  }
}
