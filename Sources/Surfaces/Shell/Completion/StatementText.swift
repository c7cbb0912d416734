import MillraceSQL
import MillraceTypes

/// What can be said of a text that is being typed, by its tokens alone.
enum StatementText {
  /// Whether the text ends with the `;` of its last statement: not inside text, a comment or a statement set.
  static func isComplete(_ text: String) -> Bool {
    let tokens = Lexer(SQLSource(text)).tokens.filter { $0.kind != .end }
    guard let last = tokens.last, last.symbol == .semicolon else { return false }
    // `END` closes a statement set; that of a CASE has a CASE before it.
    var isOpen = false
    var cases = 0
    for (index, token) in tokens.enumerated() {
      let before = index > 0 ? tokens[index - 1].keyword : .none
      switch token.keyword {
      case .set where before == .statement && index > 1 && tokens[index - 2].keyword == .begin,
        .begin where before == .set && index > 1 && tokens[index - 2].keyword == .statement:
        isOpen = true
        cases = 0
      case .case where isOpen: cases += 1
      case .end where isOpen: if cases > 0 { cases -= 1 } else { isOpen = false }
      default: break
      }
    }
    return !isOpen
  }

  /// Quotation that is open at the end of a text: `'`, a backquote or a double quote, with what stands in it so far.
  static func openQuote(_ text: String) -> (quote: Character, content: String)? {
    var open: (quote: Character, content: String)?
    var rest = Substring(text)
    while let character = rest.popFirst() {
      if let current = open {
        if character == current.quote { open = nil } else { open?.content.append(character) }
        continue
      }
      switch character {
      case "'", "`", "\"": open = (character, "")
      case "-" where rest.first == "-":
        rest = rest.drop { $0 != "\n" }
      case "/" where rest.first == "*":
        guard let end = rest.firstRange(of: "*/") else { return nil }
        rest = rest[end.upperBound...]
      default: break
      }
    }
    return open
  }
}
