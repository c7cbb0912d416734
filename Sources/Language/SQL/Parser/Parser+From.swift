import MillraceTypes

extension Parser {
  /// Everything behind FROM: tables joined by JOIN or by commas.
  mutating func parseFrom() throws(ParseStop) -> SQLTable {
    let start = index
    var table = try parseJoins()
    while take(.comma) {
      let right = try parseJoins()
      let height = try height(above: table.height, right.height, at: start)
      table = SQLTable(kind: .join(table, right, .cross, .none), span: span(from: start), height: height)
    }
    return table
  }

  private mutating func parseJoins() throws(ParseStop) -> SQLTable {
    let start = index
    var left = try parseTableItem()
    while true {
      let isNatural = take(.natural)
      guard let kind = try parseJoinKind() else {
        if isNatural { throw unexpected("JOIN after NATURAL", among: [.join, .inner, .left, .right, .full]) }
        break
      }
      let right = try parseTableItem()
      var condition = isNatural ? SQLJoinCondition.natural : .none
      if isNatural, at(.on) || at(.using) || kind == .cross {
        report("NATURAL JOIN has no condition of its own", at: kind == .cross ? right.span : token.span, hint: "leave NATURAL out")
      }
      if take(.on) {
        condition = .on(try parseExpression())
      } else if take(.using) {
        condition = .using(try parseNameList("USING"))
      }
      switch (kind, condition) {
      case (.cross, .on), (.cross, .using):
        report("CROSS JOIN has no condition", at: right.span, hint: "write JOIN ... ON")
      case (.cross, .none): break
      case (_, .none): throw unexpected("ON or USING after the joined table", among: [.on, .using])
      default: break
      }
      let height = try height(above: left.height, right.height, at: start)
      left = SQLTable(kind: .join(left, right, kind, condition), span: span(from: start), height: height)
    }
    return left
  }

  private mutating func parseJoinKind() throws(ParseStop) -> SQLJoinKind? {
    let kind: SQLJoinKind
    switch token.keyword {
    case .join:
      advance()
      return .inner
    case .inner: kind = .inner
    case .left: kind = .left
    case .right: kind = .right
    case .full: kind = .full
    case .cross: kind = .cross
    default: return nil
    }
    let start = index
    advance()
    if kind == .left, at(.semi) || text(token).uppercased() == "ANTI" {
      throw unsupported("LEFT \(text(token).uppercased()) JOIN", at: span(from: start))
    }
    if kind == .left || kind == .right || kind == .full { _ = take(.outer) }
    try expect(.join, "after \(kind.rawValue)")
    return kind
  }

  private mutating func parseTableItem() throws(ParseStop) -> SQLTable {
    try nested { (p) throws(ParseStop) in try p.parseTableItemUnchecked() }
  }

  private mutating func parseTableItemUnchecked() throws(ParseStop) -> SQLTable {
    let start = index
    let isLateral = take(.lateral)
    var table: SQLTable
    if at(.leftParenthesis) {
      table = try parseParenthesisedTable(isLateral: isLateral)
    } else if at(.table), peek().symbol == .leftParenthesis {
      table = try parseTableFunctionInTable(isLateral: isLateral)
    } else if at(.unnest) {
      table = try parseUnnest()
    } else if isAtName, peek().symbol == .leftParenthesis {
      table = SQLTable(kind: .function(try parseTableCall(), isLateral: isLateral), span: span(from: start))
    } else if at(.values) || at(.select) || at(.with) {
      throw unexpected("a table or a subquery in parentheses", hint: "write (\(token.keyword.rawValue) ...)")
    } else {
      let name = try parseObjectName("the name of a table or view")
      table = SQLTable(kind: .named(name), span: name.span)
      table.hints = try parseHints()
      if at(.for) {
        advance()
        try expect(.systemTime, "after FOR")
        try expect(.as, "after SYSTEM_TIME")
        try expect(.of, "after SYSTEM_TIME AS")
        let instant = try parseExpression(atLeast: .additive)
        table = SQLTable(kind: .asOf(name, instant), span: span(from: start))
      }
    }
    try rejectTableSuffixes()
    if let alias = try parseTableAlias() {
      if table.alias != nil || isJoin(table) {
        report(
          "a join in parentheses cannot be renamed", at: alias.name.span, hint: "make it a subquery: (SELECT ...) AS \(alias.name.text)")
      }
      table.alias = alias
    }
    try rejectTableSuffixes()
    table.span = span(from: start)
    return table
  }

  private func isJoin(_ table: SQLTable) -> Bool { if case .join = table.kind { true } else { false } }

  private mutating func rejectTableSuffixes() throws(ParseStop) {
    switch token.keyword {
    case .matchRecognize, .pivot, .unpivot, .tablesample: throw unsupported(token.keyword.rawValue)
    default: break
    }
  }

  private mutating func parseParenthesisedTable(isLateral: Bool) throws(ParseStop) -> SQLTable {
    let start = index
    let opening = token
    if startsQuery() {
      advance()
      let query = try parseQuery()
      try expectClosing(opening)
      return SQLTable(kind: .subquery(query, isLateral: isLateral), span: span(from: start))
    }
    advance()
    let table = try nested { (p) throws(ParseStop) in try p.parseFrom() }
    try expectClosing(opening)
    return table
  }

  private mutating func parseTableFunctionInTable(isLateral: Bool) throws(ParseStop) -> SQLTable {
    let start = index
    advance()
    let opening = token
    advance()
    let call = try parseTableCall()
    try expectClosing(opening)
    return SQLTable(kind: .function(call, isLateral: isLateral), span: span(from: start))
  }

  private mutating func parseUnnest() throws(ParseStop) -> SQLTable {
    let start = index
    advance()
    let opening = token
    try expect(.leftParenthesis, "after UNNEST")
    let value = try parseExpression()
    try expectClosing(opening)
    var withOrdinality = false
    if at(.with), peek().keyword == .ordinality {
      advance()
      advance()
      withOrdinality = true
    }
    return SQLTable(kind: .unnest(value, withOrdinality: withOrdinality), span: span(from: start))
  }

  private mutating func parseTableAlias() throws(ParseStop) -> SQLTableAlias? {
    let name: Identifier
    if take(.as) {
      name = try parseName("a name after AS")
    } else if isAtName, !token.keyword.endsImplicitAlias {
      implicitAliasIndex = index
      name = identifier(token)
      advance()
    } else {
      return nil
    }
    let columns = at(.leftParenthesis) ? try parseNameList("the column list of the alias") : []
    return SQLTableAlias(name: name, columns: columns)
  }

  // MARK: Table functions

  /// `NAME(TABLE t, DESCRIPTOR(c), INTERVAL ..., MODEL m, KEY => value)`
  private mutating func parseTableCall() throws(ParseStop) -> SQLTableCall {
    let start = index
    let name = try parseName("the name of a table function")
    let opening = token
    try expect(.leftParenthesis, "after the name of the table function")
    var arguments: [SQLTableArgument] = []
    if !at(.rightParenthesis) {
      repeat {
        let argument = try recovering(at: opening.depth + 1) { (p) throws(ParseStop) in try p.parseTableArgument() }
        if let argument { arguments.append(argument) }
      } while take(.comma)
    }
    try expectClosing(opening)
    return SQLTableCall(name: name, arguments: arguments, span: span(from: start))
  }

  private mutating func parseTableArgument() throws(ParseStop) -> SQLTableArgument {
    let start = index
    var name: Identifier?
    if token.kind == .word || token.kind == .quotedName, peek().symbol == .arrow {
      name = identifier(token)
      advance()
      advance()
    }
    let value: SQLTableArgument.Value
    if at(.table) {
      advance()
      if at(.leftParenthesis), startsQuery() {
        value = try parseQueryArgument()
      } else {
        let isWrapped = at(.leftParenthesis)
        let opening = token
        if isWrapped { advance() }
        let table = try parseObjectName("the name of a table after TABLE")
        if isWrapped { try expectClosing(opening) }
        let (partitionBy, orderBy) = try parseArgumentPartitioning()
        value = .table(table, partitionBy: partitionBy, orderBy: orderBy)
      }
    } else if at(.leftParenthesis), startsQuery() {
      value = try parseQueryArgument()
    } else if at(.model), peek().kind == .word || peek().kind == .quotedName {
      advance()
      value = .model(try parseObjectName("the name of a model after MODEL"))
    } else if at(.descriptor), peek().symbol == .leftParenthesis {
      advance()
      value = .descriptor(try parseNameList("DESCRIPTOR"))
    } else {
      value = .expression(try parseExpression())
    }
    return SQLTableArgument(name: name, value: value, span: span(from: start))
  }

  private mutating func parseQueryArgument() throws(ParseStop) -> SQLTableArgument.Value {
    let opening = token
    advance()
    let query = try parseQuery()
    try expectClosing(opening)
    let (partitionBy, orderBy) = try parseArgumentPartitioning()
    return .query(query, partitionBy: partitionBy, orderBy: orderBy)
  }

  private mutating func parseArgumentPartitioning() throws(ParseStop) -> ([SQLExpression], [SQLSortItem]) {
    var partitionBy: [SQLExpression] = []
    var orderBy: [SQLSortItem] = []
    if at(.partition) {
      advance()
      try expect(.by, "after PARTITION")
      // Several columns need parentheses here, as a comma ends the argument.
      if at(.leftParenthesis) {
        let opening = token
        advance()
        partitionBy = try parseExpressionList()
        try expectClosing(opening)
      } else {
        partitionBy = [try parseExpression()]
      }
    }
    if at(.order) {
      advance()
      try expect(.by, "after ORDER")
      var item = SQLSortItem(expression: try parseExpression())
      if take(.desc) { item.isDescending = true } else { _ = take(.asc) }
      orderBy = [item]
    }
    return (partitionBy, orderBy)
  }
}
