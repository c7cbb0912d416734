import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// A join of two relations that do not depend on each other.
  mutating func bindJoin(
    _ left: BoundRelation, _ right: BoundRelation, _ kind: SQLJoinKind, _ condition: SQLJoinCondition, _ table: SQLTable,
    at span: SourceSpan
  ) throws(BindStop) -> BoundRelation {
    try requireOtherName(left, right, at: table.span)
    let columns = left.columns + right.columns
    switch condition {
    case .none: return try joined(left, right, kind, columns, [], at: span)
    case .on(let expression):
      var scope = ExpressionScope(columns, aggregates: .refused("in ON"))
      scope.allowsSubqueries = true
      let conjuncts = try bindCondition(expression, "ON", &scope).conjuncts
      if conjuncts.allSatisfy(\.subqueryIndices.isEmpty) { return try joined(left, right, kind, columns, conjuncts, at: span) }
      return try joined(left, right, kind, columns, conjuncts, scope.subqueries, at: span)
    case .using(let names): return try joined(left, right, kind, using: names, at: span)
    case .natural:
      let common = left.columns.filter { column in
        !column.isShadowed && right.columns.contains { $0.name == column.name && !$0.isShadowed }
      }
      return try joined(left, right, kind, using: common.map { Identifier($0.name, span: table.span) }, at: span)
    }
  }

  func planKind(_ kind: SQLJoinKind) -> Join.Kind {
    switch kind {
    case .inner, .cross: .inner
    case .left: .left
    case .right: .right
    case .full: .full
    }
  }

  mutating func requireOtherName(_ left: BoundRelation, _ right: BoundRelation, at span: SourceSpan) throws(BindStop) {
    if let name = right.columns.first?.qualifier, left.columns.contains(where: { $0.qualifier == name }) {
      throw fail("two tables are named \(name) here", at: span, hint: "give one of them an alias with AS")
    }
  }

  private mutating func joined(
    _ left: BoundRelation, _ right: BoundRelation, _ kind: SQLJoinKind, _ columns: [ScopeColumn], _ conjuncts: [Expression],
    at span: SourceSpan
  ) throws(BindStop) -> BoundRelation {
    let kind = planKind(kind)
    let (leftTTL, rightTTL) = (stateTTL(of: left.columns), stateTTL(of: right.columns))
    let plan = keeping(try join(kind, left.plan, right.plan, conjuncts, at: span), left: leftTTL, right: rightTTL)
    var result = BoundRelation(plan: plan, columns: columns, height: max(left.height, right.height) + 1)
    takeNullability(&result)
    if kind == .inner {
      result.openJoin = OpenJoin(left: left.plan, right: right.plan, conjuncts: conjuncts, leftTTL: leftTTL, rightTTL: rightTTL)
    }
    return result
  }

  func takeNullability(_ relation: inout BoundRelation) {
    let fields = relation.plan.schema.fields
    for index in relation.columns.indices { relation.columns[index].field.isNullable = fields[index].isNullable }
  }

  // MARK: USING

  /// Columns of both sides become one: of the left side, of the right one in a RIGHT JOIN, the one that is not null in a FULL JOIN.
  private mutating func joined(
    _ left: BoundRelation, _ right: BoundRelation, _ kind: SQLJoinKind, using names: [Identifier], at span: SourceSpan
  ) throws(BindStop) -> BoundRelation {
    try requireDistinct(names)
    var columns = left.columns + right.columns
    for index in columns.indices { columns[index].usingRank = columns[index].usingRank.map { $0 + names.count } }
    var conjuncts: [Expression] = []
    var pairs: [(left: Int, right: Int)] = []
    for (rank, name) in names.enumerated() {
      let pair = try (usingColumn(name, left.columns, "left"), left.columns.count + usingColumn(name, right.columns, "right"))
      conjuncts.append(try resolve("=", [.column(pair.0, columns[pair.0].field), .column(pair.1, columns[pair.1].field)], at: name.span))
      let (kept, hidden) = kind == .right ? (pair.1, pair.0) : pair
      columns[kept].usingRank = rank
      columns[hidden].usingRank = nil
      columns[hidden].isShadowed = true
      pairs.append(pair)
    }
    var result = try joined(left, right, kind, columns, conjuncts, at: span)
    guard kind == .full, !names.isEmpty else { return result }
    // The merged columns stand first; both originals can be named by their tables.
    let fields = result.plan.schema.fields
    var merged: [Expression] = []
    var mergedColumns: [ScopeColumn] = []
    for (rank, pair) in pairs.enumerated() {
      let value = try resolve(
        "COALESCE", [.column(pair.left, fields[pair.left]), .column(pair.right, fields[pair.right])], at: names[rank].span)
      merged.append(value)
      mergedColumns.append(
        ScopeColumn(qualifier: nil, field: Field(names[rank].text, value.type, isNullable: value.isNullable), usingRank: rank))
      result.columns[pair.left].isShadowed = true
      result.columns[pair.left].usingRank = nil
    }
    result.plan = .project(
      Project(
        input: result.plan, expressions: merged + fields.enumerated().map { .column($0, $1) },
        names: names.map(\.text) + fields.map(\.name)))
    result.columns = mergedColumns + result.columns
    result.height += 1
    return result
  }

  private mutating func usingColumn(_ name: Identifier, _ columns: [ScopeColumn], _ side: String) throws(BindStop) -> Int {
    let matches = columns.indices.filter { columns[$0].name == name.text && !columns[$0].isShadowed }
    if matches.count == 1 { return matches[0] }
    if matches.count > 1 { throw fail("the column \(name.text) is ambiguous on the \(side) side of the join", at: name.span) }
    throw fail(
      "no column is named \(name.text) on the \(side) side of the join", at: name.span,
      hint: didYouMean(name.text, among: columns.map(\.name)))
  }

  // MARK: Subqueries in ON

  /// An inner join is filtered; in an outer join the subqueries become columns of the side whose columns they name.
  private mutating func joined(
    _ left: BoundRelation, _ right: BoundRelation, _ kind: SQLJoinKind, _ columns: [ScopeColumn], _ conjuncts: [Expression],
    _ subqueries: [BoundSubquery], at span: SourceSpan
  ) throws(BindStop) -> BoundRelation {
    if kind == .inner || kind == .cross {
      let plain = conjuncts.filter(\.subqueryIndices.isEmpty)
      var result = try joined(left, right, kind, columns, plain, at: span)
      result.openJoin = nil
      let others = conjuncts.filter { !$0.subqueryIndices.isEmpty }
      result.plan = try filtered(result.plan, .conjunction(others), subqueries, height: &result.height)
      return result
    }
    let (leftWidth, rightWidth) = (left.columns.count, right.columns.count)
    var sides = [Attachment(plan: left.plan, height: left.height), Attachment(plan: right.plan, height: right.height)]
    var values: [Int: (side: Int, value: Expression)] = [:]
    for index in conjuncts.reduce(into: Set<Int>(), { $0.formUnion($1.subqueryIndices) }).sorted() {
      let subquery = subqueries[index]
      let named = (OuterReferences(subquery.plan).columns[subquery.level] ?? [:]).keys
      let read = subquery.operands.reduce(into: Set(named)) { $0.formUnion($1.referencedColumns) }
      let side = read.contains { $0 < leftWidth } ? 0 : 1
      guard side == 1 || read.allSatisfy({ $0 < leftWidth }) else {
        throw unsupported(
          "a subquery in ON of an outer join that names columns of both sides", at: subquery.span,
          hint: "compute its value in a subquery of one side")
      }
      let map = Dictionary(uniqueKeysWithValues: (0..<rightWidth).map { (leftWidth + $0, $0) })
      let placeholder = Expression(.column(ExpressionScope.subqueryBase + index), type: subquery.type, isNullable: subquery.isNullable)
      try attach([placeholder], subqueries, to: &sides[side], side == 0 ? .same : .columns(map))
      if let value = sides[side].values[index] { values[index] = (side, value) }
    }
    let newLeft = sides[0].plan.schema.count
    let conditions = conjuncts.map { conjunct in
      Self.placing(conjunct) { column in
        if column < leftWidth { return nil }
        if column < leftWidth + rightWidth { return Expression.Kind.column(column - leftWidth + newLeft) }
        guard let (side, value) = values[column - ExpressionScope.subqueryBase] else { return nil }
        return (side == 0 ? value : value.shifted(by: newLeft)).kind
      }
    }
    let plan = try join(planKind(kind), sides[0].plan, sides[1].plan, conditions, at: span)
    let fields = plan.schema.fields
    let kept = Array(0..<leftWidth) + (0..<rightWidth).map { newLeft + $0 }
    var result = BoundRelation(
      plan: project(plan, kept.map { .column($0, fields[$0]) }, kept.map { fields[$0].name }), columns: columns,
      height: max(sides[0].height, sides[1].height) + 2)
    takeNullability(&result)
    return result
  }

  private static func placing(_ e: Expression, _ kind: (Int) -> Expression.Kind?) -> Expression {
    if case .column(let column) = e.kind {
      var copy = e
      copy.kind = kind(column) ?? e.kind
      return copy
    }
    let operands = e.operands
    return operands.isEmpty ? e : e.withOperands(operands.map { placing($0, kind) })
  }

  // MARK: LATERAL

  /// `rows [LEFT] JOIN LATERAL (query) ON condition`: the query may name columns of the rows.
  mutating func bindLateral(
    _ left: BoundRelation, _ query: SQLQuery, _ table: SQLTable, _ kind: SQLJoinKind, _ condition: SQLJoinCondition, at span: SourceSpan
  ) throws(BindStop) -> BoundRelation {
    let level = outerScopes.count
    outerScopes.append(OuterScope(columns: left.columns))
    let bound: BoundRelation
    do throws(BindStop) { bound = try bind(query) } catch {
      outerScopes.removeSubrange(level...)
      throw error
    }
    outerScopes.removeSubrange(level...)
    let right = try aliased(bound, table.alias, implied: nil)
    if OuterReferences(right.plan).columns[level] == nil { return try bindJoin(left, right, kind, condition, table, at: span) }
    guard kind != .right, kind != .full else {
      throw fail("a LATERAL subquery cannot be the right side of a \(kind.rawValue) JOIN", at: span)
    }
    try requireOtherName(left, right, at: table.span)
    let columns = left.columns + right.columns
    var conditions: [Expression] = []
    switch condition {
    case .none: break
    case .on(let expression):
      var scope = ExpressionScope(columns, aggregates: .refused("in ON"))
      conditions = try bindCondition(expression, "ON", &scope).conjuncts.filter { $0 != .true }
    case .using(let names):
      throw unsupported("USING with a LATERAL subquery", at: names.first?.span ?? span, hint: "write ON")
    case .natural: throw unsupported("NATURAL JOIN with a LATERAL subquery", at: span, hint: "write ON")
    }
    let subquery = BoundSubquery(
      kind: .scalar, plan: right.plan, height: right.height, level: level, type: .null, isNullable: true, span: table.span)
    var attachment = Attachment(plan: left.plan, height: left.height)
    let located = try located(subquery, attachment, .same)
    attachment.plan = try lateral(located, &attachment, isLeft: kind == .left, conditions)
    attachment.grow(by: right.height)
    var result = BoundRelation(plan: attachment.plan, columns: columns, height: attachment.height)
    takeNullability(&result)
    return result
  }

  /// The rows of a plan with those of a subquery that belong to each.
  ///
  /// - Parameter conditions: over the plan's columns, then the subquery's.
  private mutating func lateral(
    _ subquery: LocatedSubquery, _ a: inout Attachment, isLeft: Bool, _ conditions: [Expression]
  ) throws(BindStop) -> LogicalPlan {
    let left = a.plan
    let width = left.schema.count
    let names = left.schema.fields.map(\.name) + subquery.bound.plan.schema.fields.map(\.name)
    let own = left.schema.fields.enumerated().map { Expression.column($0, $1) }
    guard let core = SubqueryCore(subquery.bound.plan) else {
      let related = try related(subquery.bound.plan, subquery, left, onlyEqual: false)
      let fields = related.plan.schema.fields
      let right = fields.enumerated().map { Expression.column(width + $0, $1) }
      let rest = related.rest.map { Self.placed($0, right, subquery) }
      let on = conditions.map { $0.moved(Array(0..<width) + related.columns.map { width + $0 }) }
      let joined = try join(isLeft ? .left : .inner, left, related.plan, rest + on, at: subquery.bound.span)
      guard case .join(var node) = joined else { throw BindStop() }
      node.leftKeys = related.outer + node.leftKeys
      node.rightKeys = related.inner + node.rightKeys
      let plan = LogicalPlan.join(node)
      let all = plan.schema.fields
      return project(plan, own + related.columns.map { .column(width + $0, all[width + $0]) }, names)
    }
    var (values, condition) = try oneRow(core, subquery, &a)
    let on = (condition.map { [$0] } ?? []) + conditions.map { $0.substituting(own + values) }
    condition = on.isEmpty ? nil : .conjunction(on)
    guard let condition else { return project(a.plan, own + values, names) }
    if !isLeft { return project(.filter(Filter(input: a.plan, predicate: condition)), own + values, names) }
    for index in values.indices {
      let value = values[index]
      values[index] = Expression(.caseWhen([condition, value], otherwise: .null(value.type)), type: value.type, isNullable: true)
    }
    return project(a.plan, own + values, names)
  }
}
