import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Joins each row with the rows that are made of it. Output: the input's columns, then `columns`, then the ordinality if asked for.
///
/// A row's hidden event time and weight go to all rows made of it; its order gets the ordinal appended, so that the rows made of
/// one row keep their order.
public struct Unnest: Sendable, Hashable {
  /// What makes the rows; further kinds (functions that return rows) have their case here.
  public enum Source: Sendable, Hashable {
    /// The elements of an array, or the entries of a map as key and value. An element of type ROW gives a column per field.
    case elements(Expression)
    /// As many copies of the row as this BIGINT says, none below 1; no columns.
    case copies(Expression)

    /// Over the input's columns.
    public var expression: Expression {
      get {
        switch self {
        case .elements(let e), .copies(let e): e
        }
      }
      set {
        switch self {
        case .elements: self = .elements(newValue)
        case .copies: self = .copies(newValue)
        }
      }
    }
  }

  public var input: LogicalPlan
  public var source: Source
  /// What each made row adds.
  public var columns: [Field]
  /// WITH ORDINALITY: an INT column that counts the made rows from 1.
  public var ordinality: Field?
  /// LEFT JOIN: a row that nothing is made of comes out once, with nulls.
  public var keepsUnmatched: Bool

  public init(
    input: LogicalPlan, source: Source, columns: [Field], ordinality: Field? = nil, keepsUnmatched: Bool = false
  ) {
    self.input = input
    self.source = source
    self.columns = columns
    self.ordinality = ordinality
    self.keepsUnmatched = keepsUnmatched
  }

  public var schema: Schema {
    let made = columns + (ordinality.map { [$0] } ?? [])
    return Schema(input.schema.fields + made.map { Field($0.name, $0.type, isNullable: $0.isNullable || keepsUnmatched) })
  }

  /// The columns that elements of a type make, named as Flink names them; nil when it is no collection.
  public static func columns(of type: DataType) -> [Field]? {
    switch type {
    case .array(let element):
      guard case .row(let fields) = element.type else { return [Field("EXPR$0", element.type, isNullable: element.isNullable)] }
      return fields.map { Field($0.name, $0.type, isNullable: $0.isNullable || element.isNullable) }
    case .map(let key, let value):
      return [Field("KEY", key.type, isNullable: key.isNullable), Field("VALUE", value.type, isNullable: value.isNullable)]
    default: return nil
    }
  }
}
