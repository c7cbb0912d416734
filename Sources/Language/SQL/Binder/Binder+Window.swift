import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  // MARK: Table functions

  /// `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL ...))` and its like.
  mutating func bindWindow(_ call: SQLTableCall, parameters: [String], required: Int) throws(BindStop) -> BoundRelation {
    let function = call.name.text.uppercased()
    let arguments = try arranged(call, parameters, required: required)
    let (input, partitionBy) = try bindInput(arguments[0], function, at: call.span, mayPartition: function == "SESSION")
    let names = try descriptor(arguments[1], function, at: call.span)
    guard names.count == 1 else { throw fail("\(function) needs one event-time column", at: arguments[1]?.span ?? call.span) }
    let time = try column(names[0], input)
    let isProcessingTime = try requireTime(time, function, input.plan, input.columns, at: names[0].span)
    var sizes: [Int64] = []
    for place in 2..<parameters.count {
      guard let argument = arguments[place] else {
        sizes.append(0)
        continue
      }
      guard case .expression(let expression) = argument.value else {
        throw fail("\(function) needs an interval here", at: argument.span, hint: "write e.g. INTERVAL '10' MINUTE")
      }
      sizes.append(try micros(expression, function, mayBeZero: parameters[place] == "OFFSET"))
    }
    let kind = try windowKind(function, sizes, sizeAt: arguments[min(3, arguments.count - 1)]?.span ?? call.span)
    var keys: [Expression] = []
    if !partitionBy.isEmpty {
      var scope = ExpressionScope(input.columns, aggregates: .refused("in PARTITION BY"), plan: input.plan)
      for key in try bindAll(partitionBy, &scope) where !keys.contains(key) { keys.append(key) }
    }
    let plan = LogicalPlan.window(
      WindowTable(input: input.plan, kind: kind, timeColumn: time, partitionKeys: keys, isProcessingTime: isProcessingTime))
    return BoundRelation(plan, qualifier: nil, height: input.height + 1)
  }

  /// Checks the time column of a window; returns whether it is PROCTIME(). A column that trails event time by a known distance will do:
  /// its windows close that much later.
  private mutating func requireTime(
    _ column: Int, _ function: String, _ plan: LogicalPlan, _ columns: [ScopeColumn], at span: SourceSpan
  ) throws(BindStop) -> Bool {
    if plan.timeAttribute(of: column) != nil { return false }
    guard plan.isProcessingTime(column) else {
      throw fail(
        "\(function) needs an event-time column; \(columns[column].name) is none", at: span, hint: timeColumnHint(columns, plan))
    }
    if plan.isUpdating {
      throw unsupported("\(function) by processing time over results that change", at: span, hint: "put the window before what updates")
    }
    return true
  }

  /// - Parameter sizes: what the function's intervals are, in its order; an offset that is not given is 0.
  private mutating func windowKind(_ function: String, _ sizes: [Int64], sizeAt span: SourceSpan) throws(BindStop) -> WindowTable.Kind {
    switch function {
    case "SESSION": return .session(gapMicros: sizes[0])
    case "TUMBLE": return .tumble(sizeMicros: sizes[0], offsetMicros: sizes.count > 1 ? sizes[1] : 0)
    default:
      let step = function == "HOP" ? "SLIDE" : "STEP"
      guard sizes[1] % sizes[0] == 0 else { throw fail("the SIZE of \(function) must be a multiple of its \(step)", at: span) }
      let offset = sizes.count > 2 ? sizes[2] : 0
      return function == "HOP"
        ? .hop(slideMicros: sizes[0], sizeMicros: sizes[1], offsetMicros: offset)
        : .cumulate(stepMicros: sizes[0], sizeMicros: sizes[1], offsetMicros: offset)
    }
  }

  /// A constant interval in microseconds.
  private mutating func micros(_ expression: SQLExpression, _ function: String, mayBeZero: Bool) throws(BindStop) -> Int64 {
    var scope = ExpressionScope([], aggregates: .refused("in \(function)"))
    let bound = try bind(expression, &scope)
    guard let millis = bound.intervalMillisLiteral else {
      throw fail(
        "\(function) needs a constant interval of days to seconds, not \(bound.type)", at: expression.span,
        hint: "write e.g. INTERVAL '10' MINUTE")
    }
    let (micros, overflow) = millis.multipliedReportingOverflow(by: 1_000)
    if overflow { throw fail("this interval is too long", at: expression.span) }
    if !mayBeZero, micros <= 0 { throw fail("this interval must be longer than zero", at: expression.span) }
    return micros
  }

  // MARK: Group windows: GROUP BY k, TUMBLE(ts, INTERVAL ...)

  private static let groupWindows = ["TUMBLE", "HOP", "SESSION"]

  /// The call when a group key is one of the old group windows.
  static func groupWindow(_ key: SQLExpression) -> SQLCall? {
    guard case .call(let call) = key.kind, groupWindows.contains(call.name.text.uppercased()), call.over == nil else { return nil }
    return call
  }

  /// TUMBLE, HOP or SESSION as a group key: the window table that it stands for, over the relation grouped.
  mutating func bindGroupWindow(_ key: SQLExpression, _ scope: ExpressionScope, _ plan: LogicalPlan) throws(BindStop) -> GroupWindow {
    guard let call = Self.groupWindow(key) else { throw BindStop() }
    let (kind, time) = try windowArguments(call, call.name.text.uppercased(), at: key.span, scope)
    let isProcessingTime = try requireTime(time, call.name.text.uppercased(), plan, scope.columns, at: call.arguments[0].span)
    let width = plan.schema.count
    let window = WindowTable(input: plan, kind: kind, timeColumn: time, isProcessingTime: isProcessingTime)
    return GroupWindow(
      table: window, columns: (width..<width + 3).map { .column($0, window.schema.fields[$0]) }, function: call.name.text.uppercased())
  }

  private mutating func windowArguments(
    _ call: SQLCall, _ function: String, at span: SourceSpan, _ scope: ExpressionScope
  ) throws(BindStop) -> (WindowTable.Kind, time: Int) {
    let count = function == "HOP" ? 3 : 2
    guard call.arguments.count == count else {
      let wanted =
        function == "HOP"
        ? "the time column, the slide and the size" : function == "SESSION" ? "the time column and the gap" : "the time column and the size"
      throw fail(
        "\(call.name.text.uppercased()) takes \(wanted)", at: span,
        hint: "write e.g. \(function)(ts, \(function == "HOP" ? "INTERVAL '1' MINUTE, " : "")INTERVAL '10' MINUTE)")
    }
    var inner = scope
    inner.allowed = .refused("in \(call.name.text.uppercased())")
    let time = try bind(call.arguments[0], &inner)
    guard case .column(let column) = time.kind, column < scope.columns.count else {
      throw fail(
        "\(call.name.text.uppercased()) needs an event-time column", at: call.arguments[0].span,
        hint: timeColumnHint(scope.columns, scope.plan))
    }
    var sizes: [Int64] = []
    for argument in call.arguments.dropFirst() { sizes.append(try micros(argument, call.name.text.uppercased(), mayBeZero: false)) }
    return (try windowKind(function, sizes, sizeAt: call.arguments[count - 1].span), column)
  }

  /// TUMBLE_START(ts, INTERVAL ...) and its like: a column of the window that the query is grouped by.
  mutating func bindWindowProperty(
    _ call: SQLCall, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    let name = call.name.text.uppercased()
    let parts = name.split(separator: "_", maxSplits: 1).map(String.init)
    let function = parts[0]
    guard parts.count > 1 else {
      throw fail(
        "\(name) as a function stands in GROUP BY only", at: span,
        hint: "the window's bounds are \(name)_START, \(name)_END and \(name)_ROWTIME")
    }
    guard let window = scope.groupWindow else {
      throw fail(
        "\(name) needs \(function)(...) in GROUP BY", at: span,
        hint: "or write FROM TABLE(\(function)(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) and use window_start and window_end")
    }
    let (kind, time) = try windowArguments(call, function, at: span, scope)
    guard kind == window.table.kind, time == window.table.timeColumn else {
      throw fail("\(name) is of another window than the \(window.function) in GROUP BY", at: span, hint: "give both the same arguments")
    }
    switch parts[1] {
    case "START": return window.columns[0]
    case "END": return window.columns[1]
    case "ROWTIME": return window.columns[2]
    default: throw unsupported(name, at: span, hint: "the event time of the result is \(function)_ROWTIME")
    }
  }
}

/// A window named in GROUP BY, as the table function that it stands for.
struct GroupWindow {
  var table: WindowTable
  /// window_start, window_end and window_time.
  var columns: [Expression]
  var function: String
}
