/// Where a match may begin, told without running the program.
struct RegexPrefilter: Sendable {
  /// A text that every match holds, `offset` bytes behind its beginning.
  struct Literal: Sendable {
    var bytes: [UInt8]
    /// `most` is nil when there is no bound.
    var offset: (least: Int, most: Int?)
  }

  /// A match can begin only where the text does.
  var isAtTextStart = false
  var literal: Literal?
  /// Bytes that a match may begin with; nil when it may begin with any, or be empty.
  var firstBytes: [UInt8]?

  init(_ node: RegexNode) {
    let parts = node.flattened
    if case .assertion(.textStart)? = parts.first { isAtTextStart = true }
    literal = Self.longest(parts)
    if !node.isNullable, let first = Self.first(parts) { firstBytes = first.map { $0 ? 1 : 0 } }
  }

  private static func longest(_ parts: [RegexNode]) -> Literal? {
    var best: Literal?
    var run = Literal(bytes: [], offset: (0, 0))
    var (least, most): (Int, Int?) = (0, 0)
    func better(_ literal: Literal) -> Literal? {
      if literal.bytes.isEmpty { return best }
      guard let best else { return literal }
      // A bounded place is worth more than a longer text.
      let isBounded = literal.offset.most != nil
      if isBounded != (best.offset.most != nil) { return isBounded ? literal : best }
      return literal.bytes.count > best.bytes.count ? literal : best
    }
    for part in parts {
      if case .one(let test) = part, let code = test.single, let scalar = Unicode.Scalar(code) {
        if run.bytes.isEmpty { run.offset = (least, most) }
        run.bytes += Array(String(Character(scalar)).utf8)
      } else {
        best = better(run)
        run.bytes = []
      }
      let width = part.width
      least += width.least
      if let sum = most, let bytes = width.most, bytes < 1 << 30 { most = sum + bytes } else { most = nil }
    }
    return better(run)
  }

  /// The bytes that the first part that takes any may begin with.
  private static func first(_ parts: [RegexNode]) -> [Bool]? {
    var seen = [Bool](repeating: false, count: 256)
    for part in parts {
      switch part {
      case .one(let test):
        return zip(seen, RegexCompiler.startBytes(test)).map { $0 || $1 }
      case .empty, .assertion, .look: continue
      case .choice(let branches):
        for branch in branches {
          guard let own = first(branch.flattened) else { return nil }
          seen = zip(seen, own).map { $0 || $1 }
        }
        if !branches.contains(where: \.isNullable) { return seen }
      case .repeated(let inner, let least, _, _):
        guard let own = first(inner.flattened) else { return nil }
        seen = zip(seen, own).map { $0 || $1 }
        if least > 0 && !inner.isNullable { return seen }
      case .atomic(let inner):
        guard let own = first(inner.flattened) else { return nil }
        seen = zip(seen, own).map { $0 || $1 }
        if !inner.isNullable { return seen }
      case .group, .sequence: return nil
      }
    }
    return seen
  }
}
