/// Numbers as text: the one place that reads and writes them, for CAST and for every format.
///
/// Readers take the whole text (blanks around it ignored) or give nil; they never trap.
public enum NumberText {
  /// Reads a decimal integer; digits after a point are cut off, as Flink does. nil when it is none or beyond 64 bits.
  public static func parseInteger(_ text: UnsafeRawBufferPointer) -> Int64? {
    let text = trimmed(text)
    var at = 0
    var isNegative = false
    if at < text.count, text[at] == 45 || text[at] == 43 {
      isNegative = text[at] == 45
      at &+= 1
    }
    let start = at
    var magnitude: UInt64 = 0
    while at < text.count {
      let digit = text[at] &- 48
      if digit > 9 { break }
      let (times, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (next, carries) = times.addingReportingOverflow(UInt64(digit))
      if overflow || carries { return nil }
      magnitude = next
      at &+= 1
    }
    if at == start { return nil }
    if at < text.count, text[at] == 46 {
      at &+= 1
      while at < text.count, text[at] &- 48 <= 9 { at &+= 1 }
    }
    guard at == text.count else { return nil }
    if isNegative { return magnitude <= 1 << 63 ? Int64(bitPattern: 0 &- magnitude) : nil }
    return magnitude < 1 << 63 ? Int64(magnitude) : nil
  }

  /// Reads a floating-point number, rounded correctly; `NaN` and `Infinity` are numbers here.
  public static func parseDouble(_ text: UnsafeRawBufferPointer) -> Double? {
    let text = trimmed(text)
    var digits = DecimalDigits()
    guard digits.scan(text) else {
      guard let word = text.first(where: { $0 != 45 && $0 != 43 }), word == 78 || word == 110 || word == 73 || word == 105 else {
        return nil
      }
      return Double(String(decoding: text, as: UTF8.self))
    }
    // Up to 2^53 and 10^22 both are exact doubles, so one operation rounds once.
    if !digits.isTruncated, digits.mantissa <= 1 << 53, digits.exponent >= -22, digits.exponent <= 22 {
      let value = Double(digits.mantissa)
      let scaled = digits.exponent < 0 ? value / exactPowers[-digits.exponent] : value * exactPowers[digits.exponent]
      return digits.isNegative ? -scaled : scaled
    }
    return Double(String(decoding: text, as: UTF8.self))
  }

  private static let exactPowers: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  /// What reading a decimal gave.
  public enum DecimalResult: Sendable, Hashable {
    /// The unscaled value at the wanted scale, rounded half away from zero.
    case value(Int128)
    case overflow
    case malformed
  }

  /// Reads a number as DECIMAL(precision, scale); an exponent is allowed.
  public static func parseDecimal(_ text: UnsafeRawBufferPointer, precision: Int, scale: Int) -> DecimalResult {
    let text = trimmed(text)
    var at = 0
    var isNegative = false
    if at < text.count, text[at] == 45 || text[at] == 43 {
      isNegative = text[at] == 45
      at &+= 1
    }
    let digitsStart = at
    var pointAt = -1
    var digitCount = 0
    while at < text.count {
      if text[at] == 46 {
        if pointAt >= 0 { return .malformed }
        pointAt = at
      } else if text[at] &- 48 <= 9 {
        digitCount &+= 1
      } else {
        break
      }
      at &+= 1
    }
    if digitCount == 0 { return .malformed }
    let digitsEnd = at
    var exponent = 0
    if at < text.count {
      guard text[at] | 32 == 101, let value = parseInteger(UnsafeRawBufferPointer(rebasing: text[(at &+ 1)...])), abs(value) < 100_000
      else { return .malformed }
      exponent = Int(value)
    }
    // Digits of weight 10^-scale and above count; the next one rounds.
    var weight = (pointAt < 0 ? digitsEnd : pointAt) &- digitsStart &+ exponent
    var magnitude: UInt128 = 0
    var roundsUp = false
    for i in digitsStart..<digitsEnd where i != pointAt {
      let digit = UInt128(text[i] &- 48)
      weight &-= 1
      if weight >= -scale {
        if magnitude > (UInt128(1) << 127) / 10 { return .overflow }
        magnitude = magnitude &* 10 &+ digit
      } else {
        if weight == -scale &- 1 { roundsUp = digit >= 5 }
        break
      }
    }
    while weight > -scale && magnitude != 0 {
      if magnitude > (UInt128(1) << 127) / 10 { return .overflow }
      magnitude = magnitude &* 10
      weight &-= 1
    }
    if roundsUp { magnitude &+= 1 }
    var limit: UInt128 = 1
    for _ in 0..<min(38, precision) { limit &*= 10 }
    if magnitude >= limit { return .overflow }
    let value = Int128(bitPattern: magnitude)
    return .value(isNegative ? -value : value)
  }

  /// Room that any of the writers may need.
  public static let byteCountMax = 64

  /// Writes an integer and returns its length.
  @discardableResult
  public static func write(_ value: Int64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    write(decimal: Int128(value), scale: 0, to: out)
  }

  /// Writes a decimal with exactly `scale` fraction digits and returns its length.
  @discardableResult
  public static func write(decimal value: Int128, scale: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    write(value, scale: scale, to: out, room: byteCountMax)
  }

  private static func write(_ value: Int64, to out: UnsafeMutablePointer<UInt8>, room: Int) -> Int {
    write(Int128(value), scale: 0, to: out, room: room)
  }

  private static func write(_ value: Int128, scale: Int, to out: UnsafeMutablePointer<UInt8>, room: Int) -> Int {
    var magnitude = value.magnitude
    var count = 0
    // Digits from the right into the end of the room, then moved to the front.
    var end = room
    while magnitude > UInt128(UInt64.max) {
      end &-= 1
      out[end] = UInt8(truncatingIfNeeded: 48 &+ magnitude % 10)
      magnitude /= 10
      count &+= 1
      if count == scale {
        end &-= 1
        out[end] = 46
      }
    }
    var small = UInt64(truncatingIfNeeded: magnitude)
    while small > 0 || count <= scale {
      end &-= 1
      out[end] = UInt8(truncatingIfNeeded: 48 &+ small % 10)
      small /= 10
      count &+= 1
      if count == scale {
        end &-= 1
        out[end] = 46
      }
    }
    if value < 0 {
      end &-= 1
      out[end] = 45
    }
    let length = room &- end
    for i in 0..<length { out[i] = out[end &+ i] }
    return length
  }

  /// Writes the shortest text that reads back as the same double, in Java's form (`1.0`, `0.001`, `1.0E10`, `1.0E-5`, `NaN`,
  /// `Infinity`), and returns its length.
  @discardableResult
  public static func write(_ value: Double, to out: UnsafeMutablePointer<UInt8>) -> Int {
    write(javaForm: value.description, isFinite: value.isFinite, to: out)
  }
  @discardableResult
  public static func write(_ value: Float, to out: UnsafeMutablePointer<UInt8>) -> Int {
    write(javaForm: value.description, isFinite: value.isFinite, to: out)
  }

  /// As `write` does it.
  public static func string(_ value: Double) -> String { string { write(value, to: $0) } }
  public static func string(_ value: Float) -> String { string { write(value, to: $0) } }
  public static func string(decimal value: Int128, scale: Int) -> String { string { write(decimal: value, scale: scale, to: $0) } }

  private static func string(_ body: (UnsafeMutablePointer<UInt8>) -> Int) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: byteCountMax) { buffer in
      guard let out = buffer.baseAddress else { return "" }
      let count = body(out)
      return String(decoding: UnsafeBufferPointer(start: out, count: count), as: UTF8.self)
    }
  }

  /// Swift and Java agree on the shortest digits but not on where an exponent begins.
  private static func write(javaForm text: String, isFinite: Bool, to out: UnsafeMutablePointer<UInt8>) -> Int {
    var text = isFinite ? text : text == "inf" ? "Infinity" : text == "-inf" ? "-Infinity" : "NaN"
    return text.withUTF8 { source in
      if !isFinite {
        for i in 0..<source.count { out[i] = source[i] }
        return source.count
      }
      return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digits in
        var count = 0
        var at = 0
        var end = 0
        // Digits without leading zeros, and where the point stands among them.
        var point = 0
        var hasPoint = false
        if source[0] == 45 {
          out[0] = 45
          end = 1
          at = 1
        }
        while at < source.count {
          let byte = source[at]
          if byte == 101 { break }
          at &+= 1
          if byte == 46 {
            hasPoint = true
          } else if count > 0 || byte != 48 {
            if count < 32 { digits[count] = byte }
            count &+= 1
            if !hasPoint { point &+= 1 }
          } else if hasPoint {
            point &-= 1
          }
        }
        if at < source.count {
          var exponent = 0
          let isNegative = source[at &+ 1] == 45
          for i in (at &+ 1)..<source.count where source[i] &- 48 <= 9 { exponent = exponent &* 10 &+ Int(source[i] &- 48) }
          point &+= isNegative ? -exponent : exponent
        }
        count = min(count, 32)
        while count > 1 && digits[count &- 1] == 48 { count &-= 1 }
        func put(_ byte: UInt8) {
          out[end] = byte
          end &+= 1
        }
        if count == 0 {
          put(48)
          put(46)
          put(48)
          return end
        }
        if point > -3 && point <= 7 {
          if point <= 0 {
            put(48)
            put(46)
            for _ in 0..<(-point) { put(48) }
            for i in 0..<count { put(digits[i]) }
            return end
          }
          for i in 0..<point { put(i < count ? digits[i] : 48) }
          put(46)
          if count <= point { put(48) } else { for i in point..<count { put(digits[i]) } }
          return end
        }
        put(digits[0])
        put(46)
        if count == 1 { put(48) } else { for i in 1..<count { put(digits[i]) } }
        put(69)
        return end &+ write(Int64(point &- 1), to: out + end, room: 16)
      }
    }
  }

  private static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    var stop = text.count
    while start < stop && text[start] <= 32 { start &+= 1 }
    while stop > start && text[stop &- 1] <= 32 { stop &-= 1 }
    return UnsafeRawBufferPointer(rebasing: text[start..<stop])
  }
}

/// A number's digits as far as 64 bits hold them, and its power of ten.
private struct DecimalDigits {
  var mantissa: UInt64 = 0
  var exponent = 0
  var isNegative = false
  /// More digits than the mantissa holds.
  var isTruncated = false

  /// Whether the whole text is `[+-]digits[.digits][e[+-]digits]`.
  mutating func scan(_ text: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    if at < text.count, text[at] == 45 || text[at] == 43 {
      isNegative = text[at] == 45
      at &+= 1
    }
    var digitCount = 0
    var hasPoint = false
    while at < text.count {
      if text[at] == 46 {
        if hasPoint { return false }
        hasPoint = true
      } else {
        let digit = text[at] &- 48
        if digit > 9 { break }
        digitCount &+= 1
        if mantissa >= 1_000_000_000_000_000_000 {
          isTruncated = true
        } else {
          mantissa = mantissa &* 10 &+ UInt64(digit)
          if hasPoint { exponent &-= 1 }
        }
      }
      at &+= 1
    }
    if digitCount == 0 { return false }
    guard at < text.count else { return true }
    guard text[at] | 32 == 101 else { return false }
    at &+= 1
    var sign = 1
    if at < text.count, text[at] == 45 || text[at] == 43 {
      sign = text[at] == 45 ? -1 : 1
      at &+= 1
    }
    let start = at
    var value = 0
    while at < text.count {
      let digit = text[at] &- 48
      if digit > 9 { return false }
      value = min(100_000, value &* 10 &+ Int(digit))
      at &+= 1
    }
    exponent &+= sign &* value
    return at > start
  }
}
