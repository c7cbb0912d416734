import MillraceFormats
import MillracePlan
import MillraceTypes

/// What a Nexmark table's options ask for.
struct NexmarkPlan: Sendable {
  var settings = NexmarkSettings()
  var table: NexmarkSchema.Table
  /// Per physical column of the table definition, its place in `table.schema`; nil for a computed column.
  var places: [Int?] = []
  /// nil: without end.
  var eventCount: Int64?
  var isRateLimited = false
  var splitCount = 1
  /// Microseconds of event time.
  var disorderMicros: Int64 = 0

  init(_ options: ConnectorOptions) throws(MillraceError) {
    let name = options.text("nexmark.table") ?? "events"
    guard let table = NexmarkSchema.tables.first(where: { $0.name == name }) else { throw options.invalid("nexmark.table", "is no table") }
    self.table = table
    places = try Self.places(options.table, table)

    func count(_ key: String, _ standard: Int64, _ range: ClosedRange<Int64>) throws(MillraceError) -> Int64 {
      let value = options.integer(key) ?? standard
      guard range.contains(value) else { throw options.invalid(key, "must be from \(range.lowerBound) to \(range.upperBound)") }
      return value
    }
    let events = try count("events.num", 0, 0...(1 << 52))
    eventCount = events == 0 ? nil : events
    settings.rate = try count("first-event.rate", 10_000, 1...1_000_000_000)
    if let next = options.integer("next-event.rate"), next != settings.rate {
      throw MillraceError.notSupported(
        "a rate that changes", subject: "table \(options.table.name)", hint: "give 'next-event.rate' the value of 'first-event.rate'")
    }
    isRateLimited = options.boolean("rate.limited") ?? false
    settings.persons = try count("person.proportion", 1, 1...100_000)
    settings.auctions = try count("auction.proportion", 3, 1...100_000)
    settings.bids = try count("bid.proportion", 46, 0...100_000)
    settings.hotAuctions = UInt64(try count("bid.hot-ratio.auctions", 2, 1...65_535))
    settings.hotBidders = UInt64(try count("bid.hot-ratio.bidders", 4, 1...65_535))
    settings.hotSellers = UInt64(try count("auction.hot-ratio.sellers", 4, 1...65_535))
    func size(_ key: String, _ standard: Int) throws(MillraceError) -> Int {
      let value = options.byteCount(key) ?? Int64(standard)
      guard (0...Int64(NexmarkTexts.longestExtra / 2)).contains(value) else {
        throw options.invalid(key, "must be at most \(NexmarkTexts.longestExtra / 2) bytes")
      }
      return Int(value)
    }
    settings.personSize = try size("person.avg-size", settings.personSize)
    settings.auctionSize = try size("auction.avg-size", settings.auctionSize)
    settings.bidSize = try size("bid.avg-size", settings.bidSize)
    settings.seed = UInt64(bitPattern: options.integer("seed") ?? 0)
    splitCount = Int(try count("splits", 1, 1...4096))
    disorderMicros = options.durationMicros("out-of-order.max") ?? 0
    if let text = options.text("base-time") {
      let instant = Array(text.utf8).withUnsafeBytes { TimestampText.parseTimestamp($0, unit: .millis) }
      guard let instant else { throw options.invalid("base-time", "is no timestamp", hint: "write it as '2015-07-15 00:00:00'") }
      settings.baseMillis = instant.ticks
    }
  }

  /// Columns go by name; each must have the type that it has in Nexmark.
  private static func places(_ definition: TableDefinition, _ table: NexmarkSchema.Table) throws(MillraceError) -> [Int?] {
    var places: [Int?] = []
    for (index, field) in definition.schema.fields.enumerated() {
      guard definition.computed[index] == nil else {
        places.append(nil)
        continue
      }
      guard let place = table.schema.index(of: field.name) else {
        let names = table.schema.fields.map(\.name)
        let nearest = nearestName(to: field.name, among: names).map { "did you mean \($0)? " } ?? ""
        throw MillraceError(
          .invalidOption, "the Nexmark table '\(table.name)' has no column \(field.name)", subject: "table \(definition.name)",
          hint: nearest + "it has " + names.joined(separator: ", "))
      }
      let official = table.schema.fields[place]
      guard NexmarkSchema.isSame(field.type, official.type) else {
        throw MillraceError(
          .invalidOption, "column \(field.name) of the Nexmark table '\(table.name)' is not \(field.type)",
          subject: "table \(definition.name)", hint: "declare it as \(official.type)")
      }
      if official.isNullable && !field.isNullable {
        throw MillraceError(
          .invalidOption, "column \(field.name) is null for events of another kind, so it cannot be NOT NULL",
          subject: "table \(definition.name)", hint: "leave NOT NULL out")
      }
      places.append(place)
    }
    return places
  }
}
