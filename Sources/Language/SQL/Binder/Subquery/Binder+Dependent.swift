import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The distinct values of the outer columns that a subquery asks for, and where each stands.
///
/// The subquery is computed once for each of those values instead of once for each row: T. Neumann, A. Kemper, "Unnesting Arbitrary
/// Queries" (BTW 2015), section 3.
struct OuterDomain {
  var plan: LogicalPlan
  var level: Int
  /// Positions in `plan` by outer column.
  var positions: [Int: Int]

  var width: Int { positions.count }

  /// The domain's columns as expressions over a plan that begins with them.
  var columns: [Expression] { plan.schema.fields.enumerated().map { .column($0, $1) } }
}

extension Binder {
  /// The domain of some columns of the query around.
  ///
  /// - Parameter values: the columns over `outer`, by position in the query around.
  func domain(of values: [Int: Expression], level: Int, _ outer: LogicalPlan) -> OuterDomain {
    let columns = values.keys.sorted()
    let expressions = columns.compactMap { values[$0] }
    let plan = distinct(
      LogicalPlan.project(Project(input: outer, expressions: expressions, names: columns.indices.map { "outer$\($0)" })))
    return OuterDomain(plan: plan, level: level, positions: Dictionary(uniqueKeysWithValues: zip(columns, columns.indices)))
  }

  /// The subquery's rows for every value of the domain: the domain's columns, then the plan's.
  mutating func dependent(
    _ plan: LogicalPlan, on domain: OuterDomain, _ references: OuterReferences, at span: SourceSpan
  ) throws(BindStop) -> LogicalPlan {
    let width = domain.width
    let fields = domain.plan.schema.fields
    /// Over a plan that has the domain's columns first.
    func over(_ e: Expression) -> Expression {
      e.shifted(by: width).replacingOuter(level: domain.level) { column in
        let position = domain.positions[column] ?? 0
        return .column(position, fields[position])
      }
    }
    guard references.refers(plan, to: domain.level) else { return try join(.inner, domain.plan, plan, [], at: span) }
    switch plan {
    case .filter(let n):
      let conditions = n.predicate.conjuncts.map(over)
      guard references.refers(n.input, to: domain.level) else { return try join(.inner, domain.plan, n.input, conditions, at: span) }
      return .filter(Filter(input: try dependent(n.input, on: domain, references, at: span), predicate: .conjunction(conditions)))
    case .project(let n):
      let input = try dependent(n.input, on: domain, references, at: span)
      return .project(
        Project(input: input, expressions: domain.columns + n.expressions.map(over), names: fields.map(\.name) + n.names))
    case .aggregate(let n):
      if n.windowInput != nil { throw unsupported("a window aggregate in a subquery that is correlated like this", at: span) }
      var node = n
      node.input = try dependent(n.input, on: domain, references, at: span)
      node.keys = domain.columns + n.keys.map(over)
      node.keyNames = fields.map(\.name) + n.keyNames
      node.aggregates = n.aggregates.map { $0.mapped(over) }
      if !n.keys.isEmpty { return .aggregate(node) }
      return completed(.aggregate(node), domain)
    case .join(let n): return try dependent(n, on: domain, references, over, at: span)
    case .union(let n):
      var inputs: [LogicalPlan] = []
      for input in n.inputs { inputs.append(try dependent(input, on: domain, references, at: span)) }
      return .union(Union(inputs: inputs))
    case .rank(var n):
      n.partitionKeys = domain.columns + n.partitionKeys.map(over)
      for i in n.sortKeys.indices { n.sortKeys[i].expression = over(n.sortKeys[i].expression) }
      n.input = try dependent(n.input, on: domain, references, at: span)
      return .rank(n)
    case .orderedOver(var n):
      n.partitionKeys = domain.columns + n.partitionKeys.map(over)
      for i in n.sortKeys.indices { n.sortKeys[i].expression = over(n.sortKeys[i].expression) }
      for i in n.calls.indices {
        n.calls[i].arguments = n.calls[i].arguments.map(over)
        n.calls[i].filter = n.calls[i].filter.map(over)
      }
      n.input = try dependent(n.input, on: domain, references, at: span)
      return .orderedOver(n)
    case .unnest(var n):
      n.source.expression = over(n.source.expression)
      n.input = try dependent(n.input, on: domain, references, at: span)
      return .unnest(n)
    case .predict(var n):
      n.arguments = n.arguments.map(over)
      n.input = try dependent(n.input, on: domain, references, at: span)
      return .predict(n)
    case .sort(let n):
      let input = try dependent(n.input, on: domain, references, at: span)
      if n.limit == nil && n.offset == 0 { return input }
      var keys = n.keys
      for index in keys.indices { keys[index].expression = over(keys[index].expression) }
      return Sort.firstRows(input, of: domain.columns, by: keys, limit: n.limit, offset: n.offset)
    case .over: throw unsupported("OVER in a subquery that is correlated like this", at: span)
    case .window: throw unsupported("windows in a subquery that is correlated like this", at: span)
    case .asOf: throw unsupported("feature views in a subquery that is correlated like this", at: span)
    case .temporalJoin: throw unsupported("FOR SYSTEM_TIME AS OF in a subquery that is correlated like this", at: span)
    case .scan, .values, .function: throw unsupported("a subquery that is correlated like this", at: span)
    }
  }

  /// An aggregate without keys has a row for every value of the domain, also where there is nothing to aggregate.
  private func completed(_ grouped: LogicalPlan, _ domain: OuterDomain) -> LogicalPlan {
    let width = domain.width
    let (leftKeys, rightKeys) = nullSafe(domain.columns, domain.columns)
    let plan = LogicalPlan.join(Join(kind: .left, left: domain.plan, right: grouped, leftKeys: leftKeys, rightKeys: rightKeys))
    let fields = plan.schema.fields
    let values = (2 * width..<fields.count).map { overNothing(.column($0, fields[$0]), grouped.schema.fields[$0 - width]) }
    return .project(
      Project(
        input: plan, expressions: domain.columns + values, names: fields.prefix(width).map(\.name) + fields.dropFirst(2 * width).map(\.name)
      ))
  }

  /// An aggregate's value where a LEFT JOIN found none: counts, which are never null, are 0.
  func overNothing(_ value: Expression, _ aggregate: Field) -> Expression {
    if aggregate.isNullable { return value }
    return Expression(.call("COALESCE", [value, .literal(.int(0), aggregate.type)]), type: aggregate.type, isNullable: false)
  }

  /// Keys for which nulls are equal.
  func nullSafe(_ left: [Expression], _ right: [Expression]) -> (left: [Expression], right: [Expression]) {
    let isNullable = zip(left, right).map { $0.isNullable && $1.isNullable }
    return (
      zip(left, isNullable).map { $1 ? $0.nullSafeKey() : $0 }, zip(right, isNullable).map { $1 ? $0.nullSafeKey() : $0 }
    )
  }

  private mutating func dependent(
    _ n: Join, on domain: OuterDomain, _ references: OuterReferences, _ over: (Expression) -> Expression, at span: SourceSpan
  ) throws(BindStop) -> LogicalPlan {
    if n.interval != nil { throw unsupported("a join bounded in event time in a subquery that is correlated like this", at: span) }
    let width = domain.width
    let leftWidth = n.left.schema.count
    let keys = zip(n.leftKeys, n.rightKeys).map { left, right in
      Expression(
        .call("=", [left, right.shifted(by: leftWidth)]), type: .boolean, isNullable: left.isNullable || right.isNullable)
    }
    let conditions = (keys + (n.residual?.conjuncts ?? [])).map(over)
    let left = try dependent(n.left, on: domain, references, at: span)
    let mayStay = n.kind == .inner || n.kind == .left || n.kind.isLeftOnly
    if mayStay, !references.refers(n.right, to: domain.level) { return try join(n.kind, left, n.right, conditions, at: span) }
    // Both sides for each value of the domain: those of one value meet.
    let right = try dependent(n.right, on: domain, references, at: span)
    var plan = try join(
      n.kind, left, right,
      conditions.map { $0.mappingColumns { $0 >= width + leftWidth && $0 < ExpressionScope.aggregateBase ? $0 + width : $0 } },
      at: span)
    guard case .join(var node) = plan else { return plan }
    let same = nullSafe(domain.columns, domain.columns)
    node.leftKeys = same.left + node.leftKeys
    node.rightKeys = same.right + node.rightKeys
    plan = .join(node)
    if n.kind.isLeftOnly { return plan }
    let fields = plan.schema.fields
    let second = width + leftWidth
    let domainColumns = (0..<width).map { column -> Expression in
      let (a, b) = (Expression.column(column, fields[column]), Expression.column(second + column, fields[second + column]))
      if n.kind == .inner || n.kind == .left { return a }
      return Expression(.call("COALESCE", [a, b]), type: a.type, isNullable: domain.plan.schema.fields[column].isNullable)
    }
    let own = Array(width..<second) + Array(second + width..<fields.count)
    return .project(
      Project(
        input: plan, expressions: domainColumns + own.map { .column($0, fields[$0]) },
        names: domain.plan.schema.fields.map(\.name) + own.map { fields[$0].name }))
  }
}
