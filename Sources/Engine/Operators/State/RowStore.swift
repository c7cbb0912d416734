import MillraceColumns
import MillraceTypes

/// Rows by number, from 0 in the order they were appended, in contiguous columns: the payload of keyed state whose rows are
/// looked up at random. Rows are forgotten by `compact`, which numbers the rest anew.
///
/// Event times and order bytes are kept when the rows have them (all rows of a store or none), arrival times where they do.
final class RowStore {
  let schema: Schema
  private var columns: [ColumnStore]
  private var times: ColumnStore?
  private var order: ColumnStore?
  private var arrivals: ColumnStore?
  private(set) var count = 0

  init(schema: Schema) {
    self.schema = schema
    columns = schema.fields.map { ColumnStore($0.type) }
  }

  /// Bytes reserved.
  var heldBytes: Int { [times, order, arrivals].reduce(columns.reduce(0) { $0 + $1.heldBytes }) { $0 + ($1?.heldBytes ?? 0) } }

  /// Appends rows; the first gets number `count`. Weights are not kept.
  func append(_ batch: Batch) {
    guard batch.rowCount > 0 else { return }
    for (store, column) in zip(columns, batch.columns) { store.append(column) }
    Self.append(batch.eventTimes, to: &times, .int64, before: count)
    Self.append(batch.order, to: &order, .bytes, before: count)
    appendArrivals(batch)
    count += batch.rowCount
  }

  private static func append(_ column: Column?, to store: inout ColumnStore?, _ type: DataType, before count: Int) {
    guard let column else {
      // What not every row has is not kept.
      store = nil
      return
    }
    if store == nil && count == 0 { store = ColumnStore(type) }
    store?.append(column)
  }

  /// A row without an arrival time is null among those that have one.
  private func appendArrivals(_ batch: Batch) {
    guard let times = batch.arrivalTimes else {
      arrivals?.append(.nulls(.int64, count: batch.rowCount))
      return
    }
    if arrivals == nil {
      arrivals = ColumnStore(.int64)
      if count > 0 { arrivals?.append(.nulls(.int64, count: count)) }
    }
    arrivals?.append(times)
  }

  var hasTimes: Bool { times != nil }
  var hasOrder: Bool { order != nil }

  /// Valid until the next append; nil when rows have no event time.
  @inline(__always) var eventTimes: UnsafePointer<Int64>? { times?.pointer(Int64.self) }
  @inline(__always) func orderBytes(_ row: Int) -> UnsafeBufferPointer<UInt8>? { order?.slot(row) }
  func column(_ index: Int) -> ColumnStore { columns[index] }

  /// Rows by number with their hidden columns; -1 gives nulls (and event time 0).
  func gather(_ rows: [Int32]) -> Batch {
    rows.withUnsafeBufferPointer { rows in
      let hasMissing = Self.hasMissing(rows)
      var batch = Batch(schema: schema, columns: columns.map { $0.gather(rows, hasMissing: hasMissing) }, rowCount: rows.count)
      batch.eventTimes = times?.gather(rows, hasMissing: hasMissing).withValidity(nil)
      batch.order = order?.gather(rows, hasMissing: hasMissing).withValidity(nil)
      batch.arrivalTimes = arrivals?.gather(rows, hasMissing: hasMissing)
      return batch
    }
  }

  /// Some columns of rows by number; nulls where a number is -1.
  func gather(_ rows: [Int32], columns wanted: [Int]) -> [Column] {
    rows.withUnsafeBufferPointer { rows in
      let hasMissing = Self.hasMissing(rows)
      return wanted.map { columns[$0].gather(rows, hasMissing: hasMissing) }
    }
  }

  /// Order bytes of rows; empty where a number is -1. Rows must have them.
  func gatherOrder(_ rows: [Int32]) -> Column? {
    rows.withUnsafeBufferPointer { order?.gather($0, hasMissing: false).withValidity(nil) }
  }

  private static func hasMissing(_ rows: UnsafeBufferPointer<Int32>) -> Bool {
    var least: Int32 = 0
    for row in rows { least = min(least, row) }
    return least < 0
  }

  /// Keeps only these rows; the i-th of them becomes row i.
  func compact(keeping rows: [Int32]) {
    guard (1..<max(1, rows.count)).allSatisfy({ rows[$0 - 1] < rows[$0] }) else {
      let kept = gather(rows)
      columns = schema.fields.map { ColumnStore($0.type) }
      (times, order, arrivals) = (nil, nil, nil)
      count = 0
      return append(kept)
    }
    for column in columns { column.compact(keeping: rows) }
    for column in [times, order, arrivals] { column?.compact(keeping: rows) }
    count = rows.count
    if count == 0 { (times, order, arrivals) = (nil, nil, nil) }
  }

  /// Every row.
  func all() -> Batch { gather((0..<Int32(truncatingIfNeeded: count)).map { $0 }) }
}
