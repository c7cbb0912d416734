import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A subquery inside an expression. In the expression it stands as a placeholder column; `Binder.attach` puts its value there.
struct BoundSubquery {
  enum Kind: Hashable {
    /// Whether there is a row.
    case exists
    /// The one value of at most one row; null when there is none.
    case scalar
    /// Whether some row compares so with the operands: TRUE, FALSE or unknown. `=` may compare several columns.
    case any(String)
  }

  var kind: Kind
  /// May refer to columns of the query around it as `Expression.outer`.
  var plan: LogicalPlan
  var height: Int
  /// The level of the query around it: the number of queries that in turn are around that.
  var level: Int
  /// What is compared, over the columns of the query around it, and with which of the plan's values, type by type.
  var operands: [Expression] = []
  var values: [Expression] = []
  var type: DataType
  var isNullable: Bool
  var span: SourceSpan
  /// Columns of the query around it that are named inside, for errors found later.
  var uses: [(column: Int, span: SourceSpan)] = []
}

/// A query around the one that is being bound.
struct OuterScope {
  var columns: [ScopeColumn]
  /// Columns that were named in queries inside.
  var uses: [(column: Int, span: SourceSpan)] = []
}

extension Expression {
  /// A column of a query around: `level` counts the queries that are around that one.
  static func outer(level: Int, column: Int, _ field: Field) -> Expression {
    .column(ExpressionScope.outerBase + level << 24 + column, field)
  }

  var outerReference: (level: Int, column: Int)? {
    guard case .column(let index) = kind, index >= ExpressionScope.outerBase else { return nil }
    let packed = index - ExpressionScope.outerBase
    return (packed >> 24, packed & (1 << 24 - 1))
  }

  var subqueryIndex: Int? {
    guard case .column(let index) = kind, ExpressionScope.subqueryBase..<ExpressionScope.groupingBase ~= index else { return nil }
    return index - ExpressionScope.subqueryBase
  }

  /// Columns of one level that it refers to.
  func outerColumns(level: Int) -> Set<Int> {
    if let reference = outerReference { return reference.level == level ? [reference.column] : [] }
    return operands.reduce(into: []) { $0.formUnion($1.outerColumns(level: level)) }
  }

  var refersOutside: Bool { outerReference != nil || operands.contains(where: \.refersOutside) }

  func refers(to level: Int) -> Bool { outerReference?.level == level || operands.contains { $0.refers(to: level) } }

  var subqueryIndices: Set<Int> {
    if let index = subqueryIndex { return [index] }
    return operands.reduce(into: []) { $0.formUnion($1.subqueryIndices) }
  }

  /// With the columns of the query at a level replaced.
  func replacingOuter(level: Int, _ value: (Int) -> Expression) -> Expression {
    if let reference = outerReference { return reference.level == level ? value(reference.column) : self }
    let operands = operands
    return operands.isEmpty ? self : withOperands(operands.map { $0.replacingOuter(level: level, value) })
  }

  /// With the input's columns renumbered; references to queries around and placeholders stay.
  func moved(_ columns: [Int]) -> Expression { mappingColumns { $0 < columns.count ? columns[$0] : $0 } }

  func shifted(by distance: Int) -> Expression {
    distance == 0 ? self : mappingColumns { $0 < ExpressionScope.aggregateBase ? $0 + distance : $0 }
  }

  /// With the input's columns replaced by what computes them.
  func substituting(_ values: [Expression]) -> Expression {
    if case .column(let index) = kind, index < values.count { return values[index] }
    let operands = operands
    return operands.isEmpty ? self : withOperands(operands.map { $0.substituting(values) })
  }

  /// Equal wherever the values are, nulls included, when used as a key of a join.
  func nullSafeKey() -> Expression {
    Expression(.call("ROW", [self]), type: .row([Field("key", type)]), isNullable: false)
  }
}

extension AggregateCall {
  func mapped(_ map: (Expression) -> Expression) -> AggregateCall {
    var copy = self
    copy.arguments = arguments.map(map)
    copy.filter = filter.map(map)
    return copy
  }

  var expressions: [Expression] { arguments + (filter.map { [$0] } ?? []) }
}
