import MillraceTypes

extension Parser {
  /// True when a query starts here, behind any number of parentheses.
  func startsQuery() -> Bool {
    var ahead = 0
    while peek(ahead).symbol == .leftParenthesis, ahead <= Self.nestingLimit { ahead += 1 }
    switch peek(ahead).keyword {
    case .select, .with, .values: return ahead < 2 || isWholeQuery()
    // TABLE t is a query, TABLE(f(...)) is a table function.
    case .table: return ahead > 0 && peek(ahead + 1).symbol != .leftParenthesis
    default: return false
    }
  }

  /// Whether what begins with two parentheses at hand is a query altogether, and not an expression or a join that begins with one.
  private func isWholeQuery() -> Bool {
    let opening = peek()
    var ahead = 2
    while peek(ahead).kind != .end, peek(ahead).depth > opening.depth || peek(ahead).symbol != .rightParenthesis { ahead += 1 }
    let next = peek(ahead + 1)
    switch next.keyword {
    case .union, .intersect, .except, .setMinus, .order, .limit, .offset, .fetch: return true
    default: return next.symbol == .rightParenthesis || next.kind == .end
    }
  }

  /// `[WITH ...] body [ORDER BY ...] [LIMIT ...]`
  mutating func parseQuery() throws(ParseStop) -> SQLQuery {
    try nested(levels: 3) { (p) throws(ParseStop) in try p.parseQueryUnchecked() }
  }

  private mutating func parseQueryUnchecked() throws(ParseStop) -> SQLQuery {
    let start = index
    let depth = token.depth
    let with = try parseWith()
    var query = try parseSetOperations()
    // ORDER BY and LIMIT behind a set operation belong to the whole of it, so a parenthesised query is wrapped first.
    if case .nested = query.body, !with.isEmpty || at(.order) || at(.limit) || at(.offset) || at(.fetch) {
      query = SQLQuery(body: query.body, span: query.span, height: query.height)
    }
    query.with = with
    if at(.order) {
      advance()
      try expect(.by, "after ORDER")
      query.orderBy = try recovering(at: depth) { (p) throws(ParseStop) in try p.parseSortItems() } ?? []
    }
    try parseLimits(into: &query)
    query.span = span(from: start)
    return query
  }

  private mutating func parseWith() throws(ParseStop) -> [SQLCommonTable] {
    guard take(.with) else { return [] }
    if at(.recursive) { throw unsupported("WITH RECURSIVE") }
    var tables: [SQLCommonTable] = []
    repeat {
      let name = try parseName("the name of a WITH query")
      let columns = at(.leftParenthesis) ? try parseNameList("the column list") : []
      try expect(.as, "after the name of the WITH query")
      let opening = token
      try expect(.leftParenthesis, "before the WITH query")
      let query = try parseQuery()
      try expectClosing(opening)
      tables.append(SQLCommonTable(name: name, columns: columns, query: query))
    } while take(.comma)
    return tables
  }

  private mutating func parseLimits(into query: inout SQLQuery) throws(ParseStop) {
    while true {
      if at(.limit), query.limit == nil {
        advance()
        // LIMIT ALL is no limit.
        if !take(.all) { query.limit = try parseRowCount() }
      } else if at(.offset), query.offset == nil {
        advance()
        query.offset = try parseRowCount()
        if !take(.rows) { _ = take(.row) }
      } else if at(.fetch), query.limit == nil {
        let start = index
        advance()
        if !take(.first), !take(.next) { throw unexpected("FIRST or NEXT after FETCH", among: [.first, .next]) }
        if at(.row) || at(.rows) {
          query.limit = SQLExpression(.literal(.exact("1", isDecimal: false)), span: span(from: start))
        } else {
          query.limit = try parseRowCount()
        }
        if !take(.rows), !take(.row) { throw unexpected("ROWS ONLY", among: [.rows]) }
        try expect(.only, "after FETCH ... ROWS")
      } else {
        return
      }
    }
  }

  private mutating func parseRowCount() throws(ParseStop) -> SQLExpression {
    guard token.kind == .integer else { throw unexpected("a whole number of rows") }
    let start = index
    advance()
    return SQLExpression(.literal(.exact(text(tokens[start]), isDecimal: false)), span: span(from: start))
  }

  // MARK: Set operations

  /// UNION and EXCEPT from left to right; INTERSECT binds tighter.
  private mutating func parseSetOperations() throws(ParseStop) -> SQLQuery {
    let start = index
    var left = try parseIntersections()
    while at(.union) || at(.except) || at(.setMinus) {
      if at(.setMinus) { throw unexpected("EXCEPT", hint: "MINUS is written EXCEPT") }
      let operation: SQLSetOperator = at(.union) ? .union : .except
      left = try parseSetOperation(operation, left, start) { (p) throws(ParseStop) in try p.parseIntersections() }
    }
    return left
  }

  private mutating func parseIntersections() throws(ParseStop) -> SQLQuery {
    let start = index
    var left = try parseQueryTerm()
    while at(.intersect) {
      left = try parseSetOperation(.intersect, left, start) { (p) throws(ParseStop) in try p.parseQueryTerm() }
    }
    return left
  }

  private mutating func parseSetOperation(
    _ operation: SQLSetOperator, _ left: SQLQuery, _ start: Int, _ right: (inout Parser) throws(ParseStop) -> SQLQuery
  ) throws(ParseStop) -> SQLQuery {
    advance()
    let all = take(.all)
    if !all { _ = take(.distinct) }
    let right = try right(&self)
    let height = try height(above: left.height, right.height, at: start)
    return SQLQuery(body: .setOperation(operation, all: all, left, right), span: span(from: start), height: height)
  }

  private mutating func parseQueryTerm() throws(ParseStop) -> SQLQuery {
    let start = index
    switch token.keyword {
    case .select:
      let select = try parseSelect()
      return SQLQuery(body: .select(select), span: select.span)
    case .values:
      let rows = try parseValues()
      return SQLQuery(body: .values(rows), span: span(from: start))
    case .table:
      advance()
      let name = try parseObjectName("the name of a table")
      return SQLQuery(body: .table(name), span: span(from: start))
    default:
      guard at(.leftParenthesis) else {
        throw unexpected("a query", among: [.select, .with, .values])
      }
      let opening = token
      advance()
      let inner = try parseQuery()
      try expectClosing(opening)
      return SQLQuery(body: .nested(inner), span: span(from: start), height: try height(above: inner.height, at: start))
    }
  }

  /// `VALUES (1, 'a'), (2, 'b')`; a row of one column needs no parentheses.
  private mutating func parseValues() throws(ParseStop) -> [SQLExpression] {
    let depth = token.depth
    advance()
    var rows: [SQLExpression] = []
    repeat {
      let row = try recovering(at: depth) { (p) throws(ParseStop) -> SQLExpression in
        let start = p.index
        _ = p.at(.row) && p.peek().symbol == .leftParenthesis ? p.take(.row) : false
        guard p.at(.leftParenthesis) else {
          let value = try p.parseExpression()
          return SQLExpression(.row([value]), span: value.span, height: try p.height(above: value.height, at: start))
        }
        let opening = p.token
        p.advance()
        let values = try p.parseExpressionList()
        try p.expectClosing(opening)
        let height = try p.height(above: values.lazy.map(\.height).max() ?? 0, at: start)
        return SQLExpression(.row(values), span: p.span(from: start), height: height)
      }
      if let row { rows.append(row) }
    } while take(.comma)
    return rows
  }

  // MARK: SELECT

  private mutating func parseSelect() throws(ParseStop) -> SQLSelect {
    let start = index
    let depth = token.depth
    advance()
    let hints = try parseHints()
    var select = SQLSelect(span: token.span)
    select.stateTTLs = hints.filter(\.isStateTTL).flatMap(\.options)
    if take(.distinct) { select.isDistinct = true } else { _ = take(.all) }
    repeat {
      if let item = try recovering(at: depth, { (p) throws(ParseStop) in try p.parseSelectItem() }) { select.items.append(item) }
    } while take(.comma)
    expectClauseEnd("',', FROM or the end of the query", depth)
    if take(.from) {
      select.from = try recovering(at: depth) { (p) throws(ParseStop) in try p.parseFrom() } ?? SQLTable(kind: .invalid, span: token.span)
      // After an error the rest of FROM is skipped, comma-separated tables included.
      while at(.comma), token.depth == depth {
        advance()
        skip(depth: depth) { $0.keyword.startsClause }
      }
      expectClauseEnd("WHERE, GROUP BY, ORDER BY or the end of the query", depth)
    }
    if take(.where) {
      select.filter = try recovering(at: depth) { (p) throws(ParseStop) in try p.parseExpression() }
      expectClauseEnd("an operator, AND, OR or the end of WHERE", depth)
    }
    if take(.group) {
      try expect(.by, "after GROUP")
      select.isGroupDistinct = take(.distinct)
      if !select.isGroupDistinct { _ = take(.all) }
      select.groupBy = try recovering(at: depth) { (p) throws(ParseStop) in try p.parseGroupings() } ?? []
      skip(depth: depth) { _ in true }
    }
    if take(.having) { select.having = try recovering(at: depth) { (p) throws(ParseStop) in try p.parseExpression() } }
    if take(.window) {
      repeat {
        let window = try recovering(at: depth) { (p) throws(ParseStop) -> SQLNamedWindow in
          let name = try p.parseName("the name of a window")
          try p.expect(.as, "after the name of the window")
          return SQLNamedWindow(name: name, window: try p.parseWindow())
        }
        if let window { select.windows.append(window) }
      } while take(.comma)
    }
    if at(.qualify) { throw unsupported("QUALIFY", hint: "put the query into a subquery and filter it with WHERE") }
    select.span = span(from: start)
    return select
  }

  /// Reports what stands between the end of a clause and the next one, and skips it.
  private mutating func expectClauseEnd(_ wanted: String, _ depth: Int32) {
    switch token.keyword {
    case .offset, .end: return
    default: break
    }
    if isAtStatementEnd || token.keyword.startsClause || at(.rightParenthesis) || at(.rightBracket) { return }
    if token.kind != .invalid { _ = unexpected(wanted, among: Keyword.clauses) }
    skip(depth: depth) { $0.keyword.startsClause }
  }

  private mutating func parseSelectItem() throws(ParseStop) -> SQLSelectItem {
    let start = index
    if take(.star) {
      return SQLSelectItem(kind: .star(qualifier: []), span: span(from: start))
    }
    if token.keyword.startsClause || isAtStatementEnd || at(.comma) { throw unexpected("a column or expression to select") }
    if let qualifier = parseQualifiedStar() {
      return SQLSelectItem(kind: .star(qualifier: qualifier), span: span(from: start))
    }
    let expression = try parseExpression()
    var alias: Identifier?
    if take(.as) {
      alias = try parseName("a name after AS")
    } else if isAtName, !token.keyword.endsImplicitAlias {
      implicitAliasIndex = index
      alias = identifier(token)
      advance()
    }
    return SQLSelectItem(kind: .expression(expression), alias: alias, span: span(from: start))
  }

  /// `t.*`, taken only when it is one.
  private mutating func parseQualifiedStar() -> [Identifier]? {
    guard isAtName else { return nil }
    var ahead = 0
    while ahead < 8, peek(ahead + 1).symbol == .dot {
      if peek(ahead + 2).symbol == .star {
        var parts: [Identifier] = []
        for step in stride(from: 0, through: ahead, by: 2) { parts.append(identifier(peek(step))) }
        for _ in 0..<(ahead + 3) { advance() }
        return parts
      }
      let next = peek(ahead + 2)
      guard next.kind == .quotedName || (next.kind == .word && !next.keyword.isReserved) else { return nil }
      ahead += 2
    }
    return nil
  }

  private mutating func parseGroupings() throws(ParseStop) -> [SQLGrouping] {
    var parts = [try parseGrouping()]
    while take(.comma) { parts.append(try parseGrouping()) }
    return parts
  }

  /// `a`, `(a, b)`, `()`, `ROLLUP (...)`, `CUBE (...)`, `GROUPING SETS (...)`
  private mutating func parseGrouping() throws(ParseStop) -> SQLGrouping {
    try nested { (p) throws(ParseStop) in try p.parseGroupingUnchecked() }
  }

  private mutating func parseGroupingUnchecked() throws(ParseStop) -> SQLGrouping {
    if at(.grouping), peek().keyword == .sets {
      advance()
      advance()
      return .sets(try parseGroupingList("after GROUPING SETS"))
    }
    if at(.cube), peek().symbol == .leftParenthesis {
      advance()
      return .cube(try parseGroupingList("after CUBE"))
    }
    if at(.rollup), peek().symbol == .leftParenthesis {
      advance()
      return .rollup(try parseGroupingList("after ROLLUP"))
    }
    if at(.leftParenthesis), peek().symbol == .rightParenthesis {
      advance()
      advance()
      return .keys([])
    }
    let isParenthesised = at(.leftParenthesis)
    let key = try parseExpression()
    // Several keys in parentheses are one part of a grouping, not a row.
    if isParenthesised, case .row(let keys) = key.kind { return .keys(keys) }
    return .keys([key])
  }

  private mutating func parseGroupingList(_ place: String) throws(ParseStop) -> [SQLGrouping] {
    let opening = token
    try expect(.leftParenthesis, place)
    let parts = try parseGroupings()
    try expectClosing(opening)
    return parts
  }

  mutating func parseSortItems() throws(ParseStop) -> [SQLSortItem] {
    var items: [SQLSortItem] = []
    repeat {
      var item = SQLSortItem(expression: try parseExpression())
      if take(.desc) { item.isDescending = true } else { _ = take(.asc) }
      if take(.nulls) {
        if take(.first) {
          item.nullsFirst = true
        } else {
          try expect(.last, "or FIRST after NULLS")
          item.nullsFirst = false
        }
      }
      items.append(item)
    } while take(.comma)
    return items
  }
}
