import MillraceColumns
import MillraceTypes

/// Functions between text, bytes and their encodings, and digests.
enum EncodingFunctions {
  static let all: [ScalarFunction] =
    ["MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"].map {
      ScalarFunction($0, "\($0)(STRING or BYTES)", [.textOrBytes], returns: .text)
    }
    + [
      ScalarFunction("SHA2", "SHA2(STRING or BYTES, 224, 256, 384 or 512)", [.textOrBytes, .integer], isNullable: true, returns: .text),
      ScalarFunction("TO_BASE64", "TO_BASE64(STRING or BYTES)", [.textOrBytes], returns: .text),
      ScalarFunction("FROM_BASE64", "FROM_BASE64(STRING)", [.text], isNullable: true, returns: .text),
      ScalarFunction("UNHEX", "UNHEX(STRING)", [.text], isNullable: true, returns: .bytes),
      ScalarFunction("BIN", "BIN(integer)", [.integer], returns: .text),
      ScalarFunction("HEX", "HEX(integer)", "HEX(STRING or BYTES)") { (arguments) throws(MillraceError) in
        guard arguments.count == 1 else { return nil }
        guard let operand = Parameter.integer.coerce(arguments[0]) ?? Parameter.textOrBytes.coerce(arguments[0]) else { return nil }
        return .call("HEX", [operand], .text)
      },
      ScalarFunction("URL_ENCODE", "URL_ENCODE(STRING)", [.text], returns: .text),
      ScalarFunction("URL_DECODE", "URL_DECODE(STRING)", [.text], isNullable: true, returns: .text),
      ScalarFunction("PARSE_URL", "PARSE_URL(STRING, part [, key])", [.text, .text, .text], optional: 1, isNullable: true, returns: .text),
      charset("ENCODE", [.text, .text], returns: .bytes), charset("DECODE", [.bytes, .text], returns: .text),
    ]

  private static func charset(_ name: String, _ parameters: [Parameter], returns type: DataType) -> ScalarFunction {
    let form = name == "ENCODE" ? "ENCODE(STRING, character set)" : "DECODE(BYTES, character set)"
    let plain = ScalarFunction(name, form, parameters, isNullable: true, returns: type)
    return ScalarFunction(name, form) { (arguments) throws(MillraceError) in
      guard let call = try plain.resolve(arguments) else { return nil }
      if case .text(let set)? = call.operands[1].literal, CharacterSet(name: set) == nil {
        throw MillraceError(
          .invalidSQL, "\(name) does not know the character set '\(set)'",
          hint: "use one of \(CharacterSet.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return call
    }
  }
}

/// The character sets of ENCODE and DECODE.
enum CharacterSet: String, CaseIterable, Sendable {
  case ascii = "US-ASCII"
  case latin1 = "ISO-8859-1"
  case utf8 = "UTF-8"
  case utf16be = "UTF-16BE"
  case utf16le = "UTF-16LE"
  case utf16 = "UTF-16"

  init?(name: String) {
    guard let known = CharacterSet(rawValue: name.uppercased()) else { return nil }
    self = known
  }

  /// Characters that the set lacks become `?`, as in Java. UTF-16 begins with its byte order mark.
  func encode(_ text: String) -> [UInt8] {
    switch self {
    case .utf8: return Array(text.utf8)
    case .ascii: return text.unicodeScalars.map { $0.value < 128 ? UInt8($0.value) : 63 }
    case .latin1: return text.unicodeScalars.map { $0.value < 256 ? UInt8($0.value) : 63 }
    case .utf16be, .utf16: return (self == .utf16 ? [0xFE, 0xFF] : []) + text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    case .utf16le: return text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    }
  }

  /// Bytes that the set does not know become U+FFFD.
  func decode(_ bytes: Bytes) -> String {
    switch self {
    case .utf8: return String(decoding: bytes, as: UTF8.self)
    case .ascii: return scalars(bytes.map { $0 < 128 ? UInt32($0) : 0xFFFD })
    case .latin1: return scalars(bytes.map { UInt32($0) })
    case .utf16be, .utf16le, .utf16:
      var isLittle = self == .utf16le
      var at = 0
      if self == .utf16, bytes.count >= 2 {
        if bytes[0] == 0xFE && bytes[1] == 0xFF { at = 2 }
        if bytes[0] == 0xFF && bytes[1] == 0xFE { (at, isLittle) = (2, true) }
      }
      var units: [UInt16] = []
      while at + 1 < bytes.count {
        units.append(isLittle ? UInt16(bytes[at + 1]) << 8 | UInt16(bytes[at]) : UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]))
        at += 2
      }
      return String(decoding: units, as: UTF16.self) + (at < bytes.count ? "\u{FFFD}" : "")
    }
  }

  private func scalars(_ codes: [UInt32]) -> String {
    var view = String.UnicodeScalarView()
    for code in codes { view.append(Unicode.Scalar(code) ?? "\u{FFFD}") }
    return String(view)
  }
}
