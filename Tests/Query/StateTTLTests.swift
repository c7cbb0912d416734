import MillraceEnvironment
import Testing

/// Forgetting against loops over all rows, in the modes that differ most.
@Suite struct StateTTLTests {
  private struct Row {
    var id: Int
    var k: String
    var n: Int
    var second: Int
  }

  private static let ttl = 6

  private static func rows(_ count: Int, firstID: Int, _ random: inout SeededGenerator) -> [Row] {
    var clock = 0
    return (0..<count).map { index in
      clock += Int.random(in: 0...4, using: &random)
      return Row(
        id: firstID + index, k: ["a", "b", "c", ""].randomElement(using: &random) ?? "a", n: Int.random(in: 0...9, using: &random),
        second: clock + Int.random(in: 0...3, using: &random))
    }
  }

  private static func table(_ name: String, _ rows: [Row]) -> (ddl: String, file: (path: String, content: String)) {
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    let lines = rows.map { "\($0.id),\($0.k),\($0.n),2024-01-01 00:\(two($0.second / 60)):\(two($0.second % 60))\n" }
    return (
      """
      CREATE TABLE \(name) (id BIGINT, k STRING, n BIGINT, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '4' SECOND)
      WITH ('connector' = 'filesystem', 'path' = '/in/\(name).csv', 'format' = 'csv', 'csv.null-literal' = '', 'order.by' = 'id');

      """, ("/in/\(name).csv", lines.joined())
    )
  }

  private static func check(_ query: String, _ tables: [(String, [Row])], _ wanted: [String], seed: UInt64) throws {
    let made = tables.map { table($0.0, $0.1) }
    let sql = "SET 'table.exec.state.ttl' = '\(ttl) s';\n" + made.map(\.ddl).joined() + query
    let file = QueryFile(name: "ttl", files: made.map(\.file), sql: sql)
    for mode in [QueryMode.batch, .oneRow, .streamTwoPartitions, .rescaled, .unoptimized] {
      let found = try file.run(mode, seed: seed).sorted()
      #expect(found == wanted.sorted(), "seed \(seed), \(mode)")
    }
  }

  /// Rows of each key in the total order, cut where the key was forgotten.
  private static func generations(_ rows: [Row]) -> [[Row]] {
    var open: [String: [Row]] = [:]
    var closed: [[Row]] = []
    for row in rows.sorted(by: { ($0.second, $0.id) < ($1.second, $1.id) }) {
      if let last = open[row.k]?.last, row.second - last.second >= ttl {
        closed.append(open[row.k] ?? [])
        open[row.k] = []
      }
      open[row.k, default: []].append(row)
    }
    return closed + open.values
  }

  @Test(arguments: 0..<UInt64(8)) func groupsAndRankings(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let rows = Self.rows(Int.random(in: 20...60, using: &random), firstID: 0, &random)
    let generations = Self.generations(rows)
    try Self.check(
      "SELECT k, COUNT(*), SUM(n), MIN(n), COUNT(DISTINCT n) FROM t GROUP BY k", [("t", rows)],
      generations.map { part in
        "\(part[0].k),\(part.count),\(part.reduce(0) { $0 + $1.n }),\(part.map(\.n).min() ?? 0),\(Set(part.map(\.n)).count)"
      }, seed: seed)
    try Self.check(
      "SELECT id, r FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC, id) AS r FROM t) WHERE r <= 2", [("t", rows)],
      generations.flatMap { part in
        part.sorted { ($1.n, $0.id) < ($0.n, $1.id) }.prefix(2).enumerated().map { "\($1.id),\($0 + 1)" }
      }, seed: seed)
  }

  @Test(arguments: 0..<UInt64(8)) func joins(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let left = Self.rows(Int.random(in: 10...30, using: &random), firstID: 0, &random)
    let right = Self.rows(Int.random(in: 10...30, using: &random), firstID: 100, &random)
    func meets(_ l: Row, _ r: Row) -> Bool { l.k != "" && l.k == r.k && abs(l.second - r.second) < Self.ttl }
    let pairs = left.flatMap { l in right.filter { meets(l, $0) }.map { "\(l.id),\($0.id)" } }
    try Self.check("SELECT l.id, r.id FROM l JOIN r ON l.k = r.k", [("l", left), ("r", right)], pairs, seed: seed)
    let alone = left.filter { l in !right.contains { meets(l, $0) } }.map { "\($0.id)," }
    try Self.check("SELECT l.id, r.id FROM l LEFT JOIN r ON l.k = r.k", [("l", left), ("r", right)], pairs + alone, seed: seed)
    try Self.check(
      "SELECT id FROM l WHERE k IN (SELECT k FROM r)", [("l", left), ("r", right)],
      left.filter { l in right.contains { meets(l, $0) } }.map { "\($0.id)" }, seed: seed)
  }
}
