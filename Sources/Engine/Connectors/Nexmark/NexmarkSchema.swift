import MillraceTypes

/// The columns of Nexmark's tables, as the benchmark's own connector declares them.
enum NexmarkSchema {
  /// What a table holds.
  enum Kind: Sendable { case events, persons, auctions, bids }

  struct Table: Sendable {
    var name: String
    var kind: Kind
    var schema: Schema
  }

  private static func text(_ name: String) -> Field { Field(name, .text, isNullable: false) }
  private static func number(_ name: String) -> Field { Field(name, .int64, isNullable: false) }
  private static func time(_ name: String) -> Field { Field(name, .timestamp(precision: 3), isNullable: false) }

  static let person = Schema([
    number("id"), text("name"), text("emailAddress"), text("creditCard"), text("city"), text("state"), time("dateTime"), text("extra"),
  ])
  static let auction = Schema([
    number("id"), text("itemName"), text("description"), number("initialBid"), number("reserve"), time("dateTime"), time("expires"),
    number("seller"), number("category"), text("extra"),
  ])
  static let bid = Schema([
    number("auction"), number("bidder"), number("price"), text("channel"), text("url"), time("dateTime"), text("extra"),
  ])

  static let tables: [Table] = [
    Table(
      name: "events", kind: .events,
      schema: Schema([
        // 0 a person, 1 an auction, 2 a bid.
        Field("event_type", .int32, isNullable: false), Field("person", .row(person.fields)), Field("auction", .row(auction.fields)),
        Field("bid", .row(bid.fields)),
      ])),
    Table(name: "person", kind: .persons, schema: person), Table(name: "auction", kind: .auctions, schema: auction),
    Table(name: "bid", kind: .bids, schema: bid),
  ]

  /// Whether two types are one but for what may be null.
  static func isSame(_ a: DataType, _ b: DataType) -> Bool { bare(a) == bare(b) }

  private static func bare(_ type: DataType) -> DataType {
    guard case .row(let fields) = type else { return type }
    return .row(fields.map { Field($0.name, bare($0.type)) })
  }
}
