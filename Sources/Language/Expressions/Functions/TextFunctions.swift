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
    ScalarFunction("COUNT_CHAR", "COUNT_CHAR(STRING, character)", [.text, .text], returns: .int64),
    ScalarFunction("ASCII", "ASCII(STRING)", [.text], returns: .int32),
    ScalarFunction("CHR", "CHR(integer)", [.integer], returns: .text),
    ScalarFunction("STARTSWITH", "STARTSWITH(STRING, prefix)", [.text, .text], returns: .boolean),
    ScalarFunction("ENDSWITH", "ENDSWITH(STRING, suffix)", [.text, .text], returns: .boolean),
    ScalarFunction("LIKE", "STRING LIKE pattern [ESCAPE character]", [.text, .text, .text], optional: 1, returns: .boolean),
    ScalarFunction("REGEXP", "REGEXP(STRING, pattern)", [.text, .text], returns: .boolean),
    ScalarFunction(
      "REGEXP_EXTRACT", "REGEXP_EXTRACT(STRING, pattern [, group])", [.text, .text, .integer], optional: 1, isNullable: true,
      returns: .text),
    ScalarFunction("REGEXP_REPLACE", "REGEXP_REPLACE(STRING, pattern, replacement)", [.text, .text, .text], returns: .text),
    ScalarFunction("MD5", "MD5(STRING or BYTES)", [.textOrBytes], returns: .text),
    ScalarFunction("SHA256", "SHA256(STRING or BYTES)", [.textOrBytes], returns: .text),
  ]
}
