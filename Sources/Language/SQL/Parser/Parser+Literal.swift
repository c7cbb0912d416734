import MillraceTypes

extension Parser {
  /// The literal at hand, or nil when what follows is none.
  mutating func parseLiteral() throws(ParseStop) -> SQLExpression? {
    let start = index
    let literal: SQLLiteral
    switch token.kind {
    case .integer: literal = .exact(text(token), isDecimal: false)
    case .decimal: literal = .exact(text(token), isDecimal: true)
    case .double: literal = .approximate(text(token))
    case .string: literal = .string(stringValue(token))
    case .binary: literal = .binary(try parseBinaryDigits())
    case .word:
      guard let known = try parseWordLiteral() else { return nil }
      return known
    default: return nil
    }
    advance()
    return node(.literal(literal), from: start, height: 1)
  }

  private mutating func parseWordLiteral() throws(ParseStop) -> SQLExpression? {
    let start = index
    let isTyped = peek().kind == .string
    var literal: SQLLiteral
    switch token.keyword {
    case .null: literal = .null
    case .true: literal = .boolean(true)
    case .false: literal = .boolean(false)
    case .unknown: literal = .boolean(nil)
    case .date where isTyped: literal = .date(stringValue(peek()))
    case .time where isTyped: literal = .time(stringValue(peek()))
    case .timestamp where isTyped: literal = .timestamp(stringValue(peek()))
    case .timestampLTZ where isTyped: literal = .timestampLTZ(stringValue(peek()))
    case .interval:
      advance()
      literal = .interval(try parseIntervalValue())
      return node(.literal(literal), from: start, height: 1)
    default: return nil
    }
    advance()
    switch literal {
    case .date, .time, .timestamp, .timestampLTZ: advance()
    default: break
    }
    return node(.literal(literal), from: start, height: 1)
  }

  private mutating func parseBinaryDigits() throws(ParseStop) -> [UInt8] {
    let digits = source.bytes[token.byteOffset + 2..<token.endOffset - 1]
    var value: [UInt8] = []
    var high: UInt8?
    for byte in digits {
      guard let digit = hexDigit(byte) else {
        report("X'...' holds only the digits 0-9 and A-F", at: token.span)
        throw ParseStop()
      }
      if let first = high {
        value.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    if high != nil {
      report("X'...' needs an even number of digits", at: token.span)
      throw ParseStop()
    }
    return value
  }

  private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }

  // MARK: Intervals

  /// `[-] 'value' UNIT[(p)] [TO UNIT[(p)]]`, after INTERVAL. A bare number is taken as well.
  mutating func parseIntervalValue() throws(ParseStop) -> SQLInterval {
    let start = index
    let negative = take(.minus)
    if !negative { _ = take(.plus) }
    let value: String
    switch token.kind {
    case .string: value = stringValue(token)
    case .integer, .decimal: value = text(token)
    default: throw unexpected("a number in quotes after INTERVAL", hint: "write e.g. INTERVAL '10' SECOND")
    }
    advance()
    let first = try parseTimeUnit()
    try parseIntervalPrecision()
    var last = first
    if at(.to) {
      advance()
      last = try parseTimeUnit()
      try parseIntervalPrecision()
    }
    do throws(IntervalText.Problem) {
      return try IntervalText.value(of: value, from: first, to: last, negative: negative)
    } catch {
      report(error.message, at: span(from: start), hint: error.hint)
      throw ParseStop()
    }
  }

  /// `(2)`, `(2, 3)`: accepted and without effect, as every interval holds 64 bits.
  private mutating func parseIntervalPrecision() throws(ParseStop) {
    guard at(.leftParenthesis), peek().kind == .integer else { return }
    let opening = token
    advance()
    advance()
    if take(.comma) {
      guard token.kind == .integer else { throw unexpected("the number of fractional digits") }
      advance()
    }
    try expectClosing(opening)
  }
}
