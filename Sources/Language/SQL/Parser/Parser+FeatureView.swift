import MillraceTypes

extension Parser {
  /// `CREATE FEATURE VIEW name KEYED BY (keys) AS branch [ALSO branch]...`, after VIEW.
  mutating func parseCreateFeatureView(isTemporary: Bool) throws(ParseStop) -> SQLStatement.Kind {
    let ifNotExists = try parseIfNotExists()
    var view = SQLCreateFeatureView(
      name: try parseDeclaredName("the name of the feature view"), isTemporary: isTemporary, ifNotExists: ifNotExists)
    do {
      try expect(.keyed, "BY (...) after the name of the feature view")
      try expect(.by, "after KEYED")
      view.keys = try parseNameList("KEYED BY")
      try expect(.as, "before the SELECT of the feature view")
      repeat { view.branches.append(try parseFeatureBranch()) } while take(.also)
      if !isAtStatementEnd { throw unexpected("ALSO and a further SELECT, or ';'", among: [.also, .where, .key]) }
    } catch {
      // The name stays known, so that its uses are not reported as well.
      while !isAtStatementEnd { advance() }
    }
    return .createFeatureView(view)
  }

  private mutating func parseFeatureBranch() throws(ParseStop) -> SQLFeatureBranch {
    let start = index
    let depth = token.depth
    try expect(.select, "to begin a branch of the feature view")
    if at(.distinct) { throw unsupported("SELECT DISTINCT in a feature view", hint: "use COUNT(DISTINCT x)") }
    var branch = SQLFeatureBranch(span: token.span)
    repeat {
      if let item = try recovering(at: depth, { (p) throws(ParseStop) in try p.parseFeatureItem() }) { branch.items.append(item) }
    } while take(.comma)
    try expect(.from, "and a stream in a feature view")
    branch.from = try recovering(at: depth) { (p) throws(ParseStop) in try p.parseFrom() }
    // KEY may stand on either side of WHERE.
    while true {
      if at(.where), branch.filter == nil {
        advance()
        branch.filter = try recovering(at: depth) { (p) throws(ParseStop) in try p.parseExpression() }
      } else if at(.key), branch.key == nil {
        advance()
        branch.key = try parseNameList("KEY")
      } else {
        break
      }
    }
    switch token.keyword {
    case .group: throw unsupported("GROUP BY in a feature view", hint: "KEYED BY already groups; write OVER LAST ... or OVER UNBOUNDED")
    case .having, .window, .order, .limit, .qualify, .union, .except, .intersect:
      throw unsupported("\(token.keyword.rawValue) in a feature view", hint: "select FROM a view that has it")
    default: break
    }
    branch.span = span(from: start)
    return branch
  }

  private mutating func parseFeatureItem() throws(ParseStop) -> SQLFeatureItem {
    let start = index
    if at(.star) { throw unexpected("an aggregate with OVER in a feature view") }
    var item = SQLFeatureItem(expression: try parseExpression(), span: token.span)
    if take(.default) { item.defaultValue = try parseDefaultValue() }
    if take(.as) {
      item.alias = try parseName("the name of the feature after AS")
    } else if isAtName, !token.keyword.endsImplicitAlias {
      implicitAliasIndex = index
      item.alias = try parseName("the name of the feature")
    }
    if at(.default) {
      throw unexpected("',' or FROM", hint: "write DEFAULT before AS: expression DEFAULT 0 AS name")
    }
    item.span = span(from: start)
    return item
  }

  /// A literal, possibly signed or cast.
  private mutating func parseDefaultValue() throws(ParseStop) -> SQLExpression {
    try parseExpression(atLeast: .additive)
  }

  /// What follows OVER when it is LAST or UNBOUNDED; nil when it is neither.
  mutating func parseFeatureWindow() throws(ParseStop) -> SQLOver? {
    let start = index
    if at(.unbounded) {
      advance()
      return .feature(.unbounded, span(from: start))
    }
    guard at(.last) else { return nil }
    let next = peek()
    guard next.kind == .string || next.kind == .integer || next.kind == .decimal || next.keyword == .interval || next.symbol == .minus
    else { return nil }
    advance()
    if token.kind == .integer, peek().keyword == .rows || peek().keyword == .row {
      guard let rows = Int64(text(token)), rows > 0 else {
        report("a window needs at least one row", at: token.span, hint: "write e.g. OVER LAST 20 ROWS")
        throw ParseStop()
      }
      advance()
      advance()
      return .feature(.lastRows(rows), span(from: start))
    }
    _ = take(.interval)
    let literalStart = index
    let interval = try parseIntervalValue()
    switch interval {
    case .millis(let millis) where millis > 0: return .feature(.lastMillis(millis), span(from: start))
    case .millis:
      report("a window must be longer than zero", at: span(from: literalStart), hint: "write e.g. OVER LAST '7' DAY")
    case .months:
      report(
        "months and years differ in length, so they cannot be a feature window", at: span(from: literalStart),
        hint: "write days, e.g. OVER LAST '30' DAY")
    }
    throw ParseStop()
  }
}
