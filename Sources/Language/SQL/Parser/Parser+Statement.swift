import MillraceTypes

extension Parser {
  /// Statements up to the end of the text, separated by `;`.
  mutating func parseScript() -> [SQLStatement] {
    var statements: [SQLStatement] = []
    while token.kind != .end {
      if take(.semicolon) { continue }
      statements.append(parseRecoveringStatement())
    }
    return statements
  }

  /// One statement with its end; after an error, whatever could be kept of it.
  private mutating func parseRecoveringStatement() -> SQLStatement {
    let start = index
    let known = diagnostics.count
    nesting = 0
    declaredName = nil
    abandonsStatement = false
    var statement = SQLStatement(kind: .invalid, span: token.span)
    do {
      statement.kind = try parseStatementKind()
      statement.span = span(from: start)
      if !isAtStatementEnd { throw unexpected("';' or the end of the statement") }
    } catch {
      while !isAtStatementEnd { advance() }
    }
    statement.span = span(from: start)
    statement.declaredName = declaredName
    // Lexical errors were reported before parsing began, so they are looked up by place.
    let range = statement.span.byteOffset..<token.endOffset
    statement.hasErrors =
      diagnostics.count > known || diagnostics.count >= Self.diagnosticLimit
      || diagnostics.contains { range.contains($0.span.byteOffset) }
    return statement
  }

  private mutating func parseStatementKind() throws(ParseStop) -> SQLStatement.Kind {
    switch token.keyword {
    case .select, .with, .values, .table: return .query(try parseQuery())
    case .create: return try parseCreate()
    case .drop: return try parseDrop()
    case .insert: return .insert(try parseInsert())
    case .execute: return try parseExecute()
    case .begin: return try parseBegin()
    case .explain: return try parseExplain()
    case .describe, .desc:
      advance()
      return .describe(try parseObjectName("the name of a table or view"))
    case .show: return try parseShow()
    case .set: return try parseSet()
    case .reset:
      advance()
      return .reset(isAtStatementEnd ? nil : try parseText("an option's name in quotes"))
    case .end: throw unexpected("a statement", hint: "END closes BEGIN STATEMENT SET; none is open here")
    case .alter: return try parseAlter()
    case .use: return try parseUse()
    case .merge, .update, .delete, .truncate, .analyze, .load, .unload, .call, .compile, .add:
      throw unsupported("\(token.keyword.rawValue) statements")
    default:
      if at(.leftParenthesis) { return .query(try parseQuery()) }
      throw unexpected(
        "a statement",
        among: [.select, .with, .values, .create, .drop, .insert, .execute, .begin, .explain, .describe, .show, .set, .reset])
    }
  }

  // MARK: INSERT and statement sets

  private mutating func parseInsert() throws(ParseStop) -> SQLInsert {
    let start = index
    advance()
    if at(.overwrite) { throw unsupported("INSERT OVERWRITE", hint: "use INSERT INTO with an empty target") }
    try expect(.into, "after INSERT")
    let target = try parseObjectName("the name of a table")
    let hints = try parseHints()
    let partition = try parsePartition()
    // A parenthesis opens either the column list or the query.
    let columns = at(.leftParenthesis) && !startsQuery() ? try parseNameList("the column list") : []
    let query = try parseQuery()
    return SQLInsert(
      target: target, columns: columns, query: query, partition: partition, hints: hints, span: span(from: start))
  }

  /// `PARTITION (column = constant, ...)`
  private mutating func parsePartition() throws(ParseStop) -> [SQLPartitionValue] {
    guard take(.partition) else { return [] }
    let opening = token
    try expect(.leftParenthesis, "after PARTITION")
    var values: [SQLPartitionValue] = []
    repeat {
      let column = try parseName("the name of a column")
      guard take(.equal) else { throw unsupported("PARTITION (column) without a value", hint: "the column can be left to the query") }
      values.append(SQLPartitionValue(column: column, value: try parseExpression(atLeast: .additive)))
    } while take(.comma)
    try expectClosing(opening)
    return values
  }

  private mutating func parseExecute() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    if take(.statement) {
      try expect(.set, "after EXECUTE STATEMENT")
      try expect(.begin, "after EXECUTE STATEMENT SET")
      return .statementSet(try parseStatementSet())
    }
    if at(.insert) { return .insert(try parseInsert()) }
    if at(.select) || at(.with) { return .query(try parseQuery()) }
    if at(.plan) { throw unsupported("EXECUTE PLAN") }
    throw unexpected("STATEMENT SET or an INSERT after EXECUTE", among: [.statement, .insert])
  }

  private mutating func parseBegin() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    try expect(.statement, "after BEGIN")
    try expect(.set, "after BEGIN STATEMENT")
    return .statementSet(try parseStatementSet())
  }

  /// `INSERT ...; INSERT ...; END`
  private mutating func parseStatementSet() throws(ParseStop) -> [SQLInsert] {
    let opening = tokens[max(index - 1, 0)]
    var inserts: [SQLInsert] = []
    while true {
      if take(.semicolon) { continue }
      if take(.end) { break }
      if token.kind == .end {
        throw unexpected("END to close the statement set of line \(opening.line)")
      }
      do {
        guard at(.insert) else { throw unexpected("INSERT or END in a statement set", among: [.insert, .end]) }
        inserts.append(try parseInsert())
        if !isAtStatementEnd, !at(.end) { throw unexpected("';' after the INSERT") }
      } catch {
        abandonsStatement = false
        while !isAtStatementEnd { advance() }
      }
    }
    return inserts
  }

  // MARK: The rest

  private mutating func parseExplain() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    var analyzes = false
    var limit: SQLAnalyzeLimit?
    if at(.plan, .for) {
      _ = take(.plan, .for)
    } else if at(.analyze) {
      advance()
      analyzes = true
      limit = try parseAnalyzeLimit()
    } else if token.kind == .word, !at(.select), !at(.insert), !at(.with), !at(.execute), !at(.begin), !at(.values), !at(.table),
      peek().kind == .word || peek().symbol == .comma
    {
      throw unsupported("EXPLAIN details such as \(text(token))", hint: "write EXPLAIN PLAN FOR and the statement")
    }
    switch token.keyword {
    case .select, .with, .values, .insert, .execute, .begin, .table: break
    default:
      if !at(.leftParenthesis) { throw unexpected("a query, INSERT or statement set to explain", among: [.select, .insert, .with, .plan]) }
    }
    let innerStart = index
    let kind = try parseStatementKind()
    let inner = SQLStatement(kind: kind, span: span(from: innerStart))
    return analyzes ? .analyze(inner, limit: limit) : .explain(inner)
  }

  /// `LIMIT INTERVAL '10' SECOND`
  private mutating func parseAnalyzeLimit() throws(ParseStop) -> SQLAnalyzeLimit? {
    guard take(.limit) else { return nil }
    guard at(.interval) else {
      throw unexpected("an INTERVAL after EXPLAIN ANALYZE LIMIT", hint: "write e.g. EXPLAIN ANALYZE LIMIT INTERVAL '10' SECOND SELECT ...")
    }
    let start = index
    advance()
    let interval = try parseIntervalValue()
    return SQLAnalyzeLimit(interval: interval, span: span(from: start))
  }

  private mutating func parseSet() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    if isAtStatementEnd { return .set(nil) }
    return .set(try parseOption())
  }
}
