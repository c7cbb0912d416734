import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceConnectors

@Suite struct NexmarkTests {
  private func fields(_ name: String) -> [Field] {
    func loose(_ type: DataType) -> DataType {
      guard case .row(let fields) = type else { return type }
      return .row(fields.map { Field($0.name, loose($0.type)) })
    }
    let table = NexmarkSchema.tables.first { $0.name == name }
    return (table?.schema.fields ?? []).map { Field($0.name, loose($0.type)) }
  }

  private func table(_ name: String = "events", _ options: [String: String] = [:], events: Int = 5000) -> TableDefinition {
    var all = ["connector": "nexmark", "nexmark.table": name, "events.num": "\(events)", "seed": "42"]
    all.merge(options) { $1 }
    let fields = fields(name)
    let time = fields.firstIndex { $0.name == "dateTime" }
    return TableDefinition(
      name: name, schema: Schema(fields), watermark: time.map { .init(column: $0, delayMicros: 4_000_000) }, options: all)
  }

  private func values(_ table: TableDefinition) throws -> [[Value]] {
    let source = try TestEnvironment().source(table)
    var rows: [[Value]] = []
    for split in try source.splits() {
      let reader = try source.open(split, from: nil)
      while case .batch(let batch, _) = try reader.next(maxRows: 1000) { rows += (0..<batch.rowCount).map(batch.row) }
    }
    return rows
  }

  private func int(_ value: Value) -> Int64 { if case .int(let number) = value { number } else { .min } }
  private func text(_ value: Value) -> String { if case .text(let text) = value { text } else { "" } }

  @Test func eventsComeInTheirProportionsAndAsRowsOfTheirKind() throws {
    let rows = try values(table())
    #expect(rows.count == 5000)
    var seen: [Int64: Int] = [:]
    for (number, row) in rows.enumerated() {
      let kind = int(row[0])
      seen[kind, default: 0] += 1
      #expect(kind == (number % 50 == 0 ? 0 : number % 50 < 4 ? 1 : 2))
      for other in 0..<3 { #expect((row[1 + other] == .null) == (other != Int(kind))) }
    }
    #expect(seen == [0: 100, 1: 300, 2: 4600])
  }

  @Test func tablesOfOneKindHoldTheSameRows() throws {
    let events = try values(table())
    for (kind, name) in ["person", "auction", "bid"].enumerated() {
      let wanted = events.filter { int($0[0]) == Int64(kind) }.map { $0[1 + kind] }
      #expect(try values(table(name)).map { Value.row($0) } == wanted)
    }
  }

  @Test func idsFollowFromTheEventsNumber() throws {
    let persons = try values(table("person"))
    #expect(persons.map { int($0[0]) } == (0..<100).map { 1000 + $0 })
    let auctions = try values(table("auction"))
    #expect(auctions.map { int($0[0]) } == (0..<300).map { 1000 + $0 })
    for (index, row) in auctions.enumerated() {
      // Sellers exist, or come within the next ten persons.
      #expect((1000...(1000 + Int64(index / 3) + 10)).contains(int(row[7])))
      #expect((10...14).contains(int(row[8])))
      let (time, expires) = (int(row[5]), int(row[6]))
      #expect(expires > time && expires <= time + 2 * 167)
      #expect(int(row[4]) > int(row[3]))
    }
    for (index, row) in try values(table("bid")).enumerated() {
      let epoch = Int64(index / 46)
      #expect((1000...(1000 + epoch * 3 + 2 + 10)).contains(int(row[0])))
      #expect((2000...(2000 + epoch + 10)).contains(int(row[1])))
      #expect((100...100_000_000).contains(int(row[2])))
    }
  }

  @Test func hotKeysAndPricesHaveTheirShares() throws {
    let bids = try values(table("bid", events: 50_000))
    let count = Double(bids.count)
    var (hotAuctions, hotBidders, hotChannels, withID, logs) = (0, 0, 0, 0, [Int](repeating: 0, count: 6))
    var extra = 0
    for (index, row) in bids.enumerated() {
      let cycle = Int64(index / 46)
      if int(row[0]) == 1000 + (cycle * 3 + 2) / 100 * 100 { hotAuctions += 1 }
      if int(row[1]) == 2000 + cycle / 100 * 100 + 1 { hotBidders += 1 }
      let channel = text(row[3])
      let link = text(row[4])
      let parts = link.split(separator: "/", omittingEmptySubsequences: false)
      #expect(parts.count == 7 && parts[2] == "www.nexmark.com" && parts[3...5].allSatisfy { (3...4).contains($0.count) })
      if let number = channel.split(separator: "-").dropFirst().first.flatMap({ UInt32($0) }) {
        #expect(number < 10_000)
        if let id = link.split(separator: "=").last, link.contains("&channel_id=") {
          withID += 1
          let reversed = Int32(bitPattern: (0..<32).reduce(UInt32(0)) { $0 | (number >> $1 & 1) << (31 - $1) })
          #expect(id == "\(reversed == .min ? reversed : abs(reversed))")
        }
      } else {
        #expect(NexmarkTexts.hotChannels.contains(channel) && !link.contains("channel_id"))
        hotChannels += 1
      }
      var decade = 0
      for limit: Int64 in [1000, 10_000, 100_000, 1_000_000, 10_000_000] where int(row[2]) >= limit { decade += 1 }
      logs[decade] += 1
      extra += text(row[6]).utf8.count
      #expect((54...81).contains(text(row[6]).utf8.count))
    }
    #expect((0.49...0.53).contains(Double(hotAuctions) / count))
    #expect((0.73...0.78).contains(Double(hotBidders) / count))
    #expect((0.48...0.52).contains(Double(hotChannels) / count))
    #expect((0.88...0.92).contains(Double(withID) / (count - Double(hotChannels))))
    for share in logs { #expect((0.155...0.178).contains(Double(share) / count)) }
    #expect((66.5...68.5).contains(Double(extra) / count))
  }

  @Test func personsAndAuctionsHaveTheirMeanSize() throws {
    let persons = try values(table("person", events: 50_000))
    let personBytes = persons.reduce(0) { sum, row in sum + 8 + row.reduce(0) { $0 + text($1).utf8.count } }
    #expect((190...205).contains(personBytes / persons.count))
    for row in persons {
      #expect(text(row[3]).split(separator: " ").allSatisfy { $0.count == 4 && Int($0) != nil })
      #expect(text(row[2]).hasSuffix(".com") && text(row[2]).contains("@"))
      #expect(NexmarkTexts.states.contains { "\($0)" == text(row[5]) } && NexmarkTexts.cities.contains { "\($0)" == text(row[4]) })
    }
    let auctions = try values(table("auction", events: 50_000))
    let auctionBytes = auctions.reduce(0) { sum, row in sum + 48 + row.reduce(0) { $0 + text($1).utf8.count } }
    #expect((490...505).contains(auctionBytes / auctions.count))
    for row in auctions {
      for name in [text(row[1]), text(row[2])] { #expect(!name.isEmpty && name.first != " " && name.last != " ") }
    }
  }

  @Test func timesFollowFromTheRate() throws {
    let times = try values(table("bid", ["first-event.rate": "10000"])).map { int($0[5]) }
    #expect(times[0] == 1_436_918_400_000 && times[45] == 1_436_918_400_004)
    #expect(times.last == 1_436_918_400_499)
    // At most one event in a millisecond.
    let slow = try values(table("bid", ["first-event.rate": "300", "base-time": "2020-01-01 00:00:00"])).map { int($0[5]) }
    #expect(Set(slow).count == slow.count && slow[0] == 1_577_836_800_000 + 13)
  }

  @Test func aPositionIsEnoughToGoOn() throws {
    let test = TestEnvironment()
    for options in [[:], ["splits": "3"], ["out-of-order.max": "30 ms", "splits": "2"], ["out-of-order.max": "7 ms"]] {
      let source = try test.source(table("bid", options, events: 730))
      for split in try source.splits() {
        let whole = try drain(source.open(split, from: nil), maxRows: 1)
        let reader = try source.open(split, from: nil)
        var done = 0
        while case .batch(let batch, _) = try reader.next(maxRows: 37) {
          done += batch.rowCount
          let rest = try drain(source.open(split, from: reader.position), maxRows: 5)
          #expect(rest.rows == Array(whole.rows[done...]) && rest.hidden == Array(whole.hidden[done...]))
        }
        #expect(done == whole.rows.count)
      }
    }
  }

  @Test func splitsAndDisorderChangeNoRow() throws {
    let test = TestEnvironment()
    func rows(_ options: [String: String], _ events: Int) throws -> (set: [String], order: [String], disorder: Int64) {
      let source = try test.source(table("bid", options, events: events))
      var (rows, order, disorder): ([String], [String], Int64) = ([], [], 0)
      for split in try source.splits() {
        let reader = try source.open(split, from: nil)
        var newest = Int64.min
        while case .batch(let batch, _) = try reader.next(maxRows: 100) {
          #expect(batch.late == nil)
          for row in 0..<batch.rowCount {
            let time = batch.eventTimes?.pointer(Int64.self)[row] ?? 0
            newest = max(newest, time)
            disorder = max(disorder, newest - time)
            rows.append("\(batch.row(row))")
            order.append("\(batch.order.map { $0[row] } ?? .null)")
          }
        }
      }
      return (rows.sorted(), order.sorted(), disorder)
    }
    for events in [1, 49, 50, 733, 5000] {
      let plain = try rows([:], events)
      #expect(plain.disorder == 0)
      for options in [["splits": "4"], ["out-of-order.max": "100 ms"], ["out-of-order.max": "100 ms", "splits": "3"]] {
        let other = try rows(options, events)
        #expect(other.set == plain.set && other.order == plain.order)
        #expect(other.disorder <= 100_000)
        if events == 5000, options["out-of-order.max"] != nil { #expect(other.disorder > 50_000) }
      }
    }
  }

  @Test func wrongOptionsAndColumnsAreNamed() {
    let test = TestEnvironment()
    func message(_ table: TableDefinition) -> String {
      do {
        try test.registry.check(table)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message(table()).isEmpty)
    #expect(message(table("bid", ["next-event.rate": "5"])).contains("not supported yet"))
    #expect(message(table("bid", ["splits": "0"])).contains("must be from 1"))
    #expect(message(table("bid", ["bid.hot-ratio.auction": "2"])).contains("did you mean 'bid.hot-ratio.auctions'"))
    var other = table("bid")
    other.schema.fields[2] = Field("prize", .int64)
    #expect(message(other).contains("did you mean price"))
    other.schema.fields[2] = Field("price", .int32)
    #expect(message(other).contains("declare it as BIGINT"))
    var strict = table("events")
    strict.schema.fields[1].isNullable = false
    #expect(message(strict).contains("cannot be NOT NULL"))
  }

  /// The same events as jvm/nexmark-flink makes: its tests hold this hash too.
  @Test func eventsAreThoseOfTheOtherImplementation() throws {
    var hash = RowHash()
    for name in ["person", "auction", "bid"] {
      let source = try TestEnvironment().source(table(name, events: 100_000))
      let reader = try source.open(try source.splits()[0], from: nil)
      while case .batch(let batch, _) = try reader.next(maxRows: 4096) { hash.add(batch) }
    }
    #expect(hash.rowCount == 100_000)
    #expect(hash.text == "4cce845ff2ce81f1fdfaa6dc52d70a32")
  }
}
