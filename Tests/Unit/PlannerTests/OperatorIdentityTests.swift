import MillracePlan
import MillraceTypes
import Testing

@testable import MillracePlanner

/// What changes the identity of an operator that keeps state, and what does not.
@Suite struct OperatorIdentityTests {
  private let sinks = """
    CREATE TABLE one (k BIGINT, n BIGINT) WITH ('connector' = 'test');
    CREATE TABLE two (url STRING, price BIGINT) WITH ('connector' = 'test');

    """
  private let grouping = "SELECT auction, COUNT(*) AS n FROM bids WHERE price > 3 AND bidder > 5 GROUP BY auction"

  private func identities(_ sql: String) throws -> [OperatorIdentity] {
    try PhysicalPlanner.plan(Optimizer.optimize(Planning.job(sinks + sql))).identities
  }

  private func only(_ name: String, _ sql: String) throws -> OperatorIdentity {
    let found = try identities(sql).filter { $0.name == name }
    try #require(found.count == 1, "\(sql)")
    return found[0]
  }

  @Test func namesShapesAndOtherOutputsDoNotMatter() throws {
    let plain = try only("aggregate", grouping)
    let same = [
      "SELECT x AS y, m FROM (SELECT auction AS x, COUNT(*) AS m FROM bids WHERE price > 3 AND bidder > 5 GROUP BY auction)",
      "SELECT a, COUNT(*) AS n FROM (SELECT auction AS a, price AS p FROM bids WHERE bidder > 5) WHERE p > 3 GROUP BY a",
      "INSERT INTO one \(grouping)",
      "EXECUTE STATEMENT SET BEGIN INSERT INTO two SELECT url, price FROM bids; INSERT INTO one \(grouping); END",
    ]
    for sql in same { #expect(try only("aggregate", sql) == plain, "\(sql)") }
    let sink = try only("sink:one", same[2])
    #expect(try only("sink:one", same[3]) == sink)
    #expect(try only("sink:one", "INSERT INTO one SELECT auction, bidder FROM bids") == sink)
    let source = try only("source:bids", same[2])
    #expect(try only("source:bids", same[3]).id == source.id)
  }

  @Test func meaningMatters() throws {
    let plain = try only("aggregate", grouping)
    for sql in [
      "SELECT bidder, COUNT(*) AS n FROM bids WHERE price > 3 AND bidder > 5 GROUP BY bidder",
      "SELECT auction, COUNT(*) AS n FROM bids WHERE price > 4 AND bidder > 5 GROUP BY auction",
      "SELECT auction + 1 AS a, COUNT(*) AS n FROM bids WHERE price > 3 AND bidder > 5 GROUP BY auction + 1",
      "SELECT seller, COUNT(*) AS n FROM auctions GROUP BY seller",
    ] { #expect(try only("aggregate", sql).id != plain.id, "\(sql)") }
    let more = try only(
      "aggregate", "SELECT auction, COUNT(*) AS n, MAX(price) AS m FROM bids WHERE price > 3 AND bidder > 5 GROUP BY auction")
    #expect(more.id == plain.id)
    #expect(more.layout != plain.layout)
  }

  @Test func equalMeaningsAreTold() throws {
    let both = "SELECT a.auction FROM (\(grouping)) a JOIN (\(grouping)) b ON a.auction = b.n"
    #expect(Set(try identities(both).map(\.id)).count == (try identities(both).count))
    // Two scans of a table without a watermark are two sources.
    let people = try identities("SELECT a.name FROM people a JOIN people b ON a.id = b.double_id").filter { $0.name.hasPrefix("source:") }
    #expect(people.map(\.id).count == Set(people.map(\.id)).count)
  }
}
