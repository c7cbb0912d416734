import MillraceEnvironment
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceConnectors

@Suite struct NexmarkFilesTests {
  private func files(_ count: Int64, disorder: Int64 = 0) throws -> [String: String] {
    let store = MemoryFileStore()
    var files = NexmarkFiles(eventCount: count)
    files.seed = 7
    files.outOfOrderMillis = disorder
    var last: Int64 = -1
    try files.write(to: "/d", files: store) { last = $0 }
    #expect(last == count)
    var found: [String: String] = [:]
    for name in try store.list("/d") { found[name] = String(decoding: try store.readAll("/d/" + name), as: UTF8.self) }
    return found
  }

  @Test func writesEveryEventTwice() throws {
    let found = try files(10_000)
    #expect(found.keys.sorted() == ["auctions.ndjson", "bids.ndjson", "events.ndjson", "persons.ndjson", "side_input.csv"])
    let events = (found["events.ndjson"] ?? "").split(separator: "\n")
    #expect(events.count == 10_000)
    for (kind, (name, file)) in [("person", "persons"), ("auction", "auctions"), ("bid", "bids")].enumerated() {
      let prefix = "{\"event_type\":\(kind),\"\(name)\":"
      let own = events.filter { $0.hasPrefix(prefix) }.map { $0.dropFirst(prefix.count).dropLast() }
      #expect(own == (found["\(file).ndjson"] ?? "").split(separator: "\n"))
    }
    #expect(events[0].contains("\"dateTime\":\"2015-07-15T00:00:00.000Z\""))
    let side = (found["side_input.csv"] ?? "").split(separator: "\n")
    #expect(side.count == 7500 && side[1] == "1,value-7919" && side[2] == "2,value-5831" && side[3].hasPrefix("4,"))
  }

  @Test func disorderPermutesTheLines() throws {
    let plain = try files(3000)
    let shuffled = try files(3000, disorder: 50)
    for name in ["events.ndjson", "bids.ndjson"] {
      #expect(plain[name] != shuffled[name])
      #expect(plain[name]?.split(separator: "\n").sorted() == shuffled[name]?.split(separator: "\n").sorted())
    }
  }

  /// What is written is what the connector makes: read back through the filesystem connector it is equal, backslashes included.
  @Test func filesHoldTheConnectorsRows() throws {
    let test = TestEnvironment()
    var writer = NexmarkFiles(eventCount: 3000)
    writer.seed = 7
    try writer.write(to: "/d", files: test.files) { _ in }
    let schema = Schema(NexmarkSchema.bid.fields.map { Field($0.name, $0.type) })
    let file = TableDefinition(
      name: "f", schema: schema, options: ["connector": "filesystem", "format": "json", "path": "/d/bids.ndjson"])
    let made = TableDefinition(
      name: "n", schema: schema,
      options: ["connector": "nexmark", "nexmark.table": "bid", "events.num": "3000", "seed": "7"])
    let rows = try test.rows(file)
    #expect(rows == (try test.rows(made)))
    #expect(rows.contains { $0.contains("\\\\") })
  }

  @Test func anErrorLeavesNothingBehind() throws {
    let store = MemoryFileStore()
    #expect(throws: MillraceError.self) {
      try NexmarkFiles(eventCount: 50_000).write(to: "/d", files: store) { (done) throws(MillraceError) in
        if done > 20_000 { throw MillraceError(.cancelled, "stopped") }
      }
    }
    #expect(try store.list("/d").isEmpty)
  }
}
