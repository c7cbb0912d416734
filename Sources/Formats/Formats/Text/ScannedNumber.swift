import MillraceTypes

/// A number as text, taken apart without losing anything: ±mantissa x 10^exponent.
struct ScannedNumber {
  var isNegative = false
  /// The first 19 significant digits.
  var mantissa: UInt64 = 0
  /// Applies to `mantissa`.
  var exponent = 0
  /// Whether digits beyond the 19th were dropped that are not zero.
  var isTruncated = false
  /// The text itself.
  var start: UnsafePointer<UInt8>
  var count = 0

  /// Reads the longest number at `p`, which must be followed by some byte that is no part of a number.
  ///
  /// - Parameter isStrict: JSON's grammar: no leading zeros, no plus sign, digits on both sides of a point.
  /// - Returns: nil when there is no number there.
  @inline(__always)
  static func scan(_ p: UnsafePointer<UInt8>, isStrict: Bool) -> ScannedNumber? {
    var number = ScannedNumber(start: p)
    var i = 0
    if p[0] == 45 {
      number.isNegative = true
      i = 1
    } else if p[0] == 43 && !isStrict {
      i = 1
    }
    let firstDigit = i
    var significant = 0
    while true {
      let digit = p[i] &- 48
      if digit > 9 { break }
      number.push(digit, &significant)
      i &+= 1
    }
    let wholeDigits = i &- firstDigit
    if isStrict && (wholeDigits == 0 || (wholeDigits > 1 && p[firstDigit] == 48)) { return nil }
    var fractionDigits = 0
    if p[i] == 46 {
      i &+= 1
      while true {
        let digit = p[i] &- 48
        if digit > 9 { break }
        number.exponent &-= 1
        number.push(digit, &significant)
        fractionDigits &+= 1
        i &+= 1
      }
      if isStrict && fractionDigits == 0 { return nil }
    }
    if wholeDigits &+ fractionDigits == 0 { return nil }
    if p[i] | 0x20 == 101 {
      var k = i &+ 1
      let negative = p[k] == 45
      if p[k] == 45 || p[k] == 43 { k &+= 1 }
      var value = 0
      let exponentStart = k
      while true {
        let digit = p[k] &- 48
        if digit > 9 { break }
        // Far outside any type already; keeps hostile exponents from overflowing.
        if value < 100_000 { value = value &* 10 &+ Int(digit) }
        k &+= 1
      }
      if k == exponentStart { return nil }
      number.exponent &+= negative ? 0 &- value : value
      i = k
    }
    number.count = i
    return number
  }

  @inline(__always) private mutating func push(_ digit: UInt8, _ significant: inout Int) {
    if significant < 19 {
      mantissa = mantissa &* 10 &+ UInt64(digit)
      if mantissa != 0 { significant &+= 1 }
    } else {
      exponent &+= 1
      if digit != 0 { isTruncated = true }
    }
  }

  /// The value when it is a whole number in the range of Int64.
  var int64: Int64? {
    if isTruncated { return nil }
    var magnitude = mantissa
    var power = exponent
    if magnitude == 0 { return 0 }
    while power < 0 {
      let (quotient, remainder) = magnitude.quotientAndRemainder(dividingBy: 10)
      if remainder != 0 { return nil }
      magnitude = quotient
      power &+= 1
    }
    while power > 0 {
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      magnitude = product
      power &-= 1
    }
    if isNegative { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
    return magnitude < 1 << 63 ? Int64(truncatingIfNeeded: magnitude) : nil
  }

  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  /// The nearest Double; infinite when out of range.
  var double: Double {
    // Both factors are exact, so the one rounding is the right one (Clinger, PLDI 1990).
    if !isTruncated && mantissa < 1 << 53 && exponent >= -22 && exponent <= 22 {
      let magnitude = Double(mantissa)
      let value = exponent < 0 ? magnitude / Self.powersOfTen[0 &- exponent] : magnitude * Self.powersOfTen[exponent]
      return isNegative ? -value : value
    }
    return Double(text) ?? .nan
  }

  /// The nearest Float, rounded once; infinite when out of range.
  var float: Float {
    if !isTruncated && mantissa < 1 << 24 && exponent >= -10 && exponent <= 10 {
      let magnitude = Float(mantissa)
      let value = exponent < 0 ? magnitude / Float(Self.powersOfTen[0 &- exponent]) : magnitude * Float(Self.powersOfTen[exponent])
      return isNegative ? -value : value
    }
    return Float(text) ?? .nan
  }

  private var text: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }

  /// The unscaled value of a decimal, rounded half up (away from zero) to its scale; nil when it needs more digits than it may have.
  func decimal(precision: Int, scale: Int) -> Int128? {
    var point = 0
    var digitCount = 0
    var value: Int128 = 0
    // First where the decimal point is: digits before it, plus the written exponent.
    var i = start[0] == 45 || start[0] == 43 ? 1 : 0
    let digitStart = i
    var wholeDigits = 0
    var seenPoint = false
    while i < count {
      let byte = start[i]
      if byte == 46 {
        seenPoint = true
      } else if byte &- 48 <= 9 {
        if !seenPoint { wholeDigits &+= 1 }
      } else {
        break
      }
      i &+= 1
    }
    var written = 0
    if i < count {
      var k = i &+ 1
      let negative = start[k] == 45
      if start[k] == 45 || start[k] == 43 { k &+= 1 }
      while k < count {
        if written < 100_000 { written = written &* 10 &+ Int(start[k] &- 48) }
        k &+= 1
      }
      if negative { written = 0 &- written }
    }
    point = wholeDigits &+ written
    // Digits up to this many places after the first count, the next one decides the rounding.
    let keep = point &+ scale
    var k = digitStart
    var roundUp = false
    while k < i {
      let byte = start[k]
      k &+= 1
      if byte == 46 { continue }
      if digitCount >= keep {
        roundUp = digitCount == keep && byte >= 53
        digitCount &+= 1
        break
      }
      if value >= Self.tenTo37 { return nil }
      value = value &* 10 &+ Int128(byte &- 48)
      digitCount &+= 1
    }
    if value != 0 {
      while digitCount < keep {
        if value >= Self.tenTo37 { return nil }
        value = value &* 10
        digitCount &+= 1
      }
    }
    if roundUp { value &+= 1 }
    var limit: Int128 = 1
    for _ in 0..<min(38, precision) { limit = limit &* 10 }
    guard value < limit else { return nil }
    return isNegative ? 0 &- value : value
  }

  /// 10^37: a value at or above it takes no further digit in 38.
  private static let tenTo37: Int128 = 10_000_000_000_000_000_000_000_000_000_000_000_000
}
