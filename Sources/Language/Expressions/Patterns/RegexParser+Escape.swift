import MillraceTypes

/// Escapes and classes in brackets.
extension RegexParser {
  mutating func escape() throws(MillraceError) -> RegexNode {
    at += 1
    guard let code = current else { throw failure("a backslash at the end") }
    func assertion(_ kind: RegexNode.Assertion) -> RegexNode { .assertion(kind) }
    switch code {
    case 65:
      at += 1
      return assertion(.textStart)
    case 122:
      at += 1
      return assertion(.textEnd)
    case 90:
      at += 1
      return assertion(.textEndOrLastLine)
    case 98:
      at += 1
      return assertion(.wordBoundary)
    case 66:
      at += 1
      return assertion(.noWordBoundary)
    case 82:
      at += 1
      let crlf = RegexNode.sequence([.one(.one(13)), .one(.one(10))])
      return .atomic(.choice([crlf, .one(.property(.verticalSpace))]))
    case 49...57: throw unsupported("a back-reference (\\\(code - 48))")
    case 107: throw unsupported("a back-reference (\\k<name>)")
    case 71: throw unsupported("\\G")
    case 88: throw unsupported("\\X")
    case 78: throw unsupported("\\N{...}")
    default: break
    }
    if let test = try classEscape() { return .one(test) }
    return .one(folded(.one(try codeEscape())))
  }

  /// Behind `\Q`: up to `\E` everything stands for itself.
  mutating func quoted() -> [RegexNode] {
    var parts: [RegexNode] = []
    while let code = current {
      if take("\\E") { break }
      parts.append(.one(folded(.one(code))))
      at += 1
    }
    return parts
  }

  /// `\d` and its like, and `\p{...}`; nil (and nothing taken) when it is none.
  private mutating func classEscape() throws(MillraceError) -> CharacterTest? {
    guard let code = current else { return nil }
    let known: [UInt32: CharacterTest] = [
      100: .property(.digit), 68: .not(.property(.digit)), 119: .property(.word), 87: .not(.property(.word)), 115: .property(.space),
      83: .not(.property(.space)), 104: .property(.horizontalSpace), 72: .not(.property(.horizontalSpace)),
      118: .property(.verticalSpace), 86: .not(.property(.verticalSpace)),
    ]
    if let test = known[code] {
      at += 1
      return test
    }
    guard code == 112 || code == 80 else { return nil }
    at += 1
    var name = ""
    if take("{") {
      while let next = current, next != 125 {
        if let scalar = Unicode.Scalar(next) { name.unicodeScalars.append(scalar) }
        at += 1
      }
      guard take("}") else { throw failure("'}' is missing after \\p{") }
    } else if let next = current, let scalar = Unicode.Scalar(next) {
      name.unicodeScalars.append(scalar)
      at += 1
    }
    guard let property = CharacterProperty(name: name) else { throw unsupported("\\p{\(name)}") }
    var test = CharacterTest.property(property)
    if flags.ignoresCase && [.lower, .upper, .isLowercase, .isUppercase].contains(property) {
      test = .any([.property(property == .lower || property == .upper ? .alpha : .isAlphabetic)])
    }
    return code == 80 ? .not(test) : test
  }

  /// The code point that an escape stands for.
  private mutating func codeEscape() throws(MillraceError) -> UInt32 {
    guard let code = current else { throw failure("a backslash at the end") }
    at += 1
    switch code {
    case 116: return 9
    case 110: return 10
    case 114: return 13
    case 102: return 12
    case 97: return 7
    case 101: return 27
    case 48:
      var value: UInt32 = 0
      var digits = 0
      while let digit = current, (48...55).contains(digit), digits < 3, value * 8 + digit - 48 <= 255 {
        value = value * 8 + digit - 48
        digits += 1
        at += 1
      }
      if digits == 0 { throw failure("\\0 needs octal digits") }
      return value
    case 120:
      if take("{") {
        var value: UInt32 = 0
        var digits = 0
        while let digit = current.flatMap(Self.hexDigit), digits < 8 {
          value = value << 4 | digit
          digits += 1
          at += 1
        }
        guard digits > 0, take("}"), value <= 0x10FFFF else { throw failure("\\x{...} needs a code point in hexadecimal digits") }
        return value
      }
      return try hex(2)
    case 117:
      let first = try hex(4)
      // Two escapes of surrogates are one code point.
      if (0xD800...0xDBFF).contains(first), isAt("\\u") {
        let start = at
        at += 2
        let second = try hex(4)
        if (0xDC00...0xDFFF).contains(second) { return 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00) }
        at = start
      }
      return first
    case 99:
      guard let next = current else { throw failure("\\c needs a character") }
      at += 1
      return next ^ 64
    default:
      if CharacterProperty.alpha.holds(code) {
        at -= 1
        throw failure("the unknown escape \\\(Character(Unicode.Scalar(UInt8(code))))")
      }
      return code
    }
  }

  private mutating func hex(_ count: Int) throws(MillraceError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let digit = current.flatMap(Self.hexDigit) else { throw failure("\(count) hexadecimal digits are needed") }
      value = value << 4 | digit
      at += 1
    }
    return value
  }

  private static func hexDigit(_ code: UInt32) -> UInt32? {
    switch code {
    case 48...57: code - 48
    case 65...70: code - 55
    case 97...102: code - 87
    default: nil
    }
  }

  // MARK: classes

  /// What follows `[`, up to and with its `]`. `&&` binds loosest, `^` negates all of it.
  mutating func characterClass(depth: Int = 0) throws(MillraceError) -> CharacterTest {
    if depth > 50 { throw failure("classes are nested too deeply") }
    let isNegated = take("^")
    var operands: [CharacterTest] = []
    var items: [CharacterTest] = []
    var isFirst = true
    while true {
      guard let code = current else { throw failure("']' is missing") }
      if code == 93 && !(isFirst && operands.isEmpty) {
        at += 1
        break
      }
      if take("&&") {
        operands.append(.any(items))
        items = []
        isFirst = true
        continue
      }
      isFirst = false
      if flags.isVerbose && CharacterProperty.space.holds(code) {
        at += 1
        continue
      }
      if take("[") {
        items.append(try characterClass(depth: depth + 1))
        continue
      }
      items.append(try classItem())
    }
    // `[a&&]` is as `[a]`.
    if !items.isEmpty || operands.isEmpty { operands.append(.any(items)) }
    let test: CharacterTest = operands.count == 1 ? operands[0] : .all(operands)
    return isNegated ? .not(test) : test
  }

  private mutating func classItem() throws(MillraceError) -> CharacterTest {
    if isAt("\\Q") {
      at += 2
      var tests: [CharacterTest] = []
      while let code = current, !take("\\E") {
        tests.append(folded(.one(code)))
        at += 1
      }
      return .any(tests)
    }
    let low: UInt32
    if take("\\") {
      if let test = try classEscape() { return test }
      low = try codeEscape()
    } else {
      low = codes[at]
      at += 1
    }
    // A range, unless `-` is the last thing or an operand of its own.
    guard isAt("-"), at + 1 < codes.count, codes[at + 1] != 93, codes[at + 1] != 91 else { return folded(.one(low)) }
    at += 1
    let high: UInt32
    if take("\\") {
      if let test = try classEscape() { return .any([folded(.one(low)), .one(45), test]) }
      high = try codeEscape()
    } else {
      high = codes[at]
      at += 1
    }
    if high < low { throw failure("a range is the wrong way round") }
    return folded(.range(low, high))
  }
}
