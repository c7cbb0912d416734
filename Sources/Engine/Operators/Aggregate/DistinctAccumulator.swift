import MillraceColumns
import MillraceTypes

/// Any aggregate over the distinct values of a group: an inner accumulator sees a value when it first appears and its retraction
/// when its last copy goes. Words: head of the group's list of values; then the inner accumulator's.
final class DistinctAccumulator: Accumulator {
  private struct Entry: BitwiseCopyable {
    var count: Int64
    /// Neighbours in the group's list, plus 1; 0 for none.
    var next: Int32
    var previous: Int32
  }
  private let type: DataType
  private let inner: Accumulator
  /// Values by group: four bytes of group id, then the encoded value.
  private let values = BytesKeyTable()
  private let entries = DenseArray<Entry>(fill: Entry(count: 0, next: 0, previous: 0))
  private let weights = DenseArray<Int64>(fill: 0)
  override var wordCount: Int { 1 + inner.wordCount }

  /// - Parameter inner: its offset is this one's plus 1.
  init(offset: Int, type: DataType, inner: Accumulator) {
    self.type = type
    self.inner = inner
    super.init(offset: offset)
  }

  override var heldBytes: Int { values.heldBytes + entries.heldBytes + weights.heldBytes + inner.heldBytes }

  override var recordsHistory: Bool { inner.recordsHistory }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let changes = changes(rows, ids, count, input) else { return }
    try inner.update(rows, ids, count, changes)
  }

  override func record(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput, into history: StateRows
  ) throws(MillraceError) {
    guard let changes = changes(rows, ids, count, input) else { return }
    try inner.record(rows, ids, count, changes, into: history)
  }

  override func forgetHistory() { inner.forgetHistory() }

  /// Takes rows into the sets; what the inner accumulator sees of them.
  private func changes(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) -> AggregateInput? {
    guard let argument = input.argument else { return nil }
    weights.grow(to: count)
    weights.base.update(repeating: 0, count: count)
    let prefixed = prefixed([argument], ids, count)
    let pairs = lookUp(prefixed, count)
    let weights = weights.base
    input.forEachRow(count) { i, weight in
      weights[i] = change(pairs[i], by: weight, rows.row(ids[i], offset))
    }
    sweep(rows, pairs, ids)
    var changes = input
    changes.weights = UnsafePointer(weights)
    return changes
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) throws(MillraceError) {
    guard let other = other as? DistinctAccumulator else { return }
    var found: [[UInt8]?] = []
    var counts: [Int64] = []
    var groups: [Int32] = []
    for i in 0..<count {
      other.forEachValue(otherRows.row(otherIDs[i], offset)[0]) { value, copies in
        found.append(Array(value))
        counts.append(copies)
        groups.append(ids[i])
      }
    }
    let column = try EncodedValue.column(found, type: type)
    try groups.withUnsafeBufferPointer { groups throws(MillraceError) in
      try counts.withUnsafeBufferPointer { counts throws(MillraceError) in
        guard let groups = groups.baseAddress else { return }
        try update(rows, groups, column.count, AggregateInput(argument: column, weights: counts.baseAddress))
      }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) throws(MillraceError) -> Column {
    try inner.result(rows, ids, count)
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      while row[0] != 0 { unlink(Int32(truncatingIfNeeded: row[0] - 1), row) }
    }
    inner.clear(rows, ids, count)
  }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    for i in 0..<count {
      let head = rows.row(ids[i], offset)[0]
      var values = 0
      forEachValue(head) { _, _ in values += 1 }
      writer.write(count: values)
      forEachValue(head) { value, copies in
        writer.write(block: UnsafeRawBufferPointer(value))
        writer.write(copies)
      }
    }
    inner.write(rows, ids, count, into: &writer)
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    for i in 0..<count {
      for _ in 0..<(try reader.readCount(unit: 16)) {
        let value = try reader.readBlock()
        let copies = try reader.readInt64()
        var key = Self.prefix(ids[i])
        key.append(contentsOf: value)
        let pair = values.id(of: key, insert: true)
        entries.grow(to: Int(pair) + 1)
        _ = change(pair, by: copies, rows.row(ids[i], offset))
      }
    }
    try inner.read(rows, ids, count, from: &reader)
  }

  private static func prefix(_ id: Int32) -> [UInt8] { withUnsafeBytes(of: id.littleEndian) { Array($0) } }

  private func prefixed(_ columns: [Column], _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * 16)
    var offsets = [Int32](repeating: 0, count: count + 1)
    for i in 0..<count {
      withUnsafeBytes(of: ids[i].littleEndian) { bytes.append(contentsOf: $0) }
      for column in columns { KeyEncoder.append(column, i, to: &bytes) }
      offsets[i + 1] = Int32(truncatingIfNeeded: bytes.count)
    }
    return Column(type: .bytes, count: count, values: .variable(offsets: Buffer(offsets), bytes: Buffer(bytes)))
  }

  private func lookUp(_ keys: Column, _ count: Int) -> [Int32] {
    var pairs = [Int32](repeating: 0, count: count)
    pairs.withUnsafeMutableBufferPointer { pairs in
      if let base = pairs.baseAddress { values.lookUp(keys, rowCount: count, into: base, insert: true) }
    }
    entries.grow(to: Int(values.ids.bound))
    return pairs
  }

  /// Changes a value's count; +1 when it appears, -1 when it goes, else 0. A value that goes stays in the table until `sweep`.
  private func change(_ pair: Int32, by weight: Int64, _ row: UnsafeMutablePointer<Int64>) -> Int64 {
    let old = entries[Int(pair)].count
    let new = old &+ weight
    entries[Int(pair)].count = new
    if old == 0 && new != 0 {
      // Linked while the count is not zero; a negative one waits for its insertion.
      let head = Int32(truncatingIfNeeded: row[0])
      entries[Int(pair)].next = head
      entries[Int(pair)].previous = 0
      if head != 0 { entries[Int(head) - 1].previous = pair + 1 }
      row[0] = Int64(pair) + 1
    } else if old != 0 && new == 0 {
      detach(pair, row)
    }
    return (new > 0 ? 1 : 0) - (old > 0 ? 1 : 0)
  }

  private func detach(_ pair: Int32, _ row: UnsafeMutablePointer<Int64>) {
    let entry = entries[Int(pair)]
    if entry.next != 0 { entries[Int(entry.next) - 1].previous = entry.previous }
    if entry.previous != 0 { entries[Int(entry.previous) - 1].next = entry.next } else { row[0] = Int64(entry.next) }
    entries[Int(pair)] = Entry(count: 0, next: 0, previous: 0)
  }

  private func unlink(_ pair: Int32, _ row: UnsafeMutablePointer<Int64>) {
    detach(pair, row)
    values.remove(pair)
  }

  /// Takes values out of the table that no group holds any more.
  private func sweep(_ rows: StateRows, _ pairs: [Int32], _ ids: UnsafePointer<Int32>) {
    var gone: Set<Int32> = []
    for pair in pairs where entries[Int(pair)].count == 0 && gone.insert(pair).inserted { values.remove(pair) }
  }

  private func forEachValue(_ head: Int64, _ body: (UnsafeBufferPointer<UInt8>, Int64) -> Void) {
    var at = Int32(truncatingIfNeeded: head)
    while at != 0 {
      let key = values.key(ofID: at - 1)
      body(UnsafeBufferPointer(rebasing: key.dropFirst(4)), entries[Int(at) - 1].count)
      at = entries[Int(at) - 1].next
    }
  }
}
