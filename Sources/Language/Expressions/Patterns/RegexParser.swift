import MillraceTypes

/// Reads a regular expression in the syntax of `java.util.regex`.
///
/// Known: literals, `.`, `[...]` with ranges, negation, nesting and `&&`, `\d \D \w \W \s \S \h \H \v \V \R`, `\p{...}` of POSIX
/// names, general categories and a few binary properties, `\t \n \r \f \a \e \0n \xhh \x{h...} \uhhhh \cx \Q...\E`, `^ $ \A \z \Z \b
/// \B`, `|`, groups capturing, named `(?<name>...)` and not `(?:...)`, look-ahead and look-behind, atomic `(?>...)`, flags `i m s x u
/// d`, quantifiers `? * + {n} {n,} {n,m}` greedy, lazy and possessive.
///
/// Not known, and an error that names it: back-references, `\G`, `\X`, `\N{...}`, scripts and blocks, the flag `U`.
struct RegexParser {
  struct Flags {
    var ignoresCase = false
    var isUnicodeCase = false
    var isMultiline = false
    var dotMatchesAll = false
    var isVerbose = false
    var unixLines = false
  }

  let codes: [UInt32]
  var at = 0
  var flags = Flags()
  var groupCount = 0
  private(set) var groupNames: [String: Int] = [:]
  private var depth = 0
  private static let depthMax = 100

  init(_ pattern: String) { codes = pattern.unicodeScalars.map(\.value) }

  var isAtEnd: Bool { at >= codes.count }
  var current: UInt32? { at < codes.count ? codes[at] : nil }

  func isAt(_ text: String, offset: Int = 0) -> Bool {
    let wanted = text.unicodeScalars.map(\.value)
    guard at + offset + wanted.count <= codes.count else { return false }
    return (0..<wanted.count).allSatisfy { codes[at + offset + $0] == wanted[$0] }
  }

  mutating func take(_ text: String) -> Bool {
    guard isAt(text) else { return false }
    at += text.unicodeScalars.count
    return true
  }

  func failure(_ what: String) -> MillraceError {
    MillraceError(.invalidSQL, "the regular expression '\(text)' is not valid: \(what) at position \(at + 1)")
  }

  func unsupported(_ what: String) -> MillraceError {
    .notSupported("\(what) in the regular expression '\(text)'", hint: "docs/functions.md lists the syntax that is known")
  }

  private var text: String {
    var result = String.UnicodeScalarView()
    for code in codes.prefix(80) { if let scalar = Unicode.Scalar(code) { result.append(scalar) } }
    return String(result) + (codes.count > 80 ? "..." : "")
  }

  mutating func parse() throws(MillraceError) -> RegexNode {
    let node = try choice()
    if !isAtEnd { throw failure("an unmatched ')'") }
    return node
  }

  // MARK: structure

  private mutating func choice() throws(MillraceError) -> RegexNode {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthMax { throw failure("groups are nested too deeply") }
    let outer = flags
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    flags = outer
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws(MillraceError) -> RegexNode {
    var parts: [RegexNode] = []
    while let code = current, code != 124, code != 41 {
      if flags.isVerbose && skipComment() { continue }
      if take("\\Q") {
        // A quantifier behind the quotation is for its last character.
        var quotation = quoted()
        if let last = quotation.popLast() { parts += quotation + [try quantified(last)] }
        continue
      }
      guard let atom = try atom() else { continue }
      parts.append(try quantified(atom))
    }
    if parts.isEmpty { return .empty }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  /// Under `(?x)`: a blank, or `#` to the end of the line.
  private mutating func skipComment() -> Bool {
    guard let code = current else { return false }
    if CharacterProperty.space.holds(code) {
      at += 1
      return true
    }
    guard code == 35 else { return false }
    while let next = current, !CharacterProperty.lineEnd.holds(next) { at += 1 }
    return true
  }

  private mutating func quantified(_ atom: RegexNode) throws(MillraceError) -> RegexNode {
    var node = atom
    while true {
      if flags.isVerbose { while skipComment() {} }
      let least: Int
      let most: Int?
      if take("*") {
        (least, most) = (0, nil)
      } else if take("+") {
        (least, most) = (1, nil)
      } else if take("?") {
        (least, most) = (0, 1)
      } else if isAt("{") {
        (least, most) = try bounds()
      } else {
        return node
      }
      let greed: RegexNode.Greed = take("?") ? .lazy : take("+") ? .possessive : .greedy
      node = .repeated(node, least: least, most: most, greed)
    }
  }

  private mutating func bounds() throws(MillraceError) -> (Int, Int?) {
    at += 1
    guard let least = number() else { throw failure("a number is missing after '{'") }
    if take("}") { return (least, least) }
    guard take(",") else { throw failure("'}' is missing") }
    if take("}") { return (least, nil) }
    guard let most = number(), take("}") else { throw failure("'}' is missing") }
    if most < least { throw failure("the bounds of a repetition are the wrong way round") }
    return (least, most)
  }

  private mutating func number() -> Int? {
    let start = at
    var value = 0
    while let code = current, (48...57).contains(code), at - start < 7 {
      value = value * 10 + Int(code - 48)
      at += 1
    }
    return at > start ? value : nil
  }

  // MARK: atoms

  /// nil for a setting of flags, which matches nothing.
  private mutating func atom() throws(MillraceError) -> RegexNode? {
    guard let code = current else { return .empty }
    switch code {
    case 40: return try group()
    case 91:
      at += 1
      return .one(try characterClass())
    case 92: return try escape()
    case 46:
      at += 1
      if flags.dotMatchesAll { return .one(.everything) }
      return .one(.not(flags.unixLines ? .one(10) : .property(.lineEnd)))
    case 94:
      at += 1
      return .assertion(flags.isMultiline ? .lineStart : .textStart)
    case 36:
      at += 1
      return .assertion(flags.isMultiline ? .lineEnd : .textEndOrLastLine)
    case 42, 43, 63: throw failure("'\(Character(Unicode.Scalar(UInt8(code))))' has nothing before it to repeat")
    case 123: throw failure("'{' has nothing before it to repeat")
    default:
      at += 1
      return .one(folded(.one(code)))
    }
  }

  func folded(_ test: CharacterTest) -> CharacterTest {
    guard flags.ignoresCase else { return test }
    if case .range(let low, let high) = test, low == high, low < 128, !flags.isUnicodeCase, !(65...90).contains(low & ~32) { return test }
    return .folded(test, isUnicode: flags.isUnicodeCase)
  }

  private mutating func group() throws(MillraceError) -> RegexNode? {
    at += 1
    if take("?") {
      if take(":") { return try closed() }
      if take(">") { return .atomic(try closed()) }
      if take("=") { return .look(try closed(), isAhead: true, isNegative: false) }
      if take("!") { return .look(try closed(), isAhead: true, isNegative: true) }
      if take("<=") { return try behind(isNegative: false) }
      if take("<!") { return try behind(isNegative: true) }
      if take("<") { return try named() }
      return try flagged()
    }
    groupCount += 1
    let number = groupCount
    return .group(try closed(), number)
  }

  private mutating func behind(isNegative: Bool) throws(MillraceError) -> RegexNode {
    let inner = try closed()
    if inner.width.most == nil { throw failure("a look-behind must have a greatest length") }
    return .look(inner, isAhead: false, isNegative: isNegative)
  }

  private mutating func named() throws(MillraceError) -> RegexNode {
    var name = ""
    while let code = current, code != 62 {
      guard let scalar = Unicode.Scalar(code), CharacterProperty.alnum.holds(code) else {
        throw failure("the name of a group is not valid")
      }
      name.unicodeScalars.append(scalar)
      at += 1
    }
    guard take(">"), !name.isEmpty else { throw failure("the name of a group is not valid") }
    if groupNames[name] != nil { throw failure("two groups are named \(name)") }
    groupCount += 1
    let number = groupCount
    groupNames[name] = number
    return .group(try closed(), number)
  }

  private mutating func closed() throws(MillraceError) -> RegexNode {
    let node = try choice()
    guard take(")") else { throw failure("')' is missing") }
    return node
  }

  /// `(?i)` up to the end of the group, `(?i:...)`, and `-` before flags that are taken away.
  private mutating func flagged() throws(MillraceError) -> RegexNode? {
    let outer = flags
    var value = true
    while let code = current, code != 41, code != 58 {
      at += 1
      switch code {
      case 45: value = false
      case 105: flags.ignoresCase = value
      case 109: flags.isMultiline = value
      case 115: flags.dotMatchesAll = value
      case 120: flags.isVerbose = value
      case 117: flags.isUnicodeCase = value
      case 100: flags.unixLines = value
      case 85: throw unsupported("the flag U (Unicode classes)")
      default:
        at -= 1
        throw failure("an unknown kind of group")
      }
    }
    if take(")") { return nil }
    guard take(":") else { throw failure("')' is missing") }
    let inner = try closed()
    flags = outer
    return inner
  }
}
