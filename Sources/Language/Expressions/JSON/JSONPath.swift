import MillraceTypes

/// A path into JSON: `[lax | strict] $` and then `.name`, `['name']`, `.*`, `[n]` (negative from the end), `[n, m]`, `[n:m]`, `[n to m]`,
/// `[last]`, `[*]`. Without a mode a path is strict, as in Flink.
struct JSONPath: Sendable {
  private enum Subscript: Sendable {
    case index(Int)
    /// Both from 0, the end excluded; negative from the end.
    case range(Int?, Int?)
  }

  private enum Step: Sendable {
    case member([UInt8])
    case anyMember
    case element([Subscript])
    case anyElement
  }

  enum Found {
    /// A step leads nowhere.
    case missing
    case one(JSONDocument.Node)
    /// A path with a wildcard or several subscripts gives any number.
    case many([JSONDocument.Node])
  }

  let isLax: Bool
  private var steps: [Step] = []
  private let isDefinite: Bool

  /// - Throws: `invalid-sql` or `not-supported` with the path and what is wrong with it.
  init(_ text: String) throws(MillraceError) {
    var scanner = Scanner(text: text, codes: Array(text.utf8))
    scanner.skipBlanks()
    if scanner.takeWord("lax") {
      isLax = true
    } else {
      _ = scanner.takeWord("strict")
      isLax = false
    }
    steps = try scanner.steps()
    isDefinite = steps.allSatisfy {
      switch $0 {
      case .member: true
      case .element(let subscripts): if case .index? = subscripts.first, subscripts.count == 1 { true } else { false }
      default: false
      }
    }
  }

  func find(in root: JSONDocument.Node) -> Found {
    var nodes = [root]
    var isSingle = true
    for step in steps {
      var next: [JSONDocument.Node] = []
      for node in nodes {
        let before = next.count
        let isContainer = Self.append(step, of: node, to: &next)
        // As long as the way is one, a step that leads nowhere ends it; a wildcard finds nothing in what is no container.
        if isSingle && next.count == before && !(isContainer && Self.isMany(step)) && !Self.isWildcard(step) {
          return isLax && !isDefinite ? .many([]) : .missing
        }
      }
      if Self.isMany(step) { isSingle = false }
      nodes = next
    }
    if isDefinite { return nodes.first.map { .one($0) } ?? .missing }
    return .many(nodes)
  }

  private static func isWildcard(_ step: Step) -> Bool {
    switch step {
    case .anyMember, .anyElement: true
    default: false
    }
  }

  private static func isMany(_ step: Step) -> Bool {
    switch step {
    case .member: false
    case .element(let subscripts): if case .index? = subscripts.first { subscripts.count > 1 } else { true }
    default: true
    }
  }

  /// Whether the node is of the kind that the step looks into.
  private static func append(_ step: Step, of node: JSONDocument.Node, to out: inout [JSONDocument.Node]) -> Bool {
    switch (step, node) {
    case (.member(let name), .object(let members)):
      if let member = members.first(where: { $0.key == name }) { out.append(member.value) }
      return true
    case (.anyMember, .object(let members)), (.anyElement, .object(let members)):
      out.append(contentsOf: members.map(\.value))
      return true
    case (.anyMember, .array(let elements)), (.anyElement, .array(let elements)):
      out.append(contentsOf: elements)
      return true
    case (.element(let subscripts), .array(let elements)):
      for item in subscripts {
        switch item {
        case .index(let index):
          let place = index < 0 ? elements.count + index : index
          if elements.indices.contains(place) { out.append(elements[place]) }
        case .range(let start, let end):
          func place(_ value: Int) -> Int { value < 0 ? max(0, elements.count + value) : min(value, elements.count) }
          let from = place(start ?? 0)
          let to = end.map { place($0) } ?? elements.count
          if from < to { out.append(contentsOf: elements[from..<to]) }
        }
      }
      return true
    default: return false
    }
  }

  private struct Scanner {
    let text: String
    let codes: [UInt8]
    var at = 0

    func failure(_ what: String) -> MillraceError {
      MillraceError(.invalidSQL, "the JSON path '\(text)' is not valid: \(what) at position \(at + 1)", hint: "as in 'lax $.a[0].b'")
    }

    mutating func skipBlanks() { while at < codes.count, codes[at] == 32 { at += 1 } }

    mutating func takeWord(_ word: String) -> Bool {
      let wanted = Array(word.utf8)
      guard at + wanted.count < codes.count, codes[at + wanted.count] == 32,
        zip(codes[at...], wanted).allSatisfy({ $0 | 32 == $1 })
      else { return false }
      at += wanted.count
      skipBlanks()
      return true
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      guard at < codes.count, codes[at] == byte else { return false }
      at += 1
      return true
    }

    mutating func steps() throws(MillraceError) -> [Step] {
      guard take(36) else { throw failure("'$' is missing") }
      var steps: [Step] = []
      while true {
        skipBlanks()
        if at == codes.count { return steps }
        if take(46) {
          if at < codes.count, codes[at] == 46 { throw .notSupported("'..' in the JSON path '\(text)'") }
          if take(42) { steps.append(.anyMember) } else { steps.append(try member()) }
        } else if take(91) {
          steps.append(try bracket())
        } else {
          throw failure("'.' or '[' is missing")
        }
      }
    }

    private mutating func member() throws(MillraceError) -> Step {
      if at < codes.count, codes[at] == 34 || codes[at] == 39 { return .member(try quoted()) }
      // Jayway, which Flink uses, also takes a bracket behind a point.
      if take(91) { return try bracket() }
      let start = at
      while at < codes.count, ![46, 91, 32, 40, 41, 63].contains(codes[at]) { at += 1 }
      if at == start { throw failure("a name is missing") }
      if at < codes.count, codes[at] == 40 { throw .notSupported("a method in the JSON path '\(text)'") }
      return .member(Array(codes[start..<at]))
    }

    private mutating func quoted() throws(MillraceError) -> [UInt8] {
      let quote = codes[at]
      at += 1
      var name: [UInt8] = []
      while at < codes.count, codes[at] != quote {
        if codes[at] == 92, at + 1 < codes.count { at += 1 }
        name.append(codes[at])
        at += 1
      }
      guard take(quote) else { throw failure("a quote is missing") }
      return name
    }

    private mutating func bracket() throws(MillraceError) -> Step {
      skipBlanks()
      if take(63) { throw .notSupported("a filter in the JSON path '\(text)'") }
      if at < codes.count, codes[at] == 34 || codes[at] == 39 {
        let name = try quoted()
        skipBlanks()
        if at < codes.count, codes[at] == 44 { throw .notSupported("several names in brackets in the JSON path '\(text)'") }
        guard take(93) else { throw failure("']' is missing") }
        return .member(name)
      }
      if take(42) {
        skipBlanks()
        guard take(93) else { throw failure("']' is missing") }
        return .anyElement
      }
      var subscripts: [Subscript] = []
      repeat {
        subscripts.append(try item())
        skipBlanks()
      } while take(44)
      guard take(93) else { throw failure("']' is missing") }
      return .element(subscripts)
    }

    private mutating func item() throws(MillraceError) -> Subscript {
      skipBlanks()
      let first = try number()
      skipBlanks()
      if take(58) {
        skipBlanks()
        return .range(first, try number())
      }
      if takeWord("to") {
        guard let last = try number() else { throw failure("a number is missing") }
        // The end is included; -1 includes the last.
        return .range(first, last == -1 ? nil : last + 1)
      }
      guard let first else { throw failure("a number is missing") }
      return .index(first)
    }

    /// A number, or `last` less a number; nil when there is none.
    private mutating func number() throws(MillraceError) -> Int? {
      if at + 4 <= codes.count, Array(codes[at..<(at + 4)]) == Array("last".utf8) {
        at += 4
        skipBlanks()
        guard take(45) else { return -1 }
        skipBlanks()
        guard let less = digits() else { throw failure("a number is missing") }
        return -1 - less
      }
      let isNegative = take(45)
      guard let value = digits() else {
        if isNegative { throw failure("a number is missing") }
        return nil
      }
      return isNegative ? -value : value
    }

    private mutating func digits() -> Int? {
      let start = at
      var value = 0
      while at < codes.count, codes[at] &- 48 <= 9, at - start < 9 {
        value = value * 10 + Int(codes[at] - 48)
        at += 1
      }
      return at > start ? value : nil
    }
  }
}
