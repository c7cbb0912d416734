/// Exact arithmetic on doubles held as two's complement integers in 64-bit words, least significant first.
///
/// A narrow sum has 4 words in units of 2^-128, a narrow sum of squares 6 words in units of 2^-256. Values that such words cannot
/// hold without rounding (or that would leave no headroom) are called irregular and go through `WideFloatSum`. Sums are rounded
/// once, to nearest even, when they are read, so a result depends on the multiset of values only: it is the same to the last bit in
/// GROUP BY, windows, OVER and feature views, and adding then retracting leaves no trace.
///
/// Headroom: 2^37 values fit a sum, 2^31 a sum of squares.
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

  /// Adds or subtracts a value so many times.
  @inline(__always) static func add(
    _ magnitude: UInt64, position: Int, isNegative: Bool, weight: Int64, to words: UnsafeMutablePointer<Int64>
  ) {
    if weight == 1 { return add(magnitude, position: position, negative: isNegative, to: words) }
    forEachPart(of: weight) { add(magnitude &* $0, position: position, negative: isNegative != (weight < 0), to: words) }
  }

  /// Adds or subtracts a value and, in the words behind the sum, its square so many times.
  @inline(__always) static func addWithSquare(
    _ magnitude: UInt64, position: Int, isNegative: Bool, weight: Int64, to words: UnsafeMutablePointer<Int64>
  ) {
    add(magnitude, position: position, isNegative: isNegative, weight: weight, to: words)
    let square = magnitude.multipliedFullWidth(by: magnitude)
    let squares = words + sumWords
    if weight == 1 {
      return add(low: square.low, high: square.high, position: 2 &* position, negative: false, to: squares, count: squareWords)
    }
    forEachPart(of: weight) { times in
      let (carry, low) = square.low.multipliedFullWidth(by: times)
      add(low: low, high: square.high &* times &+ carry, position: 2 &* position, negative: weight < 0, to: squares, count: squareWords)
    }
  }

  /// Cuts a weight into numbers that a significand (53 bits) or its square (106) can be multiplied by.
  @inline(__always) private static func forEachPart(of weight: Int64, _ body: (UInt64) -> Void) {
    var times = weight.magnitude
    while times > 0 {
      let part = min(times, 1023)
      body(part)
      times &-= part
    }
  }

  /// Adds or subtracts a magnitude of at most 63 bits, shifted left by `position` bits, to a narrow sum.
  @inline(__always) static func add(_ magnitude: UInt64, position: Int, negative: Bool, to words: UnsafeMutablePointer<Int64>) {
    let word = position >> 6
    let shift = UInt64(truncatingIfNeeded: position & 63)
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
      while borrow && at < sumWords {
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
      while carry && at < sumWords {
        words[at] = words[at] &+ 1
        carry = words[at] == 0
        at &+= 1
      }
    }
  }

  /// Adds one integer to another of as many words.
  @inline(__always) static func merge(_ other: UnsafePointer<Int64>, into words: UnsafeMutablePointer<Int64>, count: Int) {
    var carry: UInt64 = 0
    for i in 0..<count {
      let (a, x) = UInt64(bitPattern: words[i]).addingReportingOverflow(UInt64(bitPattern: other[i]))
      let (b, y) = a.addingReportingOverflow(carry)
      words[i] = Int64(bitPattern: b)
      carry = x || y ? 1 : 0
    }
  }

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
    let (d0, c0) = UInt64(bitPattern: a[0]).subtractingReportingOverflow(UInt64(bitPattern: b[0]))
    let (d1, c1) = subtract(a[1], b[1], c0)
    let (d2, c2) = subtract(a[2], b[2], c1)
    let (d3, _) = subtract(a[3], b[3], c2)
    return rounded(d0, d1, d2, d3)
  }

  /// The nearest double to a narrow sum.
  @inline(__always) static func rounded(_ words: UnsafePointer<Int64>) -> Double {
    rounded(
      UInt64(bitPattern: words[0]), UInt64(bitPattern: words[1]), UInt64(bitPattern: words[2]), UInt64(bitPattern: words[3]))
  }

  @inline(__always) private static func rounded(_ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64) -> Double {
    var (d0, d1, d2, d3) = (w0, w1, w2, w3)
    let negative = d3 >> 63 != 0
    if negative {
      let (n0, c0) = (~d0).addingReportingOverflow(1)
      let (n1, c1) = (~d1).addingReportingOverflow(c0 ? 1 : 0)
      let (n2, c2) = (~d2).addingReportingOverflow(c1 ? 1 : 0)
      (d0, d1, d2, d3) = (n0, n1, n2, ~d3 &+ (c2 ? 1 : 0))
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

  /// The variance from a narrow sum and a narrow sum of squares.
  static func variance(sum: UnsafePointer<Int64>, squares: UnsafePointer<Int64>, count: Int64, divisor: Int64) -> Double {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: sumWords + squareWords) { scratch in
      guard let magnitude = scratch.baseAddress else { return 0 }
      for i in 0..<sumWords { (magnitude + i).initialize(to: UInt64(bitPattern: sum[i])) }
      for i in 0..<squareWords { (magnitude + sumWords + i).initialize(to: UInt64(bitPattern: squares[i])) }
      _ = makeMagnitude(magnitude, count: sumWords)
      return variance(
        sum: magnitude, sumCount: sumWords, squares: magnitude + sumWords, squareCount: squareWords, unit: sumUnit, count: count,
        divisor: divisor)
    }
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
