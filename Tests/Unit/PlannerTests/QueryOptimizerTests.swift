import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillracePlanner

@Suite struct QueryOptimizerTests {
  private func check(_ sql: String, _ expected: String) throws {
    let optimized = try Planning.optimized(sql)
    #expect(optimized == "Result\n" + expected + "\n", "\n\(optimized)")
  }

  @Test func filtersMergeAndConstantsFold() throws {
    try check(
      "SELECT auction, price * (1 + 1) AS p FROM (SELECT * FROM bids WHERE price > 10) WHERE auction < 5 AND (TRUE OR price > 3)",
      """
        Project auction, price * 2 AS p
          Filter price > 10 AND auction < 5
            Scan bids [auction, price]
      """)
  }

  @Test func projectionsMergeAndFiltersSubstitute() throws {
    try check(
      "SELECT q + 1 AS r FROM (SELECT price * 2 AS q, url FROM bids) WHERE q > 10",
      """
        Project price * 2 + 1 AS r
          Filter price * 2 > 10
            Scan bids [price]
      """)
  }

  @Test func constantsThatFailStay() throws {
    try check(
      "SELECT CASE WHEN price > 0 THEN 1 / 0 ELSE 2 + 3 END AS x FROM bids",
      """
        Project CASE WHEN price > 0 THEN 1 / 0 ELSE 5 END AS x
          Scan bids [price]
      """)
  }

  @Test func predicatesReachScansWithoutWatermarkOnly() throws {
    try check(
      "SELECT name FROM people WHERE city = 'Berlin' AND double_id > 4",
      """
        Project name
          Filter double_id > 4
            Scan people [name, double_id] where city = 'Berlin'
      """)
    try check(
      "SELECT auction FROM bids WHERE price > 4",
      """
        Project auction
          Filter price > 4
            Scan bids [auction, price]
      """)
    // Reading text as a number may fail, and a source may read rows that the other condition refuses.
    try check(
      "SELECT id FROM people WHERE CAST(name AS INT) > 1 AND city = 'x'",
      """
        Project id
          Filter CAST(name AS INT) > 1
            Scan people [id, name] where city = 'x'
      """)
  }

  @Test func conditionsGoToTheirSideOfAJoin() throws {
    try check(
      """
      SELECT b.auction, a.seller FROM bids b JOIN auctions a ON b.auction = a.id
      AND b.at BETWEEN a.opened AND a.opened + INTERVAL '1' HOUR WHERE b.price > 5 AND a.category = 3
      """,
      """
        Project auction, seller
          IntervalJoin INNER on auction = id AND opened between at + -1 h and + 0 s
            Project auction, at
              Filter price > 5
                Scan bids [auction, price, at]
            Project id, seller, opened
              Filter category = 3
                Scan auctions [id, seller, category, opened]
      """)
    try check(
      """
      SELECT b.auction, a.seller FROM bids b LEFT JOIN auctions a ON b.auction = a.id AND a.category = 3 AND b.price > 1
      AND b.at BETWEEN a.opened AND a.opened + INTERVAL '1' HOUR WHERE b.bidder = 5 AND a.seller IS NULL
      """,
      """
        Project auction, seller
          Filter seller IS NULL
            IntervalJoin LEFT on auction = id AND opened between at + -1 h and + 0 s AND price > 1
              Project auction, price, at
                Filter bidder = 5
                  Scan bids [auction, bidder, price, at]
              Project id, seller, opened
                Filter category = 3
                  Scan auctions [id, seller, category, opened]
      """)
  }

  @Test func conditionsThatCanFailStayAboveAJoin() throws {
    let plan = try Planning.optimized("SELECT p.name FROM people p JOIN people q ON p.id = q.id WHERE 10 / p.id > 2 AND q.city = 'x'")
    #expect(
      plan.contains("  Join INNER on id = id AND 10 / id > 2\n") || plan.contains("Filter CAST(10 AS BIGINT) / id > 2")
        || plan.contains("Filter 10 / id > 2"))
    #expect(!plan.contains("where 10"))
  }

  @Test func conditionsOnKeysGoBelowWindowAndAggregate() throws {
    try check(
      """
      SELECT * FROM (SELECT auction, COUNT(*) AS n, SUM(price) AS s, window_end FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(at), INTERVAL '10' SECOND))
      GROUP BY auction, window_start, window_end) WHERE auction = 7 AND n > 2 AND window_end > TIMESTAMP '2024-01-01 00:00:00'
      """,
      """
        Project auction, agg$0 AS n, agg$1 AS s, window_end
          Filter agg$0 > 2 AND window_end > TIMESTAMP '2024-01-01 00:00:00.000'
            WindowAggregate by (auction, window_start, window_end): COUNT(*) AS agg$0, SUM(price) AS agg$1
              Tumble at size 10 s
                Filter auction = 7
                  Scan bids [auction, price, at]
      """)
  }

  @Test func featureViewsLoseWhatNobodyReads() throws {
    try check(
      """
      SELECT b.auction, v.bids_1h FROM bids AS b LEFT JOIN bidder_view FOR SYSTEM_TIME AS OF b.at AS v ON v.bidder = b.bidder
      WHERE b.price > 100
      """,
      """
        Project auction, bids_1h
          AsOf bidder_view for (bidder): bids_1h
            Project auction, bidder
              Filter price > 100
                Scan bids [auction, bidder, price] (#1)
            events by bidder where price > 0: COUNT(*) over last 1 h
              Project bidder, price
                see #1
      """)
    try check(
      "SELECT b.auction FROM bids AS b LEFT JOIN bidder_view FOR SYSTEM_TIME AS OF b.at AS v ON v.bidder = b.bidder",
      """
        Scan bids [auction]
      """)
  }

  @Test func equalAggregatesAreComputedOnce() throws {
    try check(
      "SELECT bidder, SUM(price) + 1 AS a, SUM(price) * 2 AS b, MAX(price) AS c FROM bids GROUP BY bidder",
      """
        Project bidder, agg$0 + 1 AS a, agg$0 * 2 AS b, agg$1 AS c
          Aggregate by (bidder): SUM(price) AS agg$0, MAX(price) AS agg$1
            Scan bids [bidder, price]
      """)
  }

  @Test func unreadOverAggregatesGo() throws {
    try check(
      """
      SELECT auction, n FROM (SELECT auction, bidder, COUNT(*) OVER w AS n, SUM(price) OVER w AS s FROM bids
      WINDOW w AS (PARTITION BY bidder ORDER BY at RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW)) WHERE bidder = 3 AND auction = 1
      """,
      """
        Project auction, over$0 AS n
          Filter auction = 1
            Over by (bidder) order by at: COUNT(*) RANGE 1 min AS over$0
              Filter bidder = 3
                Scan bids [auction, bidder, at]
      """)
  }

  @Test func sharedSubplansStayShared() throws {
    let sql = """
      SELECT auction, price FROM bids WHERE price > 5 UNION ALL SELECT auction, bidder FROM bids WHERE price > 5
      """
    let job = try Planning.job(sql)
    let optimized = try Optimizer().optimize(job)
    let sources = try PhysicalPlanner.plan(optimized).nodes.filter { if case .source = $0.kind { true } else { false } }
    #expect(sources.count == 1)
    #expect(sources[0].schema.fields.map(\.name) == ["auction", "bidder", "price"])
  }

  @Test func schemasStayAsTheyWere() throws {
    for sql in [
      "SELECT price + 1 AS a, NULL IS NULL AS b, COALESCE(price, 2) AS c FROM bids WHERE 1 = 1",
      "SELECT * FROM people WHERE id > 3", "SELECT COUNT(*) AS n FROM bids", "SELECT DISTINCT channel FROM bids WHERE price > 3",
      "SELECT a.seller, COUNT(*) AS n FROM bids b JOIN auctions a ON a.id = b.auction AND b.at BETWEEN a.opened AND a.opened + INTERVAL '1' DAY GROUP BY a.seller",
    ] {
      let job = try Planning.job(sql)
      #expect(try Optimizer().optimize(job).outputs[0].input.schema == job.outputs[0].input.schema, "\(sql)")
      let physical = try PhysicalPlanner.plan(try Optimizer().optimize(job))
      #expect(physical.nodes.last?.schema == job.outputs[0].input.schema)
    }
  }

  @Test func rulesCanBeTurnedOff() throws {
    let sql = "SELECT price FROM bids WHERE price > 1 + 1"
    let job = try Planning.job(sql)
    #expect(try Optimizer(disabledRules: Set(Optimizer.all.map(\.name))).optimize(job) == job)
    #expect(try Planning.optimized(sql, without: ["column-pruning"]).contains("[auction, bidder, price, channel, url, at]"))
    #expect(try Planning.optimized(sql, without: ["constant-folding"]).contains("1 + 1"))
  }

  @Test func optimisingTwiceChangesNothing() throws {
    for sql in [
      "SELECT b.auction, v.mean_1d FROM bids AS b LEFT JOIN bidder_view FOR SYSTEM_TIME AS OF b.at AS v ON v.bidder = b.bidder WHERE b.price > 3",
      "SELECT bidder, SUM(price) AS a FROM bids WHERE channel = 'x' GROUP BY bidder HAVING SUM(price) > 3 AND bidder < 9",
    ] {
      let once = try Optimizer().optimize(Planning.job(sql))
      #expect(try Optimizer().optimize(once) == once)
    }
  }
}
