import MillraceColumns
import MillraceTypes

/// The exact sum, and if asked the sum of squares, of any doubles: the slow path beside the narrow words of `ExactFloat`. Weights
/// may be negative: what was added can be taken away.
struct WideFloatSum {
  private static let sumCount = 36
  private static let squareCount = 70
  private var sum = [Int64](repeating: 0, count: sumCount)
  private var squares: [Int64]
  private(set) var notNumbers: Int64 = 0
  private(set) var infinities: Int64 = 0
  private(set) var negativeInfinities: Int64 = 0
  var heldBytes: Int { sum.heldSlots + squares.heldSlots }

  init(squares: Bool) { self.squares = squares ? [Int64](repeating: 0, count: Self.squareCount) : [] }

  mutating func add(_ value: Double, weight: Int64 = 1) {
    guard value.isFinite else {
      if value.isNaN { notNumbers &+= weight } else if value > 0 { infinities &+= weight } else { negativeInfinities &+= weight }
      return
    }
    let bits = value.bitPattern
    let biased = Int((bits >> 52) & 0x7FF)
    let magnitude = bits & 0xF_FFFF_FFFF_FFFF | (biased == 0 ? 0 : 1 << 52)
    let position = max(0, biased - 1)
    let times = weight.magnitude
    let product = magnitude.multipliedFullWidth(by: times)
    Self.add(product, position, negative: (value < 0) != (weight < 0), to: &sum)
    guard !squares.isEmpty else { return }
    // The square times the weight, in two parts of up to 117 bits.
    let square = magnitude.multipliedFullWidth(by: magnitude)
    Self.add(square.low.multipliedFullWidth(by: times), 2 * position, negative: weight < 0, to: &squares)
    Self.add(square.high.multipliedFullWidth(by: times), 2 * position + 64, negative: weight < 0, to: &squares)
  }

  private static func add(_ product: (high: UInt64, low: UInt64), _ position: Int, negative: Bool, to words: inout [Int64]) {
    words.withUnsafeMutableBufferPointer { words in
      guard let base = words.baseAddress else { return }
      ExactFloat.add(low: product.low, high: product.high, position: position, negative: negative, to: base, count: words.count)
    }
  }

  /// Adds another sum of the same kind.
  mutating func add(_ other: WideFloatSum) {
    Self.merge(other.sum, into: &sum)
    Self.merge(other.squares, into: &squares)
    notNumbers &+= other.notNumbers
    infinities &+= other.infinities
    negativeInfinities &+= other.negativeInfinities
  }

  private static func merge(_ other: [Int64], into words: inout [Int64]) {
    let count = min(other.count, words.count)
    other.withUnsafeBufferPointer { other in
      words.withUnsafeMutableBufferPointer { words in
        guard let from = other.baseAddress, let to = words.baseAddress else { return }
        ExactFloat.merge(from, into: to, count: count)
      }
    }
  }

  /// Adds a narrow sum and, where squares are kept, a narrow sum of squares.
  mutating func add(narrow: UnsafePointer<Int64>, squares narrowSquares: UnsafePointer<Int64>?) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: ExactFloat.sumWords + ExactFloat.squareWords) { scratch in
      guard let magnitude = scratch.baseAddress else { return }
      for i in 0..<ExactFloat.sumWords { (magnitude + i).initialize(to: UInt64(bitPattern: narrow[i])) }
      for i in 0..<ExactFloat.squareWords {
        (magnitude + ExactFloat.sumWords + i).initialize(to: narrowSquares.map { UInt64(bitPattern: $0[i]) } ?? 0)
      }
      let negative = ExactFloat.makeMagnitude(magnitude, count: ExactFloat.sumWords)
      add(narrow: magnitude, negative: negative, squares: narrowSquares == nil ? nil : UnsafePointer(magnitude + ExactFloat.sumWords))
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
