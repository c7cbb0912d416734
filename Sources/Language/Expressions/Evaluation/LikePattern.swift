/// A LIKE pattern compiled for matching over UTF-8 bytes: `%` stands for any text, `_` for one code point.
struct LikePattern: Sendable {
  private enum Form: Sendable {
    case exact, prefix, suffix, contains
    /// Prefix, `%`, suffix; the length of the prefix.
    case around(Int)
    case general
  }

  private static let anyOne: UInt16 = 256
  private static let anyRun: UInt16 = 257

  private var form: Form
  /// The literal text of the simple forms.
  private var literal: [UInt8] = []
  /// Bytes, `anyOne` and `anyRun`.
  private var items: [UInt16] = []

  /// nil when the escape character stands before something that needs no escaping, or at the end.
  init?(_ pattern: Bytes, escape: Bytes?) {
    var at = 0
    while at < pattern.count {
      if let escape, escape.count > 0, UTF8Slices.hasPrefix(UTF8Slices.slice(pattern, at..<pattern.count), escape) {
        at += escape.count
        guard at < pattern.count else { return nil }
        let isEscape = UTF8Slices.hasPrefix(UTF8Slices.slice(pattern, at..<pattern.count), escape)
        guard isEscape || pattern[at] == 37 || pattern[at] == 95 else { return nil }
        let end = isEscape ? at + escape.count : at + 1
        for i in at..<end { items.append(UInt16(pattern[i])) }
        at = end
        continue
      }
      switch pattern[at] {
      case 37: if items.last != Self.anyRun { items.append(Self.anyRun) }
      case 95: items.append(Self.anyOne)
      default: items.append(UInt16(pattern[at]))
      }
      at += 1
    }
    literal = items.filter { $0 < 256 }.map { UInt8(truncatingIfNeeded: $0) }
    let runs = items.count { $0 == Self.anyRun }
    if items.contains(Self.anyOne) || runs > 2 {
      form = .general
    } else if runs == 0 {
      form = .exact
    } else if runs == 1, let run = items.firstIndex(of: Self.anyRun) {
      form = run == items.count - 1 ? .prefix : run == 0 ? .suffix : .around(run)
    } else if items.first == Self.anyRun && items.last == Self.anyRun {
      form = .contains
    } else {
      form = .general
    }
  }

  func matches(_ bytes: Bytes) -> Bool {
    if case .general = form { return items.withUnsafeBufferPointer { matchesGeneral(bytes, $0) } }
    return literal.withUnsafeBufferPointer { literal in
      switch form {
      case .exact: ComparisonKernels.equal(bytes, literal)
      case .prefix: UTF8Slices.hasPrefix(bytes, literal)
      case .suffix: UTF8Slices.hasSuffix(bytes, literal)
      case .contains: UTF8Slices.find(literal, in: bytes) != nil
      case .around(let length):
        bytes.count >= literal.count && UTF8Slices.hasPrefix(bytes, UTF8Slices.slice(literal, 0..<length))
          && UTF8Slices.hasSuffix(bytes, UTF8Slices.slice(literal, length..<literal.count))
      case .general: false
      }
    }
  }

  /// Greedy matching that goes back to the last `%` only, which is enough for such patterns.
  private func matchesGeneral(_ bytes: Bytes, _ items: UnsafeBufferPointer<UInt16>) -> Bool {
    var at = 0
    var item = 0
    var resumeItem = -1
    var resumeAt = 0
    while at < bytes.count {
      if item < items.count && items[item] == Self.anyRun {
        resumeItem = item &+ 1
        resumeAt = at
        item &+= 1
      } else if item < items.count && items[item] == Self.anyOne {
        at = UTF8Slices.next(bytes, at)
        item &+= 1
      } else if item < items.count && items[item] == UInt16(bytes[at]) {
        at &+= 1
        item &+= 1
      } else if resumeItem >= 0 {
        resumeAt = UTF8Slices.next(bytes, resumeAt)
        at = resumeAt
        item = resumeItem
      } else {
        return false
      }
    }
    while item < items.count && items[item] == Self.anyRun { item &+= 1 }
    return item == items.count
  }
}

extension LikePattern {
  /// The regular expression for a pattern of SIMILAR TO, which must match all of a text: `%` and `_` as in LIKE; `| * + ? { } ( ) [ ]`
  /// as in regular expressions.
  static func regularExpression(similarTo pattern: String, escape: Character?) -> String {
    var result = "(?s)\\A(?:"
    var isEscaped = false
    var isInClass = false
    for character in pattern {
      if isEscaped {
        result += "\\Q\(character)\\E"
        isEscaped = false
        continue
      }
      switch character {
      case escape: isEscaped = true
      case "%" where !isInClass: result += ".*"
      case "_" where !isInClass: result += "."
      case "[":
        isInClass = true
        result.append(character)
      case "]":
        isInClass = false
        result.append(character)
      case "\\", "$", ".": result += "\\" + String(character)
      case "^" where !isInClass: result += "\\^"
      default: result.append(character)
      }
    }
    return result + ")\\z"
  }
}
