import MillraceTypes

/// How tightly operators bind, loosest first, as in Calcite: `||` with `*`, IS looser than comparisons.
enum Precedence: Int, Comparable {
  case or, and, not, truthTest, comparison, range, additive, multiplicative, unary

  static func < (left: Precedence, right: Precedence) -> Bool { left.rawValue < right.rawValue }
  /// The next tighter level, for the right side of a left-associative operator.
  var tighter: Precedence { Precedence(rawValue: rawValue + 1) ?? .unary }
}

extension Parser {
  /// An expression of operators that bind at least so tightly.
  mutating func parseExpression(atLeast precedence: Precedence = .or) throws(ParseStop) -> SQLExpression {
    guard nesting < Self.nestingLimit else { return try nested { (_) throws(ParseStop) in throw ParseStop() } }
    nesting += 1
    defer { nesting -= 1 }
    return try parseOperators(atLeast: precedence)
  }

  /// `a, b, c`
  mutating func parseExpressionList() throws(ParseStop) -> [SQLExpression] {
    var list = [try parseExpression()]
    while take(.comma) { list.append(try parseExpression()) }
    return list
  }

  func node(_ kind: SQLExpression.Kind, from start: Int, height: Int32) -> SQLExpression {
    SQLExpression(kind, span: span(from: start), height: height)
  }

  // MARK: Operators

  private mutating func parseOperators(atLeast precedence: Precedence) throws(ParseStop) -> SQLExpression {
    let start = index
    var left = try parsePrefix(atLeast: precedence)
    while let next = operatorPrecedence(), next >= precedence {
      left = try parseInfix(next, left, start)
    }
    return left
  }

  /// The precedence of the operator at hand; nil when there is none.
  private func operatorPrecedence() -> Precedence? {
    switch token.symbol {
    case .plus, .minus: return .additive
    case .star, .slash, .percent, .concat: return .multiplicative
    case .equal, .doubleEqual, .notEqual, .bangEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: return .comparison
    case .none: break
    default: return nil
    }
    switch token.keyword {
    case .or: return .or
    case .and: return .and
    case .is: return .truthTest
    case .between, .in, .like, .similar: return .range
    case .not:
      switch peek().keyword {
      case .between, .in, .like, .similar: return .range
      default: return nil
      }
    default: return isAtOverlaps ? .range : nil
    }
  }

  private var isAtOverlaps: Bool { token.kind == .word && peek().symbol == .leftParenthesis && text(token).uppercased() == "OVERLAPS" }

  /// `(a, b) OVERLAPS (c, d)`
  private mutating func parseOverlaps(_ left: SQLExpression, _ start: Int) throws(ParseStop) -> SQLExpression {
    let name = identifier(token)
    advance()
    let right = try parseExpression(atLeast: .additive)
    guard case .row(let first) = left.kind, case .row(let second) = right.kind, first.count == 2, second.count == 2 else {
      throw unexpected("two pairs around OVERLAPS, as in (a, b) OVERLAPS (c, d)")
    }
    return node(
      .call(SQLCall(name, first + second)), from: start, height: try height(above: left.height, right.height, at: start))
  }

  private mutating func parseInfix(_ precedence: Precedence, _ left: SQLExpression, _ start: Int) throws(ParseStop) -> SQLExpression {
    switch precedence {
    case .or, .and: return try parseLogical(precedence, left, start)
    case .truthTest: return try parseTruthTest(left, start)
    case .range: return try parseRange(left, start)
    default: return try parseBinary(precedence, left, start)
    }
  }

  private mutating func parseBinary(_ precedence: Precedence, _ left: SQLExpression, _ start: Int) throws(ParseStop) -> SQLExpression {
    let symbol = token.symbol
    if symbol == .doubleEqual {
      report("'==' is not an operator of SQL", at: token.span, hint: "write =")
    }
    let spelling = symbol == .doubleEqual ? "=" : symbol == .bangEqual ? "<>" : symbol.rawValue
    guard let operation = SQLBinaryOperator(rawValue: spelling) else { throw unexpected("an operator") }
    advance()
    if at(.any) || at(.some) || at(.all), peek().symbol == .leftParenthesis {
      return try parseQuantified(left, operation, start)
    }
    let right = try parseExpression(atLeast: precedence.tighter)
    return node(.binary(operation, left, right), from: start, height: try height(above: left.height, right.height, at: start))
  }

  /// `x > ANY (SELECT ...)`
  private mutating func parseQuantified(
    _ left: SQLExpression, _ operation: SQLBinaryOperator, _ start: Int
  ) throws(ParseStop) -> SQLExpression {
    let isAll = at(.all)
    let word = token.keyword.rawValue
    let place = token.span
    advance()
    let opening = token
    if !startsQuery() { throw unsupported("\(word) (...) of values", at: place, hint: "write IN (value, ...)") }
    advance()
    let query = try parseQuery()
    try expectClosing(opening)
    return node(.quantified(left, operation, query, isAll: isAll), from: start, height: try height(above: left.height, at: start))
  }

  private mutating func parseLogical(_ precedence: Precedence, _ left: SQLExpression, _ start: Int) throws(ParseStop) -> SQLExpression {
    let keyword: Keyword = precedence == .and ? .and : .or
    var terms = [left]
    while take(keyword) { terms.append(try parseExpression(atLeast: precedence.tighter)) }
    return node(
      .logical(isAnd: keyword == .and, terms), from: start, height: try height(above: terms.lazy.map(\.height).max() ?? 0, at: start))
  }

  private mutating func parseTruthTest(_ value: SQLExpression, _ start: Int) throws(ParseStop) -> SQLExpression {
    advance()
    let negated = take(.not)
    if at(.distinct) {
      advance()
      try expect(.from, "after IS DISTINCT")
      let right = try parseExpression(atLeast: .comparison)
      return node(
        .isDistinct(value, right, negated: negated), from: start, height: try height(above: value.height, right.height, at: start))
    }
    let test: SQLTruthTest
    switch token.keyword {
    case .null: test = .null
    case .true: test = .true
    case .false: test = .false
    case .unknown: test = .unknown
    case .json: return try parseJSONTest(value, negated: negated, start)
    default: throw unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM after IS", among: [.null, .true, .false, .unknown, .distinct])
    }
    advance()
    return node(.isTest(value, test, negated: negated), from: start, height: try height(above: value.height, at: start))
  }

  /// [NOT] BETWEEN, IN, LIKE, SIMILAR TO.
  private mutating func parseRange(_ value: SQLExpression, _ start: Int) throws(ParseStop) -> SQLExpression {
    if isAtOverlaps { return try parseOverlaps(value, start) }
    let negated = take(.not)
    let keyword = token.keyword
    advance()
    switch keyword {
    case .between:
      let symmetric = take(.symmetric)
      if !symmetric { _ = take(.asymmetric) }
      let low = try parseExpression(atLeast: .additive)
      try expect(.and, "between the bounds of BETWEEN")
      let high = try parseExpression(atLeast: .additive)
      return node(
        .between(value, low: low, high: high, negated: negated, symmetric: symmetric), from: start,
        height: try height(above: value.height, low.height, high.height, at: start))
    case .in: return try parseIn(value, negated: negated, start)
    default:
      if keyword == .similar { try expect(.to, "after SIMILAR") }
      let pattern = try parseExpression(atLeast: .additive)
      let escape = take(.escape) ? try parseExpression(atLeast: .additive) : nil
      return node(
        .like(value, pattern: pattern, escape: escape, negated: negated, similar: keyword == .similar), from: start,
        height: try height(above: value.height, pattern.height, escape?.height ?? 0, at: start))
    }
  }

  private mutating func parseIn(_ value: SQLExpression, negated: Bool, _ start: Int) throws(ParseStop) -> SQLExpression {
    let opening = token
    guard at(.leftParenthesis) else { throw unexpected("'(' after IN") }
    if startsQuery() {
      advance()
      let query = try parseQuery()
      try expectClosing(opening)
      return node(.inQuery(value, query, negated: negated), from: start, height: try height(above: value.height, at: start))
    }
    advance()
    let list = try parseExpressionList()
    try expectClosing(opening)
    return node(
      .inList(value, list, negated: negated), from: start,
      height: try height(above: value.height, list.lazy.map(\.height).max() ?? 0, at: start))
  }

  private mutating func parsePrefix(atLeast precedence: Precedence) throws(ParseStop) -> SQLExpression {
    let start = index
    if at(.not) {
      advance()
      let operand = try parseExpression(atLeast: .not)
      return node(.unary(.not, operand), from: start, height: try height(above: operand.height, at: start))
    }
    if at(.minus) || at(.plus) {
      let operation: SQLUnaryOperator = at(.minus) ? .minus : .plus
      advance()
      let operand = try parseExpression(atLeast: .unary)
      return node(.unary(operation, operand), from: start, height: try height(above: operand.height, at: start))
    }
    return try parsePostfix(try parsePrimary(), start)
  }

  /// `a[1]`, `f(x).field`
  private mutating func parsePostfix(_ base: SQLExpression, _ start: Int) throws(ParseStop) -> SQLExpression {
    var base = base
    while true {
      if at(.leftBracket) {
        let opening = token
        advance()
        let position = try parseExpression()
        try expectClosing(opening)
        base = node(
          .element(base, index: position), from: start, height: try height(above: base.height, position.height, at: start))
      } else if at(.dot) {
        advance()
        let name = try parseName("the name of a field after '.'")
        base = node(.field(base, name), from: start, height: try height(above: base.height, at: start))
      } else if at(.doubleColon) {
        throw unexpected("an operator", hint: "'::' is written CAST(x AS type)")
      } else if token.kind == .word, at(.at), text(peek()).uppercased() == "TIME" {
        throw unsupported("AT TIME ZONE", hint: "CAST it to TIMESTAMP_LTZ(3) or TIMESTAMP(3)")
      } else {
        return base
      }
    }
  }

  // MARK: Primaries

  private mutating func parsePrimary() throws(ParseStop) -> SQLExpression {
    if let literal = try parseLiteral() { return literal }
    let start = index
    if at(.leftParenthesis) { return try parseParenthesised() }
    if let special = try parseSpecialForm() { return special }
    // LEFT and RIGHT are functions when a parenthesis follows; elsewhere they are joins.
    let isCallable = isAtName || at(.left) || at(.right)
    if isAtJSONCall { return try parseJSONCall() }
    if isCallable, peek().symbol == .leftParenthesis { return try parseCall() }
    if isAtName {
      if let niladic = parseNiladic() { return niladic }
      var parts = [identifier(token)]
      advance()
      while at(.dot) {
        advance()
        parts.append(try parseName("a name after '.'"))
        if parts.count > Self.nestingLimit { throw unexpected("a shorter name") }
      }
      if parts.count > 1, at(.leftParenthesis) {
        throw unsupported("qualified function names", at: span(from: start), hint: "write \(parts[parts.count - 1].text)(...)")
      }
      return node(.name(parts), from: start, height: 1)
    }
    throw unexpected("an expression")
  }

  /// `(x)`, `(x, y)` as a row, `(SELECT ...)`.
  private mutating func parseParenthesised() throws(ParseStop) -> SQLExpression {
    let start = index
    let opening = token
    if startsQuery() {
      advance()
      let query = try parseQuery()
      try expectClosing(opening)
      return node(.subquery(query), from: start, height: 1)
    }
    advance()
    let list = try parseExpressionList()
    try expectClosing(opening)
    if list.count == 1 {
      var inner = list[0]
      inner.span = span(from: start)
      return inner
    }
    return node(.row(list), from: start, height: try height(above: list.lazy.map(\.height).max() ?? 0, at: start))
  }

  /// CURRENT_TIMESTAMP and its like, which take no parentheses.
  private mutating func parseNiladic() -> SQLExpression? {
    guard token.kind == .word, peek().symbol != .dot else { return nil }
    switch token.keyword {
    case .currentDate, .currentTime, .currentTimestamp, .currentRowTimestamp, .localTime, .localTimestamp:
      let start = index
      var call = SQLCall(identifier(token), [])
      call.isNiladic = true
      advance()
      return node(.call(call), from: start, height: 1)
    default: return nil
    }
  }
}
