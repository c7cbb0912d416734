import MillraceColumns
import MillraceEnvironment
import MillraceTypes

/// Writes Nexmark events as files: `events.ndjson` (interleaved, in order of arrival), `persons.ndjson`, `auctions.ndjson`,
/// `bids.ndjson` and `side_input.csv`. The same settings give the same bytes, and the events that the connector makes.
///
/// A line is one JSON object: in `events.ndjson` `event_type` and an object named after the kind, in the others that object alone.
/// Times are `2015-07-15T00:00:00.000Z`.
public struct NexmarkFiles {
  public var eventCount: Int64
  public var seed: Int64 = 0
  /// Events per second of event time.
  public var rate: Int64 = 10_000
  public var outOfOrderMillis: Int64 = 0
  /// Milliseconds since 1970 of event 0.
  public var baseMillis = NexmarkSettings().baseMillis

  public init(eventCount: Int64) { self.eventCount = eventCount }

  private static let kinds: [(name: String, file: String, schema: Schema)] = [
    ("person", "persons", NexmarkSchema.person), ("auction", "auctions", NexmarkSchema.auction), ("bid", "bids", NexmarkSchema.bid),
  ]

  /// Writes all files into a folder, under temporary names until they are whole. Blocks.
  ///
  /// - Parameter progress: called now and then with the events done; an error stops the work and removes what is there.
  public func write(to folder: String, files: any FileStore, progress: (Int64) throws(MillraceError) -> Void) throws(MillraceError) {
    var settings = NexmarkSettings()
    settings.seed = UInt64(bitPattern: seed)
    settings.rate = rate
    settings.baseMillis = baseMillis
    let generator = NexmarkGenerator(settings)
    let (micros, overflow) = outOfOrderMillis.multipliedReportingOverflow(by: 1000)
    let sequence = NexmarkSequence(
      settings, split: 0, splitCount: 1, disorderMicros: overflow ? .max : micros, eventCount: eventCount)
    try files.makeFolder(folder)
    var outputs: [TextFile] = []
    for name in ["events"] + Self.kinds.map(\.file) { outputs.append(try TextFile(folder, name + ".ndjson", files)) }
    do throws(MillraceError) {
      var done: Int64 = 0
      let block = Buffer(uninitialized: 4096 * 8)
      while done < eventCount {
        let count = Int(min(4096, eventCount - done))
        sequence.fill(block.pointer(Int64.self), from: done, count: count)
        let columns = generator.events(UnsafeBufferPointer(start: UnsafePointer(block.pointer(Int64.self)), count: count))
        Self.write(columns, count, outputs)
        for output in outputs { try output.flush(1 << 20) }
        done += Int64(count)
        try progress(done)
      }
      for output in outputs { try output.finish() }
    } catch {
      for output in outputs { output.discard() }
      throw error
    }
    let side = try TextFile(folder, "side_input.csv", files)
    do throws(MillraceError) {
      // Three of four keys have a partner.
      for key in 0..<10_000 where key % 4 != 3 { side.lines.append("\(key),value-\(key * 7919 % 10_007)\n") }
      try side.finish()
    } catch {
      side.discard()
      throw error
    }
    try files.syncFolder(folder)
  }

  private static func write(_ columns: [Column], _ count: Int, _ outputs: [TextFile]) {
    let kinds = columns[0].pointer(Int32.self)
    for row in 0..<count {
      let kind = Int(kinds[row])
      let own = outputs[kind + 1]
      let start = own.lines.bytes.count
      own.lines.append(columns[kind + 1].children, Self.kinds[kind].schema, row)
      outputs[0].lines.append("{\"event_type\":\(kind),\"\(Self.kinds[kind].name)\":")
      outputs[0].lines.append(own.lines.bytes[start...])
      outputs[0].lines.append("}\n")
      own.lines.append("\n")
    }
    withExtendedLifetime(columns) {}
  }
}

/// A text file that gets its name when it is whole.
private final class TextFile {
  var lines = JSONLines()
  private let files: any FileStore
  private let temporary: String
  private let path: String
  private let file: any WritableFile

  init(_ folder: String, _ name: String, _ files: any FileStore) throws(MillraceError) {
    self.files = files
    path = FilePath.join(folder, name)
    temporary = FilePath.join(folder, ".inprogress-" + name)
    file = try files.create(temporary)
  }

  /// Writes what is there if it is at least so many bytes.
  func flush(_ least: Int) throws(MillraceError) {
    guard lines.bytes.count >= least else { return }
    try file.write(lines.bytes)
    lines.bytes.removeAll(keepingCapacity: true)
  }

  func finish() throws(MillraceError) {
    try flush(1)
    try file.sync()
    try file.close()
    try files.rename(temporary, to: path)
  }

  func discard() {
    try? file.close()
    try? files.remove(temporary)
  }
}

/// Lines of JSON under construction.
private struct JSONLines {
  var bytes: [UInt8] = []

  mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
  mutating func append(_ part: ArraySlice<UInt8>) { bytes.append(contentsOf: part) }

  /// One event as an object.
  mutating func append(_ columns: [Column], _ schema: Schema, _ row: Int) {
    for (index, column) in columns.enumerated() {
      bytes.append(contentsOf: index == 0 ? [123, 34] : [44, 34])
      append(schema.fields[index].name)
      bytes.append(contentsOf: [34, 58])
      switch column.values {
      case .variable:
        let (offsets, start) = column.variable
        append(text: UnsafeBufferPointer(start: start + Int(offsets[row]), count: Int(offsets[row + 1] - offsets[row])))
      default:
        let value = column.pointer(Int64.self)[row]
        if column.type.isTimestamp { append(time: value) } else { append(String(value)) }
      }
    }
    bytes.append(125)
  }

  /// The texts hold printable ASCII only; a backslash and a quote are what JSON escapes.
  private mutating func append(text: UnsafeBufferPointer<UInt8>) {
    bytes.append(34)
    if text.contains(where: { $0 == 92 || $0 == 34 }) {
      for byte in text {
        if byte == 92 || byte == 34 { bytes.append(92) }
        bytes.append(byte)
      }
    } else {
      bytes.append(contentsOf: text)
    }
    bytes.append(34)
  }

  private mutating func append(time millis: Int64) {
    bytes.append(34)
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: TimestampText.byteCountMax) { room in
      guard let base = room.baseAddress else { return }
      let count = TimestampText.write(timestamp: millis, precision: 3, separator: UInt8(ascii: "T"), zone: true, to: base)
      bytes.append(contentsOf: UnsafeBufferPointer(start: base, count: count))
    }
    bytes.append(34)
  }
}
