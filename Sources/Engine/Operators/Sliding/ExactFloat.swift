import MillraceColumns
import MillraceTypes

/// Exact arithmetic on doubles held as two's complement integers in 64-bit words, least significant first.
///
/// A narrow sum has 4 words in units of 2^-128, a narrow sum of squares 6 words in units of 2^-256. Values that such words cannot
/// hold without rounding (or that would leave no headroom) are called irregular and go through `WideFloatSum`. Sums are rounded
/// once, to nearest even, when they are read, so a result depends on the multiset of values only.
enum ExactFloat {
  static let sumWords = 4
  static let squareWords = 6
  static let sumUnit = -128

  /// Magnitude and bit position (in units of 2^-128) of a value; nil when it is irregular.
  ///
  /// - Parameter highest: greatest position allowed: 165 (below 2^90) for sums, 123 (below 2^48) where squares are kept.
  @inline(__always) static func split(_ value: Double, highest: Int) -> (magnitude: UInt64, position: Int)? {
    let bits = value.bitPattern
    let biased = Int((bits >> 52) & 0x7FF)
    var magnitude = bits & 0xF_FFFF_FFFF_FFFF
    if biased == 0 { return magnitude == 0 ? (0, 0) : nil }
    magnitude |= 1 << 52
    let position = biased &- 947
    if position >= 0 { return position <= highest ? (magnitude, position) : nil }
    let drop = 0 &- position
    if drop >= 53 || magnitude & ((1 &<< UInt64(drop)) &- 1) != 0 { return nil }
    return (magnitude &>> UInt64(drop), 0)
  }

  static let highestForSums = 165
  static let highestForSquares = 123

  /// Adds or subtracts `high:low` shifted left by `position` bits.
  @inline(__always) static func add(
    low: UInt64, high: UInt64, position: Int, negative: Bool, to words: UnsafeMutablePointer<Int64>, count: Int
  ) {
    var at = position >> 6
    let shift = UInt64(truncatingIfNeeded: position & 63)
    let part0 = low &<< shift
    let part1 = (high &<< shift) | ((low &>> 1) &>> (63 &- shift))
    let part2 = (high &>> 1) &>> (63 &- shift)
    var carry: UInt64 = 0
    var part = part0
    var next = part1
    var last = part2
    while at < count {
      let word = UInt64(bitPattern: words[at])
      if negative {
        let (a, x) = word.subtractingReportingOverflow(part)
        let (b, y) = a.subtractingReportingOverflow(carry)
        words[at] = Int64(bitPattern: b)
        carry = x || y ? 1 : 0
      } else {
        let (a, x) = word.addingReportingOverflow(part)
        let (b, y) = a.addingReportingOverflow(carry)
        words[at] = Int64(bitPattern: b)
        carry = x || y ? 1 : 0
      }
      part = next
      next = last
      last = 0
      at &+= 1
      if carry | part | next == 0 { break }
    }
  }

  /// The nearest double to `a - b`, both narrow sums.
  @inline(__always) static func roundedDifference(_ a: UnsafePointer<Int64>, _ b: UnsafePointer<Int64>) -> Double {
    var (d0, c0) = UInt64(bitPattern: a[0]).subtractingReportingOverflow(UInt64(bitPattern: b[0]))
    var (d1, c1) = subtract(a[1], b[1], c0)
    var (d2, c2) = subtract(a[2], b[2], c1)
    var (d3, _) = subtract(a[3], b[3], c2)
    let negative = d3 >> 63 != 0
    if negative {
      (d0, c0) = (~d0).addingReportingOverflow(1)
      (d1, c1) = (~d1).addingReportingOverflow(c0 ? 1 : 0)
      (d2, c2) = (~d2).addingReportingOverflow(c1 ? 1 : 0)
      d3 = ~d3 &+ (c2 ? 1 : 0)
    }
    let top: UInt64
    let next: UInt64
    var rest: UInt64
    let unit: Int
    if d3 != 0 {
      (top, next, rest, unit) = (d3, d2, d1 | d0, 64)
    } else if d2 != 0 {
      (top, next, rest, unit) = (d2, d1, d0, 0)
    } else if d1 != 0 {
      (top, next, rest, unit) = (d1, d0, 0, -64)
    } else if d0 != 0 {
      (top, next, rest, unit) = (d0, 0, 0, -128)
    } else {
      return 0
    }
    let shift = UInt64(truncatingIfNeeded: top.leadingZeroBitCount)
    rest |= next &<< shift
    // 64 leading bits, the last one also standing for everything below: enough to round to 53 correctly.
    let head = (top &<< shift) | ((next &>> 1) &>> (63 &- shift)) | (rest != 0 ? 1 : 0)
    let scale = Double(bitPattern: UInt64(truncatingIfNeeded: 1023 &+ unit &- Int(shift)) &<< 52)
    let value = Double(head) * scale
    return negative ? -value : value
  }

  @inline(__always) private static func subtract(_ a: Int64, _ b: Int64, _ borrow: Bool) -> (UInt64, Bool) {
    let (x, m) = UInt64(bitPattern: a).subtractingReportingOverflow(UInt64(bitPattern: b))
    let (y, n) = x.subtractingReportingOverflow(borrow ? 1 : 0)
    return (y, m || n)
  }

  /// `a - b` into `out`, wrapping.
  @inline(__always) static func subtract(
    _ a: UnsafePointer<Int64>, _ b: UnsafePointer<Int64>, into out: UnsafeMutablePointer<UInt64>, count: Int
  ) {
    var borrow = false
    for i in 0..<count {
      let (word, next) = subtract(a[i], b[i], borrow)
      out[i] = word
      borrow = next
    }
  }

  /// Makes a two's complement integer its magnitude; true when it was negative.
  static func makeMagnitude(_ words: UnsafeMutablePointer<UInt64>, count: Int) -> Bool {
    guard words[count - 1] >> 63 != 0 else { return false }
    var carry = true
    for i in 0..<count {
      let (word, overflow) = (~words[i]).addingReportingOverflow(carry ? 1 : 0)
      words[i] = word
      carry = overflow
    }
    return true
  }

  /// The 64 leading bits of a magnitude (the lowest of them sticky) and the power of two that they count in; nil for zero.
  static func leading(_ words: UnsafePointer<UInt64>, count: Int, unit: Int) -> (head: UInt64, unit: Int)? {
    var top = count - 1
    while top >= 0 && words[top] == 0 { top -= 1 }
    guard top >= 0 else { return nil }
    let shift = UInt64(words[top].leadingZeroBitCount)
    var head = words[top] &<< shift
    var rest: UInt64 = 0
    if top > 0 {
      head |= (words[top - 1] &>> 1) &>> (63 &- shift)
      rest = words[top - 1] &<< shift
      for i in 0..<(top - 1) { rest |= words[i] }
    }
    return (head | (rest != 0 ? 1 : 0), unit + 64 * top - Int(shift))
  }

  /// (n * squares - sum^2) / (n * divisor), never negative: the variance from exact sums.
  ///
  /// - Parameters:
  ///   - sum: magnitude of the sum, in units of 2^unit.
  ///   - squares: sum of squares, in units of 2^(2 * unit).
  static func variance(
    sum: UnsafePointer<UInt64>, sumCount: Int, squares: UnsafePointer<UInt64>, squareCount: Int, unit: Int, count: Int64, divisor: Int64
  ) -> Double {
    let width = max(2 * sumCount, squareCount + 1) + 1
    return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * width) { scratch in
      guard let product = scratch.baseAddress else { return 0 }
      let total = product + width
      product.initialize(repeating: 0, count: 2 * width)
      for i in 0..<sumCount where sum[i] != 0 {
        var carry: UInt64 = 0
        for j in 0..<sumCount { carry = multiplyAdd(sum[i], sum[j], carry, into: &product[i + j]) }
        product[i + sumCount] = carry
      }
      var carry: UInt64 = 0
      for i in 0..<squareCount { carry = multiplyAdd(squares[i], UInt64(bitPattern: count), carry, into: &total[i]) }
      total[squareCount] = carry
      var borrow = false
      for i in 0..<width {
        let (a, x) = total[i].subtractingReportingOverflow(product[i])
        let (b, y) = a.subtractingReportingOverflow(borrow ? 1 : 0)
        total[i] = b
        borrow = x || y
      }
      // By Cauchy and Schwarz the exact difference is never below zero.
      guard let (head, exponent) = leading(total, count: width, unit: 2 * unit) else { return 0 }
      let quotient = Double(head) / (Double(count) * Double(divisor))
      return Double(sign: .plus, exponent: exponent, significand: quotient)
    }
  }

  @inline(__always) private static func multiplyAdd(_ a: UInt64, _ b: UInt64, _ carry: UInt64, into word: inout UInt64) -> UInt64 {
    let p = a.multipliedFullWidth(by: b)
    let (x, o1) = p.low.addingReportingOverflow(carry)
    let (y, o2) = x.addingReportingOverflow(word)
    word = y
    return p.high &+ (o1 ? 1 : 0) &+ (o2 ? 1 : 0)
  }
}

/// The exact sum, and if asked the sum of squares, of any doubles: the slow path beside the narrow words of `ExactFloat`.
struct WideFloatSum {
  private static let sumCount = 36
  private static let squareCount = 70
  private var sum = [Int64](repeating: 0, count: sumCount)
  private var squares: [Int64]
  private(set) var notNumbers: Int64 = 0
  private(set) var infinities: Int64 = 0
  private(set) var negativeInfinities: Int64 = 0

  init(squares: Bool) { self.squares = squares ? [Int64](repeating: 0, count: Self.squareCount) : [] }

  mutating func add(_ value: Double) {
    guard value.isFinite else {
      if value.isNaN { notNumbers += 1 } else if value > 0 { infinities += 1 } else { negativeInfinities += 1 }
      return
    }
    let bits = value.bitPattern
    let biased = Int((bits >> 52) & 0x7FF)
    let magnitude = bits & 0xF_FFFF_FFFF_FFFF | (biased == 0 ? 0 : 1 << 52)
    let position = max(0, biased - 1)
    sum.withUnsafeMutableBufferPointer { words in
      guard let base = words.baseAddress else { return }
      ExactFloat.add(low: magnitude, high: 0, position: position, negative: value < 0, to: base, count: words.count)
    }
    squares.withUnsafeMutableBufferPointer { words in
      guard let base = words.baseAddress, !words.isEmpty else { return }
      let product = magnitude.multipliedFullWidth(by: magnitude)
      ExactFloat.add(low: product.low, high: product.high, position: 2 * position, negative: false, to: base, count: words.count)
    }
  }

  /// Adds a narrow sum (magnitude and sign) and, where squares are kept, a narrow sum of squares.
  mutating func add(
    narrow: UnsafePointer<UInt64>, negative: Bool, squares narrowSquares: UnsafePointer<UInt64>?
  ) {
    sum.withUnsafeMutableBufferPointer { words in
      guard let base = words.baseAddress else { return }
      for i in 0..<ExactFloat.sumWords {
        ExactFloat.add(
          low: narrow[i], high: 0, position: 1074 + ExactFloat.sumUnit + 64 * i, negative: negative, to: base, count: words.count)
      }
    }
    guard let narrowSquares else { return }
    squares.withUnsafeMutableBufferPointer { words in
      guard let base = words.baseAddress, !words.isEmpty else { return }
      for i in 0..<ExactFloat.squareWords {
        ExactFloat.add(
          low: narrowSquares[i], high: 0, position: 2 * (1074 + ExactFloat.sumUnit) + 64 * i, negative: false, to: base,
          count: words.count)
      }
    }
  }

  /// What the values that are no finite numbers make of a sum; nil when there is none of them.
  private var special: Double? {
    if notNumbers > 0 || (infinities > 0 && negativeInfinities > 0) { return .nan }
    if infinities > 0 { return .infinity }
    return negativeInfinities > 0 ? -.infinity : nil
  }

  /// The nearest double, ties to even; infinite when it is beyond the largest.
  var rounded: Double {
    if let special { return special }
    var words = sum.map { UInt64(bitPattern: $0) }
    return words.withUnsafeMutableBufferPointer { words in
      guard let base = words.baseAddress else { return 0 }
      let negative = ExactFloat.makeMagnitude(base, count: words.count)
      guard let (head, unit) = ExactFloat.leading(base, count: words.count, unit: -1074) else { return 0 }
      var value: Double
      if unit <= -1074 - 11 {
        // At most 53 bits from 2^-1074 on: the number itself, which may be subnormal.
        value = Double(bitPattern: base[0])
      } else {
        value = Double(sign: .plus, exponent: unit, significand: Double(head))
      }
      if negative { value = -value }
      return value
    }
  }

  /// Variance of `count` values over `divisor`; NaN when one of them is not finite.
  func variance(count: Int64, divisor: Int64) -> Double {
    if special != nil { return .nan }
    var sumWords = sum.map { UInt64(bitPattern: $0) }
    let squareWords = squares.map { UInt64(bitPattern: $0) }
    return sumWords.withUnsafeMutableBufferPointer { a in
      squareWords.withUnsafeBufferPointer { b in
        guard let first = a.baseAddress, let second = b.baseAddress else { return 0 }
        _ = ExactFloat.makeMagnitude(first, count: a.count)
        return ExactFloat.variance(
          sum: first, sumCount: a.count, squares: second, squareCount: b.count, unit: -1074, count: count, divisor: divisor)
      }
    }
  }

  func write(into writer: inout ByteWriter) {
    for word in sum { writer.write(word) }
    for word in squares { writer.write(word) }
    for count in [notNumbers, infinities, negativeInfinities] { writer.write(count) }
  }

  init(squares hasSquares: Bool, from reader: inout ByteReader) throws(MillraceError) {
    self.init(squares: hasSquares)
    for i in sum.indices { sum[i] = try reader.readInt64() }
    for i in squares.indices { squares[i] = try reader.readInt64() }
    notNumbers = try reader.readInt64()
    infinities = try reader.readInt64()
    negativeInfinities = try reader.readInt64()
  }
}
