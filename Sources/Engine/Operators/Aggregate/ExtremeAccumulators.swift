import MillraceColumns
import MillraceTypes

/// MIN and MAX of types that fit 64 ordered bits. Words: whether there is a value, then the greatest of the ordered images (for
/// MIN their complements, which turns the order round).
final class FixedExtremeAccumulator: Accumulator {
  private let type: DataType
  private let flip: Int64
  private let widening = WideningBuffer()
  private let images = DenseArray<Int64>(fill: 0, capacity: 4096)
  override var wordCount: Int { 2 }
  override var combining: Combining { .words }

  init(offset: Int, type: DataType, isMax: Bool) {
    self.type = type
    flip = isMax ? 0 : -1
    super.init(offset: offset)
  }

  static func accepts(_ type: DataType) -> Bool {
    IntegerKeyTable.accepts(type) || type.isFloating || type == .boolean
  }

  override var recordsHistory: Bool { true }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    let values = try images(argument, count, input)
    let (offset, flip) = (offset, flip)
    input.forEachRow(count) { i, weight in
      guard weight != 0 else { return }
      let row = rows.row(ids[i], offset)
      let image = values[i] ^ flip
      row[1] = row[0] == 0 ? image : max(row[1], image)
      row[0] = 1
    }
    withExtendedLifetime(argument) {}
  }

  override func record(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput, into history: StateRows
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    let values = try images(argument, count, input)
    let flip = flip
    input.recordEachRow(rows, ids, count, offset: offset, words: 2, into: history) { i, weight, row in
      guard weight != 0 else { return }
      let image = values[i] ^ flip
      row[1] = row[0] == 0 ? image : max(row[1], image)
      row[0] = 1
    }
    withExtendedLifetime(argument) {}
  }

  /// Integers whose order is that of the values. Valid while the argument is alive and until the next call.
  private func images(_ argument: Column, _ count: Int, _ input: AggregateInput) throws(MillraceError) -> UnsafePointer<Int64> {
    if input.firstRetraction(count) != nil { throw Self.cannotRetract(flip == 0 ? "MAX" : "MIN") }
    let values: UnsafePointer<Int64>
    if type.isFloating {
      let doubles = widening.doubles(argument)
      images.grow(to: count)
      for i in 0..<count { images.base[i] = Int64(bitPattern: KeyEncoder.orderedBits(doubles[i]) ^ (1 << 63)) }
      values = UnsafePointer(images.base)
    } else {
      values = widening.integers(argument)
    }
    return values
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    for i in 0..<count {
      let from = otherRows.row(otherIDs[i], offset)
      guard from[0] != 0 else { continue }
      let row = rows.row(ids[i], offset)
      row[1] = row[0] == 0 ? from[1] : max(row[1], from[1])
      row[0] = 1
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) throws(MillraceError) -> Column {
    if type == .boolean {
      let builder = ColumnBuilder(.boolean, capacity: count)
      for i in 0..<count {
        let row = rows.row(ids[i], offset)
        if row[0] == 0 { builder.appendNull() } else { builder.append((row[1] ^ flip) != 0) }
      }
      return builder.finish()
    }
    var builder = ResultBuilder(type, count: count)
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      let image = row[1] ^ flip
      if row[0] == 0 {
        builder.setNull(i)
      } else if type.isFloating {
        let ordered = UInt64(bitPattern: image) ^ (1 << 63)
        builder.set(float: Double(bitPattern: ordered >> 63 == 1 ? ordered ^ (1 << 63) : ~ordered), i)
      } else {
        builder.set(integer: image, i)
      }
    }
    return builder.finish()
  }
}

/// MIN and MAX of the other types, by their encoded values. Words: a handle of the value.
final class EncodedExtremeAccumulator: Accumulator {
  private let type: DataType
  private let isMax: Bool
  private var values = StoredValues<[UInt8]>()
  /// Handles that a recorded history may still name.
  private var replaced: [Int64] = []
  override var wordCount: Int { 1 }
  override var heldBytes: Int { values.heldBytes { $0.capacity } }
  override var recordsHistory: Bool { true }

  override func record(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput, into history: StateRows
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    if input.firstRetraction(count) != nil { throw Self.cannotRetract(isMax ? "MAX" : "MIN") }
    let encoded = KeyEncoder.encode([argument], rowCount: count)
    let (offsets, bytes) = encoded.variable
    input.recordEachRow(rows, ids, count, offset: offset, words: 1, into: history) { i, weight, row in
      guard weight != 0 else { return }
      let start = Int(offsets[i])
      let candidate = UnsafeBufferPointer(start: bytes + start, count: Int(offsets[i &+ 1]) &- start)
      guard isBetter(candidate, than: row[0]) else { return }
      if row[0] != 0 { replaced.append(row[0]) }
      row[0] = values.store(Array(candidate), 0)
    }
    withExtendedLifetime(encoded) {}
  }

  override func forgetHistory() {
    for handle in replaced { values.release(handle) }
    replaced.removeAll(keepingCapacity: true)
  }

  private func isBetter(_ candidate: UnsafeBufferPointer<UInt8>, than handle: Int64) -> Bool {
    guard let current = values[handle] else { return true }
    let order = current.withUnsafeBufferPointer { ByteOrder.compare(candidate, $0) }
    return isMax ? order > 0 : order < 0
  }

  init(offset: Int, type: DataType, isMax: Bool) {
    self.type = type
    self.isMax = isMax
    super.init(offset: offset)
  }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    if input.firstRetraction(count) != nil { throw Self.cannotRetract(isMax ? "MAX" : "MIN") }
    let encoded = KeyEncoder.encode([argument], rowCount: count)
    let (offsets, bytes) = encoded.variable
    input.forEachRow(count) { i, weight in
      guard weight != 0 else { return }
      let start = Int(offsets[i])
      take(UnsafeBufferPointer(start: bytes + start, count: Int(offsets[i &+ 1]) &- start), rows.row(ids[i], offset))
    }
    withExtendedLifetime(encoded) {}
  }

  private func take(_ candidate: UnsafeBufferPointer<UInt8>, _ row: UnsafeMutablePointer<Int64>) {
    if isBetter(candidate, than: row[0]) { row[0] = values.store(Array(candidate), row[0]) }
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    guard let other = other as? EncodedExtremeAccumulator else { return }
    for i in 0..<count {
      guard let value = other.values[otherRows.row(otherIDs[i], offset)[0]] else { continue }
      value.withUnsafeBufferPointer { take($0, rows.row(ids[i], offset)) }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) throws(MillraceError) -> Column {
    try EncodedValue.column((0..<count).map { values[rows.row(ids[$0], offset)[0]] }, type: type)
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      values.release(row[0])
      row[0] = 0
    }
  }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    for i in 0..<count { writer.write(block: values[rows.row(ids[i], offset)[0]] ?? []) }
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    for i in 0..<count {
      let value = try reader.readBlock()
      rows.row(ids[i], offset)[0] = value.isEmpty ? 0 : values.store(value, 0)
    }
  }
}
