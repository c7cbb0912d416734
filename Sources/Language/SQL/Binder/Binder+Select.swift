import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A SELECT while it is bound, clause by clause.
private struct SelectState {
  var plan: LogicalPlan
  var scope: ExpressionScope
  var items: [(expression: Expression, name: String, span: SourceSpan, uses: [(column: Int, span: SourceSpan)])] = []
  var groupKeys: [Expression] = []
  var having: (expression: Expression, uses: [(column: Int, span: SourceSpan)])?
  var sortKeys: [(item: SQLSortItem, target: SortTarget)] = []
  var isGrouped = false
  var failed = false
}

/// What an ORDER BY item sorts by: a column of the output, or an expression over the input that the output may lack.
private enum SortTarget {
  case output(Int)
  case input(Expression, [(column: Int, span: SourceSpan)])
}

extension Binder {
  mutating func bindSelect(_ select: SQLSelect, orderBy: [SQLSortItem], limits: Limits) throws(BindStop) -> BoundRelation {
    var source: BoundRelation?
    var failed = false
    if let from = select.from { source = try bindFiltered(from, select.filter, failed: &failed) }
    let height = (source?.height ?? 0) + 3
    try checkHeight(height, at: select.span)
    if source == nil, let filter = select.filter { throw fail("WHERE without FROM", at: filter.span) }
    var state = SelectState(
      plan: source?.plan ?? .values(ValuesRelation(schema: Schema([]), rows: [[]])),
      scope: ExpressionScope(source?.columns ?? [], aggregates: .collected, plan: source?.plan))
    state.failed = failed
    for window in select.windows { state.scope.namedWindows[window.name.text] = window.window }
    bindGroupWindow(select, &state)
    bindItems(select, &state)
    bindGroupKeys(select, &state)
    if let having = select.having { bindHaving(having, &state) }
    bindSortItems(orderBy, &state)
    if state.failed { throw BindStop() }
    state.isGrouped = select.groupBy != nil || select.having != nil || !state.scope.aggregates.isEmpty
    return try assemble(select, state, limits, height)
  }

  // MARK: Clauses

  /// A window among the group keys, before anything that may ask for its bounds.
  private mutating func bindGroupWindow(_ select: SQLSelect, _ state: inout SelectState) {
    for key in select.groupBy ?? [] where Self.groupWindow(key) != nil {
      do throws(BindStop) {
        if let other = state.scope.groupWindow {
          throw fail("the query is grouped by two windows, \(other.function) being the first", at: key.span, hint: "group in a subquery")
        }
        state.scope.groupWindow = try bindGroupWindow(key, state.scope, state.plan)
      } catch { state.failed = true }
    }
  }

  private mutating func bindItems(_ select: SQLSelect, _ state: inout SelectState) {
    for (index, item) in select.items.enumerated() {
      switch item.kind {
      case .star(let qualifier): bindStar(qualifier, item.span, &state)
      case .expression(let expression):
        do throws(BindStop) {
          state.scope.uses = []
          let bound = try bind(expression, &state.scope)
          let name = item.alias?.text ?? impliedName(expression) ?? "EXPR$\(index)"
          state.items.append((bound, name, item.span, state.scope.uses))
        } catch { state.failed = true }
      }
    }
    // Flink tells equal names apart by a number.
    var taken: Set<String> = []
    for index in state.items.indices {
      var name = state.items[index].name
      var number = 0
      while !taken.insert(name).inserted {
        name = "\(state.items[index].name)\(number)"
        number += 1
      }
      state.items[index].name = name
    }
  }

  private mutating func bindStar(_ qualifier: [Identifier], _ span: SourceSpan, _ state: inout SelectState) {
    let columns = state.scope.columns
    let wanted = qualifier.last?.text
    let matches = columns.indices.filter { wanted == nil ? !columns[$0].isShadowed : columns[$0].qualifier == wanted }
    if matches.isEmpty {
      state.failed = true
      if let wanted, let place = qualifier.last {
        let names = uniqued(columns.compactMap(\.qualifier))
        report("no table is named \(wanted) here", at: place.span, hint: didYouMean(wanted, among: names))
      } else {
        report("there is nothing to select with *", at: span, hint: "add FROM")
      }
    }
    for index in matches { state.items.append((.column(index, columns[index].field), columns[index].name, span, [(index, span)])) }
  }

  private func impliedName(_ expression: SQLExpression) -> String? {
    switch expression.kind {
    case .name(let parts): parts.last?.text
    case .field(_, let name): name.text
    default: nil
    }
  }

  private mutating func bindGroupKeys(_ select: SQLSelect, _ state: inout SelectState) {
    for key in select.groupBy ?? [] {
      if Self.groupWindow(key) != nil {
        state.groupKeys += state.scope.groupWindow?.columns ?? []
        continue
      }
      do throws(BindStop) {
        var scope = state.scope
        scope.allowed = .refused("in GROUP BY")
        let bound = try bind(key, &scope)
        if case .literal = bound.kind {
          throw fail("GROUP BY a constant groups nothing", at: key.span, hint: "name the column; its number is not taken here")
        }
        if !state.groupKeys.contains(bound) { state.groupKeys.append(bound) }
      } catch {
        state.failed = true
      }
    }
  }

  private mutating func bindHaving(_ having: SQLExpression, _ state: inout SelectState) {
    do throws(BindStop) {
      state.scope.uses = []
      let (overs, rankings) = (state.scope.overs.count, state.scope.rankings.count)
      let bound = try bindCondition(having, "HAVING", &state.scope)
      if state.scope.overs.count > overs || state.scope.rankings.count > rankings {
        throw fail("an OVER aggregate cannot stand in HAVING", at: having.span)
      }
      state.having = (bound, state.scope.uses)
    } catch { state.failed = true }
  }

  /// Names of the output come before columns of the input, as the standard has it.
  private mutating func bindSortItems(_ orderBy: [SQLSortItem], _ state: inout SelectState) {
    let outputs = state.items.map { ScopeColumn(qualifier: nil, field: Field($0.name, $0.expression.type)) }
    for item in orderBy {
      do throws(BindStop) {
        if case .name(let parts) = item.expression.kind, parts.count == 1,
          let index = state.items.firstIndex(where: { $0.name == parts[0].text })
        {
          state.sortKeys.append((item, .output(index)))
        } else if case .column(let index)? = try ordinal(item, outputs)?.kind {
          state.sortKeys.append((item, .output(index)))
        } else {
          state.scope.uses = []
          let bound = try bind(item.expression, &state.scope)
          if let index = state.items.firstIndex(where: { $0.expression == bound }) {
            state.sortKeys.append((item, .output(index)))
          } else {
            state.sortKeys.append((item, .input(bound, state.scope.uses)))
          }
        }
      } catch { state.failed = true }
    }
  }

  // MARK: Assembly

  private mutating func assemble(
    _ select: SQLSelect, _ start: SelectState, _ limits: Limits, _ height: Int
  ) throws(BindStop) -> BoundRelation {
    var state = start
    if state.isGrouped { try group(select, &state) }
    if !state.scope.overs.isEmpty || !state.scope.rankings.isEmpty {
      if state.isGrouped, !state.scope.overs.isEmpty {
        throw unsupported("OVER together with GROUP BY", at: select.span, hint: "group in a subquery")
      }
      let (numbered, overs) = addOvers(state.scope.overs, to: state.plan)
      let (plan, rankings) = addRankings(state.scope.rankings, to: numbered)
      state.plan = plan
      let place = { (column: Int) in
        if column >= ExpressionScope.rankBase { return rankings[column - ExpressionScope.rankBase] }
        return column >= ExpressionScope.overBase ? overs[column - ExpressionScope.overBase] : column
      }
      for index in state.items.indices { state.items[index].expression = state.items[index].expression.mappingColumns(place) }
      for index in state.sortKeys.indices {
        if case .input(let e, let uses) = state.sortKeys[index].target {
          state.sortKeys[index].target = .input(e.mappingColumns(place), uses)
        }
      }
    }
    return try output(select, state, limits, height)
  }

  /// The projection, then DISTINCT, then ORDER BY and LIMIT.
  private mutating func output(_ select: SQLSelect, _ state: SelectState, _ limits: Limits, _ height: Int) throws(BindStop) -> BoundRelation
  {
    var expressions = state.items.map(\.expression)
    var names = state.items.map(\.name)
    let width = expressions.count
    var keys: [(item: SQLSortItem, column: Int)] = []
    for (item, target) in state.sortKeys {
      switch target {
      case .output(let index): keys.append((item, index))
      case .input(let expression, _):
        if select.isDistinct {
          throw fail("SELECT DISTINCT can only be ordered by what it selects", at: item.expression.span)
        }
        keys.append((item, expressions.count))
        expressions.append(expression)
        names.append("sort$\(keys.count)")
      }
    }
    var relation: BoundRelation
    if select.from == nil, !state.isGrouped {
      let fields = zip(names, expressions).map { Field($0, $1.type, isNullable: $1.isNullable) }
      relation = BoundRelation(.values(ValuesRelation(schema: Schema(fields), rows: [expressions])), qualifier: nil, height: height)
    } else {
      relation = BoundRelation(project(state.plan, expressions, names), qualifier: nil, height: height)
    }
    if select.isDistinct { relation = distinct(relation) }
    if keys.isEmpty, !limits.isSet { return relation }
    var sortKeys: [Sort.Key] = []
    for (item, column) in keys { sortKeys.append(try sortKey(item, .column(column, relation.plan.schema.fields[column]))) }
    var plan = LogicalPlan.sort(Sort(input: relation.plan, keys: sortKeys, limit: limits.limit, offset: limits.offset))
    if expressions.count > width {
      let fields = plan.schema.fields
      plan = project(plan, (0..<width).map { .column($0, fields[$0]) }, Array(names.prefix(width)))
    }
    return BoundRelation(plan, qualifier: nil, height: height + 2)
  }

  // MARK: Grouping

  private mutating func group(_ select: SQLSelect, _ state: inout SelectState) throws(BindStop) {
    let keys = state.groupKeys
    let calls = state.scope.aggregates
    let columns = state.scope.columns
    var failed = false
    /// Over the aggregate's output; what is neither key nor aggregate is an error.
    func rewritten(_ e: Expression, _ uses: [(column: Int, span: SourceSpan)], _ span: SourceSpan) -> Expression {
      if let index = keys.firstIndex(of: e) { return Expression(.column(index), type: e.type, isNullable: e.isNullable) }
      if case .column(let column) = e.kind {
        if column >= ExpressionScope.overBase { return e }
        if column >= ExpressionScope.aggregateBase {
          var copy = e
          copy.kind = .column(keys.count + column - ExpressionScope.aggregateBase)
          return copy
        }
        failed = true
        let place = uses.first { $0.column == column }?.span ?? span
        let name = column < columns.count ? columns[column].name : "?"
        report("the column \(name) is neither grouped nor aggregated", at: place, hint: "add it to GROUP BY, or wrap it, e.g. MAX(\(name))")
        return e
      }
      let operands = e.operands
      return operands.isEmpty ? e : e.withOperands(operands.map { rewritten($0, uses, span) })
    }
    for index in state.items.indices {
      let item = state.items[index]
      state.items[index].expression = rewritten(item.expression, item.uses, item.span)
    }
    var having = state.having?.expression
    if let bound = state.having { having = rewritten(bound.expression, bound.uses, select.having?.span ?? select.span) }
    for index in state.scope.rankings.indices {
      let ranking = state.scope.rankings[index]
      state.scope.rankings[index].partitionKeys = ranking.partitionKeys.map { rewritten($0, [], select.span) }
      for key in ranking.sortKeys.indices {
        state.scope.rankings[index].sortKeys[key].expression = rewritten(ranking.sortKeys[key].expression, [], select.span)
      }
    }
    for index in state.sortKeys.indices {
      if case .input(let e, let uses) = state.sortKeys[index].target {
        state.sortKeys[index].target = .input(rewritten(e, uses, state.sortKeys[index].item.expression.span), uses)
      }
    }
    if failed { throw BindStop() }
    if var window = state.scope.groupWindow {
      if window.table.kind.isSession { window.table.partitionKeys = keys.filter { !window.columns.contains($0) } }
      state.plan = .window(window.table)
    }
    let fields = state.plan.schema.fields
    let names = (0..<keys.count).map { index -> String in
      if case .column(let column) = keys[index].kind, column < columns.count { return columns[column].name }
      if case .column(let column) = keys[index].kind, column < fields.count { return fields[column].name }
      return "key$\(index)"
    }
    state.plan = aggregate(
      Aggregate(
        input: state.plan, keys: keys, keyNames: names, aggregates: calls, names: calls.indices.map { "agg$\($0)" }))
    if let having { state.plan = .filter(Filter(input: state.plan, predicate: having)) }
    state.scope.plan = state.plan
  }
}
