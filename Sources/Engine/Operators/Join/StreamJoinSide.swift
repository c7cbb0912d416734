import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// One input of a regular join: its rows by number, chained per key from the newest to the oldest.
final class StreamJoinSide {
  let schema: Schema
  /// The input retracts rows: equal rows share a number and have a weight.
  let isUpdating: Bool
  private(set) var store: RowStore
  /// Per row: its key's id, -1 for a null key; the row before it with the same key, -1 for none.
  private let keyOfRow = DenseArray<Int32>(fill: -1)
  private let previous = DenseArray<Int32>(fill: -1)
  /// Per key id.
  private let newest = DenseArray<Int32>(fill: -1)
  /// Per row: copies present. Kept when rows are taken one by one.
  private let weights = DenseArray<Int64>(fill: 0)
  /// Per row: weights of the matching rows of the other side, where the kind of join needs them.
  private let matches = DenseArray<Int64>(fill: 0)
  /// Rows by content, where equal rows share a number.
  private var contents: BytesKeyTable?
  private let rowOfContent = DenseArray<Int32>(fill: -1)
  private let contentOfRow = DenseArray<Int32>(fill: -1)
  /// When rows are over.
  private let deadlineValues: ExpressionEvaluator?
  private let lags: [Int64]
  private let deadlines = DenseArray<Int64>(fill: .max)
  /// Per row the instant at which it last came or went, where rows are forgotten some time after that.
  let ttlMicros: Int64?
  private let updates = DenseArray<Int64>(fill: KeyExpiry.never)
  /// Rows left by the last compaction.
  private var compactedCount = 0
  private var deadCount = 0
  /// What the last snapshot told of the rows.
  private var told = ToldRows()

  init(_ input: LogicalPlan, isUpdating: Bool, expiry: [Join.Expiry], ttlMicros: Int64? = nil) throws(MillraceError) {
    self.ttlMicros = ttlMicros
    schema = input.schema
    self.isUpdating = isUpdating
    store = RowStore(schema: schema)
    contents = isUpdating ? BytesKeyTable() : nil
    lags = expiry.map(\.lagMicros)
    deadlineValues = expiry.isEmpty ? nil : try ExpressionEvaluator(expiry.map(\.deadline), schema: schema)
  }

  var count: Int { store.count }

  var heldBytes: Int {
    let perRow = keyOfRow.heldBytes + previous.heldBytes + weights.heldBytes + matches.heldBytes + deadlines.heldBytes
    let byContent = (contents?.heldBytes ?? 0) + rowOfContent.heldBytes + contentOfRow.heldBytes
    return store.heldBytes + newest.heldBytes + perRow + byContent
  }

  @inline(__always) func weight(_ row: Int32) -> Int64 { weights.base[Int(row)] }
  @inline(__always) func setWeight(_ row: Int32, _ weight: Int64) {
    if weight == 0 && weights.base[Int(row)] != 0 { deadCount &+= 1 }
    if weight != 0 && weights.base[Int(row)] == 0 { deadCount &-= 1 }
    weights.base[Int(row)] = weight
  }
  /// As `weight`, of a row that may have run out at an instant.
  @inline(__always) func weight(_ row: Int32, at instant: Int64) -> Int64 {
    guard let ttlMicros else { return weights.base[Int(row)] }
    return KeyExpiry.isExpired(since: updates.base[Int(row)], at: instant, ttlMicros) ? 0 : weights.base[Int(row)]
  }
  @inline(__always) func update(_ row: Int32) -> Int64 { updates.base[Int(row)] }
  @inline(__always) func setUpdate(_ row: Int32, _ instant: Int64) { if ttlMicros != nil { updates.base[Int(row)] = instant } }
  @inline(__always) func matchWeight(_ row: Int32) -> Int64 { matches.base[Int(row)] }
  @inline(__always) func setMatchWeight(_ row: Int32, _ weight: Int64) { matches.base[Int(row)] = weight }
  @inline(__always) func key(_ row: Int32) -> Int32 { keyOfRow.base[Int(row)] }
  /// The newest row of a key and the one before a row.
  @inline(__always) func head(_ id: Int32) -> Int32 { Int(id) < newest.capacity ? newest.base[Int(id)] : -1 }
  @inline(__always) func rowBefore(_ row: Int32) -> Int32 { previous.base[Int(row)] }
  var newestBase: UnsafePointer<Int32> { UnsafePointer(newest.base) }

  /// Makes key ids below `bound` usable.
  func growKeys(to bound: Int) { newest.grow(to: bound) }

  /// Adds rows. Their weights are 0 until they are set.
  func append(_ batch: Batch, ids: [Int32]) throws(MillraceError) {
    let first = store.count
    let end = first + batch.rowCount
    keyOfRow.grow(to: end)
    previous.grow(to: end)
    weights.grow(to: end)
    matches.grow(to: end)
    (weights.base + first).update(repeating: 0, count: batch.rowCount)
    (matches.base + first).update(repeating: 0, count: batch.rowCount)
    if ttlMicros != nil {
      updates.grow(to: end)
      (updates.base + first).update(repeating: KeyExpiry.never, count: batch.rowCount)
    }
    if deadlineValues != nil { try appendDeadlines(batch, first) }
    chain(ids, from: first)
    store.append(batch)
    deadCount += batch.rowCount
  }

  private func chain(_ ids: [Int32], from first: Int) {
    let (keys, before, heads) = (keyOfRow.base + first, previous.base + first, newest.base)
    for i in 0..<ids.count {
      let id = ids[i]
      keys[i] = id
      if id < 0 {
        before[i] = -1
      } else {
        before[i] = heads[Int(id)]
        heads[Int(id)] = Int32(truncatingIfNeeded: first &+ i)
      }
    }
  }

  private func appendDeadlines(_ batch: Batch, _ first: Int) throws(MillraceError) {
    guard let deadlineValues else { return }
    deadlines.grow(to: first + batch.rowCount)
    let out = deadlines.base + first
    out.update(repeating: .max, count: batch.rowCount)
    for (column, lag) in zip(try deadlineValues.evaluate(batch), lags) {
      guard case .fixed = column.values else {
        out.update(repeating: .min, count: batch.rowCount)
        continue
      }
      let values = column.pointer(Int64.self)
      let unit = column.type.timeUnit ?? .micros
      for row in 0..<batch.rowCount {
        if column.isNull(row) {
          out[row] = .min
          continue
        }
        out[row] = min(out[row], Self.micros(values[row], unit).saturating(lag))
      }
    }
  }

  /// Microseconds, rounded up: a row lives rather a little longer.
  private static func micros(_ value: Int64, _ unit: TimeUnit) -> Int64 {
    switch unit {
    case .micros: return value
    case .nanos: return value / 1000 &+ 1
    case .millis:
      let (micros, overflow) = value.multipliedReportingOverflow(by: 1000)
      return overflow ? (value < 0 ? .min : .max) : micros
    }
  }

  /// The numbers of rows that come with weights: those of equal rows already here, or new ones.
  func numbers(of batch: Batch, ids: [Int32]) throws(MillraceError) -> [Int32] {
    guard let contents else {
      let first = Int32(truncatingIfNeeded: store.count)
      try append(batch, ids: ids)
      return (0..<Int32(truncatingIfNeeded: batch.rowCount)).map { first &+ $0 }
    }
    let encoded = KeyEncoder.encode(batch.columns, rowCount: batch.rowCount)
    var found = [Int32](repeating: -1, count: batch.rowCount)
    found.withUnsafeMutableBufferPointer { found in
      if let base = found.baseAddress { contents.lookUp(encoded, rowCount: batch.rowCount, into: base, insert: true) }
    }
    rowOfContent.grow(to: Int(contents.ids.bound))
    var fresh: [Int32] = []
    var numbers = [Int32](repeating: -1, count: batch.rowCount)
    for row in 0..<batch.rowCount {
      let content = Int(found[row])
      if rowOfContent[content] < 0 {
        rowOfContent[content] = Int32(truncatingIfNeeded: store.count + fresh.count)
        fresh.append(Int32(truncatingIfNeeded: row))
      }
      numbers[row] = rowOfContent[content]
    }
    if !fresh.isEmpty {
      let first = store.count
      try append(batch.take(rows: fresh), ids: fresh.map { ids[Int($0)] })
      contentOfRow.grow(to: store.count)
      for (place, row) in fresh.enumerated() { contentOfRow[first + place] = found[Int(row)] }
    }
    return numbers
  }

  /// Bytes that tell rows apart for the total order: their own order bytes or, where equal rows share a number, their values. Empty
  /// where a number is -1.
  func orderColumn(_ rows: [Int32]) -> Column? {
    guard let contents else { return store.gatherOrder(rows) }
    let known = rows.filter { $0 >= 0 }.map { contentOfRow[Int($0)] }
    let values = contents.keys(ofIDs: known, prefix: [])
    if known.count == rows.count { return values }
    var place: Int32 = -1
    let places = rows.map { row -> Int32 in
      if row < 0 { return -1 }
      place += 1
      return place
    }
    return places.withUnsafeBufferPointer(values.take).withValidity(nil)
  }

  // MARK: forgetting

  /// Whether it pays to look for rows that may go.
  func shouldCompact(isWeighted: Bool) -> Bool {
    if ttlMicros != nil, store.count > max(8192, 2 * compactedCount) { return true }
    if isWeighted { return deadCount > 4096 && deadCount * 2 > store.count }
    return deadlineValues != nil && store.count > max(8192, 2 * compactedCount)
  }

  /// Rows that must stay: with a weight, and not over.
  func liveRows(watermark: EventTime, isWeighted: Bool) -> [Int32] {
    var live: [Int32] = []
    let ends = deadlineValues == nil ? nil : UnsafePointer(deadlines.base)
    for row in 0..<store.count {
      if isWeighted ? weights.base[row] == 0 : (ends.map { $0[row] < watermark } ?? false) { continue }
      if let ttlMicros, KeyExpiry.isExpired(since: updates.base[row], at: watermark, ttlMicros) { continue }
      live.append(Int32(truncatingIfNeeded: row))
    }
    return live
  }

  /// Keeps only these rows and numbers them anew.
  func compact(keeping live: [Int32]) {
    store.compact(keeping: live)
    for (row, old) in live.enumerated() {
      weights[row] = weights[Int(old)]
      matches[row] = matches[Int(old)]
      if ttlMicros != nil { updates[row] = updates[Int(old)] }
      deadlines.grow(to: row + 1)
      if deadlineValues != nil { deadlines[row] = deadlines[Int(old)] }
    }
    if let contents {
      var isLive = [Bool](repeating: false, count: Int(contents.ids.bound))
      var gone: [Int32] = []
      var kept: [Int32] = []
      for old in live {
        isLive[Int(contentOfRow[Int(old)])] = true
        kept.append(contentOfRow[Int(old)])
      }
      contents.forEachID { id in if !isLive[Int(id)] { gone.append(id) } }
      for id in gone {
        contents.remove(id)
        rowOfContent[Int(id)] = -1
      }
      for (row, content) in kept.enumerated() {
        contentOfRow[row] = content
        rowOfContent[Int(content)] = Int32(truncatingIfNeeded: row)
      }
    }
    newest.reset()
    let ids = live.map { keyOfRow[Int($0)] }
    chain(ids, from: 0)
    compactedCount = live.count
    deadCount = 0
    told.compacted(keeping: live)
  }

  // MARK: snapshots

  /// An increment can say all that has changed since the last snapshot.
  var canTellChanges: Bool { told.canTellChanges }

  /// The rows of a snapshot with their weights; rows taken as they come have none.
  ///
  /// - Parameter isIncrement: only rows that came, or whose weight changed, since the last one.
  func freeze(
    isIncrement: Bool, watermark: EventTime, isWeighted: Bool, maxParallelism: Int, keys: (Batch) throws(MillraceError) -> [Column]
  ) throws(MillraceError) -> (rows: FrozenRows, writtenCount: Int) {
    let weights = isWeighted ? UnsafePointer(self.weights.base) : nil
    let numbers = isIncrement ? told.changes(store.count, weights) : liveRows(watermark: watermark, isWeighted: isWeighted)
    told.tell(store.count, weights)
    return (try FrozenRows(store, numbers, weights: weights, maxParallelism: maxParallelism, keys: keys), numbers.count)
  }

  /// Rows that count for something.
  func liveCount(isWeighted: Bool) -> Int { isWeighted ? store.count - deadCount : store.count }
}
