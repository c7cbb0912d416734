import MillraceTypes

/// Expressions with a grammar of their own: CASE, CAST, EXTRACT and the like.
extension Parser {
  /// The special form at hand, or nil when what follows is none.
  mutating func parseSpecialForm() throws(ParseStop) -> SQLExpression? {
    let isCall = peek().symbol == .leftParenthesis
    switch token.keyword {
    case .case: return try parseCase()
    case .exists where isCall: return try parseExists()
    case .cast where isCall: return try parseCast(isTry: false)
    case .tryCast where isCall: return try parseCast(isTry: true)
    case .extract where isCall: return try parseExtract()
    case .floor where isCall: return try parseRounding(up: false)
    case .ceil where isCall, .ceiling where isCall: return try parseRounding(up: true)
    case .trim where isCall: return try parseTrim()
    case .substring where isCall: return try parseSubstring()
    case .position where isCall: return try parsePosition()
    case .overlay where isCall: return try parseOverlay()
    case .timestampadd where isCall, .timestampdiff where isCall: return try parseTimestampArithmetic()
    case .array where peek().symbol == .leftBracket: return try parseCollection()
    case .map where peek().symbol == .leftBracket: return try parseCollection()
    case .multiset where peek().symbol == .leftBracket: throw unsupported("MULTISET")
    case .array where isCall, .map where isCall:
      throw unsupported("\(token.keyword.rawValue)(SELECT ...)", hint: "write \(token.keyword.rawValue)[...]")
    case .row where isCall: return try parseRow()
    default: return nil
    }
  }

  private mutating func parseCase() throws(ParseStop) -> SQLExpression {
    let start = index
    let opening = token
    advance()
    let operand = at(.when) ? nil : try parseExpression()
    var tallest = operand?.height ?? 0
    var branches: [SQLConditionalBranch] = []
    while take(.when) {
      let condition = try parseExpression()
      if operand != nil, at(.comma) { throw unsupported("several values in one WHEN", hint: "write one WHEN for each") }
      try expect(.then, "after the condition of WHEN")
      let result = try parseExpression()
      tallest = max(tallest, condition.height, result.height)
      branches.append(SQLConditionalBranch(condition: condition, result: result))
    }
    if branches.isEmpty { throw unexpected("WHEN in the CASE of line \(opening.line)", among: [.when]) }
    let otherwise = take(.else) ? try parseExpression() : nil
    tallest = max(tallest, otherwise?.height ?? 0)
    try expect(.end, "to close the CASE of line \(opening.line), column \(opening.column)")
    return node(
      .conditional(operand: operand, branches: branches, otherwise: otherwise), from: start,
      height: try height(above: tallest, at: start))
  }

  private mutating func parseExists() throws(ParseStop) -> SQLExpression {
    let start = index
    advance()
    let opening = token
    if !startsQuery() { throw unexpected("a query in EXISTS (...)") }
    advance()
    let query = try parseQuery()
    try expectClosing(opening)
    return node(.exists(query), from: start, height: 1)
  }

  private mutating func parseCast(isTry: Bool) throws(ParseStop) -> SQLExpression {
    let start = index
    advance()
    let opening = token
    advance()
    let value = try parseExpression()
    try expect(.as, "and a type in \(isTry ? "TRY_CAST" : "CAST")")
    let type = try parseType()
    try expectClosing(opening)
    return node(.cast(value, type, isTry: isTry), from: start, height: try height(above: value.height, at: start))
  }

  private mutating func parseExtract() throws(ParseStop) -> SQLExpression {
    let start = index
    advance()
    let opening = token
    advance()
    let unit = try parseTimeUnit()
    try expect(.from, "after the unit of EXTRACT")
    let value = try parseExpression()
    try expectClosing(opening)
    return node(.extract(unit, value), from: start, height: try height(above: value.height, at: start))
  }

  /// FLOOR and CEIL of a number, or of a time TO a unit.
  private mutating func parseRounding(up: Bool) throws(ParseStop) -> SQLExpression {
    let start = index
    let name = identifier(token)
    advance()
    let opening = token
    advance()
    let value = try parseExpression()
    let tall = try height(above: value.height, at: start)
    if take(.to) {
      let unit = try parseTimeUnit()
      try expectClosing(opening)
      return node(.truncate(value, to: unit, up: up), from: start, height: tall)
    }
    try expectClosing(opening)
    return node(.call(SQLCall(name, [value])), from: start, height: tall)
  }

  /// `TRIM([BOTH|LEADING|TRAILING] [characters] FROM text)` or `TRIM(text)`
  private mutating func parseTrim() throws(ParseStop) -> SQLExpression {
    let start = index
    advance()
    let opening = token
    advance()
    var side = SQLTrimSide.both
    var isSided = true
    if take(.leading) {
      side = .leading
    } else if take(.trailing) {
      side = .trailing
    } else {
      isSided = take(.both)
    }
    var characters: SQLExpression?
    if !(isSided && at(.from)) { characters = try parseExpression() }
    if at(.from) {
      advance()
      let value = try parseExpression()
      try expectClosing(opening)
      return node(
        .trim(side, characters: characters, value), from: start,
        height: try height(above: characters?.height ?? 0, value.height, at: start))
    }
    guard let value = characters else { throw unexpected("FROM in TRIM", among: [.from]) }
    if isSided { throw unexpected("FROM and the text to trim", among: [.from]) }
    try expectClosing(opening)
    return node(.trim(.both, characters: nil, value), from: start, height: try height(above: value.height, at: start))
  }

  /// `SUBSTRING(x FROM a [FOR b])` or with commas.
  private mutating func parseSubstring() throws(ParseStop) -> SQLExpression {
    try parseKeywordCall { (p, arguments) throws(ParseStop) in
      if p.take(.from) {
        arguments.append(try p.parseExpression())
        if p.take(.for) { arguments.append(try p.parseExpression()) }
      }
    }
  }

  /// `POSITION(a IN b)`
  private mutating func parsePosition() throws(ParseStop) -> SQLExpression {
    let start = index
    let name = identifier(token)
    advance()
    let opening = token
    advance()
    // IN is an operator elsewhere, so the first part stops below it.
    var arguments = [try parseExpression(atLeast: .additive)]
    if !take(.in), !take(.comma) { throw unexpected("IN in POSITION", among: [.in]) }
    arguments.append(try parseExpression())
    try expectClosing(opening)
    let tall = try height(above: arguments[0].height, arguments[1].height, at: start)
    return node(.call(SQLCall(name, arguments)), from: start, height: tall)
  }

  /// `OVERLAY(x PLACING y FROM a [FOR b])`
  private mutating func parseOverlay() throws(ParseStop) -> SQLExpression {
    try parseKeywordCall { (p, arguments) throws(ParseStop) in
      if p.take(.placing) {
        arguments.append(try p.parseExpression())
        try p.expect(.from, "after PLACING in OVERLAY")
        arguments.append(try p.parseExpression())
        if p.take(.for) { arguments.append(try p.parseExpression()) }
      }
    }
  }

  /// A call whose arguments may be separated by keywords: the first is parsed, then `rest`, then any commas.
  private mutating func parseKeywordCall(
    _ rest: (inout Parser, inout [SQLExpression]) throws(ParseStop) -> Void
  ) throws(ParseStop) -> SQLExpression {
    let start = index
    let name = identifier(token)
    advance()
    let opening = token
    advance()
    var arguments = [try parseExpression()]
    try rest(&self, &arguments)
    while arguments.count < 8, take(.comma) { arguments.append(try parseExpression()) }
    try expectClosing(opening)
    let tall = try height(above: arguments.lazy.map(\.height).max() ?? 0, at: start)
    return node(.call(SQLCall(name, arguments)), from: start, height: tall)
  }

  /// `TIMESTAMPADD(unit, n, t)`, `TIMESTAMPDIFF(unit, a, b)`
  private mutating func parseTimestampArithmetic() throws(ParseStop) -> SQLExpression {
    let start = index
    let adds = at(.timestampadd)
    advance()
    let opening = token
    advance()
    let unit = try parseTimeUnit()
    try expect(.comma, "after the unit")
    let first = try parseExpression()
    try expect(.comma, "and a further argument")
    let second = try parseExpression()
    try expectClosing(opening)
    return node(
      adds ? .timestampAdd(unit, first, second) : .timestampDiff(unit, first, second), from: start,
      height: try height(above: first.height, second.height, at: start))
  }

  /// `ARRAY[...]`, `MAP[k, v, ...]`
  private mutating func parseCollection() throws(ParseStop) -> SQLExpression {
    let start = index
    let isMap = at(.map)
    advance()
    let opening = token
    advance()
    let items = at(.rightBracket) ? [] : try parseExpressionList()
    try expectClosing(opening)
    if isMap, items.count % 2 != 0 {
      report("MAP needs a value for every key; this has \(items.count) items", at: span(from: start), hint: "write MAP[key, value, ...]")
    }
    let tall = try height(above: items.lazy.map(\.height).max() ?? 0, at: start)
    return node(isMap ? .map(items) : .array(items), from: start, height: tall)
  }

  private mutating func parseRow() throws(ParseStop) -> SQLExpression {
    let start = index
    advance()
    let opening = token
    advance()
    let items = at(.rightParenthesis) ? [] : try parseExpressionList()
    try expectClosing(opening)
    return node(.row(items), from: start, height: try height(above: items.lazy.map(\.height).max() ?? 0, at: start))
  }

  mutating func parseTimeUnit() throws(ParseStop) -> SQLTimeUnit {
    guard token.kind == .word else { throw unexpected("a unit of time such as DAY or SECOND") }
    let spelled = text(token).uppercased()
    // TIMESTAMPADD also takes the ODBC names.
    let short = spelled.hasPrefix("SQL_TSI_") ? String(spelled.dropFirst(8)) : spelled
    guard let unit = SQLTimeUnit(rawValue: short) ?? (short.hasSuffix("S") ? SQLTimeUnit(rawValue: String(short.dropLast())) : nil) else {
      let near = nearestName(to: spelled, among: SQLTimeUnit.allCases.map(\.rawValue))
      throw unexpected("a unit of time such as DAY or SECOND", hint: near.map { "did you mean \($0)?" })
    }
    advance()
    return unit
  }
}
