import MillraceColumns
import MillraceTypes

/// Exact, order-independent sums of floats.
///
/// A sum is a 256-bit two's complement integer in units of 2^-128: every double of magnitude below 2^90 whose lowest set bit is at
/// 2^-128 or above goes in without rounding, and 2^37 of them cannot overflow. Anything else (tiny, huge, infinite, NaN) goes to
/// a `WideSum` beside it. The value is rounded once, to nearest even, when it is read: so it depends on the multiset of
/// values alone, and adding then retracting leaves no trace.
enum ExactSum {
  /// Words of the fixed part.
  static let wordCount = 4
  /// Bit 0 of the fixed part stands this far above 2^-1074.
  static let lowestBit = 1074 - 128

  /// Adds `value * weight`; false, with nothing done, when the fixed part cannot hold it exactly.
  @inline(__always)
  static func add(_ value: Double, weight: Int64, to words: UnsafeMutablePointer<Int64>) -> Bool {
    let bits = value.bitPattern
    let biased = Int((bits >> 52) & 0x7FF)
    var magnitude = bits & 0xF_FFFF_FFFF_FFFF
    if biased == 0 { return magnitude == 0 }
    magnitude |= 1 << 52
    var position = biased &- 1075 &+ 128
    if position > 165 { return false }
    if position < 0 {
      let drop = 0 &- position
      if drop >= 53 || magnitude & ((1 << UInt64(drop)) &- 1) != 0 { return false }
      magnitude >>= UInt64(drop)
      position = 0
    }
    let negative = (bits >> 63 != 0) != (weight < 0)
    var times = weight.magnitude
    while times > 0 {
      let part = min(times, 1023)
      add(magnitude: magnitude &* part, position: position, negative: negative, to: words)
      times &-= part
    }
    return true
  }

  @inline(__always)
  private static func add(magnitude: UInt64, position: Int, negative: Bool, to words: UnsafeMutablePointer<Int64>) {
    let word = position >> 6
    let shift = UInt64(position & 63)
    let low = magnitude &<< shift
    let high = (magnitude &>> 1) &>> (63 &- shift)
    var at = word &+ 2
    if negative {
      let (a, borrowA) = UInt64(bitPattern: words[word]).subtractingReportingOverflow(low)
      words[word] = Int64(bitPattern: a)
      let (b, borrowB) = UInt64(bitPattern: words[word &+ 1]).subtractingReportingOverflow(high)
      let (c, borrowC) = b.subtractingReportingOverflow(borrowA ? 1 : 0)
      words[word &+ 1] = Int64(bitPattern: c)
      var borrow = borrowB || borrowC
      while borrow && at < wordCount {
        borrow = words[at] == 0
        words[at] = words[at] &- 1
        at &+= 1
      }
    } else {
      let (a, carryA) = UInt64(bitPattern: words[word]).addingReportingOverflow(low)
      words[word] = Int64(bitPattern: a)
      let (b, carryB) = UInt64(bitPattern: words[word &+ 1]).addingReportingOverflow(high)
      let (c, carryC) = b.addingReportingOverflow(carryA ? 1 : 0)
      words[word &+ 1] = Int64(bitPattern: c)
      var carry = carryB || carryC
      while carry && at < wordCount {
        words[at] = words[at] &+ 1
        carry = words[at] == 0
        at &+= 1
      }
    }
  }

  /// Adds one fixed part to another.
  @inline(__always)
  static func merge(_ other: UnsafePointer<Int64>, into words: UnsafeMutablePointer<Int64>) {
    var carry: UInt64 = 0
    for i in 0..<wordCount {
      let (a, x) = UInt64(bitPattern: words[i]).addingReportingOverflow(UInt64(bitPattern: other[i]))
      let (b, y) = a.addingReportingOverflow(carry)
      words[i] = Int64(bitPattern: b)
      carry = x || y ? 1 : 0
    }
  }

  /// The nearest double of a fixed part.
  static func rounded(_ words: UnsafePointer<Int64>) -> Double { round(words, count: wordCount, lowestBit: lowestBit) }

  /// The nearest double, ties to even, of a two's complement integer in units of 2^(lowestBit - 1074).
  static func round(_ words: UnsafePointer<Int64>, count: Int, lowestBit: Int) -> Double {
    let negative = words[count - 1] < 0
    // The magnitude, without allocating.
    return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) { magnitude in
      var carry = negative
      for i in 0..<count {
        var word = UInt64(bitPattern: words[i])
        if negative {
          word = ~word
          if carry { (word, carry) = word.addingReportingOverflow(1) }
        }
        magnitude[i] = word
      }
      var top = count - 1
      while top >= 0 && magnitude[top] == 0 { top -= 1 }
      if top < 0 { return 0 }
      let bit = top * 64 + 63 - magnitude[top].leadingZeroBitCount
      if bit + lowestBit <= 52 {
        // At most 53 bits from 2^-1074 on: the bit pattern is the integer.
        let pattern = magnitude[0] << UInt64(lowestBit)
        return Double(bitPattern: pattern | (negative ? 1 << 63 : 0))
      }
      // 64 bits from the highest one down, and whether anything lies below them.
      let shift = UInt64(magnitude[top].leadingZeroBitCount)
      var head = magnitude[top] << shift
      var sticky = false
      if top > 0 {
        if shift > 0 { head |= magnitude[top - 1] >> (64 - shift) }
        sticky = (shift == 0 ? magnitude[top - 1] : magnitude[top - 1] << shift) != 0
        if top > 1 { for i in 0..<(top - 1) where magnitude[i] != 0 { sticky = true } }
      }
      var significand = head >> 11
      let rest = head & 0x7FF
      if rest > 0x400 || (rest == 0x400 && (sticky || significand & 1 == 1)) { significand += 1 }
      let exponent = UInt64(bit + lowestBit - 52)
      let pattern = min((exponent << 52) + significand, 0x7FF << 52)
      return Double(bitPattern: pattern | (negative ? 1 << 63 : 0))
    }
  }
}

/// The exact sum of any doubles: an integer in units of 2^-1074 wide enough for all of them, and counts of what is no number.
final class WideSum {
  /// 2,240 bits: the largest double 2^64 times over, and a sign.
  static let wordCount = 35
  private var words = [Int64](repeating: 0, count: wordCount)
  private var notNumbers: Int64 = 0
  private var infinities: Int64 = 0
  private var negativeInfinities: Int64 = 0

  init() {}

  func add(_ value: Double, weight: Int64) {
    if value.isNaN {
      notNumbers &+= weight
    } else if value == .infinity {
      infinities &+= weight
    } else if value == -.infinity {
      negativeInfinities &+= weight
    } else {
      let bits = value.bitPattern
      let biased = Int((bits >> 52) & 0x7FF)
      let magnitude = bits & 0xF_FFFF_FFFF_FFFF | (biased == 0 ? 0 : 1 << 52)
      let product = magnitude.multipliedFullWidth(by: weight.magnitude)
      let negative = (bits >> 63 != 0) != (weight < 0)
      let position = max(0, biased - 1)
      add(product.low, at: position, negative)
      if product.high != 0 { add(product.high, at: position + 64, negative) }
    }
  }

  /// Adds a fixed part of `ExactSum`.
  func add(fixed: UnsafePointer<Int64>) {
    for i in 0..<(ExactSum.wordCount - 1) { add(UInt64(bitPattern: fixed[i]), at: ExactSum.lowestBit + 64 * i, false) }
    let top = fixed[ExactSum.wordCount - 1]
    add(top.magnitude, at: ExactSum.lowestBit + 64 * (ExactSum.wordCount - 1), top < 0)
  }

  func add(_ other: WideSum) {
    var carry: UInt64 = 0
    for i in 0..<Self.wordCount {
      let (a, x) = UInt64(bitPattern: words[i]).addingReportingOverflow(UInt64(bitPattern: other.words[i]))
      let (b, y) = a.addingReportingOverflow(carry)
      words[i] = Int64(bitPattern: b)
      carry = x || y ? 1 : 0
    }
    notNumbers &+= other.notNumbers
    infinities &+= other.infinities
    negativeInfinities &+= other.negativeInfinities
  }

  private func add(_ magnitude: UInt64, at position: Int, _ negative: Bool) {
    let shift = UInt64(position & 63)
    var at = position >> 6
    var parts = (magnitude << shift, shift == 0 ? 0 : magnitude >> (64 - shift))
    var carry: UInt64 = 0
    while at < Self.wordCount && (parts.0 != 0 || parts.1 != 0 || carry != 0) {
      let word = UInt64(bitPattern: words[at])
      let (a, x) = negative ? word.subtractingReportingOverflow(parts.0) : word.addingReportingOverflow(parts.0)
      let (b, y) = negative ? a.subtractingReportingOverflow(carry) : a.addingReportingOverflow(carry)
      words[at] = Int64(bitPattern: b)
      carry = x || y ? 1 : 0
      parts = (parts.1, 0)
      at += 1
    }
  }

  var value: Double {
    if notNumbers > 0 || (infinities > 0 && negativeInfinities > 0) { return .nan }
    if infinities > 0 { return .infinity }
    if negativeInfinities > 0 { return -.infinity }
    return words.withUnsafeBufferPointer { words in
      words.baseAddress.map { ExactSum.round($0, count: Self.wordCount, lowestBit: 0) } ?? 0
    }
  }

  /// The sum as a head and a tail whose sum has at least 106 bits; the tail is zero when the head is no number.
  var headAndTail: (Double, Double) {
    let head = value
    guard head.isFinite else { return (head, 0) }
    let rest = WideSum()
    rest.words = words
    rest.add(head, weight: -1)
    return (head, rest.value)
  }

  func write(into writer: inout ByteWriter) {
    for word in words { writer.write(word) }
    writer.write(notNumbers)
    writer.write(infinities)
    writer.write(negativeInfinities)
  }

  func read(_ reader: inout ByteReader) throws(MillraceError) {
    for i in 0..<Self.wordCount { words[i] = try reader.readInt64() }
    notNumbers = try reader.readInt64()
    infinities = try reader.readInt64()
    negativeInfinities = try reader.readInt64()
  }
}

/// Exact sums in rows of words: four of the fixed part, then one that names a `WideSum` (0 for none).
final class ExactSumStore {
  static let wordCount = ExactSum.wordCount + 1
  private var wide: [WideSum?] = []
  private var free: [Int] = []

  @inline(__always)
  func add(_ value: Double, weight: Int64, to words: UnsafeMutablePointer<Int64>) {
    if !ExactSum.add(value, weight: weight, to: words) { wideSum(of: words).add(value, weight: weight) }
  }

  func merge(_ other: ExactSumStore, _ otherWords: UnsafePointer<Int64>, into words: UnsafeMutablePointer<Int64>) {
    ExactSum.merge(otherWords, into: words)
    if let theirs = other.existing(otherWords) { wideSum(of: words).add(theirs) }
  }

  func value(_ words: UnsafePointer<Int64>) -> Double {
    guard existing(words) != nil else { return ExactSum.rounded(words) }
    return combined(words).value
  }

  func headAndTail(_ words: UnsafePointer<Int64>) -> (Double, Double) { combined(words).headAndTail }

  func release(_ words: UnsafeMutablePointer<Int64>) {
    let handle = Int(words[ExactSum.wordCount])
    if handle > 0 {
      wide[handle - 1] = nil
      free.append(handle - 1)
    }
    for i in 0..<Self.wordCount { words[i] = 0 }
  }

  func write(_ words: UnsafePointer<Int64>, into writer: inout ByteWriter) {
    for i in 0..<ExactSum.wordCount { writer.write(words[i]) }
    let mine = existing(words)
    writer.write(UInt8(mine == nil ? 0 : 1))
    mine?.write(into: &writer)
  }

  func read(_ reader: inout ByteReader, into words: UnsafeMutablePointer<Int64>) throws(MillraceError) {
    for i in 0..<ExactSum.wordCount { words[i] = try reader.readInt64() }
    words[ExactSum.wordCount] = 0
    if try reader.readUInt8() != 0 { try wideSum(of: words).read(&reader) }
  }

  private func combined(_ words: UnsafePointer<Int64>) -> WideSum {
    let sum = WideSum()
    sum.add(fixed: words)
    if let mine = existing(words) { sum.add(mine) }
    return sum
  }

  private func existing(_ words: UnsafePointer<Int64>) -> WideSum? {
    let handle = Int(words[ExactSum.wordCount])
    return handle > 0 ? wide[handle - 1] : nil
  }

  @inline(never)
  private func wideSum(of words: UnsafeMutablePointer<Int64>) -> WideSum {
    if let known = existing(words) { return known }
    let new = WideSum()
    let index: Int
    if let reused = free.popLast() {
      index = reused
      wide[index] = new
    } else {
      index = wide.count
      wide.append(new)
    }
    words[ExactSum.wordCount] = Int64(index + 1)
    return new
  }
}
