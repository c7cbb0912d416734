import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes

@testable import MillraceConnectors

/// An environment in memory, and short ways to read and write tables in it.
struct TestEnvironment {
  let files: MemoryFileStore
  let console = BufferedConsole()
  let clock = ManualClock(startMicros: 1_700_000_000_000_000)
  let environment: Environment
  let registry = ConnectorRegistry.builtIn

  init(capacityBytes: Int? = nil) {
    files = MemoryFileStore(capacityBytes: capacityBytes)
    environment = Environment(files: files, clock: clock, randomness: SeededRandomSource(seed: 1), console: console)
  }

  func source(_ table: TableDefinition, columns: [Int]? = nil) throws -> any SourceConnector {
    try registry.source(SourceRequest(table: table, columns: columns, environment: environment))
  }

  func sink(_ table: TableDefinition, ordinal: Int = 0, partition: Int = 0, parallelism: Int = 1) throws -> any Sink {
    try registry.sink(SinkRequest(table: table, ordinal: ordinal, partition: partition, parallelism: parallelism, environment: environment))
  }

  /// Rows of all splits, in order.
  func rows(_ table: TableDefinition) throws -> [String] {
    let source = try source(table)
    var rows: [String] = []
    for split in try source.splits() { rows += try drain(source.open(split, from: nil)).rows }
    return rows
  }
}

struct Drained {
  var rows: [String] = []
  /// What is hidden and follows from the input, a line per row.
  var hidden: [String] = []
  /// Per row the watermark once it was read: only comparable between runs of one row per batch.
  var watermarks: [EventTime] = []
  var batchWatermarks: [EventTime] = []
}

func drain(_ reader: any SourceReader, maxRows: Int = 1000) throws -> Drained {
  var result = Drained()
  loop: while true {
    switch try reader.next(maxRows: maxRows) {
    case .batch(let batch, let watermark):
      for row in 0..<batch.rowCount {
        result.rows.append(batch.columns.map { "\($0[row])" }.joined(separator: "|"))
        let time = batch.eventTimes.map { "\($0[row])" } ?? "-"
        let order = batch.order.map { "\($0[row])" } ?? "-"
        let position = batch.positions.map { "\($0[row])" } ?? "-"
        result.hidden.append("\(time) \(order) \(position) \(batch.late?[row] ?? false)")
      }
      result.batchWatermarks.append(watermark)
    case .idle: continue
    case .end: break loop
    }
  }
  return result
}

func batch(_ table: TableDefinition, _ rows: [[Value]]) throws -> Batch {
  let schema = table.physicalSchema
  var columns: [Column] = []
  for (index, field) in schema.fields.enumerated() { columns.append(try Column(type: field.type, rows.map { $0[index] })) }
  return Batch(schema: schema, columns: columns, rowCount: rows.count)
}
