import MillraceColumns
import MillraceEnvironment
import MillraceExpressions
import MillraceFormats
import MillracePlan
import MillraceTypes

/// Turns rows as a format decoded them into the batches of a source: computed columns, event time, late flags, order keys and
/// arrival times.
///
/// One per reader. It holds the split's clock; all it does depends on the rows and their positions alone, but for the arrival times.
final class RowStamper {
  /// Positions in the table of the stored columns that the format must deliver, ascending.
  let needed: [Int]
  /// The greatest event time minus delay so far.
  var clock = EventTime.beginning
  /// Leave a row without event time out instead of failing.
  var skipsRowsWithoutTime = false
  private(set) var skippedRowCount = 0

  private let request: SourceRequest
  private let schema: Schema
  private let split: SourceSplit
  private let name: String
  private let orderColumns: [Int]
  private var computed: [Int] = []
  private var evaluator: ExpressionEvaluator?
  private let neededSchema: Schema

  /// - Parameter name: of the file, for errors.
  init(_ request: SourceRequest, split: SourceSplit, name: String) throws(MillraceError) {
    self.request = request
    self.split = split
    self.name = name
    let table = request.table
    schema = request.schema
    orderColumns = request.needsOrder ? try Self.orderColumns(of: table) : []
    var wanted = Set(request.columns).union(orderColumns)
    if let watermark = table.watermark { wanted.insert(watermark.column) }
    var stored: Set<Int> = []
    for column in wanted.sorted() {
      if let expression = table.computed[column] {
        computed.append(column)
        stored.formUnion(expression.referencedColumns)
      } else {
        stored.insert(column)
      }
    }
    let storedColumns = stored.sorted()
    for column in storedColumns where table.computed[column] != nil {
      throw MillraceError.notSupported(
        "a computed column over the computed column \(table.schema.fields[column].name)", subject: "table \(table.name)",
        hint: "write the expression out over stored columns")
    }
    needed = storedColumns
    neededSchema = Schema(storedColumns.map { table.schema.fields[$0] })
    if !computed.isEmpty {
      var place: [Int: Int] = [:]
      for (index, column) in storedColumns.enumerated() { place[column] = index }
      let expressions = computed.compactMap { table.computed[$0]?.mappingColumns { place[$0] ?? 0 } }
      let clock = request.environment.clock
      evaluator = try ExpressionEvaluator(expressions, schema: neededSchema, clock: { clock.nowMicros })
    }
  }

  /// Columns of option `order.by`.
  static func orderColumns(of table: TableDefinition) throws(MillraceError) -> [Int] {
    var columns: [Int] = []
    for name in table.orderBy {
      guard let index = table.schema.index(of: name) else {
        let nearest = nearestName(to: name, among: table.schema.fields.map(\.name))
        throw MillraceError(
          .invalidOption, "option 'order.by' names the column '\(name)', which the table does not have", subject: "table \(table.name)",
          hint: nearest.map { "did you mean '\($0)'?" })
      }
      columns.append(index)
    }
    return columns
  }

  /// Stamps rows whose columns are those of `needed`; nil when all of them were left out.
  func stamp(_ rows: DecodedRows) throws(MillraceError) -> Batch? {
    let table = request.table
    var rows = rows
    var computedColumns = try evaluate(rows)
    if let watermark = table.watermark, let time = column(watermark.column, rows, computedColumns), time.nullCount > 0 {
      guard skipsRowsWithoutTime else { throw missingTime(rows, time, watermark) }
      let kept = (0..<rows.rowCount).filter { !time.isNull($0) }.map { Int32(truncatingIfNeeded: $0) }
      skippedRowCount += rows.rowCount - kept.count
      if kept.isEmpty { return nil }
      kept.withUnsafeBufferPointer { indices in
        rows = DecodedRows(columns: rows.columns.map { $0.take(indices) }, rowCount: indices.count, lines: rows.lines.take(indices))
        computedColumns = computedColumns.map { $0.take(indices) }
      }
    }
    var visible: [Column] = []
    for index in request.columns {
      guard let column = column(index, rows, computedColumns) else { continue }
      visible.append(column)
    }
    var batch = Batch(schema: schema, columns: visible, rowCount: rows.rowCount)
    if let watermark = table.watermark, let time = column(watermark.column, rows, computedColumns) {
      setTimes(&batch, time, delay: watermark.delayMicros)
    }
    if request.needsPositions { batch.positions = rows.lines }
    if request.needsArrivalTimes { batch.arrivalTimes = constant(request.environment.clock.nowMicros, count: batch.rowCount) }
    if request.needsOrder {
      if orderColumns.isEmpty {
        batch.order = positionOrder(rows.lines)
      } else {
        // Split and line come last, so that rows which the declared columns do not tell apart still have one order.
        let declared = orderColumns.compactMap { column($0, rows, computedColumns) }
        let ordinal = Column.int64s(Array(repeating: Int64(split.ordinal), count: rows.rowCount))
        batch.order = KeyEncoder.encode(declared + [ordinal, rows.lines], rowCount: rows.rowCount, prefix: request.rank)
      }
    }
    return batch
  }

  private func constant(_ value: Int64, count: Int) -> Column {
    let values = Buffer(uninitialized: count * 8)
    values.pointer(Int64.self).update(repeating: value, count: count)
    return Column(type: .int64, count: count, values: .fixed(values))
  }

  private func evaluate(_ rows: DecodedRows) throws(MillraceError) -> [Column] {
    guard let evaluator else { return [] }
    do {
      return try evaluator.evaluate(Batch(schema: neededSchema, columns: rows.columns, rowCount: rows.rowCount))
    } catch {
      // The evaluator knows columns, not places: say at least between which lines the row is.
      var error = error
      let lines = rows.lines.pointer(Int64.self)
      let place = "\(name):\(lines[0])" + (rows.rowCount > 1 ? "-\(lines[rows.rowCount - 1])" : "")
      error.subject = error.subject.map { "\(place): \($0)" } ?? place
      throw error
    }
  }

  private func column(_ index: Int, _ rows: DecodedRows, _ computedColumns: [Column]) -> Column? {
    if let place = computed.firstIndex(of: index) { return computedColumns[place] }
    return needed.firstIndex(of: index).map { rows.columns[$0] }
  }

  private func missingTime(_ rows: DecodedRows, _ time: Column, _ watermark: TableDefinition.Watermark) -> MillraceError {
    let row = (0..<rows.rowCount).first { time.isNull($0) } ?? 0
    let line = rows.lines.pointer(Int64.self)[row]
    return MillraceError(
      .malformedRow, "the event time (column \(request.table.schema.fields[watermark.column].name)) is null",
      subject: "\(name):\(line)", hint: "every row of a table with a WATERMARK needs its time; correct the row or leave it out")
  }

  /// Event times in microseconds, late flags, and the clock moved on.
  private func setTimes(_ batch: inout Batch, _ time: Column, delay: Int64) {
    let count = batch.rowCount
    let ticks = time.pointer(Int64.self)
    let times = Buffer(uninitialized: count * 8)
    let out = times.pointer(Int64.self)
    switch time.type.timeUnit ?? .micros {
    case .micros: for i in 0..<count { out[i] = ticks[i] }
    case .millis:
      for i in 0..<count {
        let (product, overflow) = ticks[i].multipliedReportingOverflow(by: 1000)
        out[i] = overflow ? (ticks[i] < 0 ? EventTime.beginning : EventTime.end) : product
      }
    case .nanos: for i in 0..<count { out[i] = ticks[i] / 1000 &- (ticks[i] % 1000 < 0 ? 1 : 0) }
    }
    batch.eventTimes = Column(type: .int64, count: count, values: .fixed(times))
    var clock = clock
    var late: [UInt8] = []
    for i in 0..<count {
      let value = out[i]
      if value < clock {
        if late.isEmpty { late = [UInt8](repeating: 0, count: count) }
        late[i] = 1
      }
      let (candidate, overflow) = value.subtractingReportingOverflow(delay)
      if !overflow && candidate > clock { clock = candidate }
    }
    self.clock = clock
    if !late.isEmpty {
      batch.late = late.withUnsafeBufferPointer { mask in mask.baseAddress.map { Bitmap(mask: $0, count: count) } }
    }
  }

  /// The encoding of `KeyEncoder` for (split ordinal, line), which always has 18 bytes, behind the rank.
  private func positionOrder(_ lines: Column) -> Column {
    let count = lines.count
    var prefix = request.rank
    prefix.append(2)
    KeyEncoder.append(Int64(split.ordinal), to: &prefix)
    prefix.append(2)
    let width = prefix.count + 8
    let bytes = Buffer(uninitialized: count * width)
    let offsets = Buffer(uninitialized: (count + 1) * 4)
    let starts = offsets.pointer(Int32.self)
    let numbers = lines.pointer(Int64.self)
    prefix.withUnsafeBytes { source in
      guard let base = source.baseAddress else { return }
      for i in 0..<count {
        let target = bytes.base + i &* width
        target.copyMemory(from: base, byteCount: source.count)
        target.storeBytes(
          of: (UInt64(bitPattern: numbers[i]) ^ (1 << 63)).bigEndian, toByteOffset: source.count, as: UInt64.self)
        starts[i] = Int32(truncatingIfNeeded: i &* width)
      }
    }
    starts[count] = Int32(truncatingIfNeeded: count &* width)
    return Column(type: .bytes, count: count, values: .variable(offsets: offsets, bytes: bytes))
  }
}
