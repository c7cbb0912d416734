import MillraceRows
import MillraceTypes

/// A value over the columns of a table, an aggregate or a ranking: what the operations of `Table` are given.
///
///     col("price") * 0.9 > 100 && col("name").like("A%")
///
/// Types, coercions and functions are those of SQL, checked when the operation is applied: `call` reaches every function of SQL and
/// `sql` takes any expression as text.
public struct TableExpression: Sendable {
  /// In parentheses where it needs them.
  let text: String
  /// What it is called in the result.
  var name: String?

  init(sql text: String, name: String? = nil) {
    self.text = text
    self.name = name
  }

  /// Any expression of SQL.
  public static func sql(_ text: String) -> TableExpression { TableExpression(sql: "(\(text))") }

  /// A function of SQL by its name.
  public static func call(_ function: String, _ arguments: TableExpression...) -> TableExpression { .call(function, arguments) }
  static func call(_ function: String, _ arguments: [TableExpression]) -> TableExpression {
    TableExpression(sql: "\(function)(\(arguments.map(\.text).joined(separator: ", ")))")
  }

  /// The result's column of that name.
  public func `as`(_ name: String) -> TableExpression { TableExpression(sql: text, name: name) }

  /// As an item of SELECT.
  var item: String { name.map { "\(text) AS \(SQLText.name($0))" } ?? text }

  // MARK: tests

  public var isNull: TableExpression { TableExpression(sql: "(\(text) IS NULL)") }
  public var isNotNull: TableExpression { TableExpression(sql: "(\(text) IS NOT NULL)") }
  public func like(_ pattern: String) -> TableExpression { TableExpression(sql: "(\(text) LIKE \(SQLText.literal(pattern)))") }
  public func `in`(_ values: TableExpression...) -> TableExpression {
    TableExpression(sql: "(\(text) IN (\(values.map(\.text).joined(separator: ", "))))")
  }
  /// Both ends count.
  public func between(_ low: TableExpression, and high: TableExpression) -> TableExpression {
    TableExpression(sql: "(\(text) BETWEEN \(low.text) AND \(high.text))")
  }

  /// CAST.
  public func cast(to type: DataType) -> TableExpression { TableExpression(sql: "CAST(\(text) AS \(type))") }

  /// The first value whose condition is true, else the last: CASE.
  public static func when(
    _ condition: TableExpression, then value: TableExpression, otherwise: TableExpression
  ) -> TableExpression { TableExpression(sql: "(CASE WHEN \(condition.text) THEN \(value.text) ELSE \(otherwise.text) END)") }

  // MARK: order

  public var ascending: TableExpression { TableExpression(sql: "\(text) ASC") }
  public var descending: TableExpression { TableExpression(sql: "\(text) DESC") }

  // MARK: aggregates

  /// COUNT(*)
  public static func count() -> TableExpression { TableExpression(sql: "COUNT(*)") }
  /// Values that are not null.
  public static func count(_ value: TableExpression) -> TableExpression { .call("COUNT", value) }
  public static func countDistinct(_ value: TableExpression) -> TableExpression { TableExpression(sql: "COUNT(DISTINCT \(value.text))") }
  public static func sum(_ value: TableExpression) -> TableExpression { .call("SUM", value) }
  public static func average(_ value: TableExpression) -> TableExpression { .call("AVG", value) }
  public static func min(_ value: TableExpression) -> TableExpression { .call("MIN", value) }
  public static func max(_ value: TableExpression) -> TableExpression { .call("MAX", value) }
  /// Only rows for which the condition is true count: FILTER.
  public func filter(_ condition: TableExpression) -> TableExpression { TableExpression(sql: "\(text) FILTER (WHERE \(condition.text))") }

  /// An aggregate of the rows up to each row: those of the last span of time (all of them without one), the row itself included.
  ///
  /// - Throws: `invalidOption` when the span has parts of a millisecond.
  public func over(
    partitionBy keys: [TableExpression] = [], orderBy time: TableExpression, last span: Duration? = nil
  ) throws(MillraceError) -> TableExpression {
    let partition = keys.isEmpty ? "" : "PARTITION BY \(keys.map(\.text).joined(separator: ", ")) "
    let bound = if let span { "\(try SQLText.interval(span)) PRECEDING" } else { "UNBOUNDED PRECEDING" }
    return TableExpression(sql: "\(text) OVER (\(partition)ORDER BY \(time.text) RANGE BETWEEN \(bound) AND CURRENT ROW)")
  }
}

/// A column by its name.
public func col(_ name: String) -> TableExpression { TableExpression(sql: SQLText.name(name)) }

/// The column of a property, checked by the compiler: `col(\Message.authorID)`.
///
/// - Precondition: the property is a stored one.
public func col<R: Row, V: RowValue>(_ property: KeyPath<R, V>) -> TableExpression {
  guard let field = R.field(of: property) else { preconditionFailure("\(property) is no column of \(R.self)") }
  return col(R.fields[field].name)
}

/// A column of the left side of a join.
public func left(_ name: String) -> TableExpression { TableExpression(sql: "\(SQLText.this).\(SQLText.name(name))") }
/// A column of the right side of a join.
public func right(_ name: String) -> TableExpression { TableExpression(sql: "\(SQLText.other).\(SQLText.name(name))") }

extension TableExpression: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByStringLiteral,
  ExpressibleByNilLiteral
{
  public init(integerLiteral value: Int64) { self = .literal(value) }
  public init(floatLiteral value: Double) { self = .literal(value) }
  public init(booleanLiteral value: Bool) { self = .literal(value) }
  public init(stringLiteral value: String) { self = .literal(value) }
  public init(nilLiteral: ()) { self.init(sql: "NULL") }

  public static func literal(_ value: some BinaryInteger) -> TableExpression { TableExpression(sql: value < 0 ? "(\(value))" : "\(value)") }
  /// A DOUBLE.
  public static func literal(_ value: Double) -> TableExpression {
    guard value.isFinite else {
      return TableExpression(sql: "CAST('\(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")' AS DOUBLE)")
    }
    let digits = "\(value)"
    let text = digits.contains("e") ? digits.replacing("e", with: "E") : digits + "E0"
    return TableExpression(sql: value.sign == .minus ? "(\(text))" : text)
  }
  public static func literal(_ value: Bool) -> TableExpression { TableExpression(sql: value ? "TRUE" : "FALSE") }
  public static func literal(_ value: String) -> TableExpression { TableExpression(sql: SQLText.literal(value)) }
  /// An interval.
  ///
  /// - Throws: `invalidOption` when the span has parts of a millisecond.
  public static func span(_ value: Duration) throws(MillraceError) -> TableExpression { TableExpression(sql: try SQLText.interval(value)) }
}

extension TableExpression {
  private static func joined(_ a: TableExpression, _ sign: String, _ b: TableExpression) -> TableExpression {
    TableExpression(sql: "(\(a.text) \(sign) \(b.text))")
  }
  public static func + (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "+", b) }
  public static func - (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "-", b) }
  public static func * (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "*", b) }
  public static func / (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "/", b) }
  public static func % (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "%", b) }
  public static func == (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "=", b) }
  public static func != (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "<>", b) }
  public static func < (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "<", b) }
  public static func <= (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "<=", b) }
  public static func > (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, ">", b) }
  public static func >= (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, ">=", b) }
  public static func && (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "AND", b) }
  public static func || (a: TableExpression, b: TableExpression) -> TableExpression { joined(a, "OR", b) }
  public static prefix func ! (a: TableExpression) -> TableExpression { TableExpression(sql: "(NOT \(a.text))") }
  public static prefix func - (a: TableExpression) -> TableExpression { TableExpression(sql: "(- \(a.text))") }
}
