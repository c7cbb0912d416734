import MillraceTypes

/// Cuts SQL text into tokens in one pass. Never fails: what is no token becomes a diagnostic and an `.invalid` token.
package struct Lexer {
  package private(set) var tokens: [Token] = []
  package private(set) var diagnostics: [SQLDiagnostic] = []

  private let source: SQLSource
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private var lineStart = 0
  private var depth: Int32 = 0
  /// The hint whose end has not been seen.
  private var openHint: Mark?

  package init(_ source: SQLSource) {
    self.source = source
    bytes = source.bytes
    tokens.reserveCapacity(bytes.count / 4 + 1)
    while position < bytes.count { scan() }
    if let openHint { report("this hint is never closed", from: openHint, hint: "end it with */") }
    append(.end, from: mark())
  }

  /// Where a token starts.
  private struct Mark {
    var offset: Int, line: Int, column: Int
  }

  private func mark() -> Mark { Mark(offset: position, line: line, column: position - lineStart + 1) }

  private func peek(_ ahead: Int = 0) -> UInt8 { position + ahead < bytes.count ? bytes[position + ahead] : 0 }

  private mutating func append(_ kind: Token.Kind, from start: Mark, symbol: Symbol = .none, keyword: Keyword = .none) {
    tokens.append(
      Token(
        kind: kind, symbol: symbol, keyword: keyword, depth: depth, line: Int32(truncatingIfNeeded: start.line),
        column: Int32(truncatingIfNeeded: start.column), byteOffset: start.offset, byteCount: position - start.offset))
  }

  private mutating func report(_ message: String, from start: Mark, hint: String? = nil) {
    // One bad file need not produce a million messages.
    guard diagnostics.count < Parser.diagnosticLimit else { return }
    let span = SourceSpan(line: start.line, column: start.column, byteOffset: start.offset, byteCount: position - start.offset)
    diagnostics.append(SQLDiagnostic(message, span: span, text: source.excerpt(span), hint: hint))
  }

  private mutating func newline() {
    line += 1
    lineStart = position
  }

  private mutating func scan() {
    let byte = bytes[position]
    switch byte {
    case UInt8(ascii: "\n"):
      position += 1
      newline()
    case 0x20, 0x09, 0x0D, 0x0C: position += 1
    case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"):
      while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*") && peek(2) == UInt8(ascii: "+") && openHint == nil:
      let start = mark()
      openHint = start
      position += 3
      append(.symbol, from: start, symbol: .hintOpen)
      depth += 1
    case UInt8(ascii: "*") where peek(1) == UInt8(ascii: "/") && openHint != nil:
      let start = mark()
      openHint = nil
      position += 2
      depth = max(0, depth - 1)
      append(.symbol, from: start, symbol: .hintClose)
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): scanBlockComment()
    case UInt8(ascii: "'"): scanString(from: mark(), kind: .string)
    case UInt8(ascii: "`"): scanQuotedName(quote: byte)
    case UInt8(ascii: "\""): scanQuotedName(quote: byte)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): scanNumber()
    case UInt8(ascii: ".") where isDigit(peek(1)): scanNumber()
    case UInt8(ascii: "x") where peek(1) == UInt8(ascii: "'"), UInt8(ascii: "X") where peek(1) == UInt8(ascii: "'"):
      let start = mark()
      position += 1
      scanString(from: start, kind: .binary)
    default:
      if isNameStart(byte) { scanWord() } else { scanSymbol() }
    }
  }

  private mutating func scanBlockComment() {
    let start = mark()
    position += 2
    while position < bytes.count {
      if bytes[position] == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        position += 2
        return
      }
      position += 1
      if bytes[position - 1] == UInt8(ascii: "\n") { newline() }
    }
    report("this comment is never closed", from: start, hint: "end it with */")
  }

  private mutating func scanString(from start: Mark, kind: Token.Kind) {
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "'") {
        if peek() != UInt8(ascii: "'") { return append(kind, from: start) }
        position += 1
      } else if byte == UInt8(ascii: "\n") {
        newline()
      }
    }
    report("this text is never closed", from: start, hint: "end it with ' (a quote inside text is written twice: '')")
    append(.invalid, from: start)
  }

  private mutating func scanQuotedName(quote: UInt8) {
    let start = mark()
    position += 1
    while position < bytes.count, bytes[position] != UInt8(ascii: "\n") {
      let byte = bytes[position]
      position += 1
      guard byte == quote else { continue }
      if peek() == quote {
        position += 1
        continue
      }
      if quote == UInt8(ascii: "\"") {
        report(
          "double quotes are not used in this dialect", from: start,
          hint: "write text as 'text' and quoted names as `name`")
      } else if position - start.offset <= 2 {
        report("a quoted name cannot be empty", from: start)
        return append(.invalid, from: start)
      }
      return append(.quotedName, from: start)
    }
    report("this quoted name is never closed", from: start, hint: "end it with \(quote == UInt8(ascii: "`") ? "`" : "\"")")
    append(.invalid, from: start)
  }

  private mutating func scanNumber() {
    let start = mark()
    var kind = Token.Kind.integer
    while isDigit(peek()) { position += 1 }
    if peek() == UInt8(ascii: ".") {
      kind = .decimal
      position += 1
      while isDigit(peek()) { position += 1 }
    }
    if peek() | 0x20 == UInt8(ascii: "e") {
      let signed = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
      if isDigit(peek(signed ? 2 : 1)) {
        kind = .double
        position += signed ? 2 : 1
        while isDigit(peek()) { position += 1 }
      }
    }
    if isNameStart(peek()) {
      while isNamePart(peek()) { position += 1 }
      report("a name or number cannot be written like this", from: start, hint: "a name that starts with a digit needs `backquotes`")
      kind = .invalid
    }
    append(kind, from: start)
  }

  private mutating func scanWord() {
    let start = mark()
    while isNamePart(peek()) { position += 1 }
    append(.word, from: start, keyword: Keyword.named(bytes[start.offset..<position]))
  }

  private mutating func scanSymbol() {
    let start = mark()
    let pair = position + 1 < bytes.count ? String(decoding: bytes[position...position + 1], as: UTF8.self) : ""
    if let symbol = Symbol(rawValue: pair), symbol != .none, symbol != .hintClose {
      position += 2
      return append(.symbol, from: start, symbol: symbol)
    }
    let single = Symbol(rawValue: String(decoding: bytes[position...position], as: UTF8.self)) ?? .none
    position += 1
    switch single {
    case .none:
      while position < bytes.count, bytes[position] & 0xC0 == 0x80 { position += 1 }
      report("this character means nothing in SQL", from: start)
      append(.invalid, from: start)
    case .leftParenthesis, .leftBracket:
      append(.symbol, from: start, symbol: single)
      depth += 1
    case .rightParenthesis, .rightBracket:
      depth = max(0, depth - 1)
      append(.symbol, from: start, symbol: single)
    case .semicolon:
      depth = 0
      append(.symbol, from: start, symbol: single)
    default: append(.symbol, from: start, symbol: single)
    }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  /// Letters, `_`, `$` and everything beyond ASCII.
  private func isNameStart(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$") || byte >= 0x80
  }
  private func isNamePart(_ byte: UInt8) -> Bool { isNameStart(byte) || isDigit(byte) }
}
