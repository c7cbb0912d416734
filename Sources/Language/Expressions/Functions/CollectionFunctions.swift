import MillraceColumns
import MillraceTypes

/// Constructors and access of arrays, maps and rows.
enum CollectionFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction("ARRAY", "ARRAY[value, ...] of one common type") { (arguments) throws(MillraceError) in
      guard !arguments.isEmpty, let type = TypeCoercion.common(arguments.map(\.type)), type != .null else { return nil }
      let element = Field("element", type, isNullable: arguments.contains { $0.isNullable })
      return .call("ARRAY", arguments.map { $0.cast(to: type) }, .array(element), isNullable: false)
    },
    ScalarFunction("MAP", "MAP[key, value, ...] of one key and one value type") { (arguments) throws(MillraceError) in
      guard arguments.count >= 2, arguments.count % 2 == 0 else { return nil }
      let keys = stride(from: 0, to: arguments.count, by: 2).map { arguments[$0] }
      let values = stride(from: 1, to: arguments.count, by: 2).map { arguments[$0] }
      guard let key = TypeCoercion.common(keys.map(\.type)), let value = TypeCoercion.common(values.map(\.type)), key != .null,
        value != .null
      else { return nil }
      let type = DataType.map(
        key: Field("key", key, isNullable: keys.contains { $0.isNullable }),
        value: Field("value", value, isNullable: values.contains { $0.isNullable }))
      return .call("MAP", zip(keys, values).flatMap { [$0.cast(to: key), $1.cast(to: value)] }, type, isNullable: false)
    },
    ScalarFunction("ROW", "ROW(value, ...)") { (arguments) throws(MillraceError) in
      guard !arguments.isEmpty else { return nil }
      let fields = arguments.enumerated().map { Field("EXPR$\($0)", $1.type, isNullable: $1.isNullable) }
      return .call("ROW", arguments, .row(fields), isNullable: false)
    },
    ScalarFunction("ITEM", "array[index from 1]", "map[key]") { (arguments) throws(MillraceError) in
      guard arguments.count == 2 else { return nil }
      switch arguments[0].type {
      case .array(let element):
        guard let index = Parameter.integer.coerce(arguments[1]) else { return nil }
        return .call("ITEM", [arguments[0], index], element.type, isNullable: true)
      case .map(let key, let value):
        guard let wanted = arguments[1].coerced(to: key.type) else { return nil }
        return .call("ITEM", [arguments[0], wanted], value.type, isNullable: true)
      default: return nil
      }
    },
    ScalarFunction("CARDINALITY", "CARDINALITY(array or map)") { (arguments) throws(MillraceError) in
      guard arguments.count == 1 else { return nil }
      switch arguments[0].type {
      case .array, .map: return .call("CARDINALITY", arguments, .int32)
      default: return nil
      }
    },
    ScalarFunction("ELEMENT", "ELEMENT(array of at most one element)") { (arguments) throws(MillraceError) in
      guard arguments.count == 1, case .array(let element) = arguments[0].type else { return nil }
      return .call("ELEMENT", arguments, element.type, isNullable: true)
    },
  ]
}
