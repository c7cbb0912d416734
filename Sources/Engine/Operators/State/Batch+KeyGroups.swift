import MillraceColumns
import MillraceTypes

extension Batch {
  /// Row numbers by the key group of their keys.
  ///
  /// - Parameter keys: key columns of this batch, already evaluated.
  func rowsByKeyGroup(_ keys: [Column], maxParallelism: Int) -> [[Int32]] {
    var groups = [[Int32]](repeating: [], count: maxParallelism)
    guard rowCount > 0 else { return groups }
    for (row, hash) in KeyHasher.hashes(of: keys, rowCount: rowCount).enumerated() {
      groups[KeyGroup.of(hash: hash, maxParallelism: maxParallelism)].append(Int32(truncatingIfNeeded: row))
    }
    return groups
  }

  package func take(rows: [Int32]) -> Batch { rows.withUnsafeBufferPointer(take) }

  /// Row numbers in the total order where rows have one (event time, order bytes), then by all their values. What ties
  /// after that is equal.
  func rowsInOrder() -> [Int32] {
    let times = eventTimes?.pointer(Int64.self)
    let values = KeyEncoder.encode(columns, rowCount: rowCount)
    let rows = (0..<Int32(truncatingIfNeeded: rowCount)).sorted { left, right in
      let (a, b) = (Int(left), Int(right))
      if let times, times[a] != times[b] { return times[a] < times[b] }
      if let order {
        let comparison = ByteOrder.compare(order.slot(a), order.slot(b))
        if comparison != 0 { return comparison < 0 }
      }
      let comparison = ByteOrder.compare(values.slot(a), values.slot(b))
      return comparison != 0 ? comparison < 0 : a < b
    }
    return withExtendedLifetime(self) { rows }
  }

  /// Adds the weights of equal rows and leaves out what adds up to nothing: rows come in order of first appearance, with
  /// weights unless all are 1.
  ///
  /// - Throws: `invalidInput` when more copies of a row were taken back than were ever there.
  func consolidated(_ what: String) throws(MillraceError) -> Batch {
    guard let weights = weights?.pointer(Int64.self) else { return self }
    let table = BytesKeyTable()
    var ids = [Int32](repeating: 0, count: rowCount)
    let encoded = KeyEncoder.encode(columns, rowCount: rowCount)
    ids.withUnsafeMutableBufferPointer { ids in
      if let base = ids.baseAddress { table.lookUp(encoded, rowCount: rowCount, into: base, insert: true) }
    }
    var totals = [Int64](repeating: 0, count: Int(table.ids.bound))
    for (row, id) in ids.enumerated() { totals[Int(id)] &+= weights[row] }
    var rows: [Int32] = []
    var kept: [Int64] = []
    for (row, id) in ids.enumerated() where totals[Int(id)] != 0 && weights[row] > 0 {
      let total = totals[Int(id)]
      guard total > 0 else { break }
      rows.append(Int32(truncatingIfNeeded: row))
      kept.append(total)
      totals[Int(id)] = 0
    }
    guard totals.allSatisfy({ $0 == 0 }) else {
      throw MillraceError(.invalidInput, "a row was retracted more often than it was inserted", subject: what)
    }
    var result = take(rows: rows)
    result.weights = kept.allSatisfy { $0 == 1 } ? nil : .int64s(kept)
    return result
  }
}

extension Column {
  /// The bytes of one row of a text or bytes column.
  @inline(__always) func slot(_ row: Int) -> UnsafeBufferPointer<UInt8> {
    let (offsets, bytes) = variable
    return UnsafeBufferPointer(start: bytes + Int(offsets[row]), count: Int(offsets[row &+ 1] &- offsets[row]))
  }
}
