/// A query that keeps state, over the tables of `CrashPointData`.
struct CrashPointQuery: Sendable, CustomStringConvertible {
  var name: String
  var sql: String
  /// Time to live of its state; 0 for ever.
  var ttlSeconds: Int64
  var description: String { name }

  init(_ name: String, _ sql: String, ttlSeconds: Int64 = 0) {
    self.ttlSeconds = ttlSeconds
    self.name = name
    self.sql = sql
  }

  /// One for each kind of state.
  static let all: [CrashPointQuery] = aggregates + windows + joins + rankings + sets + forgetting

  private static let calls = "COUNT(*), COUNT(n), SUM(n), AVG(x), MIN(n), MAX(n), COUNT(DISTINCT j)"

  private static let aggregates: [CrashPointQuery] = [
    CrashPointQuery("group-aggregate", "SELECT k, j, \(calls), FIRST_VALUE(id), LAST_VALUE(id) FROM t GROUP BY k, j"),
    CrashPointQuery("global-aggregate", "SELECT \(calls), STDDEV_POP(n), APPROX_COUNT_DISTINCT(id) FROM t"),
    CrashPointQuery("distinct", "SELECT DISTINCT k, n FROM t"),
    CrashPointQuery(
      "aggregate-of-aggregate",
      "SELECT c, COUNT(*), SUM(s), MAX(k) FROM (SELECT k, j, COUNT(*) AS c, SUM(n) AS s FROM t GROUP BY k, j) GROUP BY c"),
    CrashPointQuery("grouping-sets", "SELECT k, j, GROUPING_ID(k, j), COUNT(*), SUM(n) FROM t GROUP BY GROUPING SETS ((k, j), (k), ())"),
    CrashPointQuery("cube", "SELECT k, j, COUNT(*), AVG(x) FROM t GROUP BY CUBE (k, j)"),
    CrashPointQuery("filter-distinct", "SELECT k, SUM(DISTINCT n) FILTER (WHERE j > 1), COUNT(DISTINCT n) FROM t GROUP BY k"),
  ]

  private static let windows: [CrashPointQuery] = [
    CrashPointQuery(
      "tumble",
      "SELECT window_start, k, \(calls) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '7' SECOND)) GROUP BY window_start, window_end, k"
    ),
    CrashPointQuery(
      "hop",
      "SELECT window_start, k, \(calls) FROM TABLE(HOP(TABLE t, DESCRIPTOR(at), INTERVAL '3' SECOND, INTERVAL '12' SECOND)) GROUP BY window_start, window_end, k"
    ),
    CrashPointQuery(
      "cumulate",
      "SELECT window_end, k, \(calls) FROM TABLE(CUMULATE(TABLE t, DESCRIPTOR(at), INTERVAL '4' SECOND, INTERVAL '16' SECOND)) GROUP BY window_start, window_end, k"
    ),
    CrashPointQuery(
      "session",
      "SELECT k, window_start, window_end, \(calls) FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(at), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end"
    ),
    CrashPointQuery(
      "session-rows",
      "SELECT k, id, window_start, window_end FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(at), INTERVAL '4' SECOND))"),
    CrashPointQuery(
      "window-of-window",
      "SELECT window_end, COUNT(*), SUM(s) FROM TABLE(TUMBLE((SELECT window_time AS wt, SUM(n) AS s FROM TABLE(HOP(TABLE t, DESCRIPTOR(at), INTERVAL '2' SECOND, INTERVAL '4' SECOND)) GROUP BY window_start, window_end, window_time), DESCRIPTOR(wt), INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
    ),
    CrashPointQuery(
      "window-grouping-sets",
      "SELECT window_start, k, j, COUNT(*), SUM(n) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, ROLLUP (k, j)"
    ),
    CrashPointQuery(
      "attached-window",
      "SELECT window_start, m, COUNT(*) FROM (SELECT window_start, window_end, k, MAX(n) AS m FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '5' SECOND)) GROUP BY window_start, window_end, k) GROUP BY window_start, window_end, m"
    ),
  ]

  private static let joins: [CrashPointQuery] =
    ["INNER", "LEFT", "RIGHT", "FULL"].map { kind in
      CrashPointQuery("join-\(kind.lowercased())", "SELECT t.id, u.id, t.k, u.n FROM t \(kind) JOIN u ON t.k = u.k AND t.n < u.n")
    } + [
      CrashPointQuery("join-semi", "SELECT id, k FROM t WHERE k IN (SELECT k FROM u WHERE u.n > 0)"),
      CrashPointQuery("join-anti", "SELECT id, k FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k AND u.j = t.j)"),
      CrashPointQuery("not-in", "SELECT id FROM t WHERE n NOT IN (SELECT n FROM u WHERE n IS NOT NULL)"),
      CrashPointQuery(
        "join-updating",
        "SELECT a.k, a.c, b.s FROM (SELECT k, COUNT(*) AS c FROM t GROUP BY k) AS a FULL JOIN (SELECT k, SUM(n) AS s FROM u GROUP BY k) AS b ON a.k = b.k"
      ),
      CrashPointQuery("join-then-aggregate", "SELECT t.k, COUNT(*), SUM(u.n) FROM t LEFT JOIN u ON t.k = u.k AND t.j = u.j GROUP BY t.k"),
      CrashPointQuery(
        "interval-join",
        "SELECT t.id, u.id FROM t JOIN u ON t.k = u.k AND u.at BETWEEN t.at - INTERVAL '3' SECOND AND t.at + INTERVAL '5' SECOND"),
      CrashPointQuery(
        "interval-join-left", "SELECT t.id, u.id FROM t LEFT JOIN u ON t.k = u.k AND u.at BETWEEN t.at AND t.at + INTERVAL '4' SECOND"),
      CrashPointQuery("temporal-join", "SELECT t.id, v.rate FROM t LEFT JOIN v FOR SYSTEM_TIME AS OF t.at AS v ON v.k = t.k"),
      CrashPointQuery(
        "temporal-join-view",
        "WITH c AS (SELECT k, COUNT(*) AS c FROM u GROUP BY k) SELECT t.id, c.c FROM t LEFT JOIN c FOR SYSTEM_TIME AS OF t.at AS c ON c.k = t.k"
      ),
      CrashPointQuery(
        "lookup-join",
        "SELECT t.id, d.name FROM (SELECT *, PROCTIME() AS p FROM t) AS t LEFT JOIN d FOR SYSTEM_TIME AS OF t.p AS d ON d.j = t.j"),
      CrashPointQuery(
        "window-join",
        "SELECT l.window_start, l.id, r.id FROM (SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '6' SECOND))) AS l FULL JOIN (SELECT * FROM TABLE(TUMBLE(TABLE u, DESCRIPTOR(at), INTERVAL '6' SECOND))) AS r ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end"
      ),
      CrashPointQuery(
        "feature-view", "SELECT t.id, f.c, f.s, f.d, f.m, f.l FROM t LEFT JOIN f FOR SYSTEM_TIME AS OF t.at AS f ON f.k = t.k"),
    ]

  private static let rankings: [CrashPointQuery] = [
    CrashPointQuery(
      "top-n", "SELECT * FROM (SELECT id, k, n, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC, id) AS r FROM t) WHERE r <= 3"),
    CrashPointQuery("rank", "SELECT * FROM (SELECT id, k, n, RANK() OVER (PARTITION BY k ORDER BY n) AS r FROM t) WHERE r <= 3"),
    CrashPointQuery(
      "top-n-updating",
      "SELECT * FROM (SELECT k, s, ROW_NUMBER() OVER (ORDER BY s DESC, k) AS r FROM (SELECT k, SUM(n) AS s FROM t GROUP BY k)) WHERE r <= 2"
    ),
    CrashPointQuery(
      "keep-first", "SELECT id, k, j FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, j ORDER BY at) AS r FROM t) WHERE r = 1"),
    CrashPointQuery(
      "keep-last", "SELECT id, k, j FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, j ORDER BY at DESC) AS r FROM t) WHERE r = 1"),
    CrashPointQuery(
      "window-top-n",
      "SELECT window_end, id, r FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY n DESC, id) AS r FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '8' SECOND))) WHERE r <= 2"
    ),
    CrashPointQuery(
      "over-range",
      "SELECT id, SUM(n) OVER w, COUNT(*) OVER w, MIN(n) OVER w, AVG(x) OVER w FROM t WINDOW w AS (PARTITION BY k ORDER BY at RANGE BETWEEN INTERVAL '8' SECOND PRECEDING AND CURRENT ROW)"
    ),
    CrashPointQuery(
      "over-rows",
      "SELECT id, SUM(n) OVER (PARTITION BY k ORDER BY at ROWS BETWEEN 3 PRECEDING AND CURRENT ROW), LAG(n, 2) OVER (PARTITION BY k ORDER BY at) FROM t"
    ),
    CrashPointQuery(
      "over-ordered",
      "SELECT id, SUM(n) OVER (PARTITION BY k ORDER BY n ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING), LEAD(id) OVER (PARTITION BY k ORDER BY n) FROM t"
    ),
    CrashPointQuery(
      "over-updating",
      "SELECT k, j, s, RANK() OVER (PARTITION BY k ORDER BY s), SUM(s) OVER (PARTITION BY k) FROM (SELECT k, j, SUM(n) AS s FROM t GROUP BY k, j)"
    ),
    CrashPointQuery("order-limit", "SELECT id, n FROM t ORDER BY n DESC, id LIMIT 7"),
  ]

  private static let forgetting: [CrashPointQuery] = [
    CrashPointQuery("ttl-group", "SELECT k, j, \(calls) FROM t GROUP BY k, j", ttlSeconds: 4),
    CrashPointQuery("ttl-distinct", "SELECT DISTINCT k FROM t", ttlSeconds: 2),
    CrashPointQuery(
      "ttl-aggregate-of-aggregate",
      "SELECT c, COUNT(*), SUM(s), MAX(k) FROM (SELECT k, j, COUNT(*) AS c, SUM(n) AS s FROM t GROUP BY k, j) GROUP BY c", ttlSeconds: 3),
    CrashPointQuery("ttl-join-inner", "SELECT t.id, u.id FROM t JOIN u ON t.k = u.k", ttlSeconds: 5),
    CrashPointQuery("ttl-join-full", "SELECT t.id, u.id FROM t FULL JOIN u ON t.k = u.k AND t.j = u.j", ttlSeconds: 5),
    CrashPointQuery("ttl-join-anti", "SELECT id FROM t WHERE k NOT IN (SELECT k FROM u WHERE k IS NOT NULL)", ttlSeconds: 5),
    CrashPointQuery(
      "ttl-join-updating",
      "SELECT a.k, a.c, b.s FROM (SELECT k, COUNT(*) AS c FROM t GROUP BY k) AS a LEFT JOIN (SELECT k, SUM(n) AS s FROM u GROUP BY k) AS b ON a.k = b.k",
      ttlSeconds: 4),
    CrashPointQuery(
      "ttl-top-n", "SELECT * FROM (SELECT id, k, n, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC, id) AS r FROM t) WHERE r <= 2",
      ttlSeconds: 3),
    CrashPointQuery(
      "ttl-keep-first", "SELECT id, k, j FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, j ORDER BY at) AS r FROM t) WHERE r = 1",
      ttlSeconds: 4),
    CrashPointQuery(
      "ttl-rank-updating",
      "SELECT * FROM (SELECT k, s, RANK() OVER (PARTITION BY k ORDER BY s DESC) AS r FROM (SELECT k, j, SUM(n) AS s FROM t GROUP BY k, j)) WHERE r <= 2",
      ttlSeconds: 3),
  ]

  private static let sets: [CrashPointQuery] = [
    CrashPointQuery("union", "SELECT k, n FROM t UNION SELECT k, n FROM u"),
    CrashPointQuery(
      "union-all-over",
      "SELECT id, COUNT(*) OVER (PARTITION BY k ORDER BY at) FROM (SELECT id, k, at FROM t UNION ALL SELECT id, k, at FROM u)"),
    CrashPointQuery("intersect", "SELECT k, j FROM t INTERSECT SELECT k, j FROM u"),
    CrashPointQuery("except-all", "SELECT k, j FROM t EXCEPT ALL SELECT k, j FROM u"),
    CrashPointQuery("scalar-subquery", "SELECT id, n - (SELECT AVG(n) FROM u) FROM t"),
    CrashPointQuery("correlated-subquery", "SELECT id, (SELECT MAX(u.n) FROM u WHERE u.k = t.k AND u.j <= t.j) FROM t"),
    CrashPointQuery("unnest", "SELECT k, e, COUNT(*) FROM t CROSS JOIN UNNEST(ARRAY[n, j]) AS x (e) GROUP BY k, e"),
  ]
}
