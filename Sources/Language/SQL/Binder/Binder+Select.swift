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
  /// Positions of the keys of each grouping set.
  var groupingSets: [[Int]] = [[]]
  var height = 1
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
    let outerTTLs = stateTTLs
    stateTTLs = try bindStateTTLs(select.stateTTLs)
    defer { stateTTLs = outerTTLs }
    var source: BoundRelation?
    var failed = false
    if let from = select.from { source = try bindFiltered(from, select.filter, failed: &failed) }
    let height = (source?.height ?? 0) + 3
    try checkHeight(height, at: select.span)
    let outside = source?.columns ?? []
    try checkStateTTLs(select.stateTTLs, outside)
    if source == nil, let filter = select.filter { throw fail("WHERE without FROM", at: filter.span) }
    var state = SelectState(
      plan: source?.plan ?? .values(ValuesRelation(schema: Schema([]), rows: [[]])),
      scope: ExpressionScope(outside, aggregates: .collected, plan: source?.plan))
    state.scope.allowsSubqueries = true
    state.height = height
    state.failed = failed
    for window in select.windows { state.scope.namedWindows[window.name.text] = window.window }
    bindGroupWindow(select, &state)
    bindItems(select, &state)
    bindGroupKeys(select, &state)
    if let having = select.having { bindHaving(having, &state) }
    bindSortItems(orderBy, &state)
    if state.failed { throw BindStop() }
    state.isGrouped = select.groupBy != nil || select.having != nil || !state.scope.aggregates.isEmpty
    return try assemble(select, state, limits)
  }

  // MARK: Clauses

  /// A window among the group keys, before anything that may ask for its bounds.
  private mutating func bindGroupWindow(_ select: SQLSelect, _ state: inout SelectState) {
    for key in Self.plainKeys(select.groupBy ?? []) where Self.groupWindow(key) != nil {
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
    // Columns that USING joined come first.
    let ranked = matches.sorted { (columns[$0].usingRank ?? .max, $0) < (columns[$1].usingRank ?? .max, $1) }
    for index in wanted == nil ? ranked : matches {
      state.items.append((.column(index, columns[index].field), columns[index].name, span, [(index, span)]))
    }
  }

  private func impliedName(_ expression: SQLExpression) -> String? {
    switch expression.kind {
    case .name(let parts): parts.last?.text
    case .field(_, let name): name.text
    default: nil
    }
  }

  private mutating func bindGroupKeys(_ select: SQLSelect, _ state: inout SelectState) {
    guard let grouping = select.groupBy else { return }
    do throws(BindStop) {
      var sets = try groupingSets(grouping, &state, at: select.span)
      if select.isGroupDistinct { sets = Self.unique(sets) }
      state.groupingSets = sets
    } catch { state.failed = true }
  }

  /// The position of a group key, which is bound in the columns of FROM.
  private mutating func groupKey(_ key: SQLExpression, _ state: inout SelectState) throws(BindStop) -> Int {
    var scope = state.scope
    scope.allowed = .refused("in GROUP BY")
    let bound = try bind(key, &scope)
    state.scope.subqueries = scope.subqueries
    if case .literal = bound.kind {
      throw fail("GROUP BY a constant groups nothing", at: key.span, hint: "name the column; its number is not taken here")
    }
    return Self.place(bound, &state)
  }

  private static func place(_ key: Expression, _ state: inout SelectState) -> Int {
    if let known = state.groupKeys.firstIndex(of: key) { return known }
    state.groupKeys.append(key)
    return state.groupKeys.count - 1
  }

  /// Every key that GROUP BY names, in whatever sets.
  private static func plainKeys(_ grouping: [SQLGrouping]) -> [SQLExpression] {
    grouping.flatMap { part -> [SQLExpression] in
      switch part {
      case .keys(let keys): keys
      case .rollup(let parts), .cube(let parts), .sets(let parts): plainKeys(parts)
      }
    }
  }

  /// The grouping sets of a list: every combination of one set of each of its parts.
  private mutating func groupingSets(_ list: [SQLGrouping], _ state: inout SelectState, at span: SourceSpan) throws(BindStop) -> [[Int]] {
    var sets: [[Int]] = [[]]
    var failed = false
    for part in list {
      do throws(BindStop) {
        let own = try groupingSets(part, &state, at: span)
        if sets.count * own.count > Self.groupingSetLimit {
          throw fail("these are more than \(Self.groupingSetLimit) grouping sets", at: span, hint: "name the sets that are needed")
        }
        sets = sets.flatMap { first in own.map { second in first + second.filter { !first.contains($0) } } }
      } catch { failed = true }
    }
    if failed { throw BindStop() }
    return sets.map { $0.sorted() }
  }

  static let groupingSetLimit = 1024

  private mutating func groupingSets(_ part: SQLGrouping, _ state: inout SelectState, at span: SourceSpan) throws(BindStop) -> [[Int]] {
    switch part {
    case .keys(let keys):
      var set: [Int] = []
      var failed = false
      for key in keys {
        if Self.groupWindow(key) != nil {
          for column in state.scope.groupWindow?.columns ?? [] { set.append(Self.place(column, &state)) }
          continue
        }
        do throws(BindStop) { set.append(try groupKey(key, &state)) } catch { failed = true }
      }
      if failed { throw BindStop() }
      return [set]
    case .sets(let parts):
      var sets: [[Int]] = []
      for part in parts { sets += try groupingSets(part, &state, at: span) }
      return sets
    case .rollup(let parts):
      let members = try single(parts, &state, at: span)
      return (0...members.count).reversed().map { members.prefix($0).flatMap { $0 } }
    case .cube(let parts):
      let members = try single(parts, &state, at: span)
      if members.count > 10 {
        throw fail("CUBE of \(members.count) keys makes too many grouping sets", at: span, hint: "it takes at most 10")
      }
      return (0..<1 << members.count).map { chosen in
        members.indices.filter { chosen & (1 << (members.count - 1 - $0)) == 0 }.flatMap { members[$0] }
      }
    }
  }

  /// Parts that are one set each, as ROLLUP and CUBE take them.
  private mutating func single(_ parts: [SQLGrouping], _ state: inout SelectState, at span: SourceSpan) throws(BindStop) -> [[Int]] {
    var sets: [[Int]] = []
    for part in parts { sets += try groupingSets(part, &state, at: span) }
    return sets
  }

  private static func unique(_ sets: [[Int]]) -> [[Int]] {
    var seen: Set<[Int]> = []
    return sets.filter { seen.insert($0).inserted }
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

  private mutating func assemble(_ select: SQLSelect, _ start: SelectState, _ limits: Limits) throws(BindStop) -> BoundRelation {
    var state = start
    var location = Location.same
    if state.isGrouped { location = .grouped(try group(select, &state)) }
    if !state.scope.overs.isEmpty || !state.scope.rankings.isEmpty {
      if state.isGrouped, !state.scope.overs.isEmpty {
        throw unsupported("OVER together with GROUP BY", at: select.span, hint: "group in a subquery")
      }
      let (numbered, overs) = addOvers(state.scope.overs, to: state.plan)
      let (plan, rankings) = addRankings(state.scope.rankings, to: numbered)
      state.plan = plan
      let place = { (column: Int) -> Int in
        switch column {
        case ExpressionScope.overBase..<ExpressionScope.rankBase: overs[column - ExpressionScope.overBase]
        case ExpressionScope.rankBase..<ExpressionScope.subqueryBase: rankings[column - ExpressionScope.rankBase]
        default: column
        }
      }
      mapOutputs(&state) { $0.mappingColumns(place) }
    }
    if !state.scope.subqueries.isEmpty {
      var attachment = Attachment(plan: state.plan, height: state.height)
      var expressions = state.items.map(\.expression)
      for case (_, .input(let e, _)) in state.sortKeys { expressions.append(e) }
      try attach(expressions, state.scope.subqueries, to: &attachment, location)
      state.plan = attachment.plan
      state.height = attachment.height
      mapOutputs(&state) { attachment.filled($0) }
    }
    return try output(select, state, limits)
  }

  /// Rewrites what SELECT and ORDER BY compute.
  private func mapOutputs(_ state: inout SelectState, _ map: (Expression) -> Expression) {
    for index in state.items.indices { state.items[index].expression = map(state.items[index].expression) }
    for index in state.sortKeys.indices {
      if case .input(let e, let uses) = state.sortKeys[index].target { state.sortKeys[index].target = .input(map(e), uses) }
    }
  }

  /// The projection, then DISTINCT, then ORDER BY and LIMIT.
  private mutating func output(_ select: SQLSelect, _ state: SelectState, _ limits: Limits) throws(BindStop) -> BoundRelation {
    let height = state.height
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
    // Of constants alone, a row of VALUES.
    if select.from == nil, !state.isGrouped, state.scope.subqueries.isEmpty, !expressions.contains(where: \.refersOutside) {
      let fields = zip(names, expressions).map { Field($0, $1.type, isNullable: $1.isNullable) }
      relation = BoundRelation(.values(ValuesRelation(schema: Schema(fields), rows: [expressions])), qualifier: nil, height: height)
    } else {
      relation = BoundRelation(project(state.plan, expressions, names), qualifier: nil, height: height)
    }
    if select.isDistinct {
      relation = distinct(relation)
      if case .aggregate(var node) = relation.plan {
        node.ttlMicros = stateTTL(of: state.scope.columns)
        relation.plan = .aggregate(node)
      }
    }
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

  /// Puts the aggregate and HAVING on the plan, and makes the outputs expressions over it.
  private mutating func group(_ select: SQLSelect, _ state: inout SelectState) throws(BindStop) -> GroupedScope {
    let columns = state.scope.columns
    let width = columns.count
    if var window = state.scope.groupWindow {
      if window.table.kind.isSession { window.table.partitionKeys = state.groupKeys.filter { !window.columns.contains($0) } }
      state.plan = .window(window.table)
    }
    let fields = state.plan.schema.fields
    // What is grouped and aggregated may hold subqueries of its own.
    var attachment = Attachment(plan: state.plan, height: state.height)
    let calls = state.scope.aggregates
    try attach(state.groupKeys + calls.flatMap(\.expressions), state.scope.subqueries, to: &attachment)
    let keys = state.groupKeys.map(attachment.filled)
    let names = keys.indices.map { index -> String in
      if case .column(let column) = keys[index].kind, column < width { return columns[column].name }
      if case .column(let column) = keys[index].kind, column < fields.count { return fields[column].name }
      return "key$\(index)"
    }
    var aggregate = Aggregate(
      input: attachment.plan, keys: keys, keyNames: names, aggregates: calls.map { $0.mapped(attachment.filled) },
      names: calls.indices.map { "agg$\($0)" })
    aggregate.ttlMicros = stateTTL(of: columns)
    state.height = attachment.height
    var scope = GroupedScope(keys: state.groupKeys, columns: columns, keyColumns: [], aggregateStart: keys.count)
    scope.groupings = state.scope.groupings
    if state.groupingSets.count == 1 {
      state.plan = self.aggregate(aggregate)
    } else {
      state.plan = groupedBySets(aggregate, state.groupingSets)
      state.height += 4
      scope.sets = state.groupingSets
      scope.setColumn = .column(keys.count, state.plan.schema.fields[keys.count])
      scope.aggregateStart += 1
    }
    scope.keyColumns = keys.indices.map { .column($0, state.plan.schema.fields[$0]) }
    try rewrite(select, scope, &state)
    return scope
  }

  /// HAVING, and what SELECT and ORDER BY compute, over the aggregate's output.
  private mutating func rewrite(_ select: SQLSelect, _ scope: GroupedScope, _ state: inout SelectState) throws(BindStop) {
    var failed = false
    for index in state.items.indices {
      let item = state.items[index]
      do throws(BindStop) { state.items[index].expression = try rewritten(item.expression, scope, item.uses, at: item.span) } catch {
        failed = true
      }
    }
    var having: Expression?
    if let bound = state.having {
      do throws(BindStop) { having = try rewritten(bound.expression, scope, bound.uses, at: select.having?.span ?? select.span) } catch {
        failed = true
      }
    }
    for index in state.scope.rankings.indices {
      let ranking = state.scope.rankings[index]
      do throws(BindStop) {
        for key in ranking.partitionKeys.indices {
          state.scope.rankings[index].partitionKeys[key] = try rewritten(ranking.partitionKeys[key], scope, [], at: select.span)
        }
        for key in ranking.sortKeys.indices {
          state.scope.rankings[index].sortKeys[key].expression = try rewritten(
            ranking.sortKeys[key].expression, scope, [], at: select.span)
        }
      } catch { failed = true }
    }
    for index in state.sortKeys.indices {
      guard case .input(let e, let uses) = state.sortKeys[index].target else { continue }
      do throws(BindStop) {
        state.sortKeys[index].target = .input(try rewritten(e, scope, uses, at: state.sortKeys[index].item.expression.span), uses)
      } catch { failed = true }
    }
    if failed { throw BindStop() }
    if let having {
      state.plan = try filtered(state.plan, having, state.scope.subqueries, height: &state.height, .grouped(scope))
    }
    state.scope.plan = state.plan
  }
}
