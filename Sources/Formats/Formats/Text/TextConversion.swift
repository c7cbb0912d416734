import MillraceColumns
import MillraceTypes

/// Text to a scalar of a column's type: what JSON strings and CSV fields share.
enum TextConversion {
  /// Sets a row of a column from text. Blanks around it are ignored except for text and bytes.
  ///
  /// The byte behind the text must be readable and no part of a number.
  /// - Returns: false when the text is no value of the type; the row is then undefined.
  static func set(
    _ text: UnsafePointer<UInt8>, count: Int, isASCII: Bool, style: TimestampStyle?, in column: ColumnAssembler, at row: Int
  ) -> Bool {
    switch column.type {
    case .text:
      guard isASCII || UTF8Validation.isValid(text, count: count) else { return false }
      column.set(bytes: text, count: count, at: row)
      return true
    case .bytes:
      guard let decoded = decodeBase64(text, count: count) else { return false }
      decoded.withUnsafeBufferPointer { buffer in
        // An empty buffer has no address; any will do for no bytes.
        column.set(bytes: buffer.baseAddress ?? text, count: buffer.count, at: row)
      }
      return true
    default: break
    }
    var start = 0
    var end = count
    while start < end && isBlank(text[start]) { start &+= 1 }
    while end > start && isBlank(text[end &- 1]) { end &-= 1 }
    let p = text + start
    let n = end &- start
    switch column.type {
    case .boolean:
      if matches(p, n, "true") {
        column.set(UInt8(1), at: row)
      } else if matches(p, n, "false") {
        column.set(UInt8(0), at: row)
      } else {
        return false
      }
      return true
    case .float32, .float64:
      if let number = ScannedNumber.scan(p, isStrict: false), number.count == n { return set(number, in: column, at: row) }
      guard let special = specialFloat(p, n) else { return false }
      if column.type == .float32 { column.set(Float(special), at: row) } else { column.set(special, at: row) }
      return true
    case .int8, .int16, .int32, .int64, .decimal, .intervalMonths, .intervalMillis:
      guard let number = ScannedNumber.scan(p, isStrict: false), number.count == n else { return false }
      return set(number, in: column, at: row)
    case .date:
      guard let days = TimestampText.parseDate(UnsafeRawBufferPointer(start: p, count: n)) else { return false }
      column.set(days, at: row)
      return true
    case .time(let precision):
      let length = n > 0 && p[n &- 1] == 90 ? n &- 1 : n
      guard let ticks = TimestampText.parseTime(UnsafeRawBufferPointer(start: p, count: length), unit: TimeUnit(precision: precision))
      else { return false }
      column.set(cut(ticks, precision), at: row)
      return true
    case .timestamp(let precision), .timestampLTZ(let precision):
      if let style {
        // Dates have at least 10 characters; the separator must be the declared one.
        var k = 0
        while k < n && p[k] != 32 && p[k] != 84 { k &+= 1 }
        guard k < n, p[k] == (style == .sql ? 32 : 84) else { return false }
      }
      guard
        let instant = TimestampText.parseTimestamp(
          UnsafeRawBufferPointer(start: p, count: n), unit: TimeUnit(precision: precision))
      else { return false }
      column.set(cut(instant.ticks, precision), at: row)
      return true
    default: return false
    }
  }

  /// Sets a row of a numeric column; false when the number does not fit.
  @inline(__always)
  static func set(_ number: ScannedNumber, in column: ColumnAssembler, at row: Int) -> Bool {
    switch column.type {
    case .int64, .intervalMonths, .intervalMillis:
      guard let value = number.int64 else { return false }
      column.set(value, at: row)
    case .int32:
      guard let value = number.int64, let small = Int32(exactly: value) else { return false }
      column.set(small, at: row)
    case .int16:
      guard let value = number.int64, let small = Int16(exactly: value) else { return false }
      column.set(small, at: row)
    case .int8:
      guard let value = number.int64, let small = Int8(exactly: value) else { return false }
      column.set(small, at: row)
    case .float64:
      let value = number.double
      guard value.isFinite else { return false }
      column.set(value, at: row)
    case .float32:
      let value = number.float
      guard value.isFinite else { return false }
      column.set(value, at: row)
    case .decimal(let precision, let scale):
      guard let value = number.decimal(precision: precision, scale: scale) else { return false }
      column.set(value, at: row)
    default: return false
    }
    return true
  }

  /// Fraction digits beyond the declared precision are cut, as the type says.
  @inline(__always) private static func cut(_ ticks: Int64, _ precision: Int) -> Int64 {
    let drop: Int64
    switch precision {
    case 3, 6, 9: return ticks
    case 0: drop = 1000
    case 1, 4, 7: drop = 100
    default: drop = precision == 2 || precision == 5 || precision == 8 ? 10 : 1
    }
    let rest = ticks % drop
    return ticks &- (rest < 0 ? rest &+ drop : rest)
  }

  @inline(__always) static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 13 }

  /// Compares without regard to ASCII case; `word` is lower-case.
  static func matches(_ p: UnsafePointer<UInt8>, _ count: Int, _ word: StaticString) -> Bool {
    guard count == word.utf8CodeUnitCount else { return false }
    for i in 0..<count where p[i] | 0x20 != word.utf8Start[i] { return false }
    return true
  }

  private static func specialFloat(_ p: UnsafePointer<UInt8>, _ count: Int) -> Double? {
    if matches(p, count, "nan") { return .nan }
    var isNegative = false
    var q = p
    var n = count
    if n > 0 && (q[0] == 45 || q[0] == 43) {
      isNegative = q[0] == 45
      q += 1
      n &-= 1
    }
    guard matches(q, n, "infinity") || matches(q, n, "inf") else { return nil }
    return isNegative ? -.infinity : .infinity
  }
}
