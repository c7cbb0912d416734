/// A set of code points, as a regular expression names it.
indirect enum CharacterTest: Sendable, Hashable {
  case range(UInt32, UInt32)
  case property(CharacterProperty)
  case any([CharacterTest])
  case all([CharacterTest])
  case not(CharacterTest)
  /// Also the other case of a letter: of ASCII letters only, or of all.
  case folded(CharacterTest, isUnicode: Bool)

  static func one(_ code: UInt32) -> CharacterTest { .range(code, code) }
  static let everything = CharacterTest.range(0, 0x10FFFF)

  func matches(_ code: UInt32) -> Bool {
    switch self {
    case .range(let low, let high): return code >= low && code <= high
    case .property(let property): return property.holds(code)
    case .any(let tests): return tests.contains { $0.matches(code) }
    case .all(let tests): return tests.allSatisfy { $0.matches(code) }
    case .not(let test): return !test.matches(code)
    case .folded(let test, let isUnicode):
      if test.matches(code) { return true }
      return Self.otherCases(code, isUnicode: isUnicode).contains { test.matches($0) }
    }
  }

  private static func otherCases(_ code: UInt32, isUnicode: Bool) -> [UInt32] {
    if code < 128 && !isUnicode {
      let isLetter = (65...90).contains(code & ~32)
      return isLetter ? [code ^ 32] : []
    }
    guard isUnicode, let scalar = Unicode.Scalar(code) else { return [] }
    return [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping].compactMap { mapping in
      let scalars = mapping.unicodeScalars
      return scalars.count == 1 ? scalars.first?.value : nil
    }
  }

  /// Whether all (true) or none (false) of the code points from U+0080 on belong to it; nil when some do or it is not known.
  var holdsBeyondASCII: Bool? {
    switch self {
    case .range(let low, let high):
      if high < 128 { return false }
      return low <= 128 && high >= 0x10FFFF ? true : nil
    case .property(let property): return property.isASCIIOnly ? false : nil
    case .any(let tests):
      let known = tests.map(\.holdsBeyondASCII)
      if known.contains(true) { return true }
      return known.allSatisfy { $0 == false } ? false : nil
    case .all(let tests):
      let known = tests.map(\.holdsBeyondASCII)
      if known.contains(false) { return false }
      return known.allSatisfy { $0 == true } ? true : nil
    case .not(let test): return test.holdsBeyondASCII.map { !$0 }
    case .folded(let test, let isUnicode): return isUnicode ? nil : test.holdsBeyondASCII
    }
  }

  /// The code point when it holds exactly one.
  var single: UInt32? {
    if case .range(let low, let high) = self, low == high { return low }
    return nil
  }

  /// Bytes of UTF-8 that one of its code points takes.
  var byteWidth: ClosedRange<Int> {
    if let single { return Self.utf8Count(single)...Self.utf8Count(single) }
    if case .range(let low, let high) = self { return Self.utf8Count(low)...Self.utf8Count(high) }
    return holdsBeyondASCII == false ? 1...1 : 1...4
  }

  static func utf8Count(_ code: UInt32) -> Int { code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4 }

  /// Per first byte of a code point: 0 no, 1 yes, 2 the code point has to be looked at.
  var firstBytes: [UInt8] {
    let beyond: UInt8 = holdsBeyondASCII.map { $0 ? 1 : 0 } ?? 2
    return (0..<256).map { $0 < 128 ? (matches(UInt32($0)) ? 1 : 0) : beyond }
  }
}

/// The named classes of code points.
enum CharacterProperty: Sendable, Hashable {
  /// POSIX classes, of ASCII only: `\p{Lower}` and its like.
  case lower, upper, ascii, alpha, digit, alnum, punct, graph, print, blank, cntrl, xdigit, space, word
  /// `\h`, `\v` and what `.` does not match.
  case horizontalSpace, verticalSpace, lineEnd
  /// A general category of Unicode by its one or two letters.
  case category(String)
  case isAlphabetic, isUppercase, isLowercase, isWhitespace, isLetterOrDigit

  /// By the name within `\p{...}`; nil when it is not known.
  init?(name: String) {
    let posix: [String: CharacterProperty] = [
      "Lower": .lower, "Upper": .upper, "ASCII": .ascii, "Alpha": .alpha, "Digit": .digit, "Alnum": .alnum, "Punct": .punct,
      "Graph": .graph, "Print": .print, "Blank": .blank, "Cntrl": .cntrl, "XDigit": .xdigit, "Space": .space,
      "IsAlphabetic": .isAlphabetic, "IsUppercase": .isUppercase, "IsLowercase": .isLowercase, "IsWhite_Space": .isWhitespace,
      "IsLetter": .category("L"), "IsDigit": .category("Nd"), "IsPunctuation": .category("P"), "javaLowerCase": .isLowercase,
      "javaUpperCase": .isUppercase, "javaLetterOrDigit": .isLetterOrDigit, "javaLetter": .category("L"),
      "javaDigit": .category("Nd"),
    ]
    if let known = posix[name] {
      self = known
      return
    }
    var category = name
    for prefix in ["Is", "gc=", "general_category="] where category.hasPrefix(prefix) { category.removeFirst(prefix.count) }
    guard Self.categories.contains(category) || ["L", "M", "N", "P", "S", "Z", "C", "LC"].contains(category) else { return nil }
    self = .category(category)
  }

  private static let categories: Set<String> = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So",
    "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
  ]

  var isASCIIOnly: Bool {
    switch self {
    case .horizontalSpace, .verticalSpace, .lineEnd, .category, .isAlphabetic, .isUppercase, .isLowercase, .isWhitespace,
      .isLetterOrDigit:
      false
    default: true
    }
  }

  func holds(_ code: UInt32) -> Bool {
    switch self {
    case .lower: return (97...122).contains(code)
    case .upper: return (65...90).contains(code)
    case .ascii: return code < 128
    case .alpha: return (65...90).contains(code) || (97...122).contains(code)
    case .digit: return (48...57).contains(code)
    case .alnum: return (48...57).contains(code) || (65...90).contains(code) || (97...122).contains(code)
    case .punct: return (33...126).contains(code) && !CharacterProperty.alnum.holds(code)
    case .graph: return (33...126).contains(code)
    case .print: return (32...126).contains(code)
    case .blank: return code == 32 || code == 9
    case .cntrl: return code < 32 || code == 127
    case .xdigit: return (48...57).contains(code) || (65...70).contains(code) || (97...102).contains(code)
    case .space: return code == 32 || (9...13).contains(code)
    case .word: return code == 95 || CharacterProperty.alnum.holds(code)
    case .horizontalSpace:
      return [32, 9, 0xA0, 0x1680, 0x180E, 0x202F, 0x205F, 0x3000].contains(code) || (0x2000...0x200A).contains(code)
    case .verticalSpace: return (10...13).contains(code) || [0x85, 0x2028, 0x2029].contains(code)
    case .lineEnd: return [10, 13, 0x85, 0x2028, 0x2029].contains(code)
    default: break
    }
    guard let scalar = Unicode.Scalar(code) else { return false }
    switch self {
    case .isAlphabetic: return scalar.properties.isAlphabetic
    case .isUppercase: return scalar.properties.isUppercase
    case .isLowercase: return scalar.properties.isLowercase
    case .isWhitespace: return scalar.properties.isWhitespace
    case .isLetterOrDigit: return CharacterProperty.category("L").holds(code) || CharacterProperty.category("Nd").holds(code)
    case .category(let name):
      let own = Self.name(of: scalar.properties.generalCategory)
      return name == "LC" ? ["Lu", "Ll", "Lt"].contains(own) : own.hasPrefix(name)
    default: return false
    }
  }

  private static func name(of category: Unicode.GeneralCategory) -> String {
    switch category {
    case .uppercaseLetter: "Lu"
    case .lowercaseLetter: "Ll"
    case .titlecaseLetter: "Lt"
    case .modifierLetter: "Lm"
    case .otherLetter: "Lo"
    case .nonspacingMark: "Mn"
    case .spacingMark: "Mc"
    case .enclosingMark: "Me"
    case .decimalNumber: "Nd"
    case .letterNumber: "Nl"
    case .otherNumber: "No"
    case .connectorPunctuation: "Pc"
    case .dashPunctuation: "Pd"
    case .openPunctuation: "Ps"
    case .closePunctuation: "Pe"
    case .initialPunctuation: "Pi"
    case .finalPunctuation: "Pf"
    case .otherPunctuation: "Po"
    case .mathSymbol: "Sm"
    case .currencySymbol: "Sc"
    case .modifierSymbol: "Sk"
    case .otherSymbol: "So"
    case .spaceSeparator: "Zs"
    case .lineSeparator: "Zl"
    case .paragraphSeparator: "Zp"
    case .control: "Cc"
    case .format: "Cf"
    case .surrogate: "Cs"
    case .privateUse: "Co"
    case .unassigned: "Cn"
    @unknown default: "Cn"
    }
  }
}
