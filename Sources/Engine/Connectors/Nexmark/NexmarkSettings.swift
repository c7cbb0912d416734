/// All that an event's values depend on besides its number. The defaults are the benchmark's.
struct NexmarkSettings: Sendable, Hashable {
  /// How many of `cycle` events in a row are persons, then auctions, then bids.
  var persons: Int64 = 1
  var auctions: Int64 = 3
  var bids: Int64 = 46
  var cycle: Int64 { persons + auctions + bids }
  /// Events per second of event time.
  var rate: Int64 = 10_000
  /// Milliseconds since 1970 of event 0; 2015-07-15T00:00:00 unless told.
  var baseMillis: Int64 = 1_436_918_400_000
  var seed: UInt64 = 0
  /// 1 of so many is not the hot one.
  var hotAuctions: UInt64 = 2
  var hotBidders: UInt64 = 4
  var hotSellers: UInt64 = 4
  /// Mean bytes of an event, its extra text included.
  var personSize = 200
  var auctionSize = 500
  var bidSize = 100

  /// Ids begin here.
  static let firstPerson: Int64 = 1000
  static let firstAuction: Int64 = 1000
  static let firstCategory: Int64 = 10
  static let categories: UInt64 = 5
  /// Auctions that are open at any time, and persons that bid and sell.
  static let openAuctions: Int64 = 100
  static let activePersons: Int64 = 1000
  /// How far an id may be ahead of those that exist.
  static let lead: Int64 = 10
  /// One id of so many is the hot one of its batch.
  static let hotBatch: Int64 = 100

  /// Milliseconds since 1970 of an event: several events share one when the rate is above 1000.
  @inline(__always) func millis(_ event: Int64) -> Int64 { baseMillis &+ event &* 1000 / rate }
}
