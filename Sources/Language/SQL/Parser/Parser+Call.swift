import MillraceTypes

extension Parser {
  /// `name([DISTINCT] arguments) [FILTER (WHERE ...)] [IGNORE NULLS] [OVER ...]`
  mutating func parseCall() throws(ParseStop) -> SQLExpression {
    let start = index
    var call = SQLCall(identifier(token), [])
    advance()
    let opening = token
    advance()
    try parseArguments(into: &call)
    try expectClosing(opening)
    var tallest = call.arguments.lazy.map(\.height).max() ?? 0
    try parseCallSuffixes(into: &call, &tallest)
    return node(.call(call), from: start, height: try height(above: tallest, at: start))
  }

  private mutating func parseArguments(into call: inout SQLCall) throws(ParseStop) {
    if at(.rightParenthesis) { return }
    if at(.star), peek().symbol == .rightParenthesis {
      advance()
      call.isStar = true
      return
    }
    if take(.distinct) { call.isDistinct = true } else { _ = take(.all) }
    repeat {
      if peek().symbol == .arrow { throw unsupported("named arguments of functions", hint: "give them in order") }
      call.arguments.append(try parseExpression())
    } while take(.comma)
    try parseNullTreatment(into: &call)
    if at(.order) { throw unsupported("ORDER BY inside a function call") }
  }

  private mutating func parseNullTreatment(into call: inout SQLCall) throws(ParseStop) {
    if at(.ignore) || at(.respect), peek().keyword == .nulls {
      call.ignoresNulls = at(.ignore)
      advance()
      advance()
    }
  }

  mutating func parseCallSuffixes(into call: inout SQLCall, _ tallest: inout Int32) throws(ParseStop) {
    if at(.filter), peek().symbol == .leftParenthesis {
      advance()
      let opening = token
      advance()
      try expect(.where, "in FILTER (WHERE ...)")
      let filter = try parseExpression()
      try expectClosing(opening)
      tallest = max(tallest, filter.height)
      call.filter = filter
    }
    try parseNullTreatment(into: &call)
    if token.kind == .word, text(token).uppercased() == "WITHIN", peek().keyword == .group {
      let start = index
      advance()
      advance()
      throw unsupported("WITHIN GROUP", at: span(from: start))
    }
    if at(.over) {
      advance()
      call.over = try parseOver()
    }
  }

  private mutating func parseOver() throws(ParseStop) -> SQLOver {
    if at(.leftParenthesis) { return .window(try parseWindow()) }
    if let window = try parseFeatureWindow() { return window }
    return .named(try parseName("'(', the name of a window, LAST or UNBOUNDED after OVER"))
  }

  /// `([base] [PARTITION BY ...] [ORDER BY ...] [frame])`
  mutating func parseWindow() throws(ParseStop) -> SQLWindow {
    let start = index
    let opening = token
    try expect(.leftParenthesis, "before the window")
    var window = SQLWindow(span: token.span)
    if isAtName, !at(.range), !at(.partition) {
      window.base = identifier(token)
      advance()
    }
    if take(.partition) {
      try expect(.by, "after PARTITION")
      window.partitionBy = try parseExpressionList()
    }
    if take(.order) {
      try expect(.by, "after ORDER")
      window.orderBy = try parseSortItems()
    }
    if at(.range) || at(.rows) { window.frame = try parseFrame() }
    if token.kind == .word, text(token).uppercased() == "GROUPS" { throw unsupported("GROUPS frames") }
    try expectClosing(opening)
    window.span = span(from: start)
    return window
  }

  private mutating func parseFrame() throws(ParseStop) -> SQLFrame {
    let start = index
    let isRows = at(.rows)
    advance()
    var frame = SQLFrame(isRows: isRows, start: .currentRow, end: .currentRow, span: token.span)
    if take(.between) {
      frame.start = try parseFrameBound()
      try expect(.and, "between the bounds of the frame")
      frame.end = try parseFrameBound()
    } else {
      frame.start = try parseFrameBound()
    }
    if take(.exclude) {
      if take(.current) {
        try expect(.row, "after EXCLUDE CURRENT")
        frame.exclusion = .currentRow
      } else if take(.group) {
        frame.exclusion = .group
      } else if take(.ties) {
        frame.exclusion = .ties
      } else if take(.no) {
        try expect(.others, "after EXCLUDE NO")
        frame.exclusion = .noOthers
      } else {
        throw unexpected("CURRENT ROW, GROUP, TIES or NO OTHERS after EXCLUDE", among: [.current, .group, .ties, .no])
      }
    }
    frame.span = span(from: start)
    return frame
  }

  private mutating func parseFrameBound() throws(ParseStop) -> SQLFrameBound {
    if at(.unbounded) {
      advance()
      if take(.preceding) { return .unboundedPreceding }
      try expect(.following, "or PRECEDING after UNBOUNDED")
      return .unboundedFollowing
    }
    if at(.current) {
      advance()
      try expect(.row, "after CURRENT")
      return .currentRow
    }
    let distance = try parseExpression(atLeast: .additive)
    if take(.preceding) { return .preceding(distance) }
    if take(.following) { return .following(distance) }
    throw unexpected("PRECEDING or FOLLOWING", among: [.preceding, .following])
  }
}
