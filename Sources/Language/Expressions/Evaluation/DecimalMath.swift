import MillraceTypes

/// Exact decimal arithmetic on unscaled values, rounded half away from zero, as Flink's BigDecimal arithmetic does it.
/// Every function gives nil when the result needs more than the wanted digits.
enum DecimalMath {
  static let powers: [UInt128] = {
    var powers: [UInt128] = [1]
    for i in 0..<38 { powers.append(powers[i] &* 10) }
    return powers
  }()

  @inline(__always) static func power(_ exponent: Int) -> UInt128 { powers[max(0, min(38, exponent))] }

  @inline(__always) private static func signed(_ magnitude: UInt128, _ isNegative: Bool, _ precision: Int) -> Int128? {
    guard magnitude < power(precision) else { return nil }
    let value = Int128(bitPattern: magnitude)
    return isNegative ? 0 &- value : value
  }

  /// The value at another scale.
  static func rescale(_ value: Int128, from: Int, to: Int, precision: Int) -> Int128? {
    let magnitude = value.magnitude
    if to >= from {
      if magnitude == 0 { return 0 }
      guard to - from <= 38 else { return nil }
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: power(to - from))
      return overflow ? nil : signed(product, value < 0, precision)
    }
    return signed(rounded(magnitude, dropping: from - to), value < 0, precision)
  }

  /// A magnitude without its last digits, rounded half up.
  private static func rounded(_ magnitude: UInt128, dropping digits: Int) -> UInt128 {
    if digits == 0 { return magnitude }
    if digits > 38 { return 0 }
    let divisor = power(digits)
    if let small = UInt64(exactly: magnitude), let by = UInt64(exactly: divisor) {
      let quotient = small / by
      return UInt128(small % by >= by / 2 ? quotient &+ 1 : quotient)
    }
    let (quotient, remainder) = magnitude.quotientAndRemainder(dividingBy: divisor)
    return remainder >= divisor / 2 ? quotient &+ 1 : quotient
  }

  /// A 256-bit magnitude divided by a power of ten and rounded half up; nil when it does not fit 128 bits.
  private static func rounded(_ high: UInt128, _ low: UInt128, dropping digits: Int) -> UInt128? {
    if high == 0 { return rounded(low, dropping: digits) }
    // At most 38 digits at a time, so that the quotient's rounding sees every digit dropped before.
    guard digits <= 38 else {
      let divisor = power(38)
      let upper = high / divisor
      let (lower, _) = divisor.dividingFullWidth((high % divisor, low))
      // Cutting is enough here: half-up looks at the first digit dropped, which is still to come.
      return rounded(upper, lower, dropping: digits - 38)
    }
    let divisor = power(digits)
    guard high < divisor else { return nil }
    let (quotient, remainder) = divisor.dividingFullWidth((high, low))
    return remainder >= divisor &- remainder ? quotient &+ 1 : quotient
  }

  static func multiply(_ a: Int128, _ b: Int128, scale: Int, to resultScale: Int, precision: Int) -> Int128? {
    let (high, low) = a.magnitude.multipliedFullWidth(by: b.magnitude)
    guard resultScale <= scale, let magnitude = rounded(high, low, dropping: scale - resultScale) else { return nil }
    return signed(magnitude, (a < 0) != (b < 0), precision)
  }

  /// The sum of values at two scales.
  static func add(_ a: Int128, _ scaleA: Int, _ b: Int128, _ scaleB: Int, to resultScale: Int, precision: Int) -> Int128? {
    let scale = max(scaleA, scaleB)
    let x = a.magnitude.multipliedFullWidth(by: power(scale - scaleA))
    let y = b.magnitude.multipliedFullWidth(by: power(scale - scaleB))
    var isNegative = a < 0
    var high: UInt128
    var low: UInt128
    if (a < 0) == (b < 0) {
      let (sum, carry) = x.low.addingReportingOverflow(y.low)
      low = sum
      high = x.high &+ y.high &+ (carry ? 1 : 0)
    } else {
      let isSmaller = x.high < y.high || (x.high == y.high && x.low < y.low)
      let (big, small) = isSmaller ? (y, x) : (x, y)
      if isSmaller { isNegative = b < 0 }
      let (difference, borrow) = big.low.subtractingReportingOverflow(small.low)
      low = difference
      high = big.high &- small.high &- (borrow ? 1 : 0)
    }
    guard let magnitude = rounded(high, low, dropping: scale - resultScale) else { return nil }
    return signed(magnitude, isNegative, precision)
  }

  /// The rounded quotient of `a * 10^shift` and `b` when 64 bits hold everything.
  private static func smallQuotient(_ a: UInt128, _ b: UInt128, _ shift: Int) -> UInt64? {
    guard shift >= 0, shift <= 19, let x = UInt64(exactly: a), let y = UInt64(exactly: b), y <= UInt64.max / 2 else { return nil }
    let (dividend, overflow) = x.multipliedReportingOverflow(by: UInt64(truncatingIfNeeded: powers[shift]))
    if overflow { return nil }
    let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: y)
    return remainder &* 2 >= y ? quotient &+ 1 : quotient
  }

  /// The quotient at a scale; the divisor is not zero.
  static func divide(_ a: Int128, _ scaleA: Int, _ b: Int128, _ scaleB: Int, to resultScale: Int, precision: Int) -> Int128? {
    let divisor = b.magnitude
    if let result = smallQuotient(a.magnitude, divisor, resultScale - scaleA + scaleB) {
      return signed(UInt128(result), (a < 0) != (b < 0), precision)
    }
    var (quotient, remainder) = a.magnitude.quotientAndRemainder(dividingBy: divisor)
    var shift = resultScale - scaleA + scaleB
    let isNegative = (a < 0) != (b < 0)
    if shift < 0 { return signed(rounded(quotient, dropping: -shift), isNegative, precision) }
    while shift > 0 {
      let digits = min(shift, 38)
      let (grown, overflow) = quotient.multipliedReportingOverflow(by: power(digits))
      if overflow { return nil }
      let (high, low) = remainder.multipliedFullWidth(by: power(digits))
      let step = divisor.dividingFullWidth((high, low))
      quotient = grown &+ step.quotient
      remainder = step.remainder
      shift -= digits
    }
    if remainder >= divisor &- remainder { quotient &+= 1 }
    return signed(quotient, isNegative, precision)
  }

  /// The remainder with the sign of the dividend, at the larger of the two scales; the divisor is not zero.
  static func remainder(_ a: Int128, _ scaleA: Int, _ b: Int128, _ scaleB: Int, to resultScale: Int, precision: Int) -> Int128? {
    let scale = max(scaleA, scaleB)
    let dividend = a.magnitude.multipliedFullWidth(by: power(scale - scaleA))
    let divisor = b.magnitude.multipliedFullWidth(by: power(scale - scaleB))
    let magnitude: UInt128
    if divisor.high != 0 {
      // Only the divisor was scaled up, so the dividend is below 10^38 and smaller than it.
      magnitude = dividend.low
    } else {
      magnitude = divisor.low.dividingFullWidth((dividend.high % divisor.low, dividend.low)).remainder
    }
    return signed(rounded(magnitude, dropping: scale - resultScale), a < 0, precision)
  }

  /// The nearest double.
  static func double(_ value: Int128, scale: Int) -> Double {
    // Both exact up to 2^53 and 10^22, so one division rounds once; else through text, which rounds correctly.
    if value.magnitude <= 1 << 53 && scale <= 22 { return Double(Int64(truncatingIfNeeded: value)) / doublePowers[scale] }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.byteCountMax) { buffer in
      guard let out = buffer.baseAddress else { return .nan }
      let count = NumberText.write(decimal: value, scale: scale, to: out)
      return NumberText.parseDouble(UnsafeRawBufferPointer(start: out, count: count)) ?? .nan
    }
  }

  private static let doublePowers: [Double] = (0...22).map { Double(Int128.powerOfTen($0)) }

  /// A double as a decimal by its shortest decimal digits; nil when it does not fit or is not finite.
  static func decimal(_ value: Double, precision: Int, scale: Int) -> Int128? {
    guard value.isFinite else { return nil }
    var text = value.description
    return text.withUTF8 { bytes in
      if case .value(let result) = NumberText.parseDecimal(UnsafeRawBufferPointer(bytes), precision: precision, scale: scale) {
        result
      } else {
        nil
      }
    }
  }
}
