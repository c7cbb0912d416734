import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Aggregates whose result needs every value of the group: lists in the total order, and counts per value. Rows can be taken back.
///
/// Lists are ordered by event time and order bytes, then by value; rows without either by their value alone, so that nothing depends on
/// arrival. A retraction takes away the earliest equal value. Words: a handle of the group's rows.
final class KeptRowsAccumulator: Accumulator {
  struct Entry {
    /// What orders the entries; empty where the value does.
    var key: [UInt8]
    var value: [UInt8]
    /// May be negative for a while, when a retraction comes before its insertion.
    var count: Int64
  }

  private let type: DataType
  private let isOrdered: Bool
  private let finish: KeptRowsResult
  private var groups = StoredValues<[Entry]>()
  override var wordCount: Int { 1 }
  override var heldBytes: Int {
    groups.heldBytes { entries in entries.reduce(entries.heldSlots) { $0 + $1.key.capacity + $1.value.capacity } }
  }

  init(offset: Int, type: DataType, finish: KeptRowsResult) {
    self.type = type
    self.finish = finish
    isOrdered = finish.isOrdered
    super.init(offset: offset)
  }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    let order = input.order?.variable
    input.forEachRow(count) { i, weight in
      guard weight != 0 else { return }
      let value = EncodedValue.of(argument, i)
      var key: [UInt8] = []
      if isOrdered {
        if let times = input.times { KeyEncoder.append(times[i], to: &key) }
        if let order {
          let start = Int(order.offsets[i])
          key.append(contentsOf: UnsafeBufferPointer(start: order.bytes + start, count: Int(order.offsets[i &+ 1]) &- start))
        }
      }
      add(Entry(key: key, value: value, count: weight), rows.row(ids[i], offset))
    }
    withExtendedLifetime(input.order) {}
  }

  private func add(_ entry: Entry, _ row: UnsafeMutablePointer<Int64>) {
    if row[0] == 0 { row[0] = groups.store([], 0) }
    groups.modify(row[0]) { entries in
      if isOrdered && entry.count < 0 {
        Self.takeBack(entry, from: &entries)
      } else {
        Self.insert(entry, into: &entries)
      }
    }
  }

  private static func precedes(_ a: Entry, _ b: Entry) -> Bool {
    a.key == b.key ? EncodedValue.precedes(a.value, b.value) : EncodedValue.precedes(a.key, b.key)
  }

  private static func insert(_ entry: Entry, into entries: inout [Entry]) {
    // Rows mostly come in order.
    if entries.last.map({ precedes($0, entry) }) ?? true {
      entries.append(entry)
      return
    }
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if precedes(entries[middle], entry) { low = middle + 1 } else { high = middle }
    }
    if low < entries.count && entries[low].key == entry.key && entries[low].value == entry.value {
      entries[low].count += entry.count
      if entries[low].count == 0 { entries.remove(at: low) }
    } else {
      entries.insert(entry, at: low)
    }
  }

  /// From the earliest equal values; what is not there is owed.
  private static func takeBack(_ entry: Entry, from entries: inout [Entry]) {
    var left = entry.count
    for i in entries.indices where left < 0 && entries[i].count > 0 && entries[i].value == entry.value {
      let taken = min(entries[i].count, -left)
      entries[i].count -= taken
      left += taken
    }
    entries.removeAll { $0.count == 0 }
    if left < 0 { insert(Entry(key: entry.key, value: entry.value, count: left), into: &entries) }
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    guard let other = other as? KeptRowsAccumulator else { return }
    for i in 0..<count {
      guard let entries = other.groups[otherRows.row(otherIDs[i], offset)[0]] else { continue }
      for entry in entries { add(entry, rows.row(ids[i], offset)) }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) throws(MillraceError) -> Column {
    var values: [[UInt8]?] = []
    var copies: [Int64] = []
    var ends: [Int] = []
    for i in 0..<count {
      var seen: Set<[UInt8]> = []
      for entry in groups[rows.row(ids[i], offset)[0]] ?? [] where entry.count > 0 {
        if finish.isDistinct && !seen.insert(entry.value).inserted { continue }
        values.append(entry.value)
        copies.append(finish.isDistinct ? 1 : entry.count)
      }
      ends.append(values.count)
    }
    return try finish.column(try EncodedValue.column(values, type: type), copies, ends)
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
