import MillraceColumns
import MillraceTypes

/// Changes of the rows that keys have, collected over the rounds of a batch and emitted in one order.
struct KeyedChanges {
  private var ids: [Int32] = []
  private var instants: [Int64] = []
  private var weights: [Int64] = []
  /// Result columns of the changes so far, in pieces.
  private var pieces: [[Column]] = []

  /// Notes what became of some keys, each at one instant. Equal rows before and after are no change.
  mutating func add(
    keys: [Int32], instants: [Int64], before: (present: [Bool], results: [Column]), after: (present: [Bool], results: [Column])
  ) {
    let old = KeyEncoder.encode(before.results, rowCount: keys.count)
    let new = KeyEncoder.encode(after.results, rowCount: keys.count)
    var removed: [Int32] = []
    var added: [Int32] = []
    for position in keys.indices {
      let (was, isNow) = (before.present[position], after.present[position])
      // The encoding compares well: a null equals a null.
      if was && isNow && Self.bytes(old, position).elementsEqual(Self.bytes(new, position)) { continue }
      if was { removed.append(Int32(truncatingIfNeeded: position)) }
      if isNow { added.append(Int32(truncatingIfNeeded: position)) }
    }
    for (positions, weight, results) in [(removed, Int64(-1), before.results), (added, 1, after.results)] where !positions.isEmpty {
      for position in positions {
        ids.append(keys[Int(position)])
        self.instants.append(instants[Int(position)])
        weights.append(weight)
      }
      pieces.append(positions.withUnsafeBufferPointer { positions in results.map { $0.take(positions) } })
    }
  }

  private static func bytes(_ column: Column, _ row: Int) -> UnsafeBufferPointer<UInt8> {
    let (offsets, bytes) = column.variable
    return UnsafeBufferPointer(start: bytes + Int(offsets[row]), count: Int(offsets[row + 1] - offsets[row]))
  }

  /// The changes by instant, key and weight; nil when there are none.
  func batch(_ index: KeyIndex, schema: Schema, rank: [UInt8], withTimes: Bool) throws(MillraceError) -> Batch? {
    guard !ids.isEmpty else { return nil }
    let keys = try index.keyColumns(ids)
    let encoded = index.encodedKeys(ids, prefix: rank)
    var columns = keys
    for (c, field) in schema.fields.enumerated() where c >= keys.count {
      columns.append(.concat(pieces.map { $0[c - keys.count] }, type: field.type))
    }
    let rows = (0..<Int32(truncatingIfNeeded: ids.count)).sorted { left, right in
      let (a, b) = (Int(left), Int(right))
      if instants[a] != instants[b] { return instants[a] < instants[b] }
      if ids[a] != ids[b] { return ByteOrder.compare(Self.bytes(encoded, a), Self.bytes(encoded, b)) < 0 }
      return weights[a] < weights[b]
    }
    var batch = Batch(schema: schema, columns: columns, rowCount: ids.count)
    if weights.contains(where: { $0 != 1 }) { batch.weights = .int64s(weights) }
    if withTimes { batch.eventTimes = .int64s(instants) }
    batch.order = Self.order(encoded, .int64s(weights))
    return rows.withUnsafeBufferPointer(batch.take)
  }

  /// Order bytes of changes: each key, then 0 for a retraction and 1 for an insertion.
  ///
  /// - Parameter weights: nil when all are 1.
  static func order(_ encoded: Column, _ weights: Column?) -> Column {
    let n = encoded.count
    let (from, source) = encoded.variable
    let signs = weights?.pointer(Int64.self)
    let offsets = Buffer(uninitialized: (n + 1) * 4)
    let starts = offsets.pointer(Int32.self)
    for row in 0...n { starts[row] = from[row] &- from[0] &+ Int32(truncatingIfNeeded: row) }
    let bytes = Buffer(uninitialized: Int(starts[n]))
    let target = bytes.pointer(UInt8.self)
    for row in 0..<n {
      let length = Int(from[row &+ 1] &- from[row])
      (target + Int(starts[row])).copyShort(from: source + Int(from[row]), count: length)
      target[Int(starts[row]) &+ length] = (signs?[row] ?? 1) < 0 ? 0 : 1
    }
    return withExtendedLifetime((encoded, weights)) {
      Column(type: .bytes, count: n, values: .variable(offsets: offsets, bytes: bytes))
    }
  }
}
