import MillraceTypes

/// A lexical unit of SQL with its place in the source.
package struct Token: Sendable, Hashable {
  package enum Kind: UInt8, Sendable {
    /// A bare word: a keyword where the grammar wants one, else a name.
    case word
    /// A name in backquotes.
    case quotedName
    case string
    /// X'0A'
    case binary
    /// Digits only.
    case integer
    /// Digits with a point.
    case decimal
    /// Digits with an exponent.
    case double
    case symbol
    /// Text that is no token; the lexer has already reported it.
    case invalid
    case end
  }

  package var kind: Kind
  package var symbol: Symbol = .none
  package var keyword: Keyword = .none
  /// How many parentheses and brackets are open at this token; reset by `;`. A closing one counts as outside.
  package var depth: Int32 = 0
  package var line: Int32
  package var column: Int32
  package var byteOffset: Int
  package var byteCount: Int

  package var span: SourceSpan {
    SourceSpan(line: Int(line), column: Int(column), byteOffset: byteOffset, byteCount: byteCount)
  }
  package var endOffset: Int { byteOffset + byteCount }
}

/// Punctuation and operators.
package enum Symbol: String, Sendable {
  case none = ""
  case leftParenthesis = "("
  case rightParenthesis = ")"
  case leftBracket = "["
  case rightBracket = "]"
  case comma = ","
  case semicolon = ";"
  case dot = "."
  case plus = "+"
  case minus = "-"
  case star = "*"
  case slash = "/"
  case percent = "%"
  case concat = "||"
  case equal = "="
  case doubleEqual = "=="
  case notEqual = "<>"
  case bangEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case arrow = "=>"
  case doubleColon = "::"
  case colon = ":"
  /// Hints, which otherwise are comments.
  case hintOpen = "/*+"
  case hintClose = "*/"
}
