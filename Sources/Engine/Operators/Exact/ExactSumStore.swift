import MillraceColumns
import MillraceTypes

/// Exact sums of many groups in rows of words: the narrow sum, the narrow sum of squares where they are kept, then one word that
/// names a `WideFloatSum` for what the narrow words cannot hold (0 for none). All zero is a sum of nothing.
final class ExactSumStore {
  let keepsSquares: Bool
  let wordCount: Int
  private let narrowWords: Int
  private var wide = StoredValues<WideFloatSum>()

  /// Bytes of the sums that do not fit into their rows' words.
  var heldBytes: Int { wide.heldBytes(\.heldBytes) }

  init(squares: Bool) {
    keepsSquares = squares
    narrowWords = ExactFloat.sumWords + (squares ? ExactFloat.squareWords : 0)
    wordCount = narrowWords + 1
  }

  /// Adds a value so many times, or takes it away.
  @inline(__always) func add(_ value: Double, weight: Int64, to words: UnsafeMutablePointer<Int64>) {
    if keepsSquares {
      if let (magnitude, position) = ExactFloat.split(value, highest: ExactFloat.highestForSquares) {
        return ExactFloat.addWithSquare(magnitude, position: position, isNegative: value < 0, weight: weight, to: words)
      }
    } else if let (magnitude, position) = ExactFloat.split(value, highest: ExactFloat.highestForSums) {
      return ExactFloat.add(magnitude, position: position, isNegative: value < 0, weight: weight, to: words)
    }
    addWide(value, weight, words)
  }

  @inline(never) private func addWide(_ value: Double, _ weight: Int64, _ words: UnsafeMutablePointer<Int64>) {
    open(words)
    wide.modify(words[narrowWords]) { $0.add(value, weight: weight) }
  }

  private func open(_ words: UnsafeMutablePointer<Int64>) {
    if words[narrowWords] == 0 { words[narrowWords] = wide.store(WideFloatSum(squares: keepsSquares), 0) }
  }

  /// Adds a sum of another store of the same kind.
  func merge(_ other: ExactSumStore, _ otherWords: UnsafePointer<Int64>, into words: UnsafeMutablePointer<Int64>) {
    ExactFloat.merge(otherWords, into: words, count: ExactFloat.sumWords)
    if keepsSquares {
      ExactFloat.merge(otherWords + ExactFloat.sumWords, into: words + ExactFloat.sumWords, count: ExactFloat.squareWords)
    }
    if let theirs = other.wide[otherWords[narrowWords]] {
      open(words)
      wide.modify(words[narrowWords]) { $0.add(theirs) }
    }
  }

  /// The nearest double to a sum.
  func value(_ words: UnsafePointer<Int64>) -> Double {
    guard let all = combined(words) else { return ExactFloat.rounded(words) }
    return all.rounded
  }

  /// The variance of `count` values over `divisor`, from their sum and their squares.
  func variance(_ words: UnsafePointer<Int64>, count: Int64, divisor: Int64) -> Double {
    if let all = combined(words) { return all.variance(count: count, divisor: divisor) }
    return ExactFloat.variance(sum: words, squares: words + ExactFloat.sumWords, count: count, divisor: divisor)
  }

  /// The narrow and the wide part of a sum together; nil when there is no wide one.
  private func combined(_ words: UnsafePointer<Int64>) -> WideFloatSum? {
    guard var all = wide[words[narrowWords]] else { return nil }
    all.add(narrow: words, squares: keepsSquares ? words + ExactFloat.sumWords : nil)
    return all
  }

  /// Makes a sum one of nothing.
  func release(_ words: UnsafeMutablePointer<Int64>) {
    wide.release(words[narrowWords])
    for i in 0..<wordCount { words[i] = 0 }
  }

  func write(_ words: UnsafePointer<Int64>, into writer: inout ByteWriter) {
    for i in 0..<narrowWords { writer.write(words[i]) }
    let mine = wide[words[narrowWords]]
    writer.write(UInt8(mine == nil ? 0 : 1))
    mine?.write(into: &writer)
  }

  func read(_ reader: inout ByteReader, into words: UnsafeMutablePointer<Int64>) throws(MillraceError) {
    for i in 0..<narrowWords { words[i] = try reader.readInt64() }
    words[narrowWords] = try reader.readUInt8() == 0 ? 0 : wide.store(try WideFloatSum(squares: keepsSquares, from: &reader), 0)
  }
}
