import MillraceColumns
import MillraceTypes

/// `+ - * / %` on numbers, times and intervals.
enum ArithmeticFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "+", "numeric + numeric", "date or time or timestamp + interval", "interval + interval", "+ numeric"
    ) { (arguments) throws(MillraceError) in
      if arguments.count == 1 { return arguments[0].type.isNumeric || arguments[0].type.isInterval ? arguments[0] : nil }
      guard arguments.count == 2 else { return nil }
      let (a, b) = (arguments[0], arguments[1])
      return numeric("+", a, b) ?? temporal("+", a, b) ?? temporal("+", b, a)
    },
    ScalarFunction(
      "-", "numeric - numeric", "date or time or timestamp - interval", "timestamp - timestamp", "interval - interval",
      "- numeric", "- interval"
    ) { (arguments) throws(MillraceError) in
      if arguments.count == 1 { return negated(arguments[0]) }
      guard arguments.count == 2 else { return nil }
      let (a, b) = (arguments[0], arguments[1])
      return numeric("-", a, b) ?? temporal("-", a, b) ?? difference(a, b)
    },
    ScalarFunction("*", "numeric * numeric", "interval * integer") { (arguments) throws(MillraceError) in
      guard arguments.count == 2 else { return nil }
      let (a, b) = (arguments[0], arguments[1])
      if a.type.isInterval && b.type.isInteger { return .call("*", [a, b.cast(to: .int64)], a.type) }
      if b.type.isInterval && a.type.isInteger { return .call("*", [b, a.cast(to: .int64)], b.type) }
      return numeric("*", a, b)
    },
    ScalarFunction("/", "numeric / numeric", "interval / integer") { (arguments) throws(MillraceError) in
      guard arguments.count == 2 else { return nil }
      let (a, b) = (arguments[0], arguments[1])
      if a.type.isInterval && b.type.isInteger { return .call("/", [a, b.cast(to: .int64)], a.type) }
      return numeric("/", a, b)
    },
    ScalarFunction("%", "numeric % numeric", "MOD(numeric, numeric)") { (arguments) throws(MillraceError) in
      guard arguments.count == 2 else { return nil }
      return numeric("%", arguments[0], arguments[1])
    },
  ]

  /// Integers keep the wider type and wrap; with a decimal, Flink's decimal rules; with a float, that float's rules.
  private static func numeric(_ name: String, _ x: Expression, _ y: Expression) -> Expression? {
    let a = x.type == .null && y.type.isNumeric ? Expression.null(y.type) : x
    let b = y.type == .null && x.type.isNumeric ? Expression.null(x.type) : y
    guard a.type.isNumeric, b.type.isNumeric, let common = TypeCoercion.common(a.type, b.type) else { return nil }
    guard common.isDecimal, let p = DecimalRules.exact(a.type), let q = DecimalRules.exact(b.type),
      let shape = DecimalRules.unlimited(name, p, q)
    else {
      // The remainder is no larger than the divisor: Flink gives it the divisor's type.
      let type = name == "%" && common.isInteger ? b.type : common
      let call = Expression.call(name, [a.cast(to: common), b.cast(to: common)], common)
      return call.cast(to: type)
    }
    let type = DecimalRules.adjusted(precision: shape.precision, scale: shape.scale)
    let mayOverflow = shape.precision > DecimalRules.precisionMax
    let operands = [
      a.cast(to: .decimal(precision: p.precision, scale: p.scale)), b.cast(to: .decimal(precision: q.precision, scale: q.scale)),
    ]
    return .call(name, operands, type, isNullable: mayOverflow ? true : nil)
  }

  private static func negated(_ a: Expression) -> Expression? {
    guard a.type.isNumeric || a.type.isInterval else { return nil }
    switch a.literal {
    case .int(let v)? where v != .min: return .literal(.int(-v), a.type)
    case .float(let v)?: return .literal(.float(-v), a.type)
    case .decimal(let v)?: return .literal(.decimal(-v), a.type)
    default: return .call("-", [a], a.type)
    }
  }

  /// A point in time moved by an interval, or an interval by one of its kind.
  private static func temporal(_ name: String, _ a: Expression, _ b: Expression) -> Expression? {
    guard b.type.isInterval else { return nil }
    switch a.type {
    case .date, .timestamp, .timestampLTZ: return .call(name, [a, b], a.type)
    case .time where b.type == .intervalMillis: return .call(name, [a, b], a.type)
    default: return a.type == b.type ? .call(name, [a, b], a.type) : nil
    }
  }

  private static func difference(_ a: Expression, _ b: Expression) -> Expression? {
    let isPoint = { (t: DataType) in t == .date || t.isTimestamp }
    guard isPoint(a.type), isPoint(b.type), let common = TypeCoercion.common(a.type, b.type) else { return nil }
    return .call("-", [a.cast(to: common), b.cast(to: common)], .intervalMillis)
  }
}

/// Comparisons, three-valued logic and tests for null and truth.
enum ComparisonFunctions {
  static let all: [ScalarFunction] =
    ["=", "<>", "<", "<=", ">", ">="].map { name in
      ScalarFunction(name, "comparable \(name) comparable") { (arguments) throws(MillraceError) in
        guard arguments.count == 2, let pair = coerced(arguments, ordered: name != "=" && name != "<>") else { return nil }
        return .call(name, pair, .boolean)
      }
    }
    + ["IS DISTINCT FROM", "IS NOT DISTINCT FROM"].map { name in
      ScalarFunction(name, "comparable \(name) comparable") { (arguments) throws(MillraceError) in
        guard arguments.count == 2, let pair = coerced(arguments, ordered: false) else { return nil }
        return .call(name, pair, .boolean, isNullable: false)
      }
    }
    + ["AND", "OR"].map { name in
      ScalarFunction(name, "BOOLEAN \(name) BOOLEAN") { (arguments) throws(MillraceError) in
        guard arguments.count >= 2 else { return nil }
        var operands: [Expression] = []
        for argument in arguments {
          guard let operand = argument.coerced(to: .boolean) else { return nil }
          operands.append(operand)
        }
        return operands.dropFirst().reduce(operands[0]) { .call(name, [$0, $1], .boolean) }
      }
    }
    + ["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"].map { name in
      ScalarFunction(name, "BOOLEAN \(name)") { (arguments) throws(MillraceError) in
        guard arguments.count == 1, let operand = arguments[0].coerced(to: .boolean) else { return nil }
        return .call(name, [operand], .boolean, isNullable: false)
      }
    }
    + ["IS NULL", "IS NOT NULL"].map { name in
      ScalarFunction(name, "value \(name)") { (arguments) throws(MillraceError) in
        arguments.count == 1 ? .call(name, arguments, .boolean, isNullable: false) : nil
      }
    }
    + [
      ScalarFunction("NOT", "NOT BOOLEAN", [.boolean], returns: .boolean),
      ScalarFunction("IN", "value IN (value, ...)") { (arguments) throws(MillraceError) in
        guard arguments.count >= 2 else { return nil }
        var type = arguments[0].type
        for argument in arguments.dropFirst() {
          guard let next = TypeCoercion.comparison(type, argument.type) else { return nil }
          type = next
        }
        if type == .null { type = .boolean }
        return .call("IN", arguments.map { $0.cast(to: type) }, .boolean)
      },
      ScalarFunction("BETWEEN", "value BETWEEN value AND value") { (arguments) throws(MillraceError) in
        guard arguments.count == 3, let low = coerced([arguments[0], arguments[1]], ordered: true),
          let high = coerced([arguments[0], arguments[2]], ordered: true)
        else { return nil }
        return .call("AND", [.call(">=", low, .boolean), .call("<=", high, .boolean)], .boolean)
      },
    ]

  /// Both sides as one comparable type.
  static func coerced(_ arguments: [Expression], ordered: Bool) -> [Expression]? {
    guard var type = TypeCoercion.comparison(arguments[0].type, arguments[1].type) else { return nil }
    if type == .null { type = .boolean }
    switch type {
    case .array, .map, .row: if ordered { return nil }
    default: break
    }
    return arguments.map { $0.cast(to: type) }
  }
}
