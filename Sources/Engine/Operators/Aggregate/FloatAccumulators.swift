import MillraceColumns
import MillraceTypes

/// The state that aggregates of floats share: per group an exact sum (see `ExactSumStore`), then the count of its values.
struct ExactFloatState {
  let store: ExactSumStore
  let countWord: Int
  private let widening = WideningBuffer()
  var wordCount: Int { countWord + 1 }

  init(squares: Bool) {
    store = ExactSumStore(squares: squares)
    countWord = store.wordCount
  }

  @inline(__always) func update(
    _ rows: StateRows, _ offset: Int, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) {
    guard let argument = input.argument else { return }
    let values = widening.doubles(argument)
    let (store, countWord) = (store, countWord)
    input.forEachRow(count) { i, weight in
      let row = rows.row(ids[i], offset)
      store.add(values[i], weight: weight, to: row)
      row[countWord] &+= weight
    }
    withExtendedLifetime(argument) {}
  }

  func merge(
    _ rows: StateRows, _ offset: Int, _ ids: UnsafePointer<Int32>, from other: ExactFloatState, _ otherRows: StateRows,
    _ otherIDs: UnsafePointer<Int32>, _ count: Int
  ) {
    for i in 0..<count {
      let from = otherRows.row(otherIDs[i], offset)
      let row = rows.row(ids[i], offset)
      store.merge(other.store, from, into: row)
      row[countWord] &+= from[countWord]
    }
  }

  func clear(_ rows: StateRows, _ offset: Int, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      store.release(row)
      row[countWord] = 0
    }
  }

  func write(_ rows: StateRows, _ offset: Int, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      store.write(row, into: &writer)
      writer.write(row[countWord])
    }
  }

  func read(
    _ rows: StateRows, _ offset: Int, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      try store.read(&reader, into: row)
      row[countWord] = try reader.readInt64()
    }
  }
}

/// SUM and AVG of floats, exact and rounded once. Words: the exact sum, the count.
final class FloatSumAccumulator: Accumulator {
  private let type: DataType
  private let isAverage: Bool
  let sums = ExactFloatState(squares: false)
  override var heldBytes: Int { sums.store.heldBytes }
  override var wordCount: Int { sums.wordCount }
  override var combining: Combining { .words }

  init(offset: Int, type: DataType, isAverage: Bool) {
    self.type = type
    self.isAverage = isAverage
    super.init(offset: offset)
  }

  override func update(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) {
    sums.update(rows, offset, ids, count, input)
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    guard let other = other as? FloatSumAccumulator else { return }
    sums.merge(rows, offset, ids, from: other.sums, otherRows, otherIDs, count)
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    var builder = ResultBuilder(type, count: count)
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      let present = row[sums.countWord]
      guard present > 0 else {
        builder.setNull(i)
        continue
      }
      let sum = sums.store.value(row)
      builder.set(float: isAverage ? sum / Double(present) : sum, i)
    }
    return builder.finish()
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) { sums.clear(rows, offset, ids, count) }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    sums.write(rows, offset, ids, count, into: &writer)
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    try sums.read(rows, offset, ids, count, from: &reader)
  }
}

/// VAR and STDDEV from the exact sums of the values and of their squares. Words: both sums, the count.
final class VarianceAccumulator: Accumulator {
  private let isSample: Bool
  private let isDeviation: Bool
  let sums = ExactFloatState(squares: true)
  override var heldBytes: Int { sums.store.heldBytes }
  override var wordCount: Int { sums.wordCount }
  override var combining: Combining { .words }

  init(offset: Int, isSample: Bool, isDeviation: Bool) {
    self.isSample = isSample
    self.isDeviation = isDeviation
    super.init(offset: offset)
  }

  override func update(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) {
    sums.update(rows, offset, ids, count, input)
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    guard let other = other as? VarianceAccumulator else { return }
    sums.merge(rows, offset, ids, from: other.sums, otherRows, otherIDs, count)
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    var builder = ResultBuilder(.float64, count: count)
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      let present = row[sums.countWord]
      guard present > (isSample ? 1 : 0) else {
        builder.setNull(i)
        continue
      }
      let variance = sums.store.variance(row, count: present, divisor: isSample ? present - 1 : present)
      builder.set(float: isDeviation ? variance.squareRoot() : variance, i)
    }
    return builder.finish()
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) { sums.clear(rows, offset, ids, count) }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    sums.write(rows, offset, ids, count, into: &writer)
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    try sums.read(rows, offset, ids, count, from: &reader)
  }
}
