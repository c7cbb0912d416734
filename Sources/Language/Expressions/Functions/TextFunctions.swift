import MillraceColumns
import MillraceTypes

/// Functions of text. Positions count code points from 1.
enum TextFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction("UPPER", "UPPER(STRING)", [.text], returns: .text),
    ScalarFunction("LOWER", "LOWER(STRING)", [.text], returns: .text),
    ScalarFunction("INITCAP", "INITCAP(STRING)", [.text], returns: .text),
    ScalarFunction("TRIM", "TRIM(STRING [, characters])", [.text, .text], optional: 1, returns: .text),
    ScalarFunction("LTRIM", "LTRIM(STRING [, characters])", [.text, .text], optional: 1, returns: .text),
    ScalarFunction("RTRIM", "RTRIM(STRING [, characters])", [.text, .text], optional: 1, returns: .text),
    ScalarFunction(
      "SUBSTRING", "SUBSTRING(STRING, start [, length])", [.text, .integer, .integer], optional: 1, isNullable: true, returns: .text),
    ScalarFunction("CHAR_LENGTH", "CHAR_LENGTH(STRING)", [.text], returns: .int32),
    ScalarFunction("OCTET_LENGTH", "OCTET_LENGTH(STRING or BYTES)", [.textOrBytes], returns: .int32),
    ScalarFunction("||", "STRING || STRING", [.text, .text], returns: .text),
    ScalarFunction("CONCAT", "CONCAT(value, ...)") { (arguments) throws(MillraceError) in
      let operands = arguments.compactMap(Parameter.printable.coerce)
      guard operands.count == arguments.count, let first = operands.first else { return nil }
      return operands.dropFirst().reduce(first) { .call("||", [$0, $1], .text) }
    },
    ScalarFunction("CONCAT_WS", "CONCAT_WS(separator, value, ...)") { (arguments) throws(MillraceError) in
      let operands = arguments.compactMap(Parameter.printable.coerce)
      guard operands.count == arguments.count, operands.count >= 2 else { return nil }
      return .call("CONCAT_WS", operands, .text, isNullable: operands[0].isNullable)
    },
    ScalarFunction("REPLACE", "REPLACE(STRING, search, replacement)", [.text, .text, .text], returns: .text),
    ScalarFunction("POSITION", "POSITION(STRING IN STRING)", [.text, .text], returns: .int32),
    ScalarFunction("LOCATE", "LOCATE(search, STRING [, start])", [.text, .text, .integer], optional: 1, returns: .int32),
    ScalarFunction("INSTR", "INSTR(STRING, search)") { (arguments) throws(MillraceError) in
      let operands = arguments.compactMap(Parameter.text.coerce)
      guard arguments.count == 2, operands.count == 2 else { return nil }
      return .call("POSITION", [operands[1], operands[0]], .int32)
    },
    ScalarFunction("LPAD", "LPAD(STRING, length, pad)", [.text, .integer, .text], isNullable: true, returns: .text),
    ScalarFunction("RPAD", "RPAD(STRING, length, pad)", [.text, .integer, .text], isNullable: true, returns: .text),
    ScalarFunction("LEFT", "LEFT(STRING, length)", [.text, .integer], returns: .text),
    ScalarFunction("RIGHT", "RIGHT(STRING, length)", [.text, .integer], returns: .text),
    ScalarFunction("REPEAT", "REPEAT(STRING, times)", [.text, .integer], returns: .text),
    ScalarFunction("REVERSE", "REVERSE(STRING)", [.text], returns: .text),
    ScalarFunction(
      "SPLIT_INDEX", "SPLIT_INDEX(STRING, separator, index from 0)", [.text, .text, .integer], isNullable: true, returns: .text),
    ScalarFunction("ASCII", "ASCII(STRING)", [.text], returns: .int32),
    ScalarFunction("CHR", "CHR(integer)", [.integer], returns: .text),
    edge("STARTSWITH", "prefix"), edge("ENDSWITH", "suffix"),
    ScalarFunction("LIKE", "STRING LIKE pattern [ESCAPE character]", [.text, .text, .text], optional: 1, returns: .boolean),
    ScalarFunction("SIMILAR TO", "STRING SIMILAR TO pattern [ESCAPE character]") { (arguments) throws(MillraceError) in
      let operands = arguments.compactMap(Parameter.text.coerce)
      guard (2...3).contains(arguments.count), operands.count == arguments.count else { return nil }
      if operands.contains(where: \.isNullLiteral) { return .null(.boolean) }
      guard case .text(let pattern)? = operands[1].literal else { throw .notSupported("SIMILAR TO with a pattern that is not a literal") }
      var escape: Character?
      if operands.count == 3 {
        guard case .text(let text)? = operands[2].literal, text.count == 1 else {
          throw MillraceError(.invalidSQL, "ESCAPE of SIMILAR TO must be one character")
        }
        escape = text.first
      }
      let regex = LikePattern.regularExpression(similarTo: pattern, escape: escape)
      try RegularExpression.check(regex)
      return .call("REGEXP", [operands[0], .literal(.text(regex), .text)], .boolean)
    },
    regex("REGEXP", "REGEXP(STRING, pattern)", [], returns: .boolean),
    regex("REGEXP_EXTRACT", "REGEXP_EXTRACT(STRING, pattern [, group])", [.integer], optional: 1, isNullable: true, returns: .text),
    regex("REGEXP_REPLACE", "REGEXP_REPLACE(STRING, pattern, replacement)", [.text], returns: .text),
    regex("REGEXP_COUNT", "REGEXP_COUNT(STRING, pattern)", [], returns: .int32),
    regex(
      "REGEXP_EXTRACT_ALL", "REGEXP_EXTRACT_ALL(STRING, pattern [, group])", [.integer], optional: 1, isNullable: true,
      returns: .array(Field("element", .text))),
    regex("REGEXP_INSTR", "REGEXP_INSTR(STRING, pattern)", [], returns: .int32),
    regex("REGEXP_SUBSTR", "REGEXP_SUBSTR(STRING, pattern)", [], isNullable: true, returns: .text),
    ScalarFunction("COUNT_CHAR", "COUNT_CHAR(STRING, character)", [.text, .text], returns: .int64),
    ScalarFunction(
      "OVERLAY", "OVERLAY(STRING PLACING STRING FROM start [FOR length])", [.text, .text, .integer, .integer], optional: 1,
      returns: .text),
    ScalarFunction("TRANSLATE", "TRANSLATE(STRING, from, to)", [.text, .text, .text], returns: .text),
    ScalarFunction("SUBSTRING_INDEX", "SUBSTRING_INDEX(STRING, separator, count)", [.text, .text, .integer], returns: .text),
    ScalarFunction("SOUNDEX", "SOUNDEX(STRING)", [.text], returns: .text),
    ScalarFunction("SPLIT", "SPLIT(STRING, separator)", [.text, .text], returns: .array(Field("element", .text, isNullable: false))),
    ScalarFunction("STR_TO_MAP", "STR_TO_MAP(STRING [, pair pattern [, key pattern]])") { (arguments) throws(MillraceError) in
      guard (1...3).contains(arguments.count) else { return nil }
      let operands = (arguments + [.literal(.text(","), .text), .literal(.text("="), .text)].dropFirst(arguments.count - 1))
        .compactMap(Parameter.text.coerce)
      guard operands.count == 3 else { return nil }
      for case .text(let pattern)? in operands.dropFirst().map(\.literal) { try RegularExpression.check(pattern) }
      let type = DataType.map(key: Field("key", .text, isNullable: false), value: Field("value", .text))
      return .call("STR_TO_MAP", operands, type)
    },
    ScalarFunction("ELT", "ELT(index from 1, STRING or BYTES, ...)") { (arguments) throws(MillraceError) in
      guard arguments.count >= 2, let index = Parameter.integer.coerce(arguments[0]) else { return nil }
      let values = Array(arguments.dropFirst())
      let type: DataType = values.contains { $0.type == .bytes } ? .bytes : .text
      let operands = values.compactMap { $0.coerced(to: type) }
      guard operands.count == values.count else { return nil }
      return .call("ELT", [index] + operands, type, isNullable: true)
    },
    ScalarFunction("PRINTF", "PRINTF(format, value, ...)") { (arguments) throws(MillraceError) in
      guard let first = arguments.first, let format = Parameter.text.coerce(first) else { return nil }
      let values = arguments.dropFirst().map { $0.type == .null ? Expression.null(.text) : $0 }
      guard values.allSatisfy({ TypeCoercion.isCastable($0.type, .text) }) else { return nil }
      return .call("PRINTF", [format] + values, .text, isNullable: true)
    },
    test("IS_ALPHA"), test("IS_DIGIT"), test("IS_DECIMAL"),
  ]

  /// A function of a text and a regular expression, which is checked at once when it is a literal.
  private static func regex(
    _ name: String, _ form: String, _ more: [Parameter], optional: Int = 0, isNullable: Bool = false, returns type: DataType
  ) -> ScalarFunction {
    let plain = ScalarFunction(name, form, [.text, .text] + more, optional: optional, isNullable: isNullable, returns: type)
    return ScalarFunction(name, form) { (arguments) throws(MillraceError) in
      guard let call = try plain.resolve(arguments) else { return nil }
      if case .text(let pattern)? = call.operands[1].literal { try RegularExpression.check(pattern) }
      return call
    }
  }

  /// Of two texts or two BYTES.
  private static func edge(_ name: String, _ part: String) -> ScalarFunction {
    ScalarFunction(name, "\(name)(STRING, \(part))", "\(name)(BYTES, \(part))") { (arguments) throws(MillraceError) in
      let type: DataType = arguments.contains { $0.type == .bytes } ? .bytes : .text
      let operands = arguments.compactMap { $0.coerced(to: type) }
      guard arguments.count == 2, operands.count == 2 else { return nil }
      return .call(name, operands, .boolean)
    }
  }

  /// A test that is false for null.
  private static func test(_ name: String) -> ScalarFunction {
    ScalarFunction(name, "\(name)(STRING)") { (arguments) throws(MillraceError) in
      guard arguments.count == 1 else { return nil }
      if name == "IS_DECIMAL" && arguments[0].type.isNumeric { return .call("IS NOT NULL", arguments, .boolean, isNullable: false) }
      guard let operand = Parameter.text.coerce(arguments[0]) else { return nil }
      return .call(name, [operand], .boolean, isNullable: false)
    }
  }
}
