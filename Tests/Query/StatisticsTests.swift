import Foundation
import MillraceEnvironment
import MillraceRuntime
import MillraceServer
import MillraceTypes
import Testing

/// What operators did: rows, state, watermarks, however many partitions there are.
@Suite struct StatisticsTests {
  private static let rowCount = 600
  private static let tables = """
    CREATE TABLE t (id BIGINT, k BIGINT, name STRING, x DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '2' SECOND,
      PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '/in/t', 'format' = 'csv');
    CREATE TABLE u (id BIGINT, k BIGINT, name STRING, x DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '2' SECOND)
    WITH ('connector' = 'filesystem', 'path' = '/in/t', 'format' = 'csv');
    CREATE TABLE o (id BIGINT, proc AS PROCTIME()) WITH ('connector' = 'filesystem', 'path' = '/in/o', 'format' = 'csv');
    CREATE FEATURE VIEW f KEYED BY (k) AS SELECT COUNT(DISTINCT name) OVER LAST '1' MINUTE AS n, MAX(x) OVER LAST '1' MINUTE AS m,
      SUM(x) OVER LAST '1' MINUTE AS s, LAST_VALUE(name) OVER LAST '1' MINUTE AS l FROM u;

    """

  /// Three files, 600 rows a tenth of a second apart of seven keys; one row comes too late.
  private static func files() throws -> MemoryFileStore {
    let store = MemoryFileStore()
    for folder in ["/in/t", "/in/o"] { try store.makeFolder(folder) }
    for file in 0..<3 {
      var text = ""
      for row in stride(from: file, to: rowCount, by: 3) {
        let tenths = row
        text +=
          "\(row),\(row % 7),name \(row % 11),\(row).5,2024-01-01 00:00:\(tenths / 10 < 10 ? "0" : "")\(tenths / 10).\(tenths % 10)00\n"
      }
      if file == 1 { text += "9999,1,late,0.5,2023-12-31 23:59:59.000\n" }
      try store.writeDurably(Array(text.utf8), to: "/in/t/\(file).csv")
    }
    try store.writeDurably(Array((0..<5).map { "\($0)\n" }.joined().utf8), to: "/in/o/0.csv")
    return store
  }

  private func run(_ sql: String, parallelism: Int, mode: JobConfiguration.Mode = .streaming) throws -> (JobStatistics, error: String) {
    let console = BufferedConsole()
    let environment = Environment(
      files: try Self.files(), clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: console)
    var options = SessionOptions()
    options.job.parallelism = parallelism
    options.job.mode = mode
    options.job.batchRows = 50
    options.statistics = .json
    let session = Session(environment: environment, options: options)
    var found = JobStatistics()
    session.finished = { found = $0.statistics }
    try session.run(text: Self.tables + sql, name: "test", output: .csv, changelog: false)
    return (found, console.error)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var sql: String
    /// The beginning of the operator's id, its rows, and the keys it has at most.
    var id: String
    var rowsIn: Int64
    var keys: Int
    var testDescription: String { name }
  }

  private static let window = "TABLE(TUMBLE(TABLE u, DESCRIPTOR(at), INTERVAL '10' SECOND))"
  static let cases: [Case] = [
    Case(
      name: "group", sql: "SELECT k, COUNT(*), MAX(name), COUNT(DISTINCT name) FROM u GROUP BY k", id: "aggregate", rowsIn: 600, keys: 7),
    Case(name: "strings", sql: "SELECT name, SUM(x) FROM u GROUP BY name", id: "aggregate", rowsIn: 600, keys: 11),
    Case(
      name: "window", sql: "SELECT window_start, k, SUM(x) FROM \(window) GROUP BY window_start, window_end, k", id: "window-aggregate",
      rowsIn: 600, keys: 7),
    Case(
      name: "session",
      sql: "SELECT k, SESSION_START(at, INTERVAL '5' SECOND), COUNT(*) FROM u GROUP BY k, SESSION(at, INTERVAL '5' SECOND)",
      id: "session-aggregate", rowsIn: 600, keys: 7),
    Case(
      name: "over",
      sql: "SELECT id, SUM(x) OVER (PARTITION BY k ORDER BY at RANGE BETWEEN INTERVAL '9' SECOND PRECEDING AND CURRENT ROW) FROM u",
      id: "over", rowsIn: 600, keys: 7),
    Case(
      name: "any order", sql: "SELECT id, LEAD(x) OVER (PARTITION BY k ORDER BY x) FROM u", id: "ordered-over", rowsIn: 600, keys: 7),
    Case(
      name: "rank",
      sql: "SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY x DESC) AS r FROM u) WHERE r <= 2", id: "rank",
      rowsIn: 600, keys: 7),
    Case(name: "join", sql: "SELECT a.id FROM u a JOIN u b ON a.id = b.k", id: "join", rowsIn: 1200, keys: 600),
    Case(
      name: "interval join", sql: "SELECT a.id FROM u a JOIN u b ON a.k = b.k AND b.at BETWEEN a.at AND a.at + INTERVAL '1' SECOND",
      id: "interval-join", rowsIn: 1200, keys: 7),
    Case(
      name: "temporal join", sql: "SELECT a.id, b.x FROM u a JOIN t FOR SYSTEM_TIME AS OF a.at AS b ON a.k = b.k", id: "temporal-join",
      rowsIn: 1200, keys: 7),
    Case(
      name: "lookup join", sql: "SELECT o.id, b.x FROM o JOIN u FOR SYSTEM_TIME AS OF o.proc AS b ON o.id = b.k", id: "lookup",
      rowsIn: 5,
      keys: 7),
    Case(
      name: "feature view", sql: "SELECT u.id, f.n, f.m, f.s, f.l FROM u JOIN f FOR SYSTEM_TIME AS OF u.at ON f.k = u.k", id: "as-of",
      rowsIn: 1200, keys: 7),
    Case(name: "sort", sql: "SELECT id FROM u ORDER BY x LIMIT 3", id: "sort", rowsIn: 600, keys: 0),
  ]

  @Test(arguments: cases, [1, 3]) func ofOperators(_ test: Case, _ parallelism: Int) throws {
    let (statistics, error) = try run(test.sql, parallelism: parallelism)
    let found = statistics.operators.first { $0.operatorID.hasPrefix(test.id) }
    let part = try #require(found, "\(statistics.operators.map(\.operatorID))")
    #expect(part.rowsIn == test.rowsIn)
    if test.id == "lookup" {
      // Each partition that is asked anything reads the whole table.
      #expect((1...parallelism).map { $0 * test.keys }.contains(part.stateMax.keys))
    } else {
      #expect(part.stateMax.keys == test.keys)
    }
    #expect(part.stateMax.bytes > 0)
    #expect(part.watermark == .end)
    // A late row is known where it was read.
    let tables = test.name == "lookup join" ? 0 : test.name == "temporal join" ? 2 : 1
    #expect(statistics.operators.reduce(0) { $0 + $1.lateRows } == tables)
    let line = try #require(error.split(separator: "\n").last { $0.hasPrefix("{") })
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    #expect((object["operators"] as? [Any])?.count == statistics.operators.count)
    #expect(object["rows_read"] as? Int64 == statistics.rowsRead)
  }

  /// What a window kept goes away with its end, and was there before.
  @Test func stateGoesAway() throws {
    let (statistics, _) = try run(
      "SELECT window_start, name, SUM(x) FROM \(Self.window) GROUP BY window_start, window_end, name", parallelism: 2)
    let part = try #require(statistics.operators.first { $0.operatorID.hasPrefix("window-aggregate") })
    #expect(part.stateMax.keys == 11)
    #expect(part.rowsOut == 66)
  }

  @Test func explainAnalyze() throws {
    let console = BufferedConsole()
    let environment = Environment(
      files: try Self.files(), clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: console)
    let session = Session(environment: environment, options: SessionOptions())
    try session.run(
      text: Self.tables + "EXPLAIN ANALYZE SELECT k, COUNT(*) AS n FROM u WHERE x > 9 GROUP BY k; SHOW JOBS", name: "test", output: .csv,
      changelog: false)
    for words in [
      "Ran to the end of its input: 600 rows read", "1 late rows left out", "[1] project from [0] where x > 9.0", "rows 591 in, 7 out",
      "state 7 keys",
      "| query | finished | 600",
    ] where !console.output.contains(words) {
      Issue.record("\(words) is missing in\n\(console.output)")
    }
  }

  /// A query without an end runs for the time given, and is refused without one where nobody can stop it.
  @Test func explainAnalyzeForATime() throws {
    let console = BufferedConsole()
    var environment = SystemEnvironment.real
    environment.console = console
    let session = Session(environment: environment, options: SessionOptions())
    let table = "CREATE TABLE g (a INT) WITH ('connector' = 'datagen', 'rows-per-second' = '500');"
    try session.run(
      text: table + "EXPLAIN ANALYZE LIMIT INTERVAL '0.4' SECOND SELECT a, COUNT(*) FROM g GROUP BY a", name: "test", output: .csv,
      changelog: false)
    #expect(console.output.contains("Ran for the time given"))
    #expect(throws: MillraceError.self) {
      try session.run(text: "EXPLAIN ANALYZE SELECT a FROM g", name: "test", output: .csv, changelog: false)
    }
  }

  @Test func numbers() {
    #expect(
      StatisticsText.grouped(1_234_567) == "1,234,567" && StatisticsText.grouped(-12) == "-12" && StatisticsText.grouped(123) == "123")
    #expect(StatisticsText.bytes(1023) == "1023 B" && StatisticsText.bytes(1536) == "1.5 KiB" && StatisticsText.bytes(5 << 30) == "5.0 GiB")
    #expect(StatisticsText.duration(12_300_000) == "0.012 s" && StatisticsText.duration(303_000_000_000) == "5 min 3 s")
    #expect(StatisticsText.watermark(.end) == "end" && StatisticsText.watermark(1_704_067_210_000_999) == "2024-01-01 00:00:10.000")
  }
}
