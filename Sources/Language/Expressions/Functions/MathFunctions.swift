import MillraceColumns
import MillraceTypes

/// Functions of numbers. Those that are not exact work in DOUBLE.
enum MathFunctions {
  static let all: [ScalarFunction] =
    [
      "SQRT", "EXP", "LN", "LOG10", "LOG2", "SIN", "COS", "TAN", "COT", "ASIN", "ACOS", "ATAN", "SINH", "COSH", "TANH",
      "DEGREES", "RADIANS", "CBRT",
    ].map { ScalarFunction($0, "\($0)(numeric)", [.double], returns: .float64) }
    + [
      ScalarFunction("PI", "PI()", [], returns: .float64),
      ScalarFunction("E", "E()", [], returns: .float64),
      ScalarFunction("POWER", "POWER(numeric, numeric)", [.double, .double], returns: .float64),
      ScalarFunction("ATAN2", "ATAN2(numeric, numeric)", [.double, .double], returns: .float64),
      ScalarFunction("LOG", "LOG(numeric)", "LOG(base, numeric)") { (arguments) throws(MillraceError) in
        guard arguments.count == 1 || arguments.count == 2 else { return nil }
        let operands = arguments.compactMap(Parameter.double.coerce)
        guard operands.count == arguments.count else { return nil }
        return .call(operands.count == 1 ? "LN" : "LOG", operands, .float64)
      },
      ScalarFunction("ABS", "ABS(numeric)", "ABS(interval)") { (arguments) throws(MillraceError) in
        guard arguments.count == 1, arguments[0].type.isNumeric || arguments[0].type.isInterval else { return nil }
        return .call("ABS", arguments, arguments[0].type)
      },
      ScalarFunction("SIGN", "SIGN(numeric)") { (arguments) throws(MillraceError) in
        guard arguments.count == 1, arguments[0].type.isNumeric else { return nil }
        return .call("SIGN", arguments, arguments[0].type)
      },
      wholeNumber("CEIL"), wholeNumber("FLOOR"),
      rounding("ROUND"), rounding("TRUNCATE"),
    ]

  /// CEIL and FLOOR: of a number (decimals lose their scale), or of a time to a unit.
  private static func wholeNumber(_ name: String) -> ScalarFunction {
    ScalarFunction(
      name, "\(name)(numeric)", "\(name)(date or timestamp TO unit)"
    ) { (arguments) throws(MillraceError) in
      if arguments.count == 2, arguments[0].type == .date || arguments[0].type.isTimestamp {
        let unit = try TimeUnitName.checked(arguments[1], function: name, allowed: TimeUnitName.truncating)
        return .call(name, [arguments[0], unit], arguments[0].type)
      }
      guard arguments.count == 1, arguments[0].type.isNumeric else { return nil }
      let argument = arguments[0]
      switch argument.type {
      case .decimal(let p, let s):
        // One more digit than the integer part, for a ceiling that carries; Flink keeps p, which has room unless s is 0.
        return .call(name, [argument], .decimal(precision: s == 0 ? p : max(1, p), scale: 0))
      case _ where argument.type.isInteger: return argument
      default: return .call(name, [argument], argument.type)
      }
    }
  }

  private static func rounding(_ name: String) -> ScalarFunction {
    ScalarFunction(name, "\(name)(numeric [, integer])") { (arguments) throws(MillraceError) in
      guard arguments.count == 1 || arguments.count == 2, arguments[0].type.isNumeric else { return nil }
      let value = arguments[0]
      let digits = arguments.count == 2 ? arguments[1] : .literal(.int(0), .int32)
      guard let digits = Parameter.integer.coerce(digits) else { return nil }
      guard case .decimal(let p, let s) = value.type else { return .call(name, [value, digits], value.type) }
      guard case .int(let n)? = digits.literal else {
        return .call(name, [value, digits], .decimal(precision: p, scale: s), isNullable: true)
      }
      let type = DecimalRules.rounded(precision: p, scale: s, digits: Int(max(-40, min(40, n))))
      return .call(name, [value, digits], type)
    }
  }
}
