import MillraceTypes

/// The JSON functions of SQL, whose arguments have clauses of their own.
extension Parser {
  private static let jsonFunctions: Set<String> = [
    "JSON_EXISTS", "JSON_VALUE", "JSON_QUERY", "JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG",
  ]

  /// Whether a call with a grammar of its own follows.
  var isAtJSONCall: Bool {
    token.kind == .word && peek().symbol == .leftParenthesis && Self.jsonFunctions.contains(text(token).uppercased())
  }

  private func isWord(_ word: String, _ ahead: Int = 0) -> Bool {
    let token = peek(ahead)
    return token.kind == .word && text(token).uppercased() == word
  }

  private mutating func takeWord(_ word: String) -> Bool {
    guard isWord(word), !isAtStatementEnd else { return false }
    advance()
    return true
  }

  private mutating func expectWord(_ word: String, _ context: String) throws(ParseStop) {
    if !takeWord(word) { throw unexpected("\(word) \(context)") }
  }

  mutating func parseJSONCall() throws(ParseStop) -> SQLExpression {
    let start = index
    var call = SQLCall(identifier(token), [])
    var clauses = SQLJSONClauses()
    let name = call.name.text.uppercased()
    advance()
    let opening = token
    advance()
    switch name {
    case "JSON_OBJECT", "JSON_OBJECTAGG": try parseMembers(name, &call, &clauses)
    case "JSON_ARRAY", "JSON_ARRAYAGG":
      if name == "JSON_ARRAYAGG", take(.distinct) { call.isDistinct = true }
      while !at(.rightParenthesis), !isAtOnNull {
        call.arguments.append(try parseExpression())
        if !take(.comma) { break }
      }
    default:
      call.arguments = try parseExpressionList()
      if takeWord("RETURNING") { clauses.returning = try parseType() }
      if name == "JSON_QUERY" { clauses.wrapper = try parseWrapper() }
      try parseBehaviours(name, &clauses)
    }
    if isAtOnNull {
      clauses.absentOnNull = isWord("ABSENT")
      advance()
      advance()
      advance()
    }
    if at(.order) { throw unsupported("ORDER BY inside a function call") }
    try expectClosing(opening)
    let defaults = [clauses.onEmpty, clauses.onError].compactMap { if case .otherwise(let value)? = $0 { value } else { nil } }
    var tallest = (call.arguments + defaults).lazy.map(\.height).max() ?? 0
    call.json = clauses
    try parseCallSuffixes(into: &call, &tallest)
    return node(.call(call), from: start, height: try height(above: tallest, at: start))
  }

  /// `NULL ON NULL` or `ABSENT ON NULL`
  private var isAtOnNull: Bool { (isWord("NULL") || isWord("ABSENT")) && peek().keyword == .on && isWord("NULL", 2) }

  /// `[KEY] k VALUE v, ...`
  private mutating func parseMembers(_ name: String, _ call: inout SQLCall, _ clauses: inout SQLJSONClauses) throws(ParseStop) {
    while !at(.rightParenthesis), !isAtOnNull {
      if isWord("KEY"), !isWord("VALUE", 1), peek().symbol != .dot, peek().symbol != .comma { advance() }
      call.arguments.append(try parseExpression())
      if !takeWord("VALUE") { throw unexpected("VALUE behind the key", hint: "write \(name)(KEY k VALUE v)") }
      call.arguments.append(try parseExpression())
      if !take(.comma) { break }
    }
  }

  /// `{ WITHOUT | WITH [CONDITIONAL | UNCONDITIONAL] } [ARRAY] WRAPPER`
  private mutating func parseWrapper() throws(ParseStop) -> String {
    var wrapper = "WITHOUT"
    if isWord("WITH") {
      advance()
      wrapper = "UNCONDITIONAL"
      if takeWord("CONDITIONAL") { wrapper = "CONDITIONAL" } else { _ = takeWord("UNCONDITIONAL") }
    } else if !takeWord("WITHOUT") {
      return wrapper
    }
    _ = take(.array)
    try expectWord("WRAPPER", "in JSON_QUERY")
    return wrapper
  }

  /// `{ NULL | ERROR | TRUE | ... | DEFAULT x } ON { EMPTY | ERROR }`, one after the other.
  private mutating func parseBehaviours(_ name: String, _ clauses: inout SQLJSONClauses) throws(ParseStop) {
    let allowed: Set<String> =
      switch name {
      case "JSON_EXISTS": ["TRUE", "FALSE", "UNKNOWN", "ERROR"]
      case "JSON_VALUE": ["NULL", "ERROR", "DEFAULT"]
      default: ["NULL", "ERROR", "EMPTY"]
      }
    while token.kind == .word, allowed.contains(text(token).uppercased()) {
      var word = text(token).uppercased()
      advance()
      let behaviour: SQLJSONClauses.Behaviour
      if word == "DEFAULT" {
        behaviour = .otherwise(try parseExpression())
      } else {
        if word == "EMPTY" {
          if take(.array) { word = "EMPTY ARRAY" } else { try expectWord("OBJECT", "or ARRAY behind EMPTY") }
          if word == "EMPTY" { word = "EMPTY OBJECT" }
        }
        behaviour = .word(word)
      }
      try expect(.on, "and EMPTY or ERROR in \(name)")
      if name != "JSON_EXISTS", takeWord("EMPTY") {
        clauses.onEmpty = behaviour
      } else {
        try expectWord("ERROR", "behind ON in \(name)")
        clauses.onError = behaviour
      }
    }
  }

  /// What follows `IS [NOT]` when it is `JSON [VALUE | SCALAR | ARRAY | OBJECT]`.
  mutating func parseJSONTest(_ value: SQLExpression, negated: Bool, _ start: Int) throws(ParseStop) -> SQLExpression {
    let place = token
    advance()
    var kind = "VALUE"
    if take(.array) {
      kind = "ARRAY"
    } else {
      for word in ["VALUE", "SCALAR", "OBJECT"] where takeWord(word) { kind = word }
    }
    let call = SQLCall(Identifier("IS JSON \(kind)", span: place.span), [value])
    let test = node(.call(call), from: start, height: try height(above: value.height, at: start))
    return negated ? node(.unary(.not, test), from: start, height: try height(above: test.height, at: start)) : test
  }
}
