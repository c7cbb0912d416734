import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// The window of an OVER aggregate. Where rows only come in, ordered by their event time, and the frame ends at the current row
  /// no result ever changes; all else is computed over the table that the input is at each instant.
  mutating func bindOver(
    _ over: SQLOver, _ call: AggregateCall, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> BoundOver {
    let window = try window(of: over, scope)
    let outer = scope.allowed
    scope.allowed = .refused("inside OVER (...)")
    defer { scope.allowed = outer }
    let keys = try bindAll(window.partitionBy, &scope)
    let sortKeys = try bindSortKeys(window, &scope)
    if call.function.canSlide, let column = eventTimeColumn(sortKeys, scope), isTrailing(window.frame) {
      let frame = try bindFrame(window.frame, sortKeys[0].expression.type)
      return BoundOver(partitionKeys: keys, kind: .timed(Over.Call(call: call, frame: frame), timeColumn: column))
    }
    var ordered = OrderedOver.Call(
      function: .aggregate(call.function, isDistinct: call.isDistinct), arguments: call.arguments, filter: call.filter,
      frame: try orderedFrame(window.frame, sortKeys), type: call.type, isNullable: call.isNullable)
    ordered.user = call.user
    return BoundOver(partitionKeys: keys, kind: .ordered(ordered, sortKeys))
  }

  /// The column when rows come in its order and are never retracted.
  private func eventTimeColumn(_ keys: [Sort.Key], _ scope: ExpressionScope) -> Int? {
    guard keys.count == 1, keys[0].isAscending, case .column(let column) = keys[0].expression.kind, column < scope.columns.count,
      let plan = scope.plan, !plan.isUpdating, plan.timeAttribute(of: column) == .exact(offsetMicros: 0)
    else { return nil }
    return column
  }

  mutating func window(of over: SQLOver, _ scope: ExpressionScope) throws(BindStop) -> SQLWindow {
    switch over {
    case .named(let name): return try namedWindow(name, scope, depth: 0)
    case .window(let written): return try completed(written, scope, depth: 0)
    case .feature(_, let place): throw fail("OVER LAST belongs in CREATE FEATURE VIEW", at: place)
    }
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

  /// Puts Over and OrderedOver nodes on a plan: one for all calls that share partitioning and order. Returns where each call's
  /// result stands.
  func addOvers(_ overs: [BoundOver], to plan: LogicalPlan) -> (plan: LogicalPlan, positions: [Int]) {
    var plan = plan
    var positions = Array(repeating: 0, count: overs.count)
    var pending = Array(overs.indices)
    while let first = pending.first {
      let group = pending.filter { overs[$0].sharesNode(with: overs[first]) }
      pending.removeAll { group.contains($0) }
      let width = plan.schema.count
      for (offset, index) in group.enumerated() { positions[index] = width + offset }
      let names = group.map { "over$\($0)" }
      switch overs[first].kind {
      case .timed(_, let timeColumn):
        let calls = group.compactMap { index -> Over.Call? in if case .timed(let call, _) = overs[index].kind { call } else { nil } }
        plan = .over(
          Over(input: plan, partitionKeys: overs[first].partitionKeys, timeColumn: timeColumn, calls: calls, names: names))
      case .ordered(_, let sortKeys):
        let calls = group.compactMap { index -> OrderedOver.Call? in if case .ordered(let call, _) = overs[index].kind { call } else { nil }
        }
        plan = .orderedOver(
          OrderedOver(input: plan, partitionKeys: overs[first].partitionKeys, sortKeys: sortKeys, calls: calls, names: names))
      }
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
