import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// The window of an OVER aggregate: partitioned by expressions, ordered by the event-time column, ending at the current row.
  mutating func bindOver(
    _ over: SQLOver, _ call: AggregateCall, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> BoundOver {
    let window: SQLWindow
    switch over {
    case .named(let name): window = try namedWindow(name, scope, depth: 0)
    case .window(let written): window = try completed(written, scope, depth: 0)
    case .feature(_, let place): throw fail("OVER LAST belongs in CREATE FEATURE VIEW", at: place)
    }
    let outer = scope.allowed
    scope.allowed = .refused("inside OVER (...)")
    defer { scope.allowed = outer }
    let keys = try bindAll(window.partitionBy, &scope)
    guard let first = window.orderBy.first else {
      throw fail("OVER needs ORDER BY an event-time column", at: window.span, hint: "write OVER (PARTITION BY ... ORDER BY ts)")
    }
    if window.orderBy.count > 1 { throw unsupported("several ORDER BY columns in OVER", at: window.orderBy[1].expression.span) }
    if first.isDescending { throw unsupported("descending OVER windows", at: first.expression.span) }
    let order = try bind(first.expression, &scope)
    guard case .column(let column) = order.kind, let plan = scope.plan, column < scope.columns.count,
      plan.timeAttribute(of: column) == .exact(offsetMicros: 0)
    else {
      throw fail("OVER must be ordered by an event-time column", at: first.expression.span, hint: timeColumnHint(scope.columns, scope.plan))
    }
    return BoundOver(call: call, partitionKeys: keys, timeColumn: column, frame: try bindFrame(window.frame, order.type))
  }

  /// ROW_NUMBER, RANK and DENSE_RANK. Their order may be any, and may name aggregates of a GROUP BY.
  mutating func bindRanking(
    _ function: Rank.Function, _ call: SQLCall, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    let name = function.rawValue
    guard let over = call.over else {
      throw fail("\(name) needs OVER", at: span, hint: "write \(name)() OVER (PARTITION BY ... ORDER BY ...)")
    }
    if !call.arguments.isEmpty || call.isStar { throw fail("\(name) takes no argument", at: span) }
    if call.isDistinct || call.filter != nil { throw fail("\(name) takes no DISTINCT and no FILTER", at: span) }
    switch scope.allowed {
    case .refused(let place):
      throw fail("\(name) cannot stand \(place)", at: span, hint: "number the rows in a subquery and filter around it")
    case .windowed: throw fail("\(name) cannot stand in a feature view", at: span)
    case .collected: break
    }
    let window: SQLWindow
    switch over {
    case .named(let name): window = try namedWindow(name, scope, depth: 0)
    case .window(let written): window = try completed(written, scope, depth: 0)
    case .feature(_, let place): throw fail("OVER LAST belongs in CREATE FEATURE VIEW", at: place)
    }
    if let frame = window.frame { throw fail("\(name) takes no frame", at: frame.span) }
    if function != .rowNumber, window.orderBy.isEmpty { throw fail("\(name) needs ORDER BY in its OVER", at: window.span) }
    let (rankings, overs) = (scope.rankings.count, scope.overs.count)
    let keys = try bindAll(window.partitionBy, &scope)
    var sortKeys: [Sort.Key] = []
    for item in window.orderBy { sortKeys.append(try sortKey(item, try bind(item.expression, &scope))) }
    guard rankings == scope.rankings.count, overs == scope.overs.count else {
      throw fail("OVER cannot stand inside another OVER", at: span, hint: "compute it in a subquery")
    }
    let ranking = BoundRanking(function: function, partitionKeys: keys, sortKeys: sortKeys)
    let index = scope.rankings.firstIndex(of: ranking) ?? scope.rankings.count
    if index == scope.rankings.count { scope.rankings.append(ranking) }
    return Expression(.column(ExpressionScope.rankBase + index), type: .int64, isNullable: false)
  }

  private mutating func namedWindow(_ name: Identifier, _ scope: ExpressionScope, depth: Int) throws(BindStop) -> SQLWindow {
    guard let window = scope.namedWindows[name.text] else {
      throw fail(
        "no window is named \(name.text)", at: name.span,
        hint: didYouMean(name.text, among: scope.namedWindows.keys.sorted()) ?? "define it: WINDOW \(name.text) AS (...)")
    }
    return try completed(window, scope, depth: depth + 1)
  }

  /// A window with what it takes from the window it names first.
  private mutating func completed(_ window: SQLWindow, _ scope: ExpressionScope, depth: Int) throws(BindStop) -> SQLWindow {
    guard let name = window.base else { return window }
    if depth > 16 { throw fail("the window \(name.text) refers to itself", at: name.span) }
    let base = try namedWindow(name, scope, depth: depth + 1)
    if !window.partitionBy.isEmpty { throw fail("PARTITION BY cannot be added to the window \(name.text)", at: window.span) }
    if !window.orderBy.isEmpty, !base.orderBy.isEmpty {
      throw fail("the window \(name.text) has an ORDER BY already", at: window.span)
    }
    if base.frame != nil { throw fail("the window \(name.text) has a frame, so nothing can be added to it", at: window.span) }
    var result = window
    result.base = nil
    result.partitionBy = base.partitionBy
    if window.orderBy.isEmpty { result.orderBy = base.orderBy }
    return result
  }

  private mutating func bindFrame(_ frame: SQLFrame?, _ time: DataType) throws(BindStop) -> Over.Frame {
    // Without a frame the standard has RANGE UNBOUNDED PRECEDING.
    guard let frame else { return Over.Frame(start: .unbounded, isRange: true) }
    guard case .currentRow = frame.end else {
      throw unsupported("a frame that does not end at CURRENT ROW", at: frame.span, hint: "rows of the future are not known in a stream")
    }
    var excludesCurrentRow = false
    switch frame.exclusion {
    case nil, .noOthers: break
    case .currentRow: excludesCurrentRow = true
    case .group, .ties: throw unsupported("EXCLUDE GROUP and EXCLUDE TIES", at: frame.span, hint: "use EXCLUDE CURRENT ROW")
    }
    let start: Over.Frame.Start
    switch frame.start {
    case .unboundedPreceding: start = .unbounded
    case .currentRow: start = frame.isRows ? .rows(0) : .micros(0)
    case .preceding(let distance):
      var scope = ExpressionScope([], aggregates: .refused("in a frame"))
      let value = try bind(distance, &scope)
      guard case .literal(.int(let amount)) = value.kind, amount >= 0 else {
        throw fail("the frame's distance must be a constant that is not negative", at: distance.span)
      }
      if frame.isRows {
        guard value.type.isInteger else { throw fail("ROWS needs a number of rows, not \(value.type)", at: distance.span) }
        start = .rows(Int(amount))
      } else {
        let (micros, overflow) = amount.multipliedReportingOverflow(by: 1_000)
        guard value.type == .intervalMillis, !overflow else {
          throw fail(
            "RANGE over \(time) needs an interval of days to seconds, not \(value.type)", at: distance.span,
            hint: "write e.g. INTERVAL '7' DAY PRECEDING")
        }
        start = .micros(micros)
      }
    case .following, .unboundedFollowing: throw unsupported("frames of FOLLOWING rows", at: frame.span)
    }
    return Over.Frame(start: start, isRange: !frame.isRows, excludesCurrentRow: excludesCurrentRow)
  }

  /// Puts Over nodes on a plan: one for all calls that share partitioning and order. Returns where each call's result stands.
  func addOvers(_ overs: [BoundOver], to plan: LogicalPlan) -> (plan: LogicalPlan, positions: [Int]) {
    var plan = plan
    var positions = Array(repeating: 0, count: overs.count)
    var pending = Array(overs.indices)
    while let first = pending.first {
      let group = pending.filter {
        overs[$0].partitionKeys == overs[first].partitionKeys && overs[$0].timeColumn == overs[first].timeColumn
      }
      pending.removeAll { group.contains($0) }
      let width = plan.schema.count
      for (offset, index) in group.enumerated() { positions[index] = width + offset }
      plan = .over(
        Over(
          input: plan, partitionKeys: overs[first].partitionKeys, timeColumn: overs[first].timeColumn,
          calls: group.map { Over.Call(call: overs[$0].call, frame: overs[$0].frame) }, names: group.map { "over$\($0)" }))
    }
    return (plan, positions)
  }

  /// Puts a Rank node on a plan for each ranking; its number is the plan's last column then.
  func addRankings(_ rankings: [BoundRanking], to plan: LogicalPlan) -> (plan: LogicalPlan, positions: [Int]) {
    var plan = plan
    var positions: [Int] = []
    for (index, ranking) in rankings.enumerated() {
      positions.append(plan.schema.count)
      plan = .rank(
        Rank(
          input: plan, function: ranking.function, partitionKeys: ranking.partitionKeys, sortKeys: ranking.sortKeys,
          name: "rank$\(index)"))
    }
    return (plan, positions)
  }

  /// Which columns could have been meant as event time.
  func timeColumnHint(_ columns: [ScopeColumn], _ plan: LogicalPlan?) -> String {
    let names = columns.indices.filter { plan?.timeAttribute(of: $0) == .exact(offsetMicros: 0) }.map { columns[$0].name }
    if !names.isEmpty { return "use \(uniqued(names).joined(separator: " or "))" }
    return "declare WATERMARK FOR <column> AS <column> - INTERVAL '1' SECOND on the table, and select that column"
  }
}
