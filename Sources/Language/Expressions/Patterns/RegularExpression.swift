import MillraceColumns
import MillraceTypes

/// A compiled regular expression over UTF-8 bytes, with the syntax (`RegexParser`) and preferences of `java.util.regex`.
///
/// Owned by one thread, as it holds the working memory of its searches.
final class RegularExpression {
  let groupCount: Int
  private let prefilter: RegexPrefilter
  private let matcher: RegexMatcher
  /// 256 bytes: see `RegexPrefilter.firstBytes`.
  private let starts: Buffer?

  /// - Throws: `invalid-sql` or `not-supported` with the pattern and what is wrong with it.
  init(_ pattern: String) throws(MillraceError) {
    let (node, groups) = try Self.parse(pattern)
    guard let program = RegexCompiler.compile(node, groupCount: groups) else {
      throw MillraceError(
        .invalidSQL, "the regular expression '\(pattern.prefix(80))' is too large", hint: "use smaller repetitions than {\(1000)}")
    }
    groupCount = groups
    prefilter = RegexPrefilter(node)
    matcher = RegexMatcher(program)
    starts = prefilter.firstBytes.map { Buffer($0) }
  }

  private static func parse(_ pattern: String) throws(MillraceError) -> (RegexNode, Int) {
    var parser = RegexParser(pattern)
    let node = try parser.parse()
    return (node, parser.groupCount)
  }

  /// Checks a pattern without keeping it.
  static func check(_ pattern: String) throws(MillraceError) { _ = try RegularExpression(pattern) }

  /// Bytes that a group (0 is the whole match) took in the last match; nil when it took no part.
  func range(ofGroup group: Int) -> Range<Int>? {
    let (start, end) = (matcher.slots[2 * group], matcher.slots[2 * group + 1])
    return start >= 0 && end >= start ? start..<end : nil
  }

  /// Finds the first match that begins at or behind a byte offset.
  func firstMatch(in text: Bytes, from start: Int = 0) -> Bool {
    if start > text.count { return false }
    if prefilter.isAtTextStart {
      guard start == 0 else { return false }
      if let literal = prefilter.literal, !isIn(text, literal, from: 0) { return false }
      matcher.begin(text, from: 0)
      return matcher.attempt(text, at: 0)
    }
    guard let literal = prefilter.literal else {
      matcher.begin(text, from: start)
      return search(text, start...text.count)
    }
    return literal.bytes.withUnsafeBufferPointer { needle in
      var from = start
      var hasBegun = false
      while let found = UTF8Slices.find(needle, in: text, from: from &+ literal.offset.least) {
        guard let most = literal.offset.most else {
          matcher.begin(text, from: start)
          return search(text, start...text.count)
        }
        let first = max(from, found &- most)
        if !hasBegun { matcher.begin(text, from: first) }
        hasBegun = true
        if search(text, first...(found &- literal.offset.least)) { return true }
        from = found &- literal.offset.least &+ 1
      }
      return false
    }
  }

  private func isIn(_ text: Bytes, _ literal: RegexPrefilter.Literal, from: Int) -> Bool {
    literal.bytes.withUnsafeBufferPointer { UTF8Slices.find($0, in: text, from: from) != nil }
  }

  private func search(_ text: Bytes, _ starts: ClosedRange<Int>) -> Bool {
    guard let table = self.starts?.pointer(UInt8.self) else {
      for at in starts where at == text.count || !UTF8Slices.isContinuation(text[at]) {
        if matcher.attempt(text, at: at) { return true }
      }
      return false
    }
    var at = starts.lowerBound
    let end = min(starts.upperBound, text.count &- 1)
    while at <= end {
      if table[Int(text[at])] != 0 && matcher.attempt(text, at: at) { return true }
      at &+= 1
    }
    return false
  }

  /// Calls `body` for every match in turn, as `Matcher.find` goes on: behind the last match, one code point further if it was empty.
  /// Stops when it returns false.
  func forEachMatch(in text: Bytes, _ body: (Range<Int>) -> Bool) {
    var at = 0
    while at <= text.count, firstMatch(in: text, from: at), let range = range(ofGroup: 0) {
      if !body(range) { return }
      if range.isEmpty {
        if range.upperBound >= text.count { return }
        at = UTF8Slices.next(text, range.upperBound)
      } else {
        at = range.upperBound
      }
    }
  }
}
