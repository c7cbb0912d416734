import MillraceColumns
import MillraceTypes

/// APPROX_QUANTILE: a histogram whose buckets are 64 equal parts of each power of two (as Masson, Rim and Lee, "DDSketch", VLDB 2019,
/// with interpolated instead of exact logarithms, so that no bit depends on a library of mathematics).
///
/// The result is within 1/128 of an exact quantile (the value at place floor(q * (n - 1)) in order), but for numbers below the least
/// normal one. A state is a function of the values alone, whatever their order, parts and retractions. NaN is the greatest. Words: a
/// handle.
final class QuantileSketchAccumulator: Accumulator {
  private let quantile: Double
  /// Per group its buckets, ascending by value, and what is in each.
  private var sketches = StoredValues<[(bucket: Int32, count: Int64)]>()
  override var wordCount: Int { 1 }
  override var heldBytes: Int { sketches.heldBytes { $0.heldSlots } }

  init(offset: Int, quantile: Double) {
    self.quantile = quantile
    super.init(offset: offset)
  }

  private static let notANumber = Int32(1 << 24)

  /// Exponent and upper six bits of the fraction, plus 1; negative for negative numbers, 0 for zero.
  private static func bucket(_ value: Double) -> Int32 {
    if value.isNaN { return notANumber }
    if value == 0 { return 0 }
    let bucket = Int32(truncatingIfNeeded: value.magnitude.bitPattern >> 46) + 1
    return value < 0 ? -bucket : bucket
  }

  /// The middle of a bucket.
  private static func value(_ bucket: Int32) -> Double {
    if bucket == notANumber { return .nan }
    if bucket == 0 { return 0 }
    let low = Double(bitPattern: UInt64(bucket.magnitude - 1) << 46)
    let high = Double(bitPattern: UInt64(bucket.magnitude) << 46)
    let middle = low.isInfinite ? low : high.isFinite ? low + (high - low) / 2 : low * (1 + 1.0 / 128)
    return bucket < 0 ? -middle : middle
  }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    let values = argument.pointer(Double.self)
    input.forEachRow(count) { i, weight in
      guard weight != 0 else { return }
      add(Self.bucket(values[i]), weight, rows.row(ids[i], offset))
    }
    withExtendedLifetime(argument) {}
  }

  private func add(_ bucket: Int32, _ weight: Int64, _ row: UnsafeMutablePointer<Int64>) {
    if row[0] == 0 { row[0] = sketches.store([], 0) }
    sketches.modify(row[0]) { buckets in
      var low = 0
      var high = buckets.count
      while low < high {
        let middle = (low + high) / 2
        if buckets[middle].bucket < bucket { low = middle + 1 } else { high = middle }
      }
      if low < buckets.count && buckets[low].bucket == bucket {
        buckets[low].count += weight
        if buckets[low].count == 0 { buckets.remove(at: low) }
      } else {
        buckets.insert((bucket, weight), at: low)
      }
    }
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    guard let other = other as? QuantileSketchAccumulator else { return }
    for i in 0..<count {
      for entry in other.sketches[otherRows.row(otherIDs[i], offset)[0]] ?? [] { add(entry.bucket, entry.count, rows.row(ids[i], offset)) }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    var builder = ResultBuilder(.float64, count: count)
    for i in 0..<count {
      let buckets = (sketches[rows.row(ids[i], offset)[0]] ?? []).filter { $0.count > 0 }
      let total = buckets.reduce(Int64(0)) { $0 + $1.count }
      guard total > 0 else {
        builder.setNull(i)
        continue
      }
      var left = Int64((quantile * Double(total - 1)).rounded(.down))
      var found = buckets[buckets.count - 1].bucket
      for entry in buckets {
        if left < entry.count {
          found = entry.bucket
          break
        }
        left -= entry.count
      }
      builder.set(float: Self.value(found), i)
    }
    return builder.finish()
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      sketches.release(row[0])
      row[0] = 0
    }
  }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    for i in 0..<count {
      let buckets = sketches[rows.row(ids[i], offset)[0]] ?? []
      writer.write(count: buckets.count)
      for entry in buckets {
        writer.write(Int64(entry.bucket))
        writer.write(entry.count)
      }
    }
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    for i in 0..<count {
      var buckets: [(bucket: Int32, count: Int64)] = []
      for _ in 0..<(try reader.readCount(unit: 16)) {
        let bucket = Int32(clamping: try reader.readInt64())
        buckets.append((bucket, try reader.readInt64()))
      }
      rows.row(ids[i], offset)[0] = buckets.isEmpty ? 0 : sketches.store(buckets, 0)
    }
  }
}
