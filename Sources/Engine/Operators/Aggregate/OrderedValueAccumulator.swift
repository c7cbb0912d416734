import MillraceColumns
import MillraceTypes

/// FIRST_VALUE and LAST_VALUE by the total order (event time, order bytes), whatever order rows arrive in. Where rows have no
/// order they count in order of arrival. Words: a handle of the value and its order bytes, its event time.
final class OrderedValueAccumulator: Accumulator {
  private struct Held {
    var order: [UInt8]
    var value: [UInt8]
  }
  private let type: DataType
  private let isLast: Bool
  private var values = StoredValues<Held>()
  override var wordCount: Int { 2 }
  override var heldBytes: Int { values.heldBytes { $0.order.capacity + $0.value.capacity } }

  init(offset: Int, type: DataType, isLast: Bool) {
    self.type = type
    self.isLast = isLast
    super.init(offset: offset)
  }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    if input.firstRetraction(count) != nil { throw Self.cannotRetract(isLast ? "LAST_VALUE" : "FIRST_VALUE") }
    let order = input.order?.variable
    var arrival: [UInt8] = []
    input.forEachRow(count) { i, weight in
      guard weight != 0 else { return }
      let row = rows.row(ids[i], offset)
      let time = input.times?[i] ?? 0
      if let order {
        let start = Int(order.offsets[i])
        take(
          row, time, UnsafeBufferPointer(start: order.bytes + start, count: Int(order.offsets[i &+ 1]) &- start)
        ) { EncodedValue.of(argument, i) }
      } else {
        arrival.removeAll(keepingCapacity: true)
        KeyEncoder.append(Int64(truncatingIfNeeded: input.arrival &+ UInt64(i)), to: &arrival)
        arrival.withUnsafeBufferPointer { take(row, time, $0) { EncodedValue.of(argument, i) } }
      }
    }
    withExtendedLifetime(input.order) {}
  }

  @inline(__always)
  private func take(
    _ row: UnsafeMutablePointer<Int64>, _ time: Int64, _ order: UnsafeBufferPointer<UInt8>, _ value: () -> [UInt8]
  ) {
    if row[0] != 0 {
      var comparison = time < row[1] ? -1 : time > row[1] ? 1 : 0
      if comparison == 0, let held = values[row[0]] {
        comparison = held.order.withUnsafeBufferPointer { ByteOrder.compare(order, $0) }
        // Even places are told apart by the values, never by arrival.
        if comparison == 0 { comparison = EncodedValue.precedes(held.value, value()) ? 1 : -1 }
      }
      if isLast ? comparison < 0 : comparison >= 0 { return }
    }
    row[0] = values.store(Held(order: Array(order), value: value()), row[0])
    row[1] = time
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    guard let other = other as? OrderedValueAccumulator else { return }
    for i in 0..<count {
      let from = otherRows.row(otherIDs[i], offset)
      guard let held = other.values[from[0]] else { continue }
      held.order.withUnsafeBufferPointer { take(rows.row(ids[i], offset), from[1], $0) { held.value } }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) throws(MillraceError) -> Column {
    try EncodedValue.column((0..<count).map { values[rows.row(ids[$0], offset)[0]]?.value }, type: type)
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      values.release(row[0])
      row[0] = 0
      row[1] = 0
    }
  }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      let held = values[row[0]]
      writer.write(block: held?.value ?? [])
      writer.write(block: held?.order ?? [])
      writer.write(row[1])
    }
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      let value = try reader.readBlock()
      let order = try reader.readBlock()
      row[1] = try reader.readInt64()
      row[0] = value.isEmpty ? 0 : values.store(Held(order: order, value: value), 0)
    }
  }
}
