import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillraceTypes

/// How a join gets the rows that it looks up.
enum LookupTable: Sendable {
  /// All rows, read before the job's first.
  case whole(Batch)
  /// Asked for by key.
  case called(read: LookupService.Read, settings: LookupSettings, name: String)
}

/// Reads a bounded relation whole, for joins that look rows up in it: a table, or what conditions and projections make of one.
///
/// It is read before the job's first row, and again when the job starts anew from a checkpoint.
struct LookupRows {
  private static let rowsAtOnce = 8192
  let connectors: ConnectorRegistry
  let environment: Environment

  func table(_ join: Join) throws(MillraceError) -> LookupTable {
    if let scan = join.right.lookedUpScan, let called = try called(join, scan) { return called }
    return .whole(try read(join.right))
  }

  /// nil where the connector cannot be asked by key, or is to be read whole.
  private func called(_ join: Join, _ scan: Scan) throws(MillraceError) -> LookupTable? {
    let keys = join.rightKeys.map { key -> Int? in
      if case .column(let column) = key.kind { join.right.scanColumn(column).map { scan.columns[$0] } } else { nil }
    }
    let wide = Self.wide(scan)
    let request = LookupRequest(
      table: wide.table, columns: wide.columns, keyColumns: keys.compactMap { $0 }, environment: environment)
    guard let (connector, settings) = try connectors.lookup(request) else { return nil }
    guard !keys.isEmpty, !keys.contains(nil) else {
      throw .notSupported(
        "looking up table \(scan.table.name) by anything but its own columns", subject: "table \(scan.table.name)",
        hint: "write equalities with columns of the table, CAST on the other side, or 'lookup.cache' = 'FULL'")
    }
    let (schema, plan, rows) = (wide.schema, join.right, self)
    return .called(
      read: { (keys, attempt) throws(MillraceError) in
        let found = try connector.lookUp(keys, attempt: attempt)
        guard found.columns.map(\.type) == schema.fields.map(\.type) else {
          throw MillraceError(.invalidInput, "a look-up gave other columns than it was asked for", subject: "table \(scan.table.name)")
        }
        return try rows.evaluate(plan, over: Batch(schema: schema, columns: found.columns, rowCount: found.rowCount))
      }, settings: settings, name: scan.table.name)
  }

  /// What conditions and projections make of rows of the table below.
  private func evaluate(_ plan: LogicalPlan, over rows: Batch) throws(MillraceError) -> Batch {
    switch plan {
    case .scan(let scan): return try narrowed(rows, scan)
    case .filter(let node): return try filtered(try evaluate(node.input, over: rows), node.predicate)
    case .project(let node): return try projected(try evaluate(node.input, over: rows), node)
    default: return rows
    }
  }

  func read(_ plan: LogicalPlan) throws(MillraceError) -> Batch {
    switch plan {
    case .scan(let scan): return try read(scan)
    case .values(let relation):
      let reader = try ValuesReader(relation, from: nil)
      return try readAll(reader, schema: relation.schema)
    case .filter(let node): return try filtered(try read(node.input), node.predicate)
    case .project(let node): return try projected(try read(node.input), node)
    default:
      throw .notSupported(
        "looking up rows in a query", hint: "write its result into a table and look that up, or join it AS OF the event time")
    }
  }

  private var clock: @Sendable () -> Int64 {
    let clock = environment.clock
    return { clock.nowMicros }
  }

  private func filtered(_ rows: Batch, _ predicate: Expression) throws(MillraceError) -> Batch {
    let selection = try ExpressionEvaluator(predicate.conjuncts, schema: rows.schema, clock: clock).evaluateFilter(rows)
    return selection.isAll ? rows : rows.take(rows: Array(selection.indices))
  }

  private func projected(_ rows: Batch, _ node: Project) throws(MillraceError) -> Batch {
    let columns = try ExpressionEvaluator(node.expressions, schema: node.input.schema, clock: clock).evaluate(rows)
    return Batch(schema: node.schema, columns: columns, rowCount: rows.rowCount)
  }

  /// A scan of the columns that are produced, then those that only its predicate reads.
  private static func wide(_ scan: Scan) -> Scan {
    var wide = scan
    // No row is late for a table that is looked up.
    wide.table.watermark = nil
    wide.predicate = nil
    wide.columns = scan.columns + (scan.predicate?.referencedColumns ?? []).subtracting(scan.columns).sorted()
    return wide
  }

  /// The columns of a scan, and the rows that pass its predicate, of rows of the wide one.
  private func narrowed(_ rows: Batch, _ scan: Scan) throws(MillraceError) -> Batch {
    var rows = rows
    if let predicate = scan.predicate {
      let places = Dictionary(Self.wide(scan).columns.enumerated().map { ($1, $0) }) { first, _ in first }
      rows = try filtered(rows, predicate.mappingColumns { places[$0] ?? 0 })
    }
    guard rows.columns.count > scan.columns.count else { return rows }
    return Batch(schema: scan.schema, columns: Array(rows.columns[..<scan.columns.count]), rowCount: rows.rowCount)
  }

  private func read(_ scan: Scan) throws(MillraceError) -> Batch {
    let wide = Self.wide(scan)
    let source = try connectors.source(SourceRequest(wide, rank: [128, 0], needsArrivalTimes: false, environment: environment))
    guard source.isBounded else {
      throw .notSupported(
        "looking up rows in table \(scan.table.name), which has no end", subject: "table \(scan.table.name)",
        hint: "look up in a table of files, or join by event time")
    }
    var parts: [Batch] = []
    for split in try source.splits() { parts.append(try readAll(try source.open(split, from: nil), schema: wide.schema)) }
    return try narrowed(Batch.concat(parts, schema: wide.schema), scan)
  }

  /// Only the columns that can be seen.
  private func readAll(_ reader: any SourceReader, schema: Schema) throws(MillraceError) -> Batch {
    var parts: [Batch] = []
    while true {
      switch try reader.next(maxRows: Self.rowsAtOnce) {
      case .batch(let batch, _): parts.append(Batch(schema: schema, columns: batch.columns, rowCount: batch.rowCount))
      case .idle: continue
      case .end: return Batch.concat(parts, schema: schema)
      }
    }
  }
}
