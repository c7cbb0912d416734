import MillraceTypes

extension Parser {
  /// `WITH ('key' = 'value', ...)`; a repeated key is an error.
  mutating func parseWithOptions() throws(ParseStop) -> [SQLOption] {
    advance()
    return try parseOptionList("after WITH")
  }

  /// `('key' = 'value', ...)`
  mutating func parseOptionList(_ place: String) throws(ParseStop) -> [SQLOption] {
    let opening = token
    try expect(.leftParenthesis, place)
    var options: [SQLOption] = []
    var lines: [String: Int] = [:]
    if take(.rightParenthesis) { return [] }
    repeat {
      let option = try recovering(at: opening.depth + 1, stopAtClauses: false) { (p) throws(ParseStop) in try p.parseOption() }
      guard let option else { continue }
      if let line = lines[option.key.text] {
        report("option '\(option.key.text)' is given twice; the first is on line \(line)", at: option.key.span, hint: "keep one of them")
      }
      lines[option.key.text] = option.key.span.line
      options.append(option)
    } while take(.comma)
    try expectClosing(opening)
    return options
  }

  /// `'key' = 'value'`
  mutating func parseOption() throws(ParseStop) -> SQLOption {
    let key = try parseText("an option's name in quotes")
    try expect(.equal, "after the option's name")
    return SQLOption(key: key, value: try parseText("the option's value in quotes"))
  }
}
