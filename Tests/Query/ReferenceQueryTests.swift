import MillraceEnvironment
import Testing

/// Grouping, tumbling windows and feature views against loops over all rows that anyone can read.
@Suite struct ReferenceQueryTests {
  private struct Row {
    var id: Int
    var key: String?
    var other: Int
    var n: Int?
    /// Seconds from 1970, before it too.
    var second: Int
  }

  /// Rows of one file in the order of their lines.
  private static func rows(_ count: Int, firstID: Int, _ random: inout SeededGenerator) -> [Row] {
    var clock = -60
    return (0..<count).map { index in
      clock += Int.random(in: 0...3, using: &random)
      return Row(
        id: firstID + index, key: Int.random(in: 0...7, using: &random) == 0 ? nil : ["a", "b", "c"].randomElement(using: &random),
        other: Int.random(in: 0...3, using: &random),
        n: Int.random(in: 0...5, using: &random) == 0 ? nil : Int.random(in: -20...20, using: &random),
        second: clock - Int.random(in: 0...3, using: &random) * Int.random(in: 0...3, using: &random))
    }
  }

  private static func text(_ second: Int) -> String {
    let inDay = second < 0 ? second + 86_400 : second
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    return "\(second < 0 ? "1969-12-31" : "1970-01-01") \(two(inDay / 3600)):\(two(inDay / 60 % 60)):\(two(inDay % 60))"
  }

  private static func table(_ name: String, _ rows: [Row], rank: Int) -> (ddl: String, file: (path: String, content: String)) {
    let lines = rows.map { "\($0.id),\($0.key ?? ""),\($0.other),\($0.n.map(String.init) ?? ""),\(text($0.second))\n" }
    return (
      """
      CREATE TABLE \(name) (id BIGINT, k STRING, j BIGINT, n BIGINT, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '5' SECOND)
      WITH ('connector' = 'filesystem', 'path' = '/in/\(name).csv', 'format' = 'csv', 'csv.null-literal' = '',
        'order.by' = 'id', 'order.rank' = '\(rank)');

      """, ("/in/\(name).csv", lines.joined())
    )
  }

  /// The rows that are not late, in the total order.
  private static func inTime(_ rows: [Row]) -> [Row] {
    var clock = Int.min / 2
    var kept: [Row] = []
    for row in rows {
      if row.second >= clock { kept.append(row) }
      clock = max(clock, row.second - 5)
    }
    return kept.sorted { ($0.second, $0.id) < ($1.second, $1.id) }
  }

  private static func check(_ file: QueryFile, _ wanted: [String], seed: UInt64) throws {
    for mode in [QueryMode.batch, .streamTwoPartitions, .rescaled, .unoptimized] {
      let found = try file.run(mode, seed: seed).sorted()
      #expect(found == wanted.sorted(), "seed \(seed), \(mode)")
    }
  }

  private static func field(_ value: Int?) -> String { value.map(String.init) ?? "" }

  /// COUNT(*), COUNT(n), SUM, MIN, MAX, AVG and COUNT(DISTINCT) as CSV.
  private static func aggregates(_ rows: [Row]) -> String {
    let values = rows.compactMap(\.n)
    let sum = values.isEmpty ? nil : values.reduce(0, +)
    return [
      "\(rows.count)", "\(values.count)", field(sum), field(values.min()), field(values.max()), field(sum.map { $0 / values.count }),
      "\(Set(values).count)",
    ].joined(separator: ",")
  }

  @Test(arguments: 0..<UInt64(12))
  func groups(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let rows = Self.rows(Int.random(in: 0...80, using: &random), firstID: 0, &random)
    let (ddl, data) = Self.table("t", rows, rank: 0)
    let kept = Self.inTime(rows)
    let calls = "COUNT(*), COUNT(n), SUM(n), MIN(n), MAX(n), AVG(n), COUNT(DISTINCT n)"
    let grouped = QueryFile(name: "groups", files: [data], sql: ddl + "SELECT k, j, \(calls) FROM t WHERE j > 0 GROUP BY k, j")
    var wanted: [String] = []
    for key in [nil, "a", "b", "c"] as [String?] {
      for other in 1...3 {
        let part = kept.filter { $0.key == key && $0.other == other }
        if !part.isEmpty { wanted.append("\(key ?? ""),\(other),\(Self.aggregates(part))") }
      }
    }
    try Self.check(grouped, wanted, seed: seed)

    let offset = Int.random(in: -4...4, using: &random)
    let windowed = QueryFile(
      name: "windows", files: [data],
      sql: ddl + """
        SELECT k, window_start, \(calls), FIRST_VALUE(id), LAST_VALUE(id)
        FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '10' SECOND, INTERVAL '\(offset)' SECOND)) GROUP BY window_start, window_end, k
        """)
    wanted = []
    for start in stride(from: -210 + offset, to: 400, by: 10) {
      for key in [nil, "a", "b", "c"] as [String?] {
        let part = kept.filter { $0.key == key && $0.second >= start && $0.second < start + 10 }
        guard let first = part.first, let last = part.last else { continue }
        wanted.append("\(key ?? ""),\(Self.text(start)).000,\(Self.aggregates(part)),\(first.id),\(last.id)")
      }
    }
    try Self.check(windowed, wanted, seed: seed)
  }

  /// Windows of three kinds over two streams, of which one ranks before the rows that ask; asked under another key, now or later.
  @Test(arguments: 0..<UInt64(16))
  func features(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let events = Self.rows(Int.random(in: 1...60, using: &random), firstID: 0, &random)
    let outcomes = Self.rows(Int.random(in: 1...60, using: &random), firstID: 1000, &random)
    let shift = seed % 3 == 0 ? 7 : 0
    let (ddl, data) = Self.table("t", events, rank: 0)
    let (more, moreData) = Self.table("o", outcomes, rank: -1)
    let file = QueryFile(
      name: "features", files: [data, moreData],
      sql: ddl + more + """
        CREATE FEATURE VIEW f KEYED BY (entity) AS
        SELECT COUNT(*) OVER LAST '9' SECOND AS c, SUM(n) OVER LAST '30' SECOND AS s, MIN(n) OVER LAST 3 ROWS AS lo,
          LAST_VALUE(id) OVER UNBOUNDED AS latest FROM t WHERE n IS NULL OR n > -15 KEY (j)
        ALSO SELECT SUM(n) FILTER (WHERE n > 0) OVER LAST '12' SECOND DEFAULT 0 AS gain, COUNT(DISTINCT k) OVER UNBOUNDED AS kinds,
          MAX(n) OVER LAST '20' SECOND AS hi FROM o KEY (j);
        SELECT t.id, f.c, f.s, f.lo, f.latest, f.gain, f.kinds, f.hi FROM t
        LEFT JOIN f FOR SYSTEM_TIME AS OF t.at\(shift == 0 ? "" : " + INTERVAL '\(shift)' SECOND") AS f ON f.entity = t.j + 1
        """)
    let kept = Self.inTime(events)
    let known = Self.inTime(outcomes)
    var wanted: [String] = []
    for row in kept {
      let instant = row.second + shift
      // Asked later, a row comes after all of its instant; asked at once, after the outcomes and the events of lower id.
      let mine = kept.filter { other in
        let isBefore = shift > 0 ? other.second <= instant : (other.second, other.id) < (row.second, row.id)
        return other.other == row.other + 1 && (other.n ?? 0) > -15 && isBefore
      }
      let theirs = known.filter { $0.other == row.other + 1 && $0.second <= instant }
      func last(_ rows: [Row], _ seconds: Int) -> [Row] { rows.filter { $0.second >= instant - seconds } }
      let month = last(mine, 30).compactMap(\.n)
      let gains = last(theirs, 12).compactMap(\.n).filter { $0 > 0 }
      wanted.append(
        [
          "\(row.id)", "\(last(mine, 9).count)", Self.field(month.isEmpty ? nil : month.reduce(0, +)),
          Self.field(mine.suffix(3).compactMap(\.n).min()), Self.field(mine.last?.id), "\(gains.reduce(0, +))",
          "\(Set(theirs.compactMap(\.key)).count)", Self.field(last(theirs, 20).compactMap(\.n).max()),
        ].joined(separator: ","))
    }
    try Self.check(file, wanted, seed: seed)
  }
}
