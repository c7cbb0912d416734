import Testing

@testable import MillraceOperators

@Suite struct ExactFloatTests {
  private func narrow(_ values: [Double]) -> Double? {
    var words = [Int64](repeating: 0, count: ExactFloat.sumWords)
    let zero = words
    var isRegular = true
    let sum = words.withUnsafeMutableBufferPointer { words -> Double in
      guard let base = words.baseAddress else { return 0 }
      for value in values {
        guard let (magnitude, position) = ExactFloat.split(value, highest: ExactFloat.highestForSums) else {
          isRegular = false
          continue
        }
        ExactFloat.add(magnitude, position: position, negative: value < 0, to: base)
      }
      return zero.withUnsafeBufferPointer { zero in zero.baseAddress.map { ExactFloat.roundedDifference(base, $0) } ?? 0 }
    }
    return isRegular ? sum : nil
  }

  private func wide(_ values: [Double]) -> Double {
    var sum = WideFloatSum(squares: true)
    for value in values { sum.add(value) }
    return sum.rounded
  }

  private func random(_ random: inout SeededRandom, exponents: ClosedRange<Int>) -> Double {
    let significand = Double(bitPattern: 0x3FF << 52 | random.next() >> 12)
    let value = Double(sign: .plus, exponent: Int.random(in: exponents, using: &random), significand: significand)
    return Bool.random(using: &random) ? value : -value
  }

  @Test func sumsAreRoundedOnce() {
    var generator = SeededRandom(seed: 1)
    for round in 0..<2_000 {
      let spread = [(-20...20), (-76...89), (-1...1), (50...60)][round % 4]
      var values = (0..<Int.random(in: 1...30, using: &generator)).map { _ in random(&generator, exponents: spread) }
      // Cancellation down to the last bits.
      if round % 3 == 0 { values += values.dropFirst().map { -$0 } }
      let expected = NaiveWindows.exactSum(values)
      #expect(narrow(values)?.bitPattern == expected.bitPattern, "round \(round): \(values)")
      #expect(wide(values).bitPattern == expected.bitPattern, "round \(round): \(values)")
    }
  }

  @Test func wideSumsReachEveryDouble() {
    var generator = SeededRandom(seed: 2)
    for round in 0..<1_000 {
      let spread = [(-1074...(-1000)), (-1022...1000), (900...1020), (-1074...(-1060))][round % 4]
      let values = (0..<Int.random(in: 1...8, using: &generator)).map { _ in random(&generator, exponents: spread) }
      let expected = NaiveWindows.exactSum(values)
      #expect(wide(values).bitPattern == expected.bitPattern, "round \(round): \(values)")
    }
    #expect(wide([.greatestFiniteMagnitude, .greatestFiniteMagnitude]) == .infinity)
    #expect(wide([.greatestFiniteMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude]) == .greatestFiniteMagnitude)
    #expect(wide([.leastNonzeroMagnitude, .leastNonzeroMagnitude]).bitPattern == 2)
    #expect(wide([.infinity, 1]) == .infinity)
    #expect(wide([.infinity, -.infinity]).isNaN)
    #expect(wide([.nan, 1]).isNaN)
  }

  @Test func tiesGoToEven() {
    let half = 0x1p-53
    #expect(narrow([1, half]) == 1)
    #expect(narrow([1 + 0x1p-52, half]) == 1 + 0x1p-51)
    #expect(narrow([1, half, 0x1p-128]) == 1 + 0x1p-52)
    #expect(narrow([-1, -half]) == -1)
    #expect(narrow([1e-300]) == nil)
    #expect(narrow([0x1p90]) == nil)
    #expect(narrow([-0.0])?.bitPattern == 0)
  }

  @Test func varianceOfLargeOffsets() {
    // The spread is lost in doubles unless sums are exact.
    var sum = WideFloatSum(squares: true)
    for value in [1e15 + 1, 1e15 + 2, 1e15 + 3] { sum.add(value) }
    #expect(sum.variance(count: 3, divisor: 2) == 1)
    var equal = WideFloatSum(squares: true)
    for _ in 0..<7 { equal.add(0.1) }
    #expect(equal.variance(count: 7, divisor: 7) == 0)
    var tiny = WideFloatSum(squares: true)
    for value in [1e-300, 3e-300] { tiny.add(value) }
    #expect(tiny.variance(count: 2, divisor: 2) == 0)
    var huge = WideFloatSum(squares: true)
    for value in [-1e150, 1e150] { huge.add(value) }
    #expect(abs(huge.variance(count: 2, divisor: 2) / 1e300 - 1) < 1e-15)
  }
}
