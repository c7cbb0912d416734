import MillraceColumns
import MillraceExpressions
import MillraceTypes

extension Binder {
  /// A constant with the type Flink gives it.
  mutating func bind(_ literal: SQLLiteral, at span: SourceSpan) throws(BindStop) -> Expression {
    switch literal {
    case .null: return .null(.null)
    case .boolean(let value): return value.map { .literal(.bool($0), .boolean) } ?? .null(.boolean)
    case .exact(let text, let isDecimal): return try exact(text, isDecimal: isDecimal, negative: false, at: span)
    case .approximate(let text):
      guard let value = Double(text), value.isFinite else { throw fail("this number is too large for DOUBLE", at: span) }
      return .literal(.float(value), .float64)
    case .string(let text): return .literal(.text(text), .text)
    case .binary(let bytes): return .literal(.bytes(bytes), .bytes)
    case .date(let text):
      guard let days = withBytes(text, { TimestampText.parseDate($0) }) else {
        throw fail("'\(text)' is no date", at: span, hint: "write e.g. DATE '2024-01-31'")
      }
      return .literal(.int(Int64(days)), .date)
    case .time(let text):
      let precision = fractionDigits(text)
      guard precision <= 9, let ticks = withBytes(text, { TimestampText.parseTime($0, unit: TimeUnit(precision: precision)) }) else {
        throw fail("'\(text)' is no time of day", at: span, hint: "write e.g. TIME '13:05:00'")
      }
      return .literal(.int(ticks), .time(precision: precision))
    case .timestamp(let text): return try timestamp(text, zoned: false, at: span)
    case .timestampLTZ(let text): return try timestamp(text, zoned: true, at: span)
    case .interval(.months(let months)): return .literal(.int(months), .intervalMonths)
    case .interval(.millis(let millis)): return .literal(.int(millis), .intervalMillis)
    }
  }

  /// INT, else BIGINT, else DECIMAL for digits; DECIMAL for digits with a point.
  mutating func exact(_ text: String, isDecimal: Bool, negative: Bool, at span: SourceSpan) throws(BindStop) -> Expression {
    let sign = negative ? "-" : ""
    if !isDecimal, let value = Int64(sign + text) {
      return .literal(.int(value), Int32(exactly: value) == nil ? .int64 : .int32)
    }
    let digits = text.filter { $0 != "." }
    let scale = text.firstIndex(of: ".").map { text.distance(from: $0, to: text.endIndex) - 1 } ?? 0
    // Leading zeros beyond the one before the point carry nothing.
    let significant = max(digits.drop { $0 == "0" }.count, scale)
    let precision = max(1, min(digits.count, 38), significant)
    guard precision <= 38, let value = Int128(sign + (digits.isEmpty ? "0" : digits)) else {
      throw fail("this number has more than 38 digits", at: span, hint: "write it with an exponent to get a DOUBLE, e.g. 1e40")
    }
    return .literal(.decimal(value), .decimal(precision: precision, scale: scale))
  }

  private mutating func timestamp(_ text: String, zoned: Bool, at span: SourceSpan) throws(BindStop) -> Expression {
    let precision = fractionDigits(text)
    guard precision <= 9,
      let instant = withBytes(text, { TimestampText.parseTimestamp($0, unit: TimeUnit(precision: precision)) }),
      zoned || !instant.hasZone
    else { throw fail("'\(text)' is no timestamp", at: span, hint: "write e.g. TIMESTAMP '2024-01-31 13:05:00.123'") }
    return .literal(.int(instant.ticks), zoned ? .timestampLTZ(precision: precision) : .timestamp(precision: precision))
  }

  private func withBytes<T>(_ text: String, _ body: (UnsafeRawBufferPointer) -> T?) -> T? {
    Array(text.utf8).withUnsafeBytes(body)
  }

  private func fractionDigits(_ text: String) -> Int {
    guard let point = text.utf8.lastIndex(of: UInt8(ascii: ".")) else { return 0 }
    return text.utf8[text.utf8.index(after: point)...].prefix { $0 >= 0x30 && $0 <= 0x39 }.count
  }
}
