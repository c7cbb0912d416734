import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// MIN, MAX, FIRST_VALUE and LAST_VALUE over inputs that retract rows: every value of the group is kept, in order. Words: a
/// handle of the group's values.
///
/// MIN and MAX order by value; FIRST and LAST by the total order, where a retraction (which carries the event time of its cause)
/// takes away the earliest equal value.
final class RetractableValueAccumulator: Accumulator {
  private struct Entry {
    /// What orders the entries.
    var key: [UInt8]
    var value: [UInt8]
    /// May be negative for a while, when a retraction comes before its insertion.
    var count: Int64
  }
  private let type: DataType
  private let byOrder: Bool
  private let takesLast: Bool
  private var groups = StoredValues<[Entry]>()
  override var wordCount: Int { 1 }
  override var heldBytes: Int {
    groups.heldBytes { entries in entries.reduce(entries.heldSlots) { $0 + $1.key.capacity + $1.value.capacity } }
  }

  init(offset: Int, type: DataType, function: AggregateFunction) {
    self.type = type
    byOrder = function == .firstValue || function == .lastValue
    takesLast = function == .max || function == .lastValue
    super.init(offset: offset)
  }

  override func update(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) {
    guard let argument = input.argument else { return }
    let order = input.order?.variable
    input.forEachRow(count) { i, weight in
      guard weight != 0 else { return }
      let value = EncodedValue.of(argument, i)
      var key = value
      if byOrder {
        key = []
        KeyEncoder.append(input.times?[i] ?? 0, to: &key)
        if let order {
          let start = Int(order.offsets[i])
          key.append(contentsOf: UnsafeBufferPointer(start: order.bytes + start, count: Int(order.offsets[i &+ 1]) &- start))
        } else {
          KeyEncoder.append(Int64(truncatingIfNeeded: input.arrival &+ UInt64(i)), to: &key)
        }
      }
      add(Entry(key: key, value: value, count: weight), rows.row(ids[i], offset))
    }
    withExtendedLifetime(input.order) {}
  }

  private func add(_ entry: Entry, _ row: UnsafeMutablePointer<Int64>) {
    if row[0] == 0 { row[0] = groups.store([], 0) }
    groups.modify(row[0]) { entries in
      if byOrder && entry.count < 0 {
        var left = entry.count
        for i in entries.indices where left < 0 && entries[i].count > 0 && entries[i].value == entry.value {
          let taken = min(entries[i].count, -left)
          entries[i].count -= taken
          left += taken
        }
        entries.removeAll { $0.count == 0 }
        return
      }
      var low = 0
      var high = entries.count
      while low < high {
        let middle = (low + high) / 2
        if EncodedValue.precedes(entries[middle].key, entry.key) { low = middle + 1 } else { high = middle }
      }
      while low < entries.count && entries[low].key == entry.key && EncodedValue.precedes(entries[low].value, entry.value) { low += 1 }
      if low < entries.count && entries[low].key == entry.key && entries[low].value == entry.value {
        entries[low].count += entry.count
        if entries[low].count == 0 { entries.remove(at: low) }
      } else {
        entries.insert(entry, at: low)
      }
    }
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    guard let other = other as? RetractableValueAccumulator else { return }
    for i in 0..<count {
      for entry in other.groups[otherRows.row(otherIDs[i], offset)[0]] ?? [] { add(entry, rows.row(ids[i], offset)) }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) throws(MillraceError) -> Column {
    let values = (0..<count).map { i -> [UInt8]? in
      guard let entries = groups[rows.row(ids[i], offset)[0]] else { return nil }
      return takesLast ? entries.last { $0.count > 0 }?.value : entries.first { $0.count > 0 }?.value
    }
    return try EncodedValue.column(values, type: type)
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      groups.release(row[0])
      row[0] = 0
    }
  }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    for i in 0..<count {
      let entries = groups[rows.row(ids[i], offset)[0]] ?? []
      writer.write(count: entries.count)
      for entry in entries {
        writer.write(block: entry.key)
        writer.write(block: entry.value)
        writer.write(entry.count)
      }
    }
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    for i in 0..<count {
      var entries: [Entry] = []
      for _ in 0..<(try reader.readCount(unit: 24)) {
        entries.append(Entry(key: try reader.readBlock(), value: try reader.readBlock(), count: try reader.readInt64()))
      }
      rows.row(ids[i], offset)[0] = entries.isEmpty ? 0 : groups.store(entries, 0)
    }
  }
}
