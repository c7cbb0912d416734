import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// Functions that exist with OVER only and look at places in the order.
  static let placeFunctions: Set<String> = ["PERCENT_RANK", "CUME_DIST", "NTILE", "LAG", "LEAD", "NTH_VALUE"]

  /// LAG, LEAD, NTH_VALUE, NTILE, PERCENT_RANK and CUME_DIST.
  mutating func bindPlaceFunction(
    _ call: SQLCall, _ name: String, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    guard let over = call.over else {
      throw fail("\(name) needs OVER", at: span, hint: "write \(name)(...) OVER (PARTITION BY ... ORDER BY ...)")
    }
    if call.isStar || call.isDistinct || call.filter != nil { throw fail("\(name) takes no *, DISTINCT or FILTER", at: span) }
    if call.ignoresNulls == true { throw unsupported("\(name) with IGNORE NULLS", at: span) }
    switch scope.allowed {
    case .refused(let place): throw fail("\(name) cannot stand \(place)", at: span, hint: "compute it in a subquery")
    case .windowed: throw fail("\(name) cannot stand in a feature view", at: span)
    case .collected: break
    }
    let outer = scope.allowed
    scope.allowed = .refused("inside another function with OVER")
    defer { scope.allowed = outer }
    var bound = try placeCall(call, name, try bindAll(call.arguments, &scope), at: span)
    let window = try window(of: over, scope)
    if window.orderBy.isEmpty { throw fail("\(name) needs ORDER BY in its OVER", at: window.span) }
    let keys = try bindAll(window.partitionBy, &scope)
    let sortKeys = try bindSortKeys(window, &scope)
    if case .nthValue = bound.function {
      bound.frame = try orderedFrame(window.frame, sortKeys)
    } else if let frame = window.frame {
      throw fail("\(name) takes no frame", at: frame.span)
    }
    scope.overs.append(BoundOver(partitionKeys: keys, kind: .ordered(bound, sortKeys)))
    return Expression(
      .column(ExpressionScope.overBase + scope.overs.count - 1), type: bound.type, isNullable: bound.isNullable)
  }

  private mutating func placeCall(
    _ call: SQLCall, _ name: String, _ arguments: [Expression], at span: SourceSpan
  ) throws(BindStop) -> OrderedOver.Call {
    func number(_ index: Int, from least: Int64) -> Int64? {
      guard case .literal(.int(let n)) = arguments[index].kind, n >= least else { return nil }
      return n
    }
    func wrongNumber(_ index: Int, _ what: String) -> BindStop {
      fail("\(name) needs \(what) that is a constant", at: call.arguments[index].span)
    }
    switch name {
    case "PERCENT_RANK", "CUME_DIST":
      guard arguments.isEmpty else { throw fail("\(name) takes no argument", at: span) }
      return OrderedOver.Call(
        function: name == "CUME_DIST" ? .cumeDist : .percentRank, frame: .soFar, type: .float64, isNullable: false)
    case "NTILE":
      guard arguments.count == 1 else { throw fail("NTILE takes one argument: NTILE(parts)", at: span) }
      guard let parts = number(0, from: 1) else { throw wrongNumber(0, "a number of parts from 1 on") }
      return OrderedOver.Call(function: .ntile(parts), frame: .soFar, type: .int64, isNullable: false)
    case "NTH_VALUE":
      guard arguments.count == 2 else { throw fail("NTH_VALUE takes two arguments: NTH_VALUE(value, n)", at: span) }
      guard let n = number(1, from: 1) else { throw wrongNumber(1, "a place from 1 on") }
      return OrderedOver.Call(
        function: .nthValue(n), arguments: [arguments[0]], frame: .soFar, type: arguments[0].type, isNullable: true)
    default:
      guard (1...3).contains(arguments.count) else {
        throw fail("\(name) takes one to three arguments: \(name)(value [, rows [, default]])", at: span)
      }
      var rows: Int64 = 1
      if arguments.count > 1 {
        guard let n = number(1, from: 0) else { throw wrongNumber(1, "a number of rows, not negative,") }
        rows = n
      }
      var values = [arguments[0]]
      var type = arguments[0].type
      if arguments.count == 3 {
        guard let common = registry.commonType([type, arguments[2].type]) else {
          throw fail(
            "the default of \(name) is \(arguments[2].type), its value \(type)", at: call.arguments[2].span, hint: "CAST one of them")
        }
        type = common
        values = []
        for value in [arguments[0], arguments[2]] {
          values.append(try typed(at: span) { (registry) throws(MillraceError) in try registry.cast(value, to: common) })
        }
      }
      let isNullable = values.count == 2 ? values.contains(where: \.isNullable) : true
      return OrderedOver.Call(
        function: name == "LAG" ? .lag(rows) : .lead(rows), arguments: values, frame: .soFar, type: type, isNullable: isNullable)
    }
  }

  mutating func bindSortKeys(_ window: SQLWindow, _ scope: inout ExpressionScope) throws(BindStop) -> [Sort.Key] {
    var keys: [Sort.Key] = []
    for item in window.orderBy { keys.append(try sortKey(item, try bind(item.expression, &scope))) }
    return keys
  }

  // MARK: frames

  /// Whether the frame is one that rows of a stream in event time can have without ever changing.
  func isTrailing(_ frame: SQLFrame?) -> Bool {
    guard let frame else { return true }
    guard case .currentRow = frame.end else { return false }
    switch frame.exclusion {
    case nil, .noOthers, .currentRow: break
    case .group, .ties: return false
    }
    switch frame.start {
    case .unboundedPreceding, .preceding, .currentRow: return true
    case .following, .unboundedFollowing: return false
    }
  }

  mutating func orderedFrame(_ frame: SQLFrame?, _ sortKeys: [Sort.Key]) throws(BindStop) -> OrderedOver.Frame {
    guard let frame else { return sortKeys.isEmpty ? .all : .soFar }
    if case .unboundedFollowing = frame.start { throw fail("a frame cannot start at UNBOUNDED FOLLOWING", at: frame.span) }
    if case .unboundedPreceding = frame.end { throw fail("a frame cannot end at UNBOUNDED PRECEDING", at: frame.span) }
    let exclusion: OrderedOver.Exclusion? =
      switch frame.exclusion {
      case nil, .noOthers: nil
      case .currentRow: .currentRow
      case .group: .group
      case .ties: .ties
      }
    let start = try bound(frame.start, frame, sortKeys)
    let end = try bound(frame.end, frame, sortKeys)
    if start.place > end.place {
      throw fail("the frame starts behind its end", at: frame.span, hint: "write BETWEEN the earlier bound AND the later one")
    }
    return OrderedOver.Frame(isRange: !frame.isRows, start: start, end: end, exclusion: exclusion)
  }

  private mutating func bound(_ bound: SQLFrameBound, _ frame: SQLFrame, _ keys: [Sort.Key]) throws(BindStop) -> OrderedOver.Bound {
    switch bound {
    case .unboundedPreceding: return .unboundedPreceding
    case .unboundedFollowing: return .unboundedFollowing
    case .currentRow: return .currentRow
    case .preceding(let distance): return .preceding(try self.distance(distance, frame, keys))
    case .following(let distance): return .following(try self.distance(distance, frame, keys))
    }
  }

  private mutating func distance(
    _ distance: SQLExpression, _ frame: SQLFrame, _ keys: [Sort.Key]
  ) throws(BindStop) -> OrderedOver.Distance {
    var scope = ExpressionScope([], aggregates: .refused("in a frame"))
    let value = try bind(distance, &scope)
    func notConstant() -> BindStop { fail("the frame's distance must be a constant that is not negative", at: distance.span) }
    guard case .literal(let literal) = value.kind else { throw notConstant() }
    if frame.isRows {
      guard value.type.isInteger else { throw fail("ROWS needs a number of rows, not \(value.type)", at: distance.span) }
      guard case .int(let rows) = literal, rows >= 0 else { throw notConstant() }
      return .rows(rows)
    }
    guard keys.count == 1, let key = keys.first?.expression else {
      throw fail(
        "RANGE with a distance needs exactly one ORDER BY key", at: distance.span, hint: "use ROWS, or RANGE UNBOUNDED PRECEDING")
    }
    switch key.type {
    case .date, .time, .timestamp, .timestampLTZ:
      guard value.type == .intervalMillis else {
        throw fail(
          "RANGE over \(key.type) needs an interval of days to seconds, not \(value.type)", at: distance.span,
          hint: "write e.g. INTERVAL '7' DAY PRECEDING")
      }
      guard case .int(let millis) = literal, millis >= 0 else { throw notConstant() }
      return .units(Int128(millis) * 1_000_000)
    case .int8, .int16, .int32, .int64:
      guard value.type.isInteger else { throw wrongRange(key, value, at: distance.span) }
      guard case .int(let units) = literal, units >= 0 else { throw notConstant() }
      return .units(Int128(units))
    case .decimal(_, let scale):
      guard value.type.isInteger || value.type.isDecimal else { throw wrongRange(key, value, at: distance.span) }
      let target = DataType.decimal(precision: 38, scale: scale)
      guard let units = literal.unscaled(of: value.type, scale: scale) else {
        throw fail("the frame's distance does not fit \(target)", at: distance.span)
      }
      guard units >= 0 else { throw notConstant() }
      return .units(units)
    case .float32, .float64:
      guard value.type.isNumeric, let number = literal.double(of: value.type) else { throw wrongRange(key, value, at: distance.span) }
      guard number >= 0 else { throw notConstant() }
      return .float(number)
    default:
      throw fail(
        "RANGE with a distance needs a number or a time in ORDER BY, not \(key.type)", at: distance.span, hint: "use ROWS")
    }
  }

  private mutating func wrongRange(_ key: Expression, _ value: Expression, at span: SourceSpan) -> BindStop {
    fail("RANGE over \(key.type) needs a number that fits it, not \(value.type)", at: span)
  }
}

extension OrderedOver.Bound {
  /// Which of the five kinds it is, in their order.
  fileprivate var place: Int {
    switch self {
    case .unboundedPreceding: 0
    case .preceding: 1
    case .currentRow: 2
    case .following: 3
    case .unboundedFollowing: 4
    }
  }
}

extension Value {
  /// A literal number in units of so many digits; nil when it has more of them or is too large.
  fileprivate func unscaled(of type: DataType, scale: Int) -> Int128? {
    var own = 0
    let digits: Int128
    switch (self, type) {
    case (.int(let n), _): digits = Int128(n)
    case (.decimal(let n), .decimal(_, let s)): (digits, own) = (n, s)
    default: return nil
    }
    guard own <= scale else {
      let factor = (0..<(own - scale)).reduce(Int128(1)) { n, _ in n &* 10 }
      return digits % factor == 0 ? digits / factor : nil
    }
    var result = digits
    for _ in own..<scale {
      let (product, overflow) = result.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      result = product
    }
    return result
  }

  fileprivate func double(of type: DataType) -> Double? {
    switch (self, type) {
    case (.int(let n), _): Double(n)
    case (.float(let x), _): x
    case (.decimal(let n), .decimal(_, let scale)): Double(n) / (0..<scale).reduce(1.0) { x, _ in x * 10 }
    default: nil
    }
  }
}
