import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceTypes
import Synchronization

/// A live table: each row has an instant of the clock from which on it can be read. Columns `id BIGINT, k STRING, at TIMESTAMP(3)`.
struct ScriptedConnector: ConnectorFactory {
  struct Row: Sendable {
    var id: Int64
    var k = "a"
    /// Event time in seconds from 1970.
    var second: Int64
    /// Milliseconds from the start.
    var millis: Int64
  }

  struct Split: Sendable {
    var rows: [Row]
    /// When the split is over.
    var endMillis: Int64
  }

  let name = "scripted"
  let tables: [String: [Split]]
  let log = ReadLog()

  var options: [ConnectorOption] {
    [ConnectorOption("script", .text, "which table"), ConnectorOption("order.by", .text, "columns that order rows of one instant")]
  }

  func makeSource(_ request: SourceRequest, _ options: ConnectorOptions) throws(MillraceError) -> any SourceConnector {
    let script = try options.required("script", example: "a")
    return ScriptedSource(request: request, script: script, parts: tables[script] ?? [], log: log)
  }

  /// `create` of a table with its own delay and options.
  static func ddl(_ name: String, delaySeconds: Int = 1, _ options: String = "") -> String {
    """
    CREATE TABLE \(name) (id BIGINT, k STRING, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '\(delaySeconds)' SECOND)
    WITH ('connector' = 'scripted', 'script' = '\(name)'\(options.isEmpty ? "" : ", " + options));

    """
  }
}

/// What was read, in the order of reading: script, split, the split's clock before the read, rows.
final class ReadLog: Sendable {
  struct Entry: Sendable {
    var script: String
    var split: Int
    var clock: EventTime
    var rows: Int
  }
  let entries = Mutex<[Entry]>([])
}

struct ScriptedSource: SourceConnector {
  let request: SourceRequest
  let script: String
  let parts: [ScriptedConnector.Split]
  let log: ReadLog

  let isBounded = true
  let rowsPerSecond: Double? = nil

  func splits() throws(MillraceError) -> [SourceSplit] { parts.indices.map { SourceSplit(id: "\(script)-\($0)", ordinal: $0) } }

  func open(_ split: SourceSplit, from position: [UInt8]?) throws(MillraceError) -> any SourceReader {
    try ScriptedReader(self, split.ordinal, position)
  }
}

private final class ScriptedReader: SourceReader {
  private let source: ScriptedSource
  private let part: Int
  private var next = 0
  private var clock = EventTime.beginning

  init(_ source: ScriptedSource, _ part: Int, _ position: [UInt8]?) throws(MillraceError) {
    self.source = source
    self.part = part
    guard let position else { return }
    var reader = ByteReader(position)
    next = try reader.readCount()
    clock = try reader.readInt64()
  }

  var position: [UInt8] {
    var writer = ByteWriter()
    writer.write(count: next)
    writer.write(clock)
    return writer.bytes
  }

  func next(maxRows: Int) throws(MillraceError) -> SourceEvent {
    let script = source.parts[part]
    let now = Int64(source.request.environment.clock.monotonicNanos / 1_000_000)
    let rows = script.rows[next...].prefix(maxRows).prefix { $0.millis <= now }
    guard !rows.isEmpty else { return next == script.rows.count && now >= script.endMillis ? .end : .idle }
    source.log.entries.withLock { $0.append(.init(script: source.script, split: part, clock: clock, rows: rows.count)) }
    let all: [Column] = [
      .int64s(rows.map(\.id)), try Column(type: .text, rows.map { .text($0.k) }),
      Column(type: .timestamp(precision: 3), count: rows.count, values: .fixed(Buffer(rows.map { $0.second * 1000 }))),
    ]
    let request = source.request
    var batch = Batch(schema: request.schema, columns: request.columns.map { all[$0] }, rowCount: rows.count)
    batch.eventTimes = .int64s(rows.map { $0.second * 1_000_000 })
    batch.order = KeyEncoder.encode([all[0]], rowCount: rows.count, prefix: request.rank)
    batch.positions = .int64s(rows.map(\.id))
    batch.arrivalTimes = .int64s(rows.map { _ in now * 1000 })
    let delay = request.table.watermark?.delayMicros ?? 0
    var late: [UInt8] = []
    for row in rows {
      late.append(row.second * 1_000_000 < clock ? 1 : 0)
      clock = max(clock, row.second * 1_000_000 - delay)
    }
    if late.contains(1) {
      batch.late = late.withUnsafeBufferPointer { mask in mask.baseAddress.map { Bitmap(mask: $0, count: late.count) } }
    }
    next += rows.count
    return .batch(batch, watermark: clock)
  }
}

/// A sink that notes when each row came, in milliseconds of the clock. It shows rows before they are committed.
struct NotingConnector: ConnectorFactory {
  let name = "noting"
  let options: [ConnectorOption] = []
  let notes = Notes()

  final class Notes: Sendable {
    let rows = Mutex<[(millis: Int64, text: String)]>([])
    func millis(of text: String) -> Int64? { rows.withLock { $0.first { $0.text == text }?.millis } }
    var texts: [String] { rows.withLock { $0.map(\.text) } }
  }

  func makeSink(_ request: SinkRequest, _ options: ConnectorOptions) throws(MillraceError) -> any Sink {
    NotingSink(notes: notes, clock: request.environment.clock)
  }
}

private final class NotingSink: Sink {
  private let notes: NotingConnector.Notes
  private let clock: any WallClock
  init(notes: NotingConnector.Notes, clock: any WallClock) {
    self.notes = notes
    self.clock = clock
  }

  func write(_ batch: Batch) throws(MillraceError) {
    let now = Int64(clock.monotonicNanos / 1_000_000)
    let texts = (0..<batch.rowCount).map { row in
      batch.row(row).map { value in
        switch value {
        case .int(let number): "\(number)"
        case .text(let text): text
        default: "\(value)"
        }
      }.joined(separator: ",")
    }
    notes.rows.withLock { rows in for text in texts { rows.append((now, text)) } }
  }
}
