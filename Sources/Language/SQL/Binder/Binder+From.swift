import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// FROM with WHERE. Conditions in WHERE complete a comma or inner join, so that keys and time bounds may stand in either.
  ///
  /// A WHERE with errors is reported and left out; `failed` says so, and the rest of the query can still be checked.
  mutating func bindFiltered(_ table: SQLTable, _ filter: SQLExpression?, failed: inout Bool) throws(BindStop) -> BoundRelation {
    var relation = try bind(table)
    guard let filter else { return relation }
    var scope = ExpressionScope(relation.columns, aggregates: .refused("in WHERE"), plan: relation.plan)
    scope.allowsSubqueries = true
    let predicate: Expression
    do throws(BindStop) { predicate = try bindCondition(filter, "WHERE", &scope) } catch {
      failed = true
      return relation
    }
    var conjuncts = predicate.conjuncts
    if let join = relation.openJoin {
      // What concerns one side only stays a filter, which rules push down.
      let width = join.left.schema.count
      func joins(_ conjunct: Expression) -> Bool {
        let columns = conjunct.referencedColumns.filter { $0 < ExpressionScope.aggregateBase }
        return conjunct.subqueryIndices.isEmpty && columns.contains { $0 < width } && columns.contains { $0 >= width }
      }
      relation.plan = keeping(
        try self.join(.inner, join.left, join.right, join.conjuncts + conjuncts.filter(joins), at: filter.span), left: join.leftTTL,
        right: join.rightTTL)
      conjuncts = conjuncts.filter { !joins($0) }
    }
    if !conjuncts.isEmpty {
      relation.plan = try filtered(relation.plan, .conjunction(conjuncts), scope.subqueries, height: &relation.height)
    }
    relation.openJoin = nil
    return relation
  }

  /// A table of FROM under its alias.
  mutating func bind(_ table: SQLTable) throws(BindStop) -> BoundRelation {
    switch table.kind {
    case .named(let name):
      return try aliased(try bindNamed(name, table.hints), table.alias, implied: name.parts.last?.text)
    case .asOf(let name, let instant): throw asOfElsewhere(name, at: instant.span)
    case .subquery(let query, let isLateral):
      // Nothing is to the left of it that it could name.
      _ = isLateral
      return try aliased(try bind(query), table.alias, implied: nil)
    case .function(let call, _) where registry.rowsFunction(ofTableFunction: call.name.text) != nil:
      let rows = withoutTableFunction(table)
      guard case .unnest = rows.kind else {
        throw unsupported("tables and named arguments of \(call.name.text)", at: call.span, hint: "give it values in order")
      }
      return try bind(rows)
    case .function(let call, let isLateral):
      if isLateral { throw unsupported("LATERAL table functions", at: table.span) }
      return try aliased(try bindTableFunction(call), table.alias, implied: nil)
    case .unnest:
      let nothing = BoundRelation(.values(ValuesRelation(schema: Schema([]), rows: [[]])), qualifier: nil, height: 1)
      return try bindUnnest(nothing, table, .cross, .none, at: table.span)
    case .join: return try bindJoin(table)
    case .invalid: throw BindStop()
    }
  }

  private mutating func asOfElsewhere(_ name: ObjectName, at span: SourceSpan) -> BindStop {
    fail(
      "FOR SYSTEM_TIME AS OF belongs on the right side of a join", at: span,
      hint: "write FROM events AS e LEFT JOIN \(name.text) FOR SYSTEM_TIME AS OF e.ts AS v ON v.key = e.key")
  }

  private mutating func isFeatureView(_ name: ObjectName) throws(BindStop) -> Bool {
    if name.parts.count == 1, commonTables.contains(where: { $0.name == name.text }) { return false }
    return catalog.featureViews[try relationName(name)] != nil
  }

  /// A table, view or WITH query by name. Its columns have no qualifier yet.
  mutating func bindNamed(_ name: ObjectName, _ hints: [SQLHint] = []) throws(BindStop) -> BoundRelation {
    let options = hints.filter(\.isOptions)
    if let hint = options.first,
      catalog.tables[name.parts.last?.text ?? ""] == nil || commonTables.contains(where: { $0.name == name.text })
    {
      throw fail("OPTIONS are for tables; \(name.text) is none", at: hint.span, hint: "give them to the tables it reads")
    }
    if name.parts.count == 1, let known = commonTables.last(where: { $0.name == name.text }) {
      guard let relation = known.relation else { throw BindStop() }
      return relation
    }
    let text = try relationName(name)
    if broken.contains(text) { throw BindStop() }
    if var table = catalog.tables[text] {
      for hint in options { table = try withOptions(table, hint.options) }
      return BoundRelation(.scan(Scan(table: table)), qualifier: nil, height: 1)
    }
    if let view = catalog.views[text] {
      return BoundRelation(view, qualifier: nil, height: (viewHeights[text] ?? planHeight(view)) + 1)
    }
    if catalog.featureViews[text] != nil {
      throw fail(
        "\(text) is a feature view: it has a value as of each instant, not rows", at: name.span,
        hint: "ask for it: FROM events AS e LEFT JOIN \(text) FOR SYSTEM_TIME AS OF e.ts AS v ON v.key = e.key")
    }
    throw unknownRelation(name)
  }

  /// The height of a plan's left-most path: enough for views kept from earlier texts, which were checked when they were made.
  private func planHeight(_ plan: LogicalPlan) -> Int {
    var height = 1
    var node = plan
    while let next = node.inputs.first, height < Self.heightLimit {
      height += 1
      node = next
    }
    return height
  }

  mutating func aliased(_ relation: BoundRelation, _ alias: SQLTableAlias?, implied: String?) throws(BindStop) -> BoundRelation {
    var result = relation
    if let alias, !alias.columns.isEmpty { result = try renamed(relation, alias.columns, of: alias.name) }
    let qualifier = alias?.name.text ?? implied
    for index in result.columns.indices {
      if qualifier != nil { result.columns[index].qualifier = qualifier }
      result.columns[index].isShadowed = false
    }
    return result
  }

  // MARK: Joins

  private mutating func bindJoin(_ table: SQLTable) throws(BindStop) -> BoundRelation {
    // Joins nest to the left, so a chain is bound in a loop.
    var spine: [(SQLTable, SQLJoinKind, SQLJoinCondition, SourceSpan)] = []
    var node = table
    while node.alias == nil, case .join(let left, let right, let kind, let condition) = node.kind {
      spine.append((right, kind, condition, node.span))
      node = left
    }
    var left: BoundRelation?
    do throws(BindStop) { left = try bind(node) } catch {}
    for (written, kind, condition, span) in spine.reversed() {
      let right = withoutTableFunction(written)
      switch right.kind {
      case .asOf(let name, let instant):
        guard let events = left else { throw BindStop() }
        if try isFeatureView(name) {
          left = try bindAsOf(events, name, instant, right.alias, kind, condition, at: right.span)
        } else {
          left = try bindTemporal(events, name, instant, right, kind, condition, at: right.span)
        }
      case .unnest:
        guard let rows = left else { continue }
        left = try bindUnnest(rows, right, kind, condition, at: span)
      case .subquery(let query, isLateral: true):
        guard let rows = left else { continue }
        left = try bindLateral(rows, query, right, kind, condition, at: span)
      default:
        var other: BoundRelation?
        do throws(BindStop) { other = try bind(right) } catch {}
        guard let first = left, let second = other else {
          left = nil
          continue
        }
        left = try bindJoin(first, second, kind, condition, right, at: span)
      }
      if let height = left?.height { try checkHeight(height, at: span) }
    }
    guard let left else { throw BindStop() }
    return left
  }
}
