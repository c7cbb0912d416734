import MillraceColumns
import MillraceTypes

/// Functions of JSON text. Their clauses reach them as literals behind the arguments, as the binder writes them:
/// `JSON_EXISTS(text, path, ON ERROR)`, `JSON_VALUE(text, path, ON EMPTY, default, ON ERROR, default)`,
/// `JSON_QUERY(text, path, wrapper, ON EMPTY, ON ERROR)`, `JSON_OBJECT(flags, key, value, ...)`, `JSON_ARRAY(flags, value, ...)`.
enum JSONFunctions {
  static let all: [ScalarFunction] =
    ["VALUE", "SCALAR", "ARRAY", "OBJECT"].map { kind in
      ScalarFunction("IS JSON \(kind)", "STRING IS JSON \(kind)") { (arguments) throws(MillraceError) in
        guard arguments.count == 1, let text = Parameter.text.coerce(arguments[0]) else { return nil }
        return .call("IS JSON \(kind)", [text], .boolean, isNullable: false)
      }
    }
    + [
      ScalarFunction("JSON_QUOTE", "JSON_QUOTE(STRING)", [.text], returns: .text),
      ScalarFunction("JSON_UNQUOTE", "JSON_UNQUOTE(STRING)", [.text], returns: .text),
      ScalarFunction("JSON_STRING", "JSON_STRING(value)") { (arguments) throws(MillraceError) in
        guard arguments.count == 1 else { return nil }
        return .call("JSON_STRING", arguments[0].type == .null ? [.null(.int32)] : arguments, .text)
      },
      ScalarFunction("JSON_EXISTS", "JSON_EXISTS(STRING, path [TRUE | FALSE | UNKNOWN | ERROR ON ERROR])") {
        (arguments) throws(MillraceError) in
        guard let (text, path) = try start(arguments) else { return nil }
        return .call("JSON_EXISTS", [text, path, arguments.count > 2 ? arguments[2] : word("FALSE")], .boolean, isNullable: true)
      },
      ScalarFunction("JSON_VALUE", "JSON_VALUE(STRING, path [RETURNING type] [... ON EMPTY] [... ON ERROR])") {
        (arguments) throws(MillraceError) in try value(arguments, returning: .text)
      },
      ScalarFunction("JSON_QUERY", "JSON_QUERY(STRING, path [... WRAPPER] [... ON EMPTY] [... ON ERROR])") {
        (arguments) throws(MillraceError) in try query(arguments, returning: .text)
      },
      ScalarFunction("JSON_OBJECT", "JSON_OBJECT([KEY] key VALUE value, ... [NULL | ABSENT ON NULL])") {
        (arguments) throws(MillraceError) in try object(arguments)
      },
      ScalarFunction("JSON_ARRAY", "JSON_ARRAY(value, ... [NULL | ABSENT ON NULL])") { (arguments) throws(MillraceError) in
        try .call("JSON_ARRAY", [flags(arguments, valuesFrom: 1, step: 1)] + typed(arguments.dropFirst()), .text, isNullable: false)
      },
    ]

  static func word(_ text: String) -> Expression { .literal(.text(text), .text) }

  private static func start(_ arguments: [Expression]) throws(MillraceError) -> (text: Expression, path: Expression)? {
    guard arguments.count >= 2, let text = Parameter.text.coerce(arguments[0]), let path = Parameter.text.coerce(arguments[1]) else {
      return nil
    }
    guard case .text(let literal)? = path.literal else {
      if path.isNullLiteral { return (text, path) }
      throw .notSupported("a JSON path that is not a literal")
    }
    _ = try JSONPath(literal)
    return (text, path)
  }

  /// The types that JSON_VALUE may return.
  private static let returned: [DataType] = [.text, .boolean, .int32, .int64, .float64]

  static func value(_ arguments: [Expression], returning type: DataType) throws(MillraceError) -> Expression? {
    guard let (text, path) = try start(arguments) else { return nil }
    guard returned.contains(type) else {
      throw MillraceError(
        .invalidSQL, "JSON_VALUE cannot return \(type)", hint: "use RETURNING STRING, BOOLEAN, INT, BIGINT or DOUBLE, and cast the result")
    }
    let clauses = arguments.count == 6 ? Array(arguments[2...]) : [word("NULL"), .null(type), word("NULL"), .null(type)]
    var operands = [text, path]
    for clause in stride(from: 0, to: 4, by: 2) {
      let fallback = clauses[clause + 1]
      guard TypeCoercion.isCastable(fallback.type, type) else {
        throw MillraceError(.invalidSQL, "the DEFAULT of JSON_VALUE is \(fallback.type), not \(type)", hint: "cast it to \(type)")
      }
      operands += [clauses[clause], fallback.cast(to: type)]
    }
    return .call("JSON_VALUE", operands, type, isNullable: true)
  }

  static func query(_ arguments: [Expression], returning type: DataType) throws(MillraceError) -> Expression? {
    guard let (text, path) = try start(arguments) else { return nil }
    var isTexts = false
    if case .array(let element) = type, element.type == .text { isTexts = true }
    guard type == .text || isTexts else {
      throw MillraceError(.invalidSQL, "JSON_QUERY cannot return \(type)", hint: "use RETURNING STRING or ARRAY<STRING>")
    }
    let clauses = arguments.count == 5 ? Array(arguments[2...]) : [word("WITHOUT"), word("NULL"), word("NULL")]
    if isTexts, clauses.dropFirst().contains(where: { $0.literal == .text("EMPTY OBJECT") }) {
      throw MillraceError(.invalidSQL, "EMPTY OBJECT is no ARRAY<STRING>", hint: "use EMPTY ARRAY")
    }
    return .call("JSON_QUERY", [text, path] + clauses, type, isNullable: true)
  }

  private static func object(_ arguments: [Expression]) throws(MillraceError) -> Expression? {
    guard arguments.count % 2 == 1 else { return nil }
    var operands = [try flags(arguments, valuesFrom: 2, step: 2)]
    for i in stride(from: 1, to: arguments.count, by: 2) {
      guard let key = Parameter.text.coerce(arguments[i]), !key.isNullLiteral else { return nil }
      operands += [key] + typed(arguments[(i + 1)...(i + 1)])
    }
    return .call("JSON_OBJECT", operands, .text, isNullable: false)
  }

  private static func typed(_ values: some Sequence<Expression>) -> [Expression] {
    values.map { $0.type == .null ? .null(.int32) : $0 }
  }

  /// `NULL` or `ABSENT`, then per value `j` for JSON that is put in as it is, `v` for anything else.
  private static func flags(_ arguments: [Expression], valuesFrom first: Int, step: Int) throws(MillraceError) -> Expression {
    guard case .text(let onNull)? = arguments.first?.literal else { return word("NULL ") }
    let kinds = stride(from: first, to: arguments.count, by: step).map { isJSON(arguments[$0]) ? "j" : "v" }
    return word(onNull + " " + kinds.joined())
  }

  static func isJSON(_ expression: Expression) -> Bool {
    guard case .call(let name, _) = expression.kind else { return false }
    return name == "JSON_OBJECT" || name == "JSON_ARRAY"
  }
}

extension FunctionRegistry {
  /// `JSON_VALUE(... RETURNING type ...)` and `JSON_QUERY(... RETURNING type ...)`, with the operands of `JSONFunctions`.
  ///
  /// - Throws: `invalid-sql` for a type that cannot be returned.
  public func json(_ name: String, _ arguments: [Expression], returning type: DataType) throws(MillraceError) -> Expression {
    let call =
      name == "JSON_VALUE"
      ? try JSONFunctions.value(arguments, returning: type) : try JSONFunctions.query(arguments, returning: type)
    if let call { return call }
    throw MillraceError(.invalidSQL, "\(name) does not accept (\(arguments.prefix(2).map(\.type.description).joined(separator: ", ")))")
  }
}
