import MillraceColumns
import MillraceTypes

/// Functions that take arrays apart and put them together. Elements compare as GROUP BY compares them: null equals null.
enum ArrayFunctions {
  static let all: [ScalarFunction] = [
    withElement("ARRAY_CONTAINS", "ARRAY_CONTAINS(array, element)", returns: .boolean),
    withElement("ARRAY_POSITION", "ARRAY_POSITION(array, element)", returns: .int32),
    withElement("ARRAY_REMOVE", "ARRAY_REMOVE(array, element)"),
    withElement("ARRAY_APPEND", "ARRAY_APPEND(array, element)", adds: true),
    withElement("ARRAY_PREPEND", "ARRAY_PREPEND(array, element)", adds: true),
    ofOne("ARRAY_DISTINCT"), ofOne("ARRAY_REVERSE"),
    ofMany("ARRAY_CONCAT", most: .max), ofMany("ARRAY_UNION", most: 2), ofMany("ARRAY_EXCEPT", most: 2),
    ofMany("ARRAY_INTERSECT", most: 2),
    extreme("ARRAY_MAX"), extreme("ARRAY_MIN"),
    ScalarFunction("ARRAY_SLICE", "ARRAY_SLICE(array, start [, end])") { (arguments) throws(MillraceError) in
      guard arguments.count == 2 || arguments.count == 3, case .array = arguments[0].type else { return nil }
      let bounds = arguments.dropFirst().compactMap(Parameter.integer.coerce)
      guard bounds.count == arguments.count - 1 else { return nil }
      return .call("ARRAY_SLICE", [arguments[0]] + bounds, arguments[0].type)
    },
    ScalarFunction("ARRAY_SORT", "ARRAY_SORT(array [, ascending [, nulls first]])") { (arguments) throws(MillraceError) in
      guard (1...3).contains(arguments.count), case .array(let element) = arguments[0].type, ConditionalFunctions.isOrdered(element.type)
      else { return nil }
      let flags = arguments.dropFirst().compactMap(Parameter.boolean.coerce)
      guard flags.count == arguments.count - 1 else { return nil }
      return .call("ARRAY_SORT", [arguments[0]] + flags, arguments[0].type)
    },
    ScalarFunction("ARRAY_JOIN", "ARRAY_JOIN(array of STRING, separator [, text for null])") { (arguments) throws(MillraceError) in
      guard arguments.count == 2 || arguments.count == 3, case .array(let element) = arguments[0].type, element.type == .text else {
        return nil
      }
      let texts = arguments.dropFirst().compactMap(Parameter.text.coerce)
      guard texts.count == arguments.count - 1 else { return nil }
      return .call("ARRAY_JOIN", [arguments[0]] + texts, .text)
    },
  ]

  /// An array and an element, as one element type.
  private static func withElement(_ name: String, _ form: String, adds: Bool = false, returns result: DataType? = nil) -> ScalarFunction {
    ScalarFunction(name, form) { (arguments) throws(MillraceError) in
      guard arguments.count == 2, case .array(let element) = arguments[0].type,
        let type = TypeCoercion.common(element.type, arguments[1].type), type != .null
      else { return nil }
      let field = Field(element.name, type, isNullable: element.isNullable || (adds && arguments[1].isNullable))
      let operands = [arguments[0].cast(to: .array(field)), arguments[1].cast(to: type)]
      // Only the array's own null counts, but for a position there is none of an unknown element.
      let isNullable = arguments[0].isNullable || (name == "ARRAY_POSITION" && arguments[1].isNullable)
      return .call(name, operands, result ?? .array(field), isNullable: isNullable)
    }
  }

  private static func ofOne(_ name: String) -> ScalarFunction {
    ScalarFunction(name, "\(name)(array)") { (arguments) throws(MillraceError) in
      guard arguments.count == 1, case .array = arguments[0].type else { return nil }
      return .call(name, arguments, arguments[0].type)
    }
  }

  private static func ofMany(_ name: String, most: Int) -> ScalarFunction {
    ScalarFunction(name, most == 2 ? "\(name)(array, array)" : "\(name)(array, ...)") { (arguments) throws(MillraceError) in
      guard arguments.count >= (most == 2 ? 2 : 1), arguments.count <= most, let type = TypeCoercion.common(arguments.map(\.type)),
        case .array = type
      else { return nil }
      return .call(name, arguments.map { $0.cast(to: type) }, type)
    }
  }

  private static func extreme(_ name: String) -> ScalarFunction {
    ScalarFunction(name, "\(name)(array of comparable)") { (arguments) throws(MillraceError) in
      guard arguments.count == 1, case .array(let element) = arguments[0].type, ConditionalFunctions.isOrdered(element.type) else {
        return nil
      }
      return .call(name, arguments, element.type, isNullable: true)
    }
  }
}

/// Functions that take maps apart and put them together.
enum MapFunctions {
  static let all: [ScalarFunction] = [
    ofMap("MAP_KEYS") { key, _ in .array(Field("element", key.type, isNullable: key.isNullable)) },
    ofMap("MAP_VALUES") { _, value in .array(Field("element", value.type, isNullable: value.isNullable)) },
    ofMap("MAP_ENTRIES") { key, value in
      .array(
        Field(
          "element", .row([Field("key", key.type, isNullable: key.isNullable), Field("value", value.type, isNullable: value.isNullable)]),
          isNullable: false))
    },
    ScalarFunction("MAP_FROM_ARRAYS", "MAP_FROM_ARRAYS(array of keys, array of values)") { (arguments) throws(MillraceError) in
      guard arguments.count == 2, case .array(let key) = arguments[0].type, case .array(let value) = arguments[1].type else { return nil }
      let type = DataType.map(
        key: Field("key", key.type, isNullable: key.isNullable), value: Field("value", value.type, isNullable: value.isNullable))
      return .call("MAP_FROM_ARRAYS", arguments, type)
    },
    ScalarFunction("MAP_FROM_ENTRIES", "MAP_FROM_ENTRIES(array of rows of key and value)") { (arguments) throws(MillraceError) in
      guard arguments.count == 1, case .array(let element) = arguments[0].type, case .row(let fields) = element.type, fields.count == 2
      else { return nil }
      let type = DataType.map(
        key: Field("key", fields[0].type, isNullable: fields[0].isNullable),
        value: Field("value", fields[1].type, isNullable: fields[1].isNullable))
      return .call("MAP_FROM_ENTRIES", arguments, type, isNullable: arguments[0].isNullable || element.isNullable)
    },
    ScalarFunction("MAP_UNION", "MAP_UNION(map, ...)") { (arguments) throws(MillraceError) in
      guard !arguments.isEmpty, let type = TypeCoercion.common(arguments.map(\.type)), case .map = type else { return nil }
      return .call("MAP_UNION", arguments.map { $0.cast(to: type) }, type)
    },
  ]

  private static func ofMap(_ name: String, _ result: @escaping @Sendable (Field, Field) -> DataType) -> ScalarFunction {
    ScalarFunction(name, "\(name)(map)") { (arguments) throws(MillraceError) in
      guard arguments.count == 1, case .map(let key, let value) = arguments[0].type else { return nil }
      return .call(name, arguments, result(key, value))
    }
  }
}
