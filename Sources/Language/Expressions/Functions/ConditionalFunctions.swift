import MillraceColumns
import MillraceTypes

/// COALESCE, IF, NULLIF and their relatives. IF and NULLIF become CASE, so only one form has to be evaluated.
enum ConditionalFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction("COALESCE", "COALESCE(value, value, ...) of one common type") { (arguments) throws(MillraceError) in
      guard arguments.count >= 1, let type = typed(arguments) else { return nil }
      if arguments.count == 1 { return arguments[0] }
      return .call("COALESCE", arguments.map { $0.cast(to: type) }, type, isNullable: arguments.allSatisfy(\.isNullable))
    },
    ScalarFunction("IFNULL", "IFNULL(value, value) of one common type") { (arguments) throws(MillraceError) in
      guard arguments.count == 2, let type = typed(arguments) else { return nil }
      return .call("COALESCE", arguments.map { $0.cast(to: type) }, type, isNullable: arguments.allSatisfy(\.isNullable))
    },
    ScalarFunction("IF", "IF(BOOLEAN, value, value) of one common type") { (arguments) throws(MillraceError) in
      guard arguments.count == 3, let condition = arguments[0].coerced(to: .boolean), let type = typed(Array(arguments[1...]))
      else { return nil }
      return .conditional([condition, arguments[1].cast(to: type)], otherwise: arguments[2].cast(to: type))
    },
    ScalarFunction("NULLIF", "NULLIF(comparable, comparable)") { (arguments) throws(MillraceError) in
      guard arguments.count == 2, let pair = ComparisonFunctions.coerced(arguments, ordered: false) else { return nil }
      let type = arguments[0].type == .null ? pair[0].type : arguments[0].type
      return .conditional([.call("=", pair, .boolean), .null(type)], otherwise: arguments[0].cast(to: type))
    },
    extreme("GREATEST"), extreme("LEAST"),
    // The value of a subquery of so many rows; queries cannot be meant to write it.
    ScalarFunction("$SINGLE_VALUE", "$SINGLE_VALUE(BIGINT, value)") { (arguments) throws(MillraceError) in
      guard arguments.count == 2, arguments[0].type == .int64 else { return nil }
      return .call("$SINGLE_VALUE", arguments, arguments[1].type, isNullable: true)
    },
    ScalarFunction("TYPEOF", "TYPEOF(value [, BOOLEAN literal])") { (arguments) throws(MillraceError) in
      guard arguments.count == 1 || (arguments.count == 2 && arguments[1].type == .boolean && arguments[1].isLiteral) else { return nil }
      let suffix = arguments[0].isNullable || arguments[0].type == .null ? "" : " NOT NULL"
      return .literal(.text(arguments[0].type.description + suffix), .text)
    },
  ]

  /// Null when any argument is null, as Flink.
  private static func extreme(_ name: String) -> ScalarFunction {
    ScalarFunction(name, "\(name)(comparable, ...) of one common type") { (arguments) throws(MillraceError) in
      guard arguments.count >= 1, let type = typed(arguments), isOrdered(type) else { return nil }
      return .call(name, arguments.map { $0.cast(to: type) }, type)
    }
  }

  static func isOrdered(_ type: DataType) -> Bool {
    switch type {
    case .array, .map, .row, .null: false
    default: true
    }
  }

  private static func typed(_ arguments: [Expression]) -> DataType? {
    guard let type = TypeCoercion.common(arguments.map(\.type)), type != .null else { return nil }
    return type
  }
}

extension Expression {
  /// A CASE whose values already have one type.
  static func conditional(_ branches: [Expression], otherwise: Expression) -> Expression {
    let values = stride(from: 1, to: branches.count, by: 2).map { branches[$0] } + [otherwise]
    return Expression(
      .caseWhen(branches, otherwise: otherwise), type: otherwise.type, isNullable: values.contains { $0.isNullable })
  }
}
