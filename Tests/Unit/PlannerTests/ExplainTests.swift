import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillracePlanner

/// Golden texts of EXPLAIN.
@Suite struct ExplainTests {
  private func check(_ actual: String, _ expected: String) { #expect(actual == expected + "\n", "\n\(actual)") }

  private let asked = """
    SELECT b.auction, v.bids_1h FROM bids AS b LEFT JOIN bidder_view FOR SYSTEM_TIME AS OF b.at AS v ON v.bidder = b.bidder
    WHERE b.price > 100
    """

  @Test func featureViews() throws {
    let job = try Optimizer().optimize(Planning.job(asked))
    check(
      LogicalPlanText.explain(job),
      """
      Result
        Project auction, bids_1h
          AsOf bidder_view for (bidder): bids_1h
            Project auction, bidder
              Filter price > 100
                Scan bids [auction, bidder, price] {event time at; watermark delay 4 s} (#1)
            events by bidder where price > 0: COUNT(*) over last 1 h
              Project bidder, price
                see #1
      """)
    check(
      PhysicalPlanText.explain(try PhysicalPlanner.plan(job), parallelism: 2),
      """
      Stage 0 (2 partitions)
        [0] source:bids {event time at; watermark delay 4 s}: auction BIGINT, bidder BIGINT, price BIGINT NOT NULL
        [1] project from [0] where price > 100: auction BIGINT, bidder BIGINT
        [2] project#1 from [0]: bidder BIGINT, price BIGINT NOT NULL
      Stage 1 (2 partitions)
        [3] as-of:bidder_view from [1] by hash(bidder), [2] by hash(bidder): auction BIGINT, bidder BIGINT, bidder BIGINT, \
      bids_1h BIGINT NOT NULL
        [4] project#2 from [3]: auction BIGINT, bids_1h BIGINT NOT NULL
        [5] collect from [4]
      """)
    check(
      PhysicalPlanText.explain(try PhysicalPlanner.plan(job), parallelism: 1),
      """
      Stage 0 (1 partition)
        [0] source:bids {event time at; watermark delay 4 s}: auction BIGINT, bidder BIGINT, price BIGINT NOT NULL
        [1] project from [0] where price > 100: auction BIGINT, bidder BIGINT
        [2] project#1 from [0]: bidder BIGINT, price BIGINT NOT NULL
        [3] as-of:bidder_view from [1], [2]: auction BIGINT, bidder BIGINT, bidder BIGINT, bids_1h BIGINT NOT NULL
        [4] project#2 from [3]: auction BIGINT, bids_1h BIGINT NOT NULL
        [5] collect from [4]
      """)
  }

  @Test func groupingsAndFinalTables() throws {
    let job = try Optimizer().optimize(
      Planning.job(
        """
        SELECT p.city, COUNT(*) AS n FROM people p JOIN people q ON p.id = q.double_id WHERE p.name LIKE 'A%'
        GROUP BY p.city ORDER BY n DESC LIMIT 3
        """
      ))
    check(
      LogicalPlanText.explain(job),
      """
      Result {only the final table is promised: no watermark on people}
        Sort n DESC limit 3
          Project city, agg$0 AS n
            Aggregate by (city): COUNT(*) AS agg$0 {updating}
              Project city
                Join INNER on id = double_id {final table of bounded inputs}
                  Project id, city
                    Filter name LIKE 'A%'
                      Scan people [id, name, city, double_id] {no watermark} (#1)
                  Project double_id
                    see #1
      """)
    check(
      PhysicalPlanText.explain(try PhysicalPlanner.plan(job), parallelism: 2),
      """
      Stage 0 (2 partitions)
        [0] source:people {no watermark}: id BIGINT, name STRING, city STRING, double_id BIGINT
        [1] project from [0] where name LIKE 'A%': id BIGINT, city STRING
        [2] project#1 from [0]: double_id BIGINT
      Stage 1 (2 partitions)
        [3] join from [1] by hash(id), [2] by hash(double_id): id BIGINT, city STRING, double_id BIGINT
        [4] project#2 from [3]: city STRING
      Stage 2 (2 partitions)
        [5] aggregate from [4] by hash(city): city STRING, agg$0 BIGINT NOT NULL
        [6] project#3 from [5]: city STRING, n BIGINT NOT NULL
      Stage 3 (2 partitions)
        [7] sort from [6] by single: city STRING, n BIGINT NOT NULL
        [8] collect from [7] {only the final table is promised: no watermark on people}
      """)
  }

  @Test func windowsAndIntervals() throws {
    let job = try Optimizer().optimize(
      Planning.job(
        """
        SELECT a.seller, w.total FROM auctions a LEFT JOIN (
          SELECT auction, window_time, SUM(price) AS total FROM TABLE(HOP(TABLE bids, DESCRIPTOR(at), INTERVAL '1' MINUTE, INTERVAL '1' HOUR))
          GROUP BY auction, window_start, window_end, window_time
        ) w ON w.auction = a.id AND w.window_time BETWEEN a.opened AND a.opened + INTERVAL '1' DAY
        """))
    check(
      LogicalPlanText.explain(job),
      """
      Result
        Project seller, total
          IntervalJoin LEFT on id = auction AND window_time between opened + 0 s and + 1 d {event time: the later of both rows}
            Scan auctions [id, seller, opened] {event time opened; watermark delay 4 s}
            Project auction, window_time, agg$0 AS total
              WindowAggregate by (auction, window_start, window_end, window_time): SUM(price) AS agg$0 {event time: end of window}
                Hop at slide 1 min size 1 h
                  Scan bids [auction, price, at] {event time at; watermark delay 4 s}
      """)
    check(
      PhysicalPlanText.explain(try PhysicalPlanner.plan(job), parallelism: 4),
      """
      Stage 0 (4 partitions)
        [0] source:auctions {event time opened; watermark delay 4 s}: id BIGINT, seller BIGINT, opened TIMESTAMP(3)
      Stage 1 (4 partitions)
        [1] source:bids {event time at; watermark delay 4 s}: auction BIGINT, price BIGINT NOT NULL, at TIMESTAMP(3)
      Stage 2 (4 partitions)
        [2] window-aggregate from [1] by hash(auction): auction BIGINT, window_start TIMESTAMP(3) NOT NULL, \
      window_end TIMESTAMP(3) NOT NULL, window_time TIMESTAMP(3) NOT NULL, agg$0 BIGINT
        [3] project from [2]: auction BIGINT, window_time TIMESTAMP(3) NOT NULL, total BIGINT
      Stage 3 (4 partitions)
        [4] interval-join from [0] by hash(id), [3] by hash(auction): id BIGINT, seller BIGINT, opened TIMESTAMP(3), auction BIGINT, \
      window_time TIMESTAMP(3), total BIGINT
        [5] project#1 from [4]: seller BIGINT, total BIGINT
        [6] collect from [5]
      """)
  }

  @Test func outcomes() throws {
    let table = Sample.messagesTable(options: ["order.rank": "-1", "order.by": "id"])
    let messages = LogicalPlan.scan(Scan(table: table))
    let asked = LogicalPlan.asOf(
      AsOfJoin(input: messages, view: Sample.senderView(over: messages), keys: [messages.column("sender")], shiftMicros: 60_000_000))
    let sink = TableDefinition(name: "outcomes", schema: asked.schema)
    check(
      LogicalPlanText.explain(JobPlan(outputs: [.init(table: sink, input: asked)])),
      """
      Sink outcomes
        AsOf senders + 1 min for (sender): sent_1m, size_1h {event time + 1 min, before the events of that instant}
          Scan messages [id, sender, room, text, size, score, at] {event time at; watermark delay 5 s; rank -1; order by id} (#1)
          events by sender: COUNT(*) over last 1 min, SUM(size) over last 1 h
            see #1
      """)
  }
}
