import MillraceColumns
import MillraceTypes

/// COUNT of the rows that count.
final class CountAccumulator: Accumulator {
  override var wordCount: Int { 1 }
  override var combining: Combining { .addition }

  override func update(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) {
    let offset = offset
    input.forEachRow(count) { i, weight in rows.row(ids[i], offset)[0] &+= weight }
  }

  override var recordsHistory: Bool { true }

  override func record(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput, into history: StateRows
  ) {
    input.recordEachRow(rows, ids, count, offset: offset, words: 1, into: history) { _, weight, row in row[0] &+= weight }
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    let offset = offset
    for i in 0..<count { rows.row(ids[i], offset)[0] &+= otherRows.row(otherIDs[i], offset)[0] }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    let out = Buffer(uninitialized: count * 8)
    let target = out.pointer(Int64.self)
    let offset = offset
    for i in 0..<count { target[i] = rows.row(ids[i], offset)[0] }
    return Column(type: .int64, count: count, values: .fixed(out))
  }
}

/// COUNT(*) without a filter: the number of rows that the table keeps anyway.
final class RowCountAccumulator: Accumulator {
  override var combining: Combining { .addition }
  override var recordsHistory: Bool { true }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    let out = Buffer(uninitialized: count * 8)
    let target = out.pointer(Int64.self)
    for i in 0..<count { target[i] = rows.row(ids[i], 0)[0] }
    return Column(type: .int64, count: count, values: .fixed(out))
  }
}

/// SUM of integers: wraps in the type of the result, as Flink's. Words: sum, then the count of non-null arguments where the
/// argument may be null or filtered away (otherwise the group's rows say whether there was any).
final class IntegerSumAccumulator: Accumulator {
  private let type: DataType
  let counts: Bool
  private let widening = WideningBuffer()
  override var wordCount: Int { counts ? 2 : 1 }
  override var combining: Combining { .addition }
  override var recordsHistory: Bool { true }

  override func record(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput, into history: StateRows
  ) {
    guard let argument = input.argument else { return }
    let values = widening.integers(argument)
    if counts {
      input.recordEachRow(rows, ids, count, offset: offset, words: 2, into: history) { i, weight, row in
        row[0] &+= values[i] &* weight
        row[1] &+= weight
      }
    } else {
      input.recordEachRow(rows, ids, count, offset: offset, words: 1, into: history) { i, weight, row in
        row[0] &+= values[i] &* weight
      }
    }
    withExtendedLifetime(argument) {}
  }

  init(offset: Int, type: DataType, counts: Bool) {
    self.type = type
    self.counts = counts
    super.init(offset: offset)
  }

  override func update(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) {
    guard let argument = input.argument else { return }
    let values = widening.integers(argument)
    let offset = offset
    if counts {
      input.forEachRow(count) { i, weight in
        let row = rows.row(ids[i], offset)
        row[0] &+= values[i] &* weight
        row[1] &+= weight
      }
    } else {
      input.forEachRow(count) { i, weight in rows.row(ids[i], offset)[0] &+= values[i] &* weight }
    }
    withExtendedLifetime(argument) {}
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    let offset = offset
    for w in 0..<wordCount {
      for i in 0..<count { rows.row(ids[i], offset)[w] &+= otherRows.row(otherIDs[i], offset)[w] }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    if type == .int64, let column = plainResult(rows, ids, count) { return column }
    var builder = ResultBuilder(type, count: count)
    for i in 0..<count {
      let present = counts ? rows.row(ids[i], offset)[1] : rows.row(ids[i], 0)[0]
      if present > 0 { builder.set(integer: rows.row(ids[i], offset)[0], i) } else { builder.setNull(i) }
    }
    return builder.finish()
  }
}

extension IntegerSumAccumulator {
  /// The sums when every group has one and they are as wide as the state; nil otherwise.
  private func plainResult(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column? {
    let out = Buffer(uninitialized: count * 8)
    let target = out.pointer(Int64.self)
    let offset = offset
    let presence = counts ? offset &+ 1 : 0
    var least = Int64.max
    for i in 0..<count {
      target[i] = rows.row(ids[i], offset)[0]
      least = min(least, rows.row(ids[i], presence)[0])
    }
    return least > 0 ? Column(type: .int64, count: count, values: .fixed(out)) : nil
  }
}

/// Sums of integers and decimals in 192 bits, which no number of rows overflows: AVG of integers, SUM and AVG of decimals.
/// Words: three of the sum, the count.
final class WideIntegerAccumulator: Accumulator {
  enum Result {
    /// Sum over count, truncated toward zero.
    case integerAverage
    /// Null when it has more than 38 digits.
    case decimalSum
    /// Sum over count, half away from zero, with so many more digits than the argument.
    case decimalAverage(moreDigits: Int)

    var isIntegerAverage: Bool { if case .integerAverage = self { true } else { false } }
  }
  private let type: DataType
  private let kind: Result
  private let widening = WideningBuffer()
  override var wordCount: Int { 4 }
  override var combining: Combining { .words }
  override var recordsHistory: Bool { kind.isIntegerAverage }

  override func record(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput, into history: StateRows
  ) {
    guard let argument = input.argument, case .fixed = argument.values else { return }
    let values = widening.integers(argument)
    input.recordEachRow(rows, ids, count, offset: offset, words: 4, into: history) { i, weight, row in
      Self.add(Int128(values[i]) &* Int128(weight), negative: false, to: row)
      row[3] &+= weight
    }
    withExtendedLifetime(argument) {}
  }

  init(offset: Int, type: DataType, kind: Result) {
    self.type = type
    self.kind = kind
    super.init(offset: offset)
  }

  override func update(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) {
    guard let argument = input.argument, case .fixed = argument.values else { return }
    let offset = offset
    if argument.type.isDecimal {
      let values = argument.pointer(Int128.self)
      input.forEachRow(count) { i, weight in
        var times = weight.magnitude
        // A product of two 128-bit numbers could overflow; weights beyond 1 are rare and small.
        let value = values[i]
        while times > 0 {
          Self.add(value, negative: weight < 0, to: rows.row(ids[i], offset))
          times &-= 1
        }
        rows.row(ids[i], offset)[3] &+= weight
      }
    } else {
      let values = widening.integers(argument)
      input.forEachRow(count) { i, weight in
        Self.add(Int128(values[i]) &* Int128(weight), negative: false, to: rows.row(ids[i], offset))
        rows.row(ids[i], offset)[3] &+= weight
      }
    }
    withExtendedLifetime(argument) {}
  }

  @inline(__always)
  static func add(_ value: Int128, negative: Bool, to row: UnsafeMutablePointer<Int64>) {
    let bits = UInt128(bitPattern: value)
    let extension64: Int64 = value < 0 ? -1 : 0
    let sum = UInt128(UInt64(bitPattern: row[0])) | UInt128(UInt64(bitPattern: row[1])) << 64
    let (low, carry) = negative ? sum.subtractingReportingOverflow(bits) : sum.addingReportingOverflow(bits)
    row[0] = Int64(truncatingIfNeeded: low)
    row[1] = Int64(truncatingIfNeeded: low >> 64)
    let step: Int64 = carry ? 1 : 0
    row[2] = negative ? row[2] &- extension64 &- step : row[2] &+ extension64 &+ step
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    for i in 0..<count {
      let from = otherRows.row(otherIDs[i], offset)
      let row = rows.row(ids[i], offset)
      let low = Int128(truncatingIfNeeded: UInt128(UInt64(bitPattern: from[0])) | UInt128(UInt64(bitPattern: from[1])) << 64)
      Self.add(low, negative: false, to: row)
      // `add` extended the sign of the lower 128 bits; the upper word says what it really is.
      row[2] = row[2] &+ from[2] &- (low < 0 ? -1 : 0)
      row[3] &+= from[3]
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    var builder = ResultBuilder(type, count: count)
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      let present = row[3]
      let sum = Int128(truncatingIfNeeded: UInt128(UInt64(bitPattern: row[0])) | UInt128(UInt64(bitPattern: row[1])) << 64)
      let fits = row[2] == (sum < 0 ? -1 : 0)
      guard present > 0, fits else {
        builder.setNull(i)
        continue
      }
      switch kind {
      case .integerAverage: builder.set(integer: Int64(truncatingIfNeeded: sum / Int128(present)), i)
      case .decimalSum:
        if Self.isWithin38Digits(sum) { builder.set(decimal: sum, i) } else { builder.setNull(i) }
      case .decimalAverage(let digits):
        if let value = Self.average(sum, present, digits) { builder.set(decimal: value, i) } else { builder.setNull(i) }
      }
    }
    return builder.finish()
  }

  private static let limit: Int128 = (0..<38).reduce(1) { n, _ in n * 10 }

  private static func isWithin38Digits(_ value: Int128) -> Bool { value < limit && value > -limit }

  private static func average(_ sum: Int128, _ count: Int64, _ digits: Int) -> Int128? {
    let scale = (0..<digits).reduce(Int128(1)) { n, _ in n * 10 }
    let divisor = Int128(count)
    let (whole, rest) = sum.quotientAndRemainder(dividingBy: divisor)
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: scale)
    if overflow { return nil }
    let (part, partRest) = (rest * scale).quotientAndRemainder(dividingBy: divisor)
    let half: Int128 = partRest.magnitude * 2 >= divisor.magnitude ? (sum < 0 ? -1 : 1) : 0
    let result = scaled &+ part &+ half
    return isWithin38Digits(result) ? result : nil
  }
}
