import Foundation
import MillraceEnvironment
import MillraceServer

/// The public Nexmark data set with the results of each query, in a folder beside the checkout; its README says how it was made.
///
/// Not part of the repository: tests that need it are skipped, saying so, when it is not there.
struct NexmarkOracle: Sendable {
  let folder: URL
  /// Lines of `events.ndjson` in order of arrival.
  let events: [Data]
  let side: [UInt8]

  private static let place: URL = {
    let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return checkout.deletingLastPathComponent().appendingPathComponent("shared/nexmark")
  }()

  static var isPresent: Bool { FileManager.default.fileExists(atPath: place.appendingPathComponent("README.md").path) }

  static let found: NexmarkOracle? = {
    let folder = place
    guard let side = try? Data(contentsOf: folder.appendingPathComponent("side_input.csv")),
      let events = unpacked(folder.appendingPathComponent("events.ndjson.zst"))
    else { return nil }
    return NexmarkOracle(folder: folder, events: events.split(separator: 10).map { Data($0) }, side: Array(side))
  }()

  static func unpacked(_ file: URL) -> Data? {
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["zstd", "-dcq", file.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    guard (try? process.run()) != nil else { return nil }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? data : nil
  }

  func query(_ name: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent("queries/\(name).sql"), encoding: .utf8)
  }

  /// The rows of a query, sorted.
  func expected(_ name: String) throws -> [String] {
    let plain = folder.appendingPathComponent("expected/\(name).csv")
    guard let data = (try? Data(contentsOf: plain)) ?? Self.unpacked(plain.appendingPathExtension("zst")) else {
      throw Missing(path: plain.path)
    }
    return String(decoding: data, as: UTF8.self).split(separator: "\n").dropFirst().map(String.init)
  }

  struct Missing: Error { var path: String }

  /// How the events arrive.
  enum Arrival: String, CaseIterable, Sendable {
    case inOrder
    /// Each event is held back by up to 3 s of event time, less than the watermark's delay.
    case outOfOrder
  }

  /// The content of `events.ndjson`.
  func lines(_ arrival: Arrival) -> [UInt8] {
    var order = Array(events.indices)
    if arrival == .outOfOrder {
      // Event number i happens at millisecond i.
      var random = SeededGenerator(seed: 3)
      let due = events.indices.map { $0 + Int.random(in: 0...3000, using: &random) }
      order.sort { (due[$0], $0) < (due[$1], $1) }
    }
    var bytes: [UInt8] = []
    for index in order {
      bytes.append(contentsOf: events[index])
      bytes.append(10)
    }
    return bytes
  }

  static let tables = """
    CREATE TABLE events (
      event_type INT,
      person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, `dateTime` TIMESTAMP(3),
        extra STRING>,
      auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, `dateTime` TIMESTAMP(3),
        expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING>,
      bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING>,
      `dateTime` AS CASE WHEN event_type = 0 THEN person.`dateTime` WHEN event_type = 1 THEN auction.`dateTime` ELSE bid.`dateTime` END,
      WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
    ) WITH ('connector' = 'filesystem', 'path' = '/nexmark/events.ndjson', 'format' = 'json');
    CREATE TABLE side_input (key BIGINT, `value` STRING)
    WITH ('connector' = 'filesystem', 'path' = '/nexmark/side_input.csv', 'format' = 'csv');
    CREATE VIEW person AS
    SELECT person.id, person.name, person.emailAddress, person.creditCard, person.city, person.state, `dateTime`, person.extra
    FROM events WHERE event_type = 0;
    CREATE VIEW auction AS
    SELECT auction.id, auction.itemName, auction.description, auction.initialBid, auction.reserve, `dateTime`, auction.expires,
      auction.seller, auction.category, auction.extra
    FROM events WHERE event_type = 1;
    CREATE VIEW bid AS
    SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url, `dateTime`, bid.extra FROM events WHERE event_type = 2;

    """

  /// The folded rows of a query as `millrace sql -f FILE --output csv` prints them, times in the form of the expected files, sorted.
  func rows(_ name: String, _ arrival: Arrival, configure: (inout SessionOptions) -> Void) throws -> [String] {
    let store = MemoryFileStore()
    try store.makeFolder("/nexmark")
    try store.writeDurably(lines(arrival), to: "/nexmark/events.ndjson")
    try store.writeDurably(side, to: "/nexmark/side_input.csv")
    let console = BufferedConsole()
    let environment = Environment(files: store, clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: console)
    var options = SessionOptions()
    configure(&options)
    let session = Session(environment: environment, options: options)
    try session.run(text: Self.tables + query(name), name: name, output: .csv, changelog: false)
    return console.output.split(separator: "\n").dropFirst().map(Self.withZones).sorted()
  }

  /// `2023-11-14 23:59:17.351` becomes `2023-11-14T23:59:17.351Z`.
  private static func withZones(_ line: Substring) -> String {
    line.split(separator: ",", omittingEmptySubsequences: false).map { field -> String in
      let bytes = Array(field.utf8)
      guard bytes.count == 23, bytes[4] == 45, bytes[7] == 45, bytes[10] == 32, bytes[13] == 58, bytes[16] == 58, bytes[19] == 46 else {
        return String(field)
      }
      return String(decoding: bytes[..<10] + [84] + bytes[11...] + [90], as: UTF8.self)
    }.joined(separator: ",")
  }
}
