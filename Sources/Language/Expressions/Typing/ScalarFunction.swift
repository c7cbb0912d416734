import MillraceColumns
import MillraceTypes

/// The typing half of a scalar function: what it accepts and what it returns. Its kernels are found by the same name
/// when an evaluator is compiled.
struct ScalarFunction: Sendable {
  /// Canonical upper-case name, as it stands in `Expression.Kind.call`.
  var name: String
  /// What it accepts, for error messages: `ROUND(numeric [, INT])`.
  var forms: [String]
  /// The typed call with coerced arguments, or nil when it does not accept these types.
  var resolve: @Sendable ([Expression]) throws(MillraceError) -> Expression?

  init(
    _ name: String, _ forms: String..., resolve: @escaping @Sendable ([Expression]) throws(MillraceError) -> Expression?
  ) {
    self.name = name
    self.forms = forms
    self.resolve = resolve
  }

  /// A function of fixed parameters whose result is null when an argument is (and only then, unless `isNullable`).
  init(_ name: String, _ form: String, _ parameters: [Parameter], optional: Int = 0, isNullable: Bool = false, returns type: DataType) {
    self.init(name, form) { (arguments) throws(MillraceError) in
      guard arguments.count <= parameters.count, arguments.count >= parameters.count - optional else { return nil }
      var coerced: [Expression] = []
      for (argument, parameter) in zip(arguments, parameters) {
        guard let argument = parameter.coerce(argument) else { return nil }
        coerced.append(argument)
      }
      return .call(name, coerced, type, isNullable: isNullable ? true : nil)
    }
  }
}

/// What an argument may be and what it is turned into.
enum Parameter: Sendable {
  case boolean, integer, double, numeric, text, bytes, textOrBytes, timestamp, any
  /// Any value that CAST can write as text.
  case printable

  func coerce(_ argument: Expression) -> Expression? {
    switch self {
    case .boolean: argument.coerced(to: .boolean)
    case .integer: argument.type.isInteger || argument.type == .null ? argument.coerced(to: .int64) : nil
    case .double: argument.type.isNumeric || argument.type == .null ? argument.coerced(to: .float64) : nil
    case .numeric: argument.type.isNumeric ? argument : argument.type == .null ? argument.coerced(to: .int32) : nil
    case .text: argument.coerced(to: .text)
    case .bytes: argument.coerced(to: .bytes)
    case .textOrBytes: argument.type == .bytes ? argument : argument.coerced(to: .text)
    case .timestamp:
      argument.type.isTimestamp ? argument : argument.coerced(to: .timestamp(precision: 3))
    case .any: argument.type == .null ? nil : argument
    case .printable:
      TypeCoercion.isCastable(argument.type, .text) ? argument.cast(to: .text) : nil
    }
  }
}

extension Expression {
  /// A call; nullable when an argument is, unless stated.
  static func call(_ name: String, _ arguments: [Expression], _ type: DataType, isNullable: Bool? = nil) -> Expression {
    Expression(.call(name, arguments), type: type, isNullable: isNullable ?? arguments.contains { $0.isNullable })
  }

  var isLiteral: Bool { if case .literal = kind { true } else { false } }
  var literal: Value? { if case .literal(let value) = kind { value } else { nil } }
  var isNullLiteral: Bool { literal == .null }

  /// As another type by a cast that need not be written; nil when there is none.
  func coerced(to target: DataType) -> Expression? {
    TypeCoercion.isImplicit(type, target) ? cast(to: target) : nil
  }

  /// As another type, by a cast that is known to be legal.
  func cast(to target: DataType, isTry: Bool = false) -> Expression {
    if type == target { return self }
    if isNullLiteral { return .null(target) }
    if !isTry, let folded = foldedLiteral(to: target) { return folded }
    return Expression(
      .cast(self, isTry: isTry), type: target,
      isNullable: isTry || isNullable || TypeCoercion.mayOverflowToNull(type, target))
  }

  /// Integer and decimal literals change type on the spot, so that plans show numbers and not casts of numbers.
  private func foldedLiteral(to target: DataType) -> Expression? {
    switch (literal, type, target) {
    case (.int(let v)?, _, .float64) where type.isInteger: return .literal(.float(Double(v)), target)
    case (.int(let v)?, _, .float32) where type.isInteger: return .literal(.float(Double(Float(v))), target)
    case (.int(let v)?, _, .decimal(let p, let s)) where type.isInteger && Int128(v).magnitude < Int128.powerOfTen(p - s).magnitude:
      return .literal(.decimal(Int128(v) * Int128.powerOfTen(s)), target)
    case (.int(let v)?, _, _) where type.isInteger && target.isInteger && TypeCoercion.isImplicit(type, target):
      return .literal(.int(v), target)
    default: return nil
    }
  }
}

extension Int128 {
  /// 10 to the power of 0...38.
  static func powerOfTen(_ exponent: Int) -> Int128 {
    var result: Int128 = 1
    for _ in 0..<Swift.max(0, Swift.min(38, exponent)) { result &*= 10 }
    return result
  }
}
