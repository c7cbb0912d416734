/// A regular expression as a tree.
indirect enum RegexNode: Sendable {
  enum Greed: Sendable { case greedy, lazy, possessive }

  enum Assertion: UInt8, Sendable {
    /// `\A`, `^`
    case textStart
    /// `\z`
    case textEnd
    /// `\Z`, `$`: at the end, or before a line end that is the last thing.
    case textEndOrLastLine
    /// `^` and `$` under `(?m)`.
    case lineStart, lineEnd
    case wordBoundary, noWordBoundary
  }

  case empty
  /// One code point.
  case one(CharacterTest)
  case sequence([RegexNode])
  case choice([RegexNode])
  /// A capturing group by its number.
  case group(RegexNode, Int)
  case repeated(RegexNode, least: Int, most: Int?, Greed)
  case assertion(Assertion)
  case look(RegexNode, isAhead: Bool, isNegative: Bool)
  /// What has matched is never given back.
  case atomic(RegexNode)

  /// Bytes that a match takes; `most` is nil when there is no bound.
  var width: (least: Int, most: Int?) {
    switch self {
    case .empty, .assertion, .look: return (0, 0)
    case .one(let test): return (test.byteWidth.lowerBound, test.byteWidth.upperBound)
    case .sequence(let parts):
      return parts.map(\.width).reduce((0, 0)) { ($0.least + $1.least, Self.sum($0.most, $1.most)) }
    case .choice(let parts):
      let widths = parts.map(\.width)
      let bounds = widths.map(\.most)
      return (widths.map(\.least).min() ?? 0, bounds.contains(nil) ? nil : bounds.compactMap { $0 }.max() ?? 0)
    case .group(let inner, _), .atomic(let inner): return inner.width
    case .repeated(let inner, let least, let most, _):
      let one = inner.width
      var bound: Int?
      if let times = most, let bytes = one.most { bound = times.multipliedReportingOverflow(by: bytes).overflow ? nil : times * bytes }
      if one.most == 0 { bound = 0 }
      return (Self.limited(least, one.least), bound)
    }
  }

  private static func sum(_ a: Int?, _ b: Int?) -> Int? {
    guard let a, let b, a < 1 << 40, b < 1 << 40 else { return nil }
    return a + b
  }

  private static func limited(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? 1 << 40 : min(product, 1 << 40)
  }

  /// Whether it can match nothing.
  var isNullable: Bool { width.least == 0 }

  /// The parts in a row, groups opened.
  var flattened: [RegexNode] {
    switch self {
    case .sequence(let parts): parts.flatMap(\.flattened)
    case .group(let inner, _): inner.flattened
    case .repeated(let inner, 1, 1, _): inner.flattened
    default: [self]
    }
  }
}
