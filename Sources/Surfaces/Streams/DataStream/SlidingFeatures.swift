import MillraceExpressions
import MillracePlan
import MillraceRows
import MillraceTypes

/// Aggregates of the rows before each row, per key: windows that slide with the rows, computed exactly and shared as `OVER` in SQL.
///
///     messages.keyed(by: \.authorID).windowed(as: Activity.self) { w in
///       try w.count(last: .minutes(10), as: "messages_10m")
///       try w.sum(\.links, last: .minutes(10), as: "links_10m")
///     }
///
/// A window of a row holds the rows of its key from `last` before it up to the row itself.
public struct SlidingFeatures<R: Row> {
  private let keys: [TableExpression]
  private let time: TableExpression
  private(set) var items: [TableExpression] = []

  init(keys: [TableExpression], time: TableExpression) {
    self.keys = keys
    self.time = time
  }

  /// Rows; all so far without a span.
  public mutating func count(last span: Duration? = nil, as name: String) throws(MillraceError) { try add(.count(), span, name) }

  public mutating func countDistinct<V: RowValue>(
    _ property: KeyPath<R, V>, last span: Duration? = nil, as name: String
  ) throws(MillraceError) { try add(.countDistinct(try column(property)), span, name) }

  public mutating func sum<V: RowValue>(_ property: KeyPath<R, V>, last span: Duration? = nil, as name: String) throws(MillraceError) {
    try add(.sum(try column(property)), span, name)
  }

  public mutating func average<V: RowValue>(_ property: KeyPath<R, V>, last span: Duration? = nil, as name: String) throws(MillraceError) {
    try add(.average(try column(property)), span, name)
  }

  public mutating func min<V: RowValue>(_ property: KeyPath<R, V>, last span: Duration? = nil, as name: String) throws(MillraceError) {
    try add(.min(try column(property)), span, name)
  }

  public mutating func max<V: RowValue>(_ property: KeyPath<R, V>, last span: Duration? = nil, as name: String) throws(MillraceError) {
    try add(.max(try column(property)), span, name)
  }

  /// Any aggregate over the columns.
  public mutating func aggregate(_ value: TableExpression, last span: Duration? = nil, as name: String) throws(MillraceError) {
    try add(value, span, name)
  }

  private mutating func add(_ value: TableExpression, _ span: Duration?, _ name: String) throws(MillraceError) {
    items.append(try value.over(partitionBy: keys, orderBy: time, last: span).as(name))
  }

  private func column<V: RowValue>(_ property: KeyPath<R, V>) throws(MillraceError) -> TableExpression {
    guard let field = R.field(of: property) else {
      throw MillraceError(.invalidOption, "\(property) is no stored property of \(R.self)", hint: "use aggregate(_:last:as:)")
    }
    return col(R.fields[field].name)
  }
}

extension KeyedStream {
  /// Adds sliding aggregates to each row: the result has the properties of `R` that `Out` names, and the aggregates by their names.
  ///
  /// - Throws: `invalidOption` when `R` has no `@EventTime`; `invalidSQL` when a property of `Out` has no column or another type.
  public func windowed<Out: Row>(
    as type: Out.Type, _ features: (inout SlidingFeatures<R>) throws(MillraceError) -> Void
  ) throws(MillraceError) -> DataStream<Out> {
    guard let time = R.eventTimeField else {
      throw MillraceError(
        .invalidOption, "sliding windows go by event time, of which \(R.self) has none", subject: job.name,
        hint: "mark the property with @EventTime")
    }
    var sliding = SlidingFeatures<R>(keys: [col(plan.schema.fields[keyColumn].name)], time: col(R.fields[time].name))
    try features(&sliding)
    let items = sliding.items.map(\.item).joined(separator: ", ")
    let all = try Table(job: job, plan: plan).joined("SELECT *, \(items) FROM \(SQLText.this)", nil)
    return try all.asStream(of: type)
  }
}
