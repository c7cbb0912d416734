import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct ExactSumTests {
  private let tiny = Double.leastNonzeroMagnitude

  private func weighted(_ values: [(Double, Int64)]) -> Double {
    let store = ExactSumStore(squares: false)
    var words = [Int64](repeating: 0, count: store.wordCount)
    return words.withUnsafeMutableBufferPointer { words in
      guard let base = words.baseAddress else { return .nan }
      for (value, weight) in values { store.add(value, weight: weight, to: base) }
      return store.value(base)
    }
  }
  private func sum(_ values: [Double]) -> Double { weighted(values.map { ($0, 1) }) }

  @Test func knownSums() {
    #expect(sum([]) == 0)
    #expect(sum([0.1]) == 0.1)
    #expect(sum([0.1, 0.2, 0.3]) == 0.6)
    #expect(sum([1e16, 1, -1e16]) == 1)
    #expect(sum([1e300, 1, -1e300]) == 1)
    #expect(sum([1e308, 1e308, -1e308]) == 1e308)
    #expect(sum([1e308, 1e308]) == .infinity)
    #expect(sum([tiny, tiny]) == 2 * tiny)
    #expect(sum([-tiny]) == -tiny)
    #expect(sum([1, -1, 1e-300]) == 1e-300)
    #expect(sum([.infinity, 1]) == .infinity)
    #expect(sum([.infinity, -.infinity]).isNaN)
    #expect(sum([.nan, 1]).isNaN)
    #expect(weighted([(.infinity, 1), (2, 1), (.infinity, -1)]) == 2)
    #expect(weighted([(0.1, 5000), (0.1, -4999)]) == 0.1)
    // Halfway cases go to even, and a bit far below decides them.
    let one = 1.0
    let ulp = one.ulp
    #expect(sum([one, ulp / 2]) == one)
    #expect(sum([one, ulp / 2, 0x1p-120]) == one + ulp)
    #expect(sum([one + ulp, ulp / 2]) == one + 2 * ulp)
    #expect(sum([one, ulp / 2, tiny]) == one + ulp)
    #expect(sum([.greatestFiniteMagnitude, Double.greatestFiniteMagnitude.ulp / 2]) == .infinity)
  }

  /// Against sums in Int128 of values on a common grid, in any order.
  @Test func randomSumsInAnyOrder() {
    for seed in 1...200 as ClosedRange<UInt64> {
      var random = SeededRandom(seed: seed)
      let scale = Int.random(in: -1000...900, using: &random)
      let parts: [Int64] = (0..<Int.random(in: 1...50, using: &random)).map { _ in
        Int64.random(in: -(1 << 53)...(1 << 53), using: &random) >> Int64.random(in: 0..<53, using: &random)
      }
      let exact = parts.reduce(Int128(0)) { $0 + Int128($1) }
      let expected = Double(sign: .plus, exponent: scale, significand: Double(exact))
      let values = parts.map { Double(sign: .plus, exponent: scale, significand: Double($0)) }
      guard values.allSatisfy({ $0 == 0 || $0.isNormal }), expected == 0 || expected.isNormal else { continue }
      #expect(sum(values) == expected, "seed \(seed)")
      #expect(sum(values.shuffled(using: &random)) == expected, "seed \(seed)")
      let noise = (0..<20).map { _ in Double(bitPattern: UInt64.random(in: 0..<(0x7FF << 52), using: &random)) }
      #expect(weighted(noise.map { ($0, 3) } + values.map { ($0, 1) } + noise.map { ($0, -3) }) == expected, "seed \(seed)")
    }
  }

  @Test func varianceSurvivesALargeMean() throws {
    // 1e9 + {0, 1, 2}: the population variance is 2/3.
    let accumulator = VarianceAccumulator(offset: 1, isSample: false, isDeviation: false)
    var words = [Int64](repeating: 0, count: 1 + accumulator.wordCount)
    let ids: [Int32] = [0, 0, 0]
    let column = try Column(type: .float64, [.float(1e9), .float(1e9 + 1), .float(1e9 + 2)])
    words.withUnsafeMutableBufferPointer { words in
      guard let base = words.baseAddress else { return }
      let rows = StateRows(base: base, stride: words.count)
      accumulator.update(rows, ids, 3, AggregateInput(argument: column))
      #expect(accumulator.result(rows, ids, 1)[0] == .float(2.0 / 3.0))
    }
  }
}
