import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The rows of an ordered OVER by number: their columns, what orders them within their partition, their weights.
final class OrderedRows {
  let inputSchema: Schema
  /// Equal rows share a number.
  let isUpdating: Bool
  /// The input's columns, then values that functions ask for.
  private(set) var store: RowStore
  private var keys = ColumnStore(.bytes)
  /// The first 16 bytes of the sort key.
  private let prefixes = DenseArray<UInt128>(fill: 0)
  /// No sort key is longer than that.
  private let hasShortKeys: Bool
  private let partitions = DenseArray<Int32>(fill: 0)
  private let weights = DenseArray<Int64>(fill: 0)
  private var contents: BytesKeyTable?
  private let rowOfContent = DenseArray<Int32>(fill: -1)
  private let contentOfRow = DenseArray<Int32>(fill: -1)
  private(set) var deadCount = 0

  init(inputSchema: Schema, storedSchema: Schema, sortKeys: [Sort.Key], isUpdating: Bool) {
    self.inputSchema = inputSchema
    self.isUpdating = isUpdating
    store = RowStore(schema: storedSchema)
    contents = isUpdating ? BytesKeyTable() : nil
    let lengths = sortKeys.map { key -> Int in
      switch key.expression.type {
      case .boolean: 2
      case .decimal: 17
      default: key.expression.type.fixedWidth == nil ? 1 << 20 : 9
      }
    }
    hasShortKeys = lengths.reduce(0, +) <= 16
  }

  var count: Int { store.count }
  var heldBytes: Int {
    let byContent = (contents?.heldBytes ?? 0) + rowOfContent.heldBytes + contentOfRow.heldBytes
    return store.heldBytes + keys.heldBytes + prefixes.heldBytes + partitions.heldBytes + weights.heldBytes + byContent
  }
  @inline(__always) func partition(_ row: Int32) -> Int32 { partitions.base[Int(row)] }
  @inline(__always) func weight(_ row: Int32) -> Int64 { weights.base[Int(row)] }
  @inline(__always) func key(_ row: Int32) -> UnsafeBufferPointer<UInt8> { keys.slot(Int(row)) }

  @inline(__always) func setWeight(_ row: Int32, _ weight: Int64) {
    let old = weights.base[Int(row)]
    if old == 0 && weight != 0 { deadCount &-= 1 }
    if old != 0 && weight == 0 { deadCount &+= 1 }
    weights.base[Int(row)] = weight
  }

  // MARK: adding

  /// Rows of a batch that are not here yet; they get the next numbers, without weight.
  struct Fresh {
    var first: Int
    /// As stored.
    var rows: Batch
  }

  /// The numbers of a batch's rows.
  ///
  /// - Parameters:
  ///   - batch: the stored columns.
  ///   - keys: encoded sort keys.
  ///   - partitionIDs: per row.
  func numbers(of batch: Batch, keys: Column, partitionIDs: [Int32]) -> (numbers: [Int32], fresh: Fresh) {
    let first = store.count
    guard let contents else {
      append(batch, keys: keys, partitionIDs)
      return (
        (0..<Int32(truncatingIfNeeded: batch.rowCount)).map { Int32(truncatingIfNeeded: first) &+ $0 }, Fresh(first: first, rows: batch)
      )
    }
    let encoded = KeyEncoder.encode(Array(batch.columns[..<inputSchema.count]), rowCount: batch.rowCount)
    var found = [Int32](repeating: -1, count: batch.rowCount)
    found.withUnsafeMutableBufferPointer { found in
      if let base = found.baseAddress { contents.lookUp(encoded, rowCount: batch.rowCount, into: base, insert: true) }
    }
    rowOfContent.grow(to: Int(contents.ids.bound))
    var fresh: [Int32] = []
    var numbers = [Int32](repeating: -1, count: batch.rowCount)
    for row in 0..<batch.rowCount {
      let content = Int(found[row])
      if rowOfContent.base[content] < 0 {
        rowOfContent.base[content] = Int32(truncatingIfNeeded: first + fresh.count)
        fresh.append(Int32(truncatingIfNeeded: row))
      }
      numbers[row] = rowOfContent.base[content]
      // A partition that was empty for a while may have another id now.
      if Int(numbers[row]) < first { partitions.base[Int(numbers[row])] = partitionIDs[row] }
    }
    var added = fresh.count == batch.rowCount ? batch : batch.take(rows: fresh)
    // Of a row that comes and goes only the values count.
    (added.eventTimes, added.order, added.arrivalTimes) = (nil, nil, nil)
    let addedKeys = fresh.count == batch.rowCount ? keys : fresh.withUnsafeBufferPointer(keys.take)
    append(added, keys: addedKeys, fresh.map { partitionIDs[Int($0)] })
    contentOfRow.grow(to: store.count)
    for (place, row) in fresh.enumerated() { contentOfRow.base[first + place] = found[Int(row)] }
    return (numbers, Fresh(first: first, rows: added))
  }

  private func append(_ batch: Batch, keys encoded: Column, _ partitionIDs: [Int32]) {
    let first = store.count
    let end = first + batch.rowCount
    guard end > first else { return }
    prefixes.grow(to: end)
    partitions.grow(to: end)
    weights.grow(to: end)
    (weights.base + first).update(repeating: 0, count: batch.rowCount)
    for row in 0..<batch.rowCount {
      partitions.base[first + row] = partitionIDs[row]
      prefixes.base[first + row] = Self.prefix(encoded.slot(row))
    }
    keys.append(encoded)
    store.append(batch)
    deadCount += batch.rowCount
  }

  private static func prefix(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt128 {
    var value: UInt128 = 0
    let count = min(16, bytes.count)
    for i in 0..<count { value = value << 8 | UInt128(bytes[i]) }
    return count == 0 ? 0 : value << UInt128(8 * (16 - count))
  }

  // MARK: order

  /// Negative when the sort key of `a` is lower.
  @inline(__always) func compareKeys(_ a: Int32, _ b: Int32) -> Int {
    let (x, y) = (prefixes.base[Int(a)], prefixes.base[Int(b)])
    if x != y { return x < y ? -1 : 1 }
    return hasShortKeys ? 0 : ByteOrder.compare(keys.slot(Int(a)), keys.slot(Int(b)))
  }

  /// Negative when `a` stands before `b`; zero for equal rows.
  @inline(__always) func compare(_ a: Int32, _ b: Int32) -> Int {
    let order = compareKeys(a, b)
    return order != 0 || a == b ? order : compareTies(a, b)
  }

  @inline(never) private func compareTies(_ a: Int32, _ b: Int32) -> Int {
    if let contents {
      return ByteOrder.compare(
        contents.key(ofID: contentOfRow.base[Int(a)]), contents.key(ofID: contentOfRow.base[Int(b)]))
    }
    if let times = store.eventTimes, times[Int(a)] != times[Int(b)] { return times[Int(a)] < times[Int(b)] ? -1 : 1 }
    if let x = store.orderBytes(Int(a)), let y = store.orderBytes(Int(b)) {
      let order = ByteOrder.compare(x, y)
      if order != 0 { return order }
    }
    let both = KeyEncoder.encode(store.gather([a, b], columns: Array(inputSchema.fields.indices)), rowCount: 2)
    return ByteOrder.compare(both.slot(0), both.slot(1))
  }

  // MARK: forgetting

  var shouldCompact: Bool { deadCount > 4096 && deadCount * 2 > store.count }

  /// Numbers of rows that are there.
  func liveRows() -> [Int32] {
    (0..<Int32(truncatingIfNeeded: store.count)).filter { weights.base[Int($0)] != 0 }
  }

  /// Keeps only these rows; the i-th of them becomes row i.
  func compact(keeping live: [Int32]) {
    store.compact(keeping: live)
    let kept = live.withUnsafeBufferPointer { keys.gather($0, hasMissing: false) }
    keys = ColumnStore(.bytes)
    keys.append(kept)
    for (row, old) in live.enumerated() {
      prefixes.base[row] = prefixes.base[Int(old)]
      partitions.base[row] = partitions.base[Int(old)]
      weights.base[row] = weights.base[Int(old)]
    }
    deadCount = 0
    guard let contents else { return }
    var isLive = [Bool](repeating: false, count: Int(contents.ids.bound))
    let contentsKept = live.map { contentOfRow.base[Int($0)] }
    for content in contentsKept { isLive[Int(content)] = true }
    var gone: [Int32] = []
    contents.forEachID { if !isLive[Int($0)] { gone.append($0) } }
    for id in gone {
      contents.remove(id)
      rowOfContent.base[Int(id)] = -1
    }
    for (row, content) in contentsKept.enumerated() {
      contentOfRow.base[row] = content
      rowOfContent.base[Int(content)] = Int32(truncatingIfNeeded: row)
    }
  }
}
