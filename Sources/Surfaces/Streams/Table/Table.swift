import MillraceExpressions
import MillracePlan
import MillraceRows
import MillraceTypes

/// A relation of a job: rows with named columns, bounded or not, updating or not. Each operation gives a new table.
///
///     try job.table("orders")
///       .filter(col("price") > 100)
///       .groupBy(col("customer"))
///       .select(col("customer"), .sum(col("price")).as("spent"))
///       .insert(into: "customers")
///
/// An operation is written as SQL and bound as SQL is, so that names, types and coercions are checked as there, at once; an error shows
/// the operation as text, the table itself being `this`.
public struct Table {
  let job: Job
  /// What it is made by.
  public let plan: LogicalPlan

  public var schema: Schema { plan.schema }

  private func applying(_ text: String, _ other: Table? = nil) throws(MillraceError) -> Table {
    var relations = [SQLText.this: plan]
    if let other {
      guard other.job === job else {
        throw MillraceError(.invalidOption, "the tables belong to different jobs", subject: job.name, hint: "make both from one job")
      }
      relations[SQLText.other] = other.plan
    }
    return try job.table(of: text, over: relations)
  }

  private func list(_ items: [TableExpression]) -> String { items.map(\.item).joined(separator: ", ") }

  // MARK: rows and columns

  /// WHERE.
  public func filter(_ condition: TableExpression) throws(MillraceError) -> Table {
    try applying("SELECT * FROM \(SQLText.this) WHERE \(condition.text)")
  }

  /// These columns; aggregates make one row of all.
  public func select(_ items: TableExpression...) throws(MillraceError) -> Table {
    try applying("SELECT \(list(items)) FROM \(SQLText.this)")
  }

  /// All columns and further ones behind them.
  public func adding(_ items: TableExpression...) throws(MillraceError) -> Table {
    try applying("SELECT *, \(list(items)) FROM \(SQLText.this)")
  }

  /// All columns but these.
  ///
  /// - Throws: `invalidSQL` when there is no such column, or none would be left.
  public func dropping(_ names: String...) throws(MillraceError) -> Table {
    let known = schema.fields.map(\.name)
    if let unknown = names.first(where: { !known.contains($0) }) {
      throw MillraceError(
        .invalidSQL, "there is no column \(unknown) to drop", subject: job.name,
        hint: nearestName(to: unknown, among: known).map { "did you mean \($0)?" } ?? "there is \(known.joined(separator: ", "))")
    }
    let kept = known.filter { !names.contains($0) }
    guard !kept.isEmpty else { throw MillraceError(.invalidSQL, "no column would be left", subject: job.name) }
    return try applying("SELECT \(kept.map(SQLText.name).joined(separator: ", ")) FROM \(SQLText.this)")
  }

  /// Each different row once.
  public func distinct() throws(MillraceError) -> Table { try applying("SELECT DISTINCT * FROM \(SQLText.this)") }

  /// The rows in order, of bounded input at its end; at most `limit` of them.
  public func orderBy(_ keys: TableExpression..., limit: Int? = nil) throws(MillraceError) -> Table {
    let order = keys.map(\.text).joined(separator: ", ")
    return try applying("SELECT * FROM \(SQLText.this) ORDER BY \(order)\(limit.map { " LIMIT \($0)" } ?? "")")
  }

  // MARK: groups and windows

  /// A row per key; `select` says of what.
  public func groupBy(_ keys: TableExpression...) -> GroupedTable { GroupedTable(table: self, keys: keys) }

  /// Each row with the windows it is in: adds window_start, window_end and window_time. A row that is in several comes several times.
  /// Group, join or rank by window_start and window_end.
  public func window(_ window: TableWindow) throws(MillraceError) -> Table {
    try applying("SELECT * FROM TABLE(\(try window.text))")
  }

  /// The first rows of each key in an order: ROW_NUMBER up to `limit`. Its number becomes a column if it is named.
  ///
  /// By key and event time this keeps the first or last row of each key.
  public func rank(
    partitionBy keys: [TableExpression], orderBy order: [TableExpression], limit: Int, as number: String? = nil
  ) throws(MillraceError) -> Table {
    let name = number ?? "row_number_of_rank"
    let columns = schema.fields.map { SQLText.name($0.name) } + (number == nil ? [] : [SQLText.name(name)])
    let partition = keys.isEmpty ? "" : "PARTITION BY \(keys.map(\.text).joined(separator: ", ")) "
    return try applying(
      "SELECT \(columns.joined(separator: ", ")) FROM (SELECT *, ROW_NUMBER() OVER (\(partition)ORDER BY "
        + "\(order.map(\.text).joined(separator: ", "))) AS \(SQLText.name(name)) FROM \(SQLText.this)) WHERE \(SQLText.name(name)) <= \(limit)"
    )
  }

  // MARK: several tables

  /// Rows of both that satisfy the condition; `left("x")` and `right("x")` name their columns. A condition that bounds the distance of
  /// two event times makes it an interval join, equal window_start and window_end a window join.
  public func join(
    _ other: Table, _ kind: TableJoin = .inner, on condition: TableExpression
  ) -> JoinedTable { JoinedTable(left: self, right: other, clause: "\(kind.text) JOIN \(SQLText.other) ON \(condition.text)") }

  /// Each row with the values of a feature view, or with the version of a keyed table, as of a time of the row.
  ///
  /// - Parameters:
  ///   - name: a feature view or table of the catalog.
  ///   - time: a column of this table.
  public func join(_ name: String, asOf time: String, on condition: TableExpression) -> JoinedTable {
    let instant = "FOR SYSTEM_TIME AS OF \(SQLText.this).\(SQLText.name(time))"
    return JoinedTable(
      left: self, right: nil, clause: "LEFT JOIN \(SQLText.name(name)) \(instant) AS \(SQLText.other) ON \(condition.text)")
  }

  /// The rows of both, with duplicates: UNION ALL.
  public func union(_ other: Table) throws(MillraceError) -> Table { try applying(Self.combined("UNION ALL"), other) }
  /// Rows of both, each once.
  public func intersect(_ other: Table) throws(MillraceError) -> Table { try applying(Self.combined("INTERSECT"), other) }
  /// Rows of this that the other has not, each once.
  public func except(_ other: Table) throws(MillraceError) -> Table { try applying(Self.combined("EXCEPT"), other) }

  private static func combined(_ operation: String) -> String {
    "SELECT * FROM \(SQLText.this) \(operation) SELECT * FROM \(SQLText.other)"
  }

  func joined(_ text: String, _ other: Table?) throws(MillraceError) -> Table { try applying(text, other) }

  /// Adds the outputs of a model, asked with columns of this table: ML_PREDICT.
  public func scored(by model: String, with columns: String...) throws(MillraceError) -> Table {
    try applying(
      "SELECT * FROM ML_PREDICT(TABLE \(SQLText.this), MODEL \(SQLText.name(model)), "
        + "DESCRIPTOR(\(columns.map(SQLText.name).joined(separator: ", "))))")
  }

  // MARK: out of the layer

  /// The rows as values of Swift: properties find their columns by name; numbers and times are converted as INSERT does it.
  ///
  /// - Throws: `invalidSQL` when a property has no column, or one of another type.
  public func asStream<R: Row>(of type: R.Type) throws(MillraceError) -> DataStream<R> {
    DataStream(job: job, plan: try RowProjection.reading(plan, as: R.self))
  }

  /// Gives the table a name that SQL can use from now on.
  public func define(as name: String) throws(MillraceError) { try job.define(view: name, plan) }

  /// Makes the rows part of what the job feeds a table of the catalog, column by column in order.
  public func insert(into name: String) throws(MillraceError) {
    try job.insert(plan, "INSERT INTO \(SQLText.name(name)) SELECT * FROM \(SQLText.this)")
  }

  /// Runs the table alone to the end of its input: its final rows.
  public func collect() async throws -> Batch { try await job.collect(plan) }
}

/// The kind of a join.
public struct TableJoin: Sendable {
  let text: String
  public static let inner = TableJoin(text: "INNER")
  /// All rows of the left side; nulls where nothing matches.
  public static let left = TableJoin(text: "LEFT")
  public static let right = TableJoin(text: "RIGHT")
  public static let full = TableJoin(text: "FULL")
}

/// A table by keys.
public struct GroupedTable {
  let table: Table
  let keys: [TableExpression]
  private var condition: TableExpression?

  init(table: Table, keys: [TableExpression]) {
    self.table = table
    self.keys = keys
  }

  /// Only groups for which it is true: HAVING.
  public func having(_ condition: TableExpression) -> GroupedTable {
    var copy = self
    copy.condition = condition
    return copy
  }

  /// What each group's row has: keys, aggregates and expressions over them.
  public func select(_ items: TableExpression...) throws(MillraceError) -> Table {
    let having = condition.map { " HAVING \($0.text)" } ?? ""
    let list = items.map(\.item).joined(separator: ", ")
    return try table.joined(
      "SELECT \(list) FROM \(SQLText.this) GROUP BY \(keys.map(\.text).joined(separator: ", "))\(having)", nil)
  }
}

/// Two tables side by side.
public struct JoinedTable {
  let left: Table
  let right: Table?
  let clause: String

  /// What is kept of both: `left("x")`, `right("y").as("z")`.
  public func select(_ items: TableExpression...) throws(MillraceError) -> Table {
    try left.joined("SELECT \(items.map(\.item).joined(separator: ", ")) FROM \(SQLText.this) \(clause)", right)
  }
}
