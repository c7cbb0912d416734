import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceRuntime
import MillraceSQL
import MillraceServer
import MillraceTypes
import Synchronization
import Testing

/// The hidden instant at which a row reached Millrace: who carries it, and that nothing else depends on it.
@Suite struct ArrivalTimeTests {
  /// A clock that jumps with every reading, forwards or backwards.
  private final class JumpingClock: WallClock {
    private let state: Mutex<(now: Int64, step: Int64)>
    init(startMicros: Int64, stepMicros: Int64) { state = Mutex((startMicros, stepMicros)) }
    var nowMicros: Int64 {
      state.withLock { state in
        state.now &+= state.step
        return state.now
      }
    }
    var monotonicNanos: UInt64 { 0 }
    func sleep(nanos: UInt64) {}
  }

  private static let tables = """
    CREATE TABLE t (id BIGINT, k INT, x DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '2' SECOND)
    WITH ('connector' = 'filesystem', 'path' = '/in/t', 'format' = 'csv', 'late-rows.path' = '/out/late');
    CREATE TABLE u (id BIGINT, k INT, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '2' SECOND)
    WITH ('connector' = 'filesystem', 'path' = '/in/u.csv', 'format' = 'csv');
    CREATE FEATURE VIEW f KEYED BY (k) AS SELECT COUNT(*) OVER LAST '10' SECOND AS n, SUM(x) OVER UNBOUNDED AS s FROM t;

    """

  private static func environment(_ clock: any WallClock) throws -> (Environment, MemoryFileStore) {
    let store = MemoryFileStore()
    try store.makeFolder("/in/t")
    var random = SeededGenerator(seed: 5)
    func lines(_ from: Int, _ count: Int, _ row: (Int, String) -> String) -> [UInt8] {
      var text = ""
      for i in from..<from + count {
        let second = 20 + i / 2 + Int.random(in: -4...1, using: &random)
        text += row(i, "2024-01-01 00:00:\(second).\(100 + i)") + "\n"
      }
      return Array(text.utf8)
    }
    try store.writeDurably(lines(0, 40) { "\($0),\($0 % 3),\($0).25,\($1)" }, to: "/in/t/1.csv")
    try store.writeDurably(lines(40, 30) { "\($0),\($0 % 3),0.1,\($1)" }, to: "/in/t/2.csv")
    try store.writeDurably(lines(0, 40) { "\($0),\($0 % 4),\($1)" }, to: "/in/u.csv")
    return (Environment(files: store, clock: clock, randomness: SeededRandomSource(seed: 1), console: BufferedConsole()), store)
  }

  private enum Mode: CaseIterable { case batch, parallel, stream, simulated }

  /// The rows of a query with their hidden columns.
  private static func run(_ query: String, _ mode: Mode, _ environment: Environment) throws -> Batch {
    var session = SQLSession()
    var job: JobPlan?
    for statement in try session.compile(tables + query, name: "test") { if case .query(let plan) = statement.kind { job = plan } }
    var configuration = JobConfiguration()
    configuration.batchRows = mode == .batch ? 4096 : 7
    configuration.parallelism = mode == .parallel ? 3 : 1
    configuration.mode = mode == .stream ? .streaming : .batch
    let launcher = JobLauncher(environment: environment, configuration: configuration, usesOptimizer: true, connectors: .builtIn)
    let plan = try launcher.physicalPlan(try #require(job))
    let builder = try launcher.builder(plan)
    if mode == .simulated {
      _ = try SimulatedRuntime([builder], seed: 3, faults: .init(crashes: 3, stepsPerCheckpoint: 6)).run()
    } else {
      _ = try EmbeddedRuntime(builder).run()
    }
    return try #require(JobLauncher.rows(plan, builder.collectors))
  }

  private static let carrying = [
    "SELECT id, x * 2 AS y FROM t WHERE id > 3;",
    "SELECT id, SUM(x) OVER (PARTITION BY k ORDER BY at RANGE BETWEEN INTERVAL '9' SECOND PRECEDING AND CURRENT ROW) AS s FROM t;",
    "SELECT u.id, f.n, f.s FROM u LEFT JOIN f FOR SYSTEM_TIME AS OF u.at AS f ON f.k = u.k;",
    "SELECT u.id, f.n FROM u LEFT JOIN f FOR SYSTEM_TIME AS OF u.at + INTERVAL '3' SECOND AS f ON f.k = u.k;",
    "SELECT t.id, u.id AS other FROM t LEFT JOIN u ON t.k = u.k AND u.at BETWEEN t.at AND t.at + INTERVAL '1' SECOND;",
    "SELECT t.id, u.id AS other FROM t JOIN u ON t.id = u.id;",
    "SELECT id FROM t UNION ALL SELECT id FROM u;",
    "SELECT id, x FROM t ORDER BY x DESC LIMIT 30;",
    "SELECT id, window_start FROM TABLE(HOP(TABLE t, DESCRIPTOR(at), INTERVAL '2' SECOND, INTERVAL '6' SECOND));",
  ]

  @Test(arguments: carrying) func rowsCarryTheInstantOfTheirReading(_ query: String) throws {
    for mode in Mode.allCases {
      // The clock stands still when real stages run, and moves on a little when simulated ones do.
      let start: Int64 = mode == .simulated ? 1_700_000_000_000_000 : 1_234_567
      let (environment, _) = try Self.environment(ManualClock(startMicros: start))
      let rows = try Self.run(query, mode, environment)
      #expect(rows.rowCount > 20)
      let arrival = try #require(rows.arrivalTimes, "\(mode)")
      let wanted = mode == .simulated ? start...start + 60_000_000 : start...start
      for row in 0..<rows.rowCount {
        guard case .int(let instant) = arrival[row], wanted.contains(instant) else {
          Issue.record("\(mode): row \(row) arrived \(arrival[row])")
          break
        }
      }
    }
  }

  @Test(arguments: [
    "SELECT k, COUNT(*) AS n FROM t GROUP BY k;",
    "SELECT k, SUM(x) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '5' SECOND)) GROUP BY window_start, window_end, k;",
    "SELECT a FROM (VALUES (1), (2)) AS v (a);",
  ]) func rowsOfAggregatesHaveNone(_ query: String) throws {
    let (environment, _) = try Self.environment(ManualClock(startMicros: 99))
    #expect(try Self.run(query, .batch, environment).arrivalTimes == nil)
  }

  @Test func sourcesThatNobodyAsksDoNotPay() throws {
    var session = SQLSession()
    var sources: [String: Bool] = [:]
    for statement in try session.compile(
      Self.tables + """
        SELECT u.id, f.n, w.c FROM u LEFT JOIN f FOR SYSTEM_TIME AS OF u.at AS f ON f.k = u.k
        JOIN (SELECT k, COUNT(*) AS c FROM t GROUP BY k) AS w ON w.k = u.k;
        """, name: "test")
    {
      guard case .query(let job) = statement.kind else { continue }
      let (environment, _) = try Self.environment(ManualClock())
      let launcher = JobLauncher(
        environment: environment, configuration: JobConfiguration(), usesOptimizer: true, connectors: .builtIn)
      let plan = try launcher.physicalPlan(job)
      for (node, matters) in zip(plan.nodes, plan.arrivalTimesMatter) {
        if case .source(let scan, _) = node.kind { sources[scan.table.name] = matters }
      }
    }
    #expect(sources == ["t": false, "u": true])
  }

  /// Output files, late rows and results are the same bytes whatever the clock says.
  @Test(arguments: carrying) func nothingDependsOnTheClock(_ query: String) throws {
    func outputs(_ mode: Mode, _ clock: any WallClock) throws -> [String] {
      let (environment, store) = try Self.environment(clock)
      let rows = try Self.run(query, mode, environment)
      var found = [String(describing: rows.rowCount)]
      for row in 0..<rows.rowCount {
        found.append("\(rows.row(row)) \(rows.eventTimes.map { "\($0[row])" } ?? "") \(rows.order.map { "\($0[row])" } ?? "")")
      }
      if try store.info("/out/late") != nil {
        for name in try store.list("/out/late") {
          found.append(name + String(decoding: try store.readAll("/out/late/" + name), as: UTF8.self))
        }
      }
      return found
    }
    for mode in [Mode.batch, .simulated] {
      let first = try outputs(mode, JumpingClock(startMicros: 0, stepMicros: 1_000_001))
      #expect(first == (try outputs(mode, JumpingClock(startMicros: 4_000_000_000_000_000, stepMicros: -77_777))))
      #expect(first == (try outputs(mode, JumpingClock(startMicros: .max - 100, stepMicros: 13))))
    }
  }
}
