import MillraceTypes

extension Parser {
  /// `/*+ OPTIONS('key' = 'value'), BROADCAST(t) */`, where there are hints.
  mutating func parseHints() throws(ParseStop) -> [SQLHint] {
    var hints: [SQLHint] = []
    while at(.hintOpen) {
      advance()
      while !at(.hintClose) {
        hints.append(try parseHint())
        _ = take(.comma)
      }
      advance()
    }
    return hints
  }

  private mutating func parseHint() throws(ParseStop) -> SQLHint {
    let start = index
    guard token.kind == .word else { throw unexpected("the name of a hint, or */") }
    let name = identifier(token)
    advance()
    var hint = SQLHint(name: name, options: [], span: name.span)
    if hint.isOptions || hint.isStateTTL {
      hint.options = try parseOptionList("after \(name.text)")
    } else if at(.leftParenthesis) {
      // Advice to a planner, whatever it says.
      let depth = token.depth
      repeat { advance() } while !isAtStatementEnd && token.depth > depth
      try expect(.rightParenthesis, "to close the hint")
    }
    hint.span = span(from: start)
    return hint
  }
}
