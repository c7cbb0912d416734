import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Computes columns from the input's columns.
public struct Project: Sendable, Hashable {
  public var input: LogicalPlan
  public var expressions: [Expression]
  public var names: [String]
  public init(input: LogicalPlan, expressions: [Expression], names: [String]) {
    self.input = input
    self.expressions = expressions
    self.names = names
  }
  public var schema: Schema { Schema(zip(names, expressions).map { Field($0, $1.type, isNullable: $1.isNullable) }) }
}

/// Keeps the rows for which the predicate is true (not false, not unknown).
public struct Filter: Sendable, Hashable {
  public var input: LogicalPlan
  public var predicate: Expression
  public init(input: LogicalPlan, predicate: Expression) {
    self.input = input
    self.predicate = predicate
  }
}

/// UNION ALL of inputs with equal column types.
public struct Union: Sendable, Hashable {
  public var inputs: [LogicalPlan]
  public init(inputs: [LogicalPlan]) { self.inputs = inputs }

  /// The columns of the first input; nullable where any input's are.
  public var schema: Schema {
    var fields = inputs[0].schema.fields
    for input in inputs.dropFirst() {
      for (index, field) in input.schema.fields.enumerated() where field.isNullable { fields[index].isNullable = true }
    }
    return Schema(fields)
  }
}

/// ORDER BY and LIMIT of bounded input.
public struct Sort: Sendable, Hashable {
  public struct Key: Sendable, Hashable {
    public var expression: Expression
    public var isAscending: Bool
    /// Flink: nulls are low, so first when ascending and last when descending, unless stated.
    public var nullsFirst: Bool
    public init(expression: Expression, isAscending: Bool = true, nullsFirst: Bool? = nil) {
      self.expression = expression
      self.isAscending = isAscending
      self.nullsFirst = nullsFirst ?? isAscending
    }
  }
  public var input: LogicalPlan
  public var keys: [Key]
  public var limit: Int?
  public var offset: Int
  public init(input: LogicalPlan, keys: [Key], limit: Int? = nil, offset: Int = 0) {
    self.input = input
    self.keys = keys
    self.limit = limit
    self.offset = offset
  }
}
