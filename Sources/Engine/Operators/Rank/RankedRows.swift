import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The rows that a ranking holds, by number, and how any two of them compare.
final class RankedRows {
  private(set) var store: RowStore
  private let encoder: SortKeyEncoder
  private let prefixes = DenseArray<UInt64>(fill: 0)
  private let nullPlaces = DenseArray<UInt8>(fill: 1)
  private var hasNulls = false
  private let sortBytes = ColumnStore(.bytes)
  /// Rows by content, where the input retracts: equal rows share a number.
  private var contents: BytesKeyTable?
  private let rowOfContent = DenseArray<Int32>(fill: -1)
  private let contentOfRow = DenseArray<Int32>(fill: -1)

  init(_ rank: Rank, sharesEqualRows: Bool) throws(MillraceError) {
    store = RowStore(schema: rank.input.schema)
    encoder = try SortKeyEncoder(rank.sortKeys, schema: rank.input.schema)
    contents = sharesEqualRows ? BytesKeyTable() : nil
  }

  var count: Int { store.count }

  var heldBytes: Int {
    let byContent = (contents?.heldBytes ?? 0) + rowOfContent.heldBytes + contentOfRow.heldBytes
    return store.heldBytes + prefixes.heldBytes + nullPlaces.heldBytes + sortBytes.heldBytes + byContent
  }

  func sortKeys(_ batch: Batch) throws(MillraceError) -> SortKeyEncoder.Encoded { try encoder.encode(batch) }

  @inline(__always) func prefix(_ row: Int32) -> UInt64 { prefixes.base[Int(row)] }

  /// A greater prefix comes behind for certain.
  var comparesByPrefix: Bool { !hasNulls }

  /// Adds rows and returns the number of the first.
  func append(_ batch: Batch, _ keys: SortKeyEncoder.Encoded, _ rows: [Int32]) -> Int32 {
    let first = store.count
    prefixes.grow(to: first + rows.count)
    for (i, row) in rows.enumerated() { prefixes.base[first &+ i] = keys.prefixes[Int(row)] }
    nullPlaces.grow(to: first + rows.count)
    for (i, row) in rows.enumerated() { nullPlaces.base[first &+ i] = keys.nullPlaces.isEmpty ? 1 : keys.nullPlaces[Int(row)] }
    hasNulls = hasNulls || !keys.nullPlaces.isEmpty
    let isAll = rows.count == batch.rowCount
    if let bytes = keys.bytes { sortBytes.append(isAll ? bytes : rows.withUnsafeBufferPointer(bytes.take)) }
    store.append(isAll ? batch : batch.take(rows: rows))
    return Int32(truncatingIfNeeded: first)
  }

  /// The numbers of rows, equal rows having one.
  func numbers(of batch: Batch, _ keys: SortKeyEncoder.Encoded) -> [Int32] {
    guard let contents else {
      let first = append(batch, keys, (0..<Int32(truncatingIfNeeded: batch.rowCount)).map { $0 })
      return (0..<Int32(truncatingIfNeeded: batch.rowCount)).map { first &+ $0 }
    }
    let encoded = KeyEncoder.encode(batch.columns, rowCount: batch.rowCount)
    var found = [Int32](repeating: -1, count: batch.rowCount)
    found.withUnsafeMutableBufferPointer { found in
      if let base = found.baseAddress { contents.lookUp(encoded, rowCount: batch.rowCount, into: base, insert: true) }
    }
    rowOfContent.grow(to: Int(contents.ids.bound))
    var fresh: [Int32] = []
    var numbers: [Int32] = []
    for row in 0..<batch.rowCount {
      let content = Int(found[row])
      if rowOfContent[content] < 0 {
        rowOfContent[content] = Int32(truncatingIfNeeded: store.count + fresh.count)
        fresh.append(Int32(truncatingIfNeeded: row))
      }
      numbers.append(rowOfContent[content])
    }
    let first = Int(append(batch, keys, fresh))
    contentOfRow.grow(to: store.count)
    for (i, row) in fresh.enumerated() { contentOfRow[first + i] = found[Int(row)] }
    return numbers
  }

  // MARK: order

  /// Whether two rows have equal sort keys.
  func ties(_ a: Int32, _ b: Int32) -> Bool { compareKeys(Int(a), Int(b)) == 0 }

  /// Below zero when row `a` comes first.
  @inline(__always) func compare(_ a: Int32, _ b: Int32) -> Int {
    if !hasNulls {
      let (x, y) = (prefixes.base[Int(a)], prefixes.base[Int(b)])
      if x != y { return x < y ? -1 : 1 }
    }
    return compareFully(Int(a), Int(b))
  }

  private func compareKeys(_ a: Int, _ b: Int) -> Int {
    if hasNulls, nullPlaces[a] != nullPlaces[b] { return nullPlaces[a] < nullPlaces[b] ? -1 : 1 }
    if prefixes[a] != prefixes[b] { return prefixes[a] < prefixes[b] ? -1 : 1 }
    return encoder.isExact ? 0 : ByteOrder.compare(sortBytes.slot(a), sortBytes.slot(b))
  }

  private func compareFully(_ a: Int, _ b: Int) -> Int {
    if a == b { return 0 }
    let keys = compareKeys(a, b)
    if keys != 0 { return keys }
    if let contents { return ByteOrder.compare(contents.key(ofID: contentOfRow[a]), contents.key(ofID: contentOfRow[b])) }
    if let times = store.eventTimes, times[a] != times[b] { return times[a] < times[b] ? -1 : 1 }
    if let x = store.orderBytes(a), let y = store.orderBytes(b) {
      let order = ByteOrder.compare(x, y)
      if order != 0 { return order }
    }
    let rows = store.gather([Int32(truncatingIfNeeded: a), Int32(truncatingIfNeeded: b)])
    let values = KeyEncoder.encode(rows.columns, rowCount: 2)
    let order = ByteOrder.compare(values.slot(0), values.slot(1))
    return order != 0 ? order : a < b ? -1 : 1
  }

  /// Bytes that tell rows apart for the total order: their own order bytes or, where equal rows share a number, their values.
  func orderColumn(_ rows: [Int32]) -> Column? {
    guard let contents else { return store.hasOrder ? store.gatherOrder(rows) : nil }
    return contents.keys(ofIDs: rows.map { contentOfRow[Int($0)] }, prefix: [])
  }

  // MARK: forgetting

  /// Keeps only these rows, which ascend, and numbers them anew.
  func compact(keeping live: [Int32]) {
    if let contents {
      var isLive = [Bool](repeating: false, count: Int(contents.ids.bound))
      for row in live { isLive[Int(contentOfRow[Int(row)])] = true }
      var gone: [Int32] = []
      contents.forEachID { if !isLive[Int($0)] { gone.append($0) } }
      for id in gone {
        contents.remove(id)
        rowOfContent[Int(id)] = -1
      }
      let kept = live.map { contentOfRow[Int($0)] }
      for (row, content) in kept.enumerated() {
        contentOfRow[row] = content
        rowOfContent[Int(content)] = Int32(truncatingIfNeeded: row)
      }
    }
    for (row, old) in live.enumerated() { (prefixes[row], nullPlaces[row]) = (prefixes[Int(old)], nullPlaces[Int(old)]) }
    if !encoder.isExact { sortBytes.compact(keeping: live) }
    store.compact(keeping: live)
  }
}
