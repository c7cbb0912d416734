/// A regular expression as instructions for `RegexMatcher`.
struct RegexProgram: Sendable {
  enum Operation: UInt8, Sendable {
    /// `first` and `second`: offset and length of a run of `literals`.
    case bytes
    /// One code point of class `first`.
    case one
    /// Goes on at `first`, and at `second` if that fails.
    case split
    /// As `split`, at the end of a round of a loop: where it has been before it goes on at `least`, behind the loop.
    case loop
    case jump
    /// Notes the position in slot `first`.
    case save
    case assertion
    /// Code points of class `first`, at least `least`, at most `most`.
    case greedyRun, lazyRun, possessiveRun
    /// Program `first` must match here (or up to here), and is left again: `second` has bit 0 for ahead, bit 1 for not.
    case look
    /// Program `first` matches once and for all.
    case atomic
    case match
  }

  struct Instruction: Sendable, BitwiseCopyable {
    var operation: Operation
    var first: Int32 = 0
    var second: Int32 = 0
    var least: Int32 = 0
    var most: Int32 = .max
    /// Number of the mark by which a place is not tried twice; -1 for none. Runs use the next number too.
    var mark: Int32 = -1
    var assertion = RegexNode.Assertion.textStart
  }

  var code: [Instruction] = []
  var literals: [UInt8] = []
  var classes: [CharacterTest] = []
  /// 256 bytes per class: see `CharacterTest.firstBytes`.
  var tables: [UInt8] = []
  var programs: [RegexProgram] = []
  /// For a program of a look-behind: bytes that it may take.
  var lookWidth: (least: Int, most: Int) = (0, 0)
  var markCount = 0
  /// Two for the match and two for each group.
  var slotCount = 2

  /// The greatest length of a program; repetitions are written out.
  static let instructionsMax = 20_000
}

/// Writes the instructions. What follows a node is known while it is written, so that most runs need not be given back.
struct RegexCompiler {
  /// What may come behind a place.
  private struct Follow {
    /// Whether each byte may be next; meaningless when something other than a byte may follow.
    var bytes: [Bool]
    /// Nothing follows but the end of the match.
    var isEnd: Bool
    /// It can be told by its next byte.
    var isKnown: Bool
  }

  private(set) var program = RegexProgram()
  private(set) var isTooLong = false
  private var knownClasses: [CharacterTest: Int] = [:]
  private let groupCount: Int

  private init(groupCount: Int) {
    self.groupCount = groupCount
    program.slotCount = 2 * (groupCount + 1)
  }

  /// nil when the program would be too long.
  static func compile(_ node: RegexNode, groupCount: Int, isFree: Bool = true) -> RegexProgram? {
    var compiler = RegexCompiler(groupCount: groupCount)
    let end = Follow(bytes: [], isEnd: isFree, isKnown: false)
    compiler.write(node, end)
    compiler.append(.init(operation: .match))
    return compiler.isTooLong ? nil : compiler.program
  }

  private mutating func append(_ instruction: RegexProgram.Instruction) {
    if program.code.count >= RegexProgram.instructionsMax {
      isTooLong = true
      return
    }
    program.code.append(instruction)
  }

  private mutating func newMark(_ count: Int32 = 1) -> Int32 {
    let mark = Int32(program.markCount)
    program.markCount += Int(count)
    return mark
  }

  private mutating func index(of test: CharacterTest) -> Int32 {
    if let known = knownClasses[test] { return Int32(known) }
    let index = program.classes.count
    program.classes.append(test)
    program.tables += test.firstBytes
    knownClasses[test] = index
    return Int32(index)
  }

  // MARK: what follows

  /// The bytes that a node may begin with, before what follows it.
  private func follow(of node: RegexNode, then next: Follow) -> Follow {
    switch node {
    case .empty: return next
    case .one(let test): return Follow(bytes: Self.startBytes(test), isEnd: false, isKnown: true)
    case .sequence(let parts):
      return parts.reversed().reduce(next) { follow(of: $1, then: $0) }
    case .choice(let parts): return parts.map { follow(of: $0, then: next) }.reduce(nil) { Self.either($0, $1) } ?? next
    case .group(let inner, _), .atomic(let inner): return follow(of: inner, then: next)
    case .repeated(let inner, let least, let most, _):
      if most == 0 { return next }
      let first = follow(of: inner, then: inner.isNullable ? Self.unknown : next)
      return least == 0 || inner.isNullable ? Self.either(first, next) : first
    case .assertion, .look: return Self.unknown
    }
  }

  private static let unknown = Follow(bytes: [], isEnd: false, isKnown: false)

  private static func either(_ a: Follow?, _ b: Follow) -> Follow {
    guard let a else { return b }
    guard a.isKnown && b.isKnown else { return Follow(bytes: [], isEnd: a.isEnd && b.isEnd, isKnown: false) }
    return Follow(bytes: zip(a.bytes, b.bytes).map { $0 || $1 }, isEnd: false, isKnown: true)
  }

  /// The first bytes of a class's code points in UTF-8.
  static func startBytes(_ test: CharacterTest) -> [Bool] {
    if let code = test.single, let scalar = Unicode.Scalar(code), let first = Character(scalar).utf8.first {
      return (0..<256).map { $0 == Int(first) }
    }
    return test.firstBytes.enumerated().map { $0 < 128 ? $1 == 1 : $1 != 0 && $0 >= 0xC0 }
  }

  // MARK: writing

  private mutating func write(_ node: RegexNode, _ next: Follow) {
    if isTooLong { return }
    switch node {
    case .empty: break
    case .one(let test): writeOne(test)
    case .sequence(let parts):
      var follows = [next]
      for part in parts.reversed() { follows.append(follow(of: part, then: follows[follows.count - 1])) }
      for (i, part) in parts.enumerated() { write(part, follows[parts.count - 1 - i]) }
    case .choice(let parts): writeChoice(parts, next)
    case .group(let inner, let number):
      append(.init(operation: .save, first: Int32(2 * number)))
      write(inner, next)
      append(.init(operation: .save, first: Int32(2 * number + 1)))
    case .repeated(let inner, let least, let most, let greed): writeRepeated(inner, least, most, greed, next)
    case .assertion(let assertion): append(.init(operation: .assertion, assertion: assertion))
    case .look(let inner, let isAhead, let isNegative):
      guard var inside = Self.compile(inner, groupCount: groupCount, isFree: isAhead) else {
        isTooLong = true
        return
      }
      let width = inner.width
      inside.lookWidth = (width.least, width.most ?? 0)
      program.programs.append(inside)
      append(.init(operation: .look, first: Int32(program.programs.count - 1), second: (isAhead ? 1 : 0) | (isNegative ? 2 : 0)))
    case .atomic(let inner): writeAtomic(inner)
    }
  }

  private mutating func writeAtomic(_ inner: RegexNode) {
    guard let inside = Self.compile(inner, groupCount: groupCount) else {
      isTooLong = true
      return
    }
    program.programs.append(inside)
    append(.init(operation: .atomic, first: Int32(program.programs.count - 1)))
  }

  private mutating func writeOne(_ test: CharacterTest) {
    guard let code = test.single, let scalar = Unicode.Scalar(code) else {
      append(.init(operation: .one, first: index(of: test)))
      return
    }
    let bytes = Array(String(Character(scalar)).utf8)
    // Literals in a row become one, unless a jump may lead between them.
    if let last = program.code.last, last.operation == .bytes, last.mark == -1, barrier < program.code.count {
      program.code[program.code.count - 1].second += Int32(bytes.count)
      program.literals += bytes
      return
    }
    append(.init(operation: .bytes, first: Int32(program.literals.count), second: Int32(bytes.count)))
    program.literals += bytes
  }

  /// Instructions before this must not grow: something jumps to the place behind them.
  private var barrier = 0

  private var here: Int32 {
    mutating get {
      barrier = program.code.count
      return Int32(program.code.count)
    }
  }

  private mutating func writeChoice(_ parts: [RegexNode], _ next: Follow) {
    var jumps: [Int] = []
    for (i, part) in parts.enumerated() {
      if i == parts.count - 1 {
        write(part, next)
        break
      }
      let split = program.code.count
      append(.init(operation: .split, mark: newMark()))
      let first = here
      write(part, next)
      jumps.append(program.code.count)
      append(.init(operation: .jump))
      let second = here
      patch(split, first, second)
    }
    let end = here
    for jump in jumps { patch(jump, end, 0) }
  }

  private mutating func patch(_ at: Int, _ first: Int32, _ second: Int32) {
    guard at < program.code.count else { return }
    program.code[at].first = first
    program.code[at].second = second
  }

  private mutating func writeRepeated(_ inner: RegexNode, _ least: Int, _ most: Int?, _ greed: RegexNode.Greed, _ next: Follow) {
    if most == 0 { return }
    if least == 1 && most == 1 && greed != .possessive { return write(inner, next) }
    if case .one(let test) = inner { return writeRun(test, least, most, greed, next) }
    if greed == .possessive { return writeAtomic(.repeated(inner, least: least, most: most, .greedy)) }
    // Within a loop the next round may follow.
    let inside = inner.isNullable ? Self.unknown : Self.either(next, follow(of: inner, then: Self.unknown))
    for _ in 0..<(most == nil ? max(0, least - 1) : least) {
      if isTooLong { return }
      write(inner, inside)
    }
    guard let most else {
      if least > 0 {
        writeLoop(inner, greed, inside)
      } else {
        // x* is (x+)?, so that a round that takes nothing counts as one.
        writeOptional(greed) { $0.writeLoop(inner, greed, inside) }
      }
      return
    }
    writeNested(inner, most - least, greed, inside)
  }

  /// `(x(x(x)?)?)?`
  private mutating func writeNested(_ inner: RegexNode, _ times: Int, _ greed: RegexNode.Greed, _ inside: Follow) {
    var splits: [(Int, Int32)] = []
    for _ in 0..<times {
      if isTooLong { return }
      let split = program.code.count
      append(.init(operation: .split, mark: newMark()))
      splits.append((split, here))
      write(inner, inside)
    }
    let end = here
    for (split, body) in splits { patch(split, greed == .lazy ? end : body, greed == .lazy ? body : end) }
  }

  private mutating func writeOptional(_ greed: RegexNode.Greed, _ body: (inout RegexCompiler) -> Void) {
    let split = program.code.count
    append(.init(operation: .split, mark: newMark()))
    let first = here
    body(&self)
    let end = here
    patch(split, greed == .lazy ? end : first, greed == .lazy ? first : end)
  }

  /// One round or more. There is one copy of the body, so that a round that takes nothing finds its places tried and is the last, as
  /// in Java.
  private mutating func writeLoop(_ inner: RegexNode, _ greed: RegexNode.Greed, _ inside: Follow) {
    let body = here
    write(inner, inside)
    let split = program.code.count
    append(.init(operation: .loop, mark: newMark()))
    let end = here
    patch(split, greed == .lazy ? end : body, greed == .lazy ? body : end)
    if split < program.code.count { program.code[split].least = end }
  }

  private mutating func writeRun(_ test: CharacterTest, _ least: Int, _ most: Int?, _ greed: RegexNode.Greed, _ next: Follow) {
    let starts = Self.startBytes(test)
    var operation: RegexProgram.Operation = greed == .lazy ? .lazyRun : greed == .possessive ? .possessiveRun : .greedyRun
    // What follows cannot begin with what the run would have to give back, or nothing follows: it is never given back.
    let isApart = next.isKnown && !zip(starts, next.bytes).contains { $0 && $1 }
    if operation == .greedyRun && (isApart || next.isEnd) && most == nil { operation = .possessiveRun }
    if operation == .greedyRun && next.isEnd { operation = .possessiveRun }
    append(
      .init(
        operation: operation, first: index(of: test), least: Int32(truncatingIfNeeded: least),
        most: most.map { Int32(truncatingIfNeeded: $0) } ?? .max, mark: operation == .possessiveRun ? -1 : newMark(2)))
  }
}
