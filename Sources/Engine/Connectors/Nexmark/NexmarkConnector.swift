import MillracePlan
import MillraceTypes

/// `'connector' = 'nexmark'`: the events of the Nexmark auction site, made up as they are read.
///
/// Every value follows from `seed` and the event's number alone (`NexmarkGenerator`), so a split can begin anywhere and two reads
/// give the same rows. A table has the columns of one of `NexmarkSchema.tables`; the table `events` holds persons, auctions and bids
/// interleaved, each as a ROW column that is null for the other two kinds.
public struct NexmarkConnector: ConnectorFactory {
  public init() {}
  public let name = "nexmark"

  public let options: [ConnectorOption] = [
    ConnectorOption("nexmark.table", .choice(NexmarkSchema.tables.map(\.name)), "which rows the table holds (events)"),
    ConnectorOption("events.num", .integer, "end after so many events; 0 has no end (0)"),
    ConnectorOption("first-event.rate", .integer, "events per second of event time (10000)"),
    ConnectorOption("next-event.rate", .integer, "the same number: the rate does not change"),
    ConnectorOption("rate.limited", .boolean, "a streaming job reads no faster than that rate (false)"),
    ConnectorOption("person.proportion", .integer, "persons among the events (1)"),
    ConnectorOption("auction.proportion", .integer, "auctions among the events (3)"),
    ConnectorOption("bid.proportion", .integer, "bids among the events (46)"),
    ConnectorOption("bid.hot-ratio.auctions", .integer, "1 bid of so many is not for the hot auction (2)"),
    ConnectorOption("bid.hot-ratio.bidders", .integer, "1 bid of so many is not by the hot bidder (4)"),
    ConnectorOption("auction.hot-ratio.sellers", .integer, "1 auction of so many is not by the hot seller (4)"),
    ConnectorOption("person.avg-size", .byteCount, "mean size of a person, filled up by extra (200)"),
    ConnectorOption("auction.avg-size", .byteCount, "mean size of an auction, filled up by extra (500)"),
    ConnectorOption("bid.avg-size", .byteCount, "mean size of a bid without channel and url, filled up by extra (100)"),
    ConnectorOption("base-time", .text, "timestamp of event 0 ('2015-07-15 00:00:00')"),
    ConnectorOption("seed", .integer, "of all random values (0)"),
    ConnectorOption("splits", .integer, "parts that can be read side by side (1); the rows do not depend on it"),
    ConnectorOption("out-of-order.max", .duration, "events arrive out of order by at most so much event time (0)"),
    ConnectorOption("order.by", .text, "columns, separated by commas, that order rows of one instant; otherwise the event's number does"),
    ConnectorOption("order.rank", .integer, "tables of a lower rank come first within one instant"),
    ConnectorOption("late-rows.path", .text, "folder to which late rows are written as JSON"),
  ]

  public func check(_ options: ConnectorOptions) throws(MillraceError) { _ = try NexmarkPlan(options) }

  public func makeSource(_ request: SourceRequest, _ options: ConnectorOptions) throws(MillraceError) -> any SourceConnector {
    let plan = try NexmarkPlan(options)
    return NexmarkSource(request: request, plan: plan, generator: NexmarkGenerator(plan.settings))
  }
}

struct NexmarkSource: SourceConnector {
  let request: SourceRequest
  let plan: NexmarkPlan
  let generator: NexmarkGenerator

  var isBounded: Bool { plan.eventCount != nil }
  var rowsPerSecond: Double? { plan.isRateLimited ? Double(plan.settings.rate) / Double(plan.splitCount) : nil }

  func splits() throws(MillraceError) -> [SourceSplit] {
    (0..<plan.splitCount).map { SourceSplit(id: "events-\($0)", ordinal: $0) }
  }

  func open(_ split: SourceSplit, from position: [UInt8]?) throws(MillraceError) -> any SourceReader {
    try NexmarkReader(request, split: split, plan: plan, generator: generator, position: position)
  }
}
