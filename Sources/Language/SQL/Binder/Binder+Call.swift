import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// Group functions of Flink's old window syntax.
  private static let windowFunctions: Set<String> = [
    "TUMBLE", "HOP", "SESSION", "TUMBLE_START", "TUMBLE_END", "TUMBLE_ROWTIME", "TUMBLE_PROCTIME", "HOP_START", "HOP_END", "HOP_ROWTIME",
    "HOP_PROCTIME", "SESSION_START", "SESSION_END", "SESSION_ROWTIME", "SESSION_PROCTIME",
  ]

  /// A function call: scalar, aggregate, or aggregate with OVER.
  mutating func bindFunction(_ call: SQLCall, at span: SourceSpan, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    let name = call.name.text.uppercased()
    if let function = Rank.Function(rawValue: name) { return try bindRanking(function, call, at: span, &scope) }
    if Self.placeFunctions.contains(name) { return try bindPlaceFunction(call, name, at: span, &scope) }
    if Self.windowFunctions.contains(name) { return try bindWindowProperty(call, at: span, &scope) }
    if Self.groupings.contains(name) { return try bindGrouping(call, name, at: span, &scope) }
    if registry.isAggregate(name) { return try bindAggregate(call, name, at: span, &scope) }
    if call.over != nil {
      if !registry.isScalar(name) { return try bindCall(call.name.text, call.arguments, at: call.name.span, &scope) }
      throw fail("\(name) is no aggregate, so it takes no OVER", at: call.name.span)
    }
    if call.filter != nil { throw fail("\(name) is no aggregate, so it takes no FILTER", at: call.name.span) }
    if call.isDistinct { throw fail("\(name) is no aggregate, so it takes no DISTINCT", at: call.name.span) }
    if call.isStar { throw fail("\(name) does not accept *", at: span, hint: "only COUNT(*) does") }
    if let clauses = call.json { return try bindJSON(call, clauses, at: span, &scope) }
    // Arguments are bound even for an unknown name: they may hold errors of their own.
    let arguments = try bindAll(call.arguments, &scope)
    return try resolve(call.name.text, arguments, at: registry.isScalar(name) ? span : call.name.span)
  }

  private mutating func bindAggregate(
    _ call: SQLCall, _ name: String, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    if call.ignoresNulls == false, name != "ARRAY_AGG" { throw unsupported("RESPECT NULLS", at: span) }
    if call.isStar, name != "COUNT" { throw fail("\(name) does not accept *", at: span, hint: "only COUNT(*) does") }
    if !call.isStar, call.arguments.isEmpty, name == "COUNT" { throw fail("COUNT needs an argument", at: span, hint: "write COUNT(*)") }
    switch (scope.allowed, call.over) {
    case (.refused(let place), nil):
      throw fail(
        "\(name) is an aggregate and cannot stand \(place)", at: span,
        hint: place == "in WHERE" ? "filter groups with HAVING, or filter a subquery" : nil)
    case (.refused(let place), _): throw fail("an OVER aggregate cannot stand \(place)", at: span, hint: "compute it in a subquery")
    case (.windowed, nil):
      throw fail(
        "\(name) has no window in this feature view", at: span,
        hint: "write \(name)(...) OVER LAST '7' DAY, OVER LAST 20 ROWS or OVER UNBOUNDED")
    case (.windowed, .feature(let window, let place)?): return try bindWindowed(call, name, window, place, at: span, &scope)
    case (.windowed, _):
      throw fail("a feature view's windows are OVER LAST ... or OVER UNBOUNDED", at: span, hint: "write e.g. OVER LAST '7' DAY")
    case (.collected, .feature(_, let place)?):
      throw fail(
        "OVER LAST and OVER UNBOUNDED belong in CREATE FEATURE VIEW", at: place,
        hint: "in a query write OVER (PARTITION BY ... ORDER BY ts RANGE BETWEEN INTERVAL '7' DAY PRECEDING AND CURRENT ROW)")
    case (.collected, nil):
      let bound = try bindArguments(call, name, at: span, &scope)
      let index = scope.aggregates.firstIndex(of: bound) ?? scope.aggregates.count
      if index == scope.aggregates.count { scope.aggregates.append(bound) }
      return Expression(.column(ExpressionScope.aggregateBase + index), type: bound.type, isNullable: bound.isNullable)
    case (.collected, .some(let over)):
      let bound = try bindArguments(call, name, at: span, &scope)
      let window = try bindOver(over, bound, at: span, &scope)
      scope.overs.append(window)
      return Expression(
        .column(ExpressionScope.overBase + scope.overs.count - 1), type: bound.type, isNullable: bound.isNullable)
    }
  }

  /// The typed aggregate with arguments and filter over the columns in scope.
  private mutating func bindArguments(
    _ call: SQLCall, _ name: String, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> AggregateCall {
    let outer = scope.allowed
    let uses = scope.uses.count
    scope.allowed = .refused("inside another aggregate")
    defer {
      scope.allowed = outer
      // Columns inside an aggregate need not be grouped.
      scope.uses.removeSubrange(min(uses, scope.uses.count)...)
    }
    var failed = false
    var arguments: [Expression] = []
    var filter: Expression?
    do throws(BindStop) { arguments = try bindAll(call.arguments, &scope) } catch { failed = true }
    if let condition = call.filter {
      do throws(BindStop) { filter = try bindCondition(condition, "FILTER (WHERE ...)", &scope) } catch { failed = true }
    }
    if failed { throw BindStop() }
    if !arguments.isEmpty, outerScopes.count > 0, arguments.contains(where: \.refersOutside),
      !arguments.contains(where: { $0.referencedColumns.contains { $0 < ExpressionScope.aggregateBase } })
    {
      throw unsupported("an aggregate over columns of the query around only", at: span)
    }
    return try typed(at: span) { (registry) throws(MillraceError) in
      try registry.resolveAggregate(
        name, arguments, distinct: call.isDistinct, filter: filter, ignoresNulls: call.ignoresNulls ?? false,
        absentOnNull: call.json?.absentOnNull)
    }
  }

  private mutating func bindWindowed(
    _ call: SQLCall, _ name: String, _ window: SQLFeatureWindow, _ place: SourceSpan, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    let bound = try bindArguments(call, name, at: span, &scope)
    if !bound.function.canSlide {
      throw unsupported("\(name) in a feature view", at: span, hint: "use it with GROUP BY, over TUMBLE or HOP for instance")
    }
    let frame: WindowedAggregate.Frame
    switch window {
    case .unbounded: frame = .unbounded
    case .lastRows(let rows): frame = .lastRows(Int(rows))
    case .lastMillis(let millis):
      let (micros, overflow) = millis.multipliedReportingOverflow(by: 1_000)
      if overflow { throw fail("this window is too long", at: place) }
      frame = .lastMicros(micros)
    }
    let aggregate = WindowedAggregate(call: bound, frame: frame)
    let index = scope.windowed.firstIndex(of: aggregate) ?? scope.windowed.count
    if index == scope.windowed.count { scope.windowed.append(aggregate) }
    return Expression(.column(ExpressionScope.aggregateBase + index), type: bound.type, isNullable: bound.isNullable)
  }
}
