import MillraceColumns
import MillraceTypes

/// The results of a ring that are not on the hottest path.
extension PrefixRing {
  @inline(__always) func hasIrregular(_ key: Int32, from tail: Int) -> Bool {
    if isUnbounded { return !irregularTotals.isEmpty && irregularTotals[key] != nil }
    if irregulars.isEmpty { return false }
    guard let last = irregulars[key]?.last else { return false }
    return last.position >= tail
  }

  /// Everything of a window, irregular values included.
  func wideSum(
    _ key: Int32, _ totals: UnsafePointer<Int64>, _ prefix: UnsafePointer<Int64>, from tail: Int
  ) -> WideFloatSum {
    let hasSquares = sums == .moments
    var wide = isUnbounded ? irregularTotals[key] ?? WideFloatSum(squares: hasSquares) : WideFloatSum(squares: hasSquares)
    for irregular in irregulars[key] ?? [] where irregular.position >= tail { wide.add(irregular.value) }
    let sum = differences.base
    let squares = sum + 8
    ExactFloat.subtract(totals, prefix, into: sum, count: ExactFloat.sumWords)
    let negative = ExactFloat.makeMagnitude(sum, count: ExactFloat.sumWords)
    if hasSquares {
      ExactFloat.subtract(
        totals + ExactFloat.sumWords, prefix + ExactFloat.sumWords, into: squares, count: ExactFloat.squareWords)
    }
    wide.add(narrow: sum, negative: negative, squares: hasSquares ? UnsafePointer(squares) : nil)
    return wide
  }

  /// - Parameter prefix: sums before the window's first entry.
  func emitRare(
    _ key: Int32, _ target: ResultTarget, _ totals: UnsafePointer<Int64>, _ prefix: UnsafePointer<Int64>, tail: Int, count: Int64,
    _ row: Int
  ) {
    switch target.function {
    case .integerAverage:
      if sums == .integer {
        target.set((totals[0] &- prefix[0]) / count, row)
      } else if let sum = wideDifference(totals, prefix) {
        target.set(Int64(truncatingIfNeeded: sum / Int128(count)), row)
      } else {
        target.setNull(row)
      }
    case .decimalSum:
      if let sum = wideDifference(totals, prefix), Self.isDecimal(sum) { target.set(wide: sum, row) } else { target.setNull(row) }
    case .decimalAverage:
      if let sum = wideDifference(totals, prefix), let value = Self.average(sum, count, decimalScales[target.index]) {
        target.set(wide: value, row)
      } else {
        target.setNull(row)
      }
    case .variancePopulation, .deviationPopulation: emitVariance(key, target, totals, prefix, tail: tail, count, divisor: count, row)
    case .varianceSample, .deviationSample:
      // The spread of one value around its mean says nothing: null, as in Flink.
      if count < 2 {
        target.setNull(row)
      } else {
        emitVariance(key, target, totals, prefix, tail: tail, count, divisor: count - 1, row)
      }
    default: target.setNull(row)
    }
  }

  private func emitVariance(
    _ key: Int32, _ target: ResultTarget, _ totals: UnsafePointer<Int64>, _ prefix: UnsafePointer<Int64>, tail: Int, _ count: Int64,
    divisor: Int64, _ row: Int
  ) {
    let variance: Double
    if hasIrregular(key, from: tail) {
      variance = wideSum(key, totals, prefix, from: tail).variance(count: count, divisor: divisor)
    } else {
      let sum = differences.base
      let squares = sum + 8
      ExactFloat.subtract(totals, prefix, into: sum, count: ExactFloat.sumWords)
      _ = ExactFloat.makeMagnitude(sum, count: ExactFloat.sumWords)
      ExactFloat.subtract(
        totals + ExactFloat.sumWords, prefix + ExactFloat.sumWords, into: squares, count: ExactFloat.squareWords)
      variance = ExactFloat.variance(
        sum: sum, sumCount: ExactFloat.sumWords, squares: squares, squareCount: ExactFloat.squareWords, unit: ExactFloat.sumUnit,
        count: count, divisor: divisor)
    }
    let isDeviation = target.function == .deviationPopulation || target.function == .deviationSample
    target.set(float: isDeviation ? variance.squareRoot() : variance, row)
  }

  /// The exact sum of a window of 192-bit sums; nil when it does not fit 128 bits.
  private func wideDifference(_ totals: UnsafePointer<Int64>, _ prefix: UnsafePointer<Int64>) -> Int128? {
    let words = differences.base
    ExactFloat.subtract(totals, prefix, into: words, count: 3)
    let low = Int128(truncatingIfNeeded: UInt128(words[0]) | UInt128(words[1]) << 64)
    return words[2] == (low < 0 ? UInt64.max : 0) ? low : nil
  }

  private static let decimalLimit: Int128 = (0..<38).reduce(1) { n, _ in n * 10 }

  static func isDecimal(_ value: Int128) -> Bool { value < decimalLimit && value > -decimalLimit }

  /// sum / count with more digits, half away from zero; nil beyond 38 digits.
  static func average(_ sum: Int128, _ count: Int64, _ scale: Int128) -> Int128? {
    let divisor = Int128(count)
    let (whole, rest) = sum.quotientAndRemainder(dividingBy: divisor)
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: scale)
    if overflow { return nil }
    let (part, left) = (rest * scale).quotientAndRemainder(dividingBy: divisor)
    let half: Int128 = left.magnitude * 2 >= divisor.magnitude ? (sum < 0 ? -1 : 1) : 0
    let result = scaled &+ part &+ half
    return isDecimal(result) ? result : nil
  }
}
