import MillraceTypes

/// What a script parses to. Statements with errors are kept, marked, so that names they declare stay known.
package struct ParsedScript: Sendable {
  package var statements: [SQLStatement]
  /// In source order.
  package var diagnostics: [SQLDiagnostic]
  package var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

/// Thrown to leave a construct that cannot be parsed; the reason has been reported already.
struct ParseStop: Error {}

/// Recursive descent over tokens. Each statement family has its own file.
///
/// On an error the parser reports, then resumes at the next list item, clause or statement, so that one pass finds
/// several mistakes. Nesting and tree height are bounded, so neither parsing nor walking the result can exhaust a stack.
package struct Parser {
  /// Reports beyond this are dropped.
  static let diagnosticLimit = 50
  /// Levels of parentheses, subqueries and the like.
  static let nestingLimit = 64
  /// Levels of any tree, operator chains included.
  static let heightLimit: Int32 = 128

  let source: SQLSource
  let tokens: [Token]
  var index = 0
  var nesting = 0
  var diagnostics: [SQLDiagnostic] = []
  /// Set when recovery inside the current statement is pointless (nesting limit).
  var abandonsStatement = false
  /// The name that the current statement defines.
  var declaredName: String?
  /// Token index of the last alias written without AS, the likely place of a misspelled keyword.
  var implicitAliasIndex = -1

  /// Parses a whole script; never fails, see `ParsedScript.diagnostics`.
  package static func parse(_ source: SQLSource) -> ParsedScript {
    let lexer = Lexer(source)
    var parser = Parser(source: source, tokens: lexer.tokens)
    parser.diagnostics = lexer.diagnostics
    let statements = parser.parseScript()
    let diagnostics = parser.diagnostics.sorted { ($0.span.byteOffset, $0.span.byteCount) < ($1.span.byteOffset, $1.span.byteCount) }
    return ParsedScript(statements: statements, diagnostics: diagnostics)
  }

  private init(source: SQLSource, tokens: [Token]) {
    self.source = source
    self.tokens = tokens
  }

  // MARK: Looking

  /// The token at hand; the last token is always `.end`.
  var token: Token { tokens[index] }

  func peek(_ ahead: Int = 1) -> Token { tokens[min(index + ahead, tokens.count - 1)] }

  func at(_ keyword: Keyword) -> Bool { tokens[index].keyword == keyword }
  func at(_ symbol: Symbol) -> Bool { tokens[index].symbol == symbol }
  func at(_ first: Keyword, _ second: Keyword) -> Bool { at(first) && peek().keyword == second }
  var isAtStatementEnd: Bool { token.kind == .end || at(.semicolon) }

  func text(_ token: Token) -> String { String(decoding: source.bytes[token.byteOffset..<token.endOffset], as: UTF8.self) }

  /// How a token is named in a message.
  func described(_ token: Token) -> String {
    token.kind == .end ? "the end of the text" : "'\(source.excerpt(token.span))'"
  }

  // MARK: Moving

  mutating func advance() { if index < tokens.count - 1 { index += 1 } }

  mutating func take(_ keyword: Keyword) -> Bool {
    guard at(keyword) else { return false }
    advance()
    return true
  }
  mutating func take(_ symbol: Symbol) -> Bool {
    guard at(symbol) else { return false }
    advance()
    return true
  }
  mutating func take(_ first: Keyword, _ second: Keyword) -> Bool {
    guard at(first, second) else { return false }
    advance()
    advance()
    return true
  }

  mutating func expect(_ keyword: Keyword, _ context: String) throws(ParseStop) {
    if !take(keyword) { throw unexpected("\(keyword.rawValue) \(context)", among: [keyword]) }
  }
  mutating func expect(_ symbol: Symbol, _ context: String) throws(ParseStop) {
    if !take(symbol) { throw unexpected("'\(symbol.rawValue)' \(context)") }
  }

  /// A closing parenthesis; when a clause or the end follows instead, it is reported and taken as written.
  mutating func expectClosing(_ opening: Token) throws(ParseStop) {
    let closing: Symbol = opening.symbol == .leftBracket ? .rightBracket : .rightParenthesis
    if take(closing) { return }
    let opened = "'\(opening.symbol.rawValue)' of line \(opening.line), column \(opening.column)"
    let error = unexpected("'\(closing.rawValue)' to close the \(opened)")
    guard isAtStatementEnd || token.keyword.startsClause, !abandonsStatement else { throw error }
  }

  /// The place from a token up to the last one taken.
  func span(from start: Int) -> SourceSpan {
    let first = tokens[start]
    let last = tokens[max(start, index - 1)]
    var span = first.span
    span.byteCount = max(last.endOffset - first.byteOffset, 0)
    return span
  }

  // MARK: Reporting

  mutating func report(_ message: String, at span: SourceSpan, hint: String? = nil) {
    guard diagnostics.count < Self.diagnosticLimit else { return }
    // One place is reported once; the first message is the closest to the cause.
    if diagnostics.contains(where: { $0.span.byteOffset == span.byteOffset }) { return }
    diagnostics.append(SQLDiagnostic(message, span: span, text: source.excerpt(span), hint: hint))
  }

  /// Reports that the token at hand is not what the grammar wants.
  mutating func unexpected(_ wanted: String, among keywords: [Keyword] = [], hint: String? = nil) -> ParseStop {
    // The lexer has already said what is wrong with an invalid token.
    if token.kind == .invalid { return ParseStop() }
    var hint = hint
    if hint == nil, implicitAliasIndex == index - 1, index > 0 {
      let alias = text(tokens[implicitAliasIndex])
      if let near = nearestName(to: alias, among: Keyword.clauses.map(\.rawValue)), alias.utf8.count > 2,
        near.utf8.count <= alias.utf8.count + 2
      {
        hint = "'\(alias)' was read as an alias; did you mean \(near)?"
      }
    }
    if hint == nil, token.kind == .word, token.byteCount > 2, !keywords.isEmpty,
      let near = nearestName(to: text(token), among: keywords.map(\.rawValue)), near != token.keyword.rawValue
    {
      hint = "did you mean \(near)?"
    }
    if hint == nil, token.keyword.isReserved, wanted.contains("name") {
      hint = "\(token.keyword.rawValue) is a keyword; write `\(text(token))` to use it as a name"
    }
    report("expected \(wanted), found \(described(token))", at: token.span, hint: hint)
    return ParseStop()
  }

  mutating func unsupported(_ what: String, at span: SourceSpan? = nil, hint: String? = nil) -> ParseStop {
    report("not supported yet: \(what)", at: span ?? token.span, hint: hint)
    return ParseStop()
  }

  // MARK: Depth

  /// Runs a construct one level deeper; too deep is an error that gives up the statement.
  ///
  /// `levels` weighs what a construct costs in stack: a query costs about as much as three expressions.
  mutating func nested<T>(levels: Int = 1, _ body: (inout Parser) throws(ParseStop) -> T) throws(ParseStop) -> T {
    guard nesting + levels <= Self.nestingLimit else {
      report(
        "this is nested too deeply", at: token.span,
        hint: "move inner parts into views")
      abandonsStatement = true
      throw ParseStop()
    }
    nesting += levels
    defer { nesting -= levels }
    return try body(&self)
  }

  /// One more than the heights below, or an error when the tree grows too tall.
  mutating func height(above heights: Int32..., at start: Int) throws(ParseStop) -> Int32 {
    let height = (heights.max() ?? 0) + 1
    if height > Self.heightLimit {
      report(
        "this chain of operators is too long: more than \(Self.heightLimit) levels", at: tokens[start].span,
        hint: "split it into several columns or views")
      abandonsStatement = true
      throw ParseStop()
    }
    return height
  }

  // MARK: Recovery

  /// Skips to the next token of this or an outer depth that satisfies the test, or to the end of the statement.
  mutating func skip(depth: Int32, until isStop: (Token) -> Bool) {
    while !isAtStatementEnd {
      if token.depth < depth || (token.depth == depth && isStop(token)) { return }
      advance()
    }
  }

  /// Parses one item of a list or one clause. After an error the parser stands at the next `,`, closing parenthesis,
  /// clause keyword or statement end, and nil is returned.
  mutating func recovering<T>(
    at depth: Int32, stopAtClauses: Bool = true, _ body: (inout Parser) throws(ParseStop) -> T
  ) throws(ParseStop) -> T? {
    do {
      return try body(&self)
    } catch {
      if abandonsStatement { throw error }
      skip(depth: depth) { $0.symbol == .comma || (stopAtClauses && $0.keyword.startsClause) }
      return nil
    }
  }

  // MARK: Names and lists

  var isAtName: Bool { token.kind == .quotedName || (token.kind == .word && !token.keyword.isReserved) }

  func identifier(_ token: Token) -> Identifier {
    guard token.kind == .quotedName else { return Identifier(text(token), span: token.span) }
    let raw = source.bytes[token.byteOffset + 1..<token.endOffset - 1]
    let quote = source.bytes[token.byteOffset]
    var name: [UInt8] = []
    var skipsQuote = false
    for byte in raw {
      if skipsQuote {
        skipsQuote = false
        continue
      }
      name.append(byte)
      skipsQuote = byte == quote
    }
    return Identifier(String(decoding: name, as: UTF8.self), span: token.span, isQuoted: true)
  }

  mutating func parseName(_ what: String) throws(ParseStop) -> Identifier {
    guard isAtName else { throw unexpected(what) }
    let name = identifier(token)
    advance()
    return name
  }

  /// `a` or `a.b.c`
  mutating func parseObjectName(_ what: String) throws(ParseStop) -> ObjectName {
    let start = index
    var parts = [try parseName(what)]
    while take(.dot) { parts.append(try parseName("a name after '.'")) }
    return ObjectName(parts: parts, span: span(from: start))
  }

  /// `(a, b, c)`
  mutating func parseNameList(_ what: String) throws(ParseStop) -> [Identifier] {
    let opening = token
    try expect(.leftParenthesis, "before \(what)")
    var names: [Identifier] = []
    repeat { names.append(try parseName("a name in \(what)")) } while take(.comma)
    try expectClosing(opening)
    return names
  }

  /// A string literal, unquoted.
  mutating func parseText(_ what: String) throws(ParseStop) -> SQLText {
    guard token.kind == .string else {
      throw unexpected(what, hint: token.kind == .word ? "write it in single quotes: '\(text(token))'" : nil)
    }
    let literal = SQLText(text: stringValue(token), span: token.span)
    advance()
    return literal
  }

  func stringValue(_ token: Token) -> String {
    var value: [UInt8] = []
    value.reserveCapacity(token.byteCount)
    var skipsQuote = false
    for byte in source.bytes[token.byteOffset + 1..<token.endOffset - 1] {
      if skipsQuote {
        skipsQuote = false
        continue
      }
      value.append(byte)
      skipsQuote = byte == UInt8(ascii: "'")
    }
    return String(decoding: value, as: UTF8.self)
  }
}

extension Keyword {
  /// Words that begin a clause of a query, where recovery may resume.
  static let clauses: [Keyword] = [
    .from, .where, .group, .having, .window, .order, .limit, .offset, .fetch, .union, .except, .intersect, .join, .left,
    .right, .inner, .full, .cross, .on, .using, .also, .key, .with, .as, .over, .filter, .qualify,
  ]

  var startsClause: Bool {
    switch self {
    case .from, .where, .group, .having, .window, .order, .limit, .fetch, .union, .except, .intersect, .qualify, .also: true
    default: false
    }
  }
}
