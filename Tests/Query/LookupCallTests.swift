import Foundation
import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillraceOperators
import MillracePlan
import MillraceRuntime
import MillraceSQL
import MillraceServer
import MillraceSystemEnvironment
import MillraceTypes
import Synchronization
import Testing

/// A table that is asked by key: `name` is `n<id>` for ids below 90 that are no multiple of 7, twice for multiples of 5. It fails
/// and dawdles as its options say, by key and try, so that every run of it is alike.
private struct FlakyConnector: ConnectorFactory {
  let name = "flaky"
  let calls = CallLog()
  var options: [ConnectorOption] {
    LookupSettings.options + [
      ConnectorOption("failures", .integer, "tries that fail for ids that are multiples of 3"),
      ConnectorOption("slow", .integer, "tries that run out of time for ids that are multiples of 4"),
      ConnectorOption("delay", .duration, "of every call, by the clock"),
    ]
  }

  func makeLookup(_ request: LookupRequest, _ options: ConnectorOptions) throws(MillraceError) -> (any LookupConnector)? {
    FlakyTable(
      request: request, failures: Int(options.integer("failures") ?? 0), slow: Int(options.integer("slow") ?? 0),
      delayMicros: options.durationMicros("delay") ?? 0, calls: calls)
  }
}

private final class CallLog: Sendable {
  let keys = Mutex<[Int64: Int]>([:])
  var most: Int { keys.withLock { $0.values.max() ?? 0 } }
}

private struct FlakyTable: LookupConnector {
  let request: LookupRequest
  let failures: Int
  let slow: Int
  let delayMicros: Int64
  let calls: CallLog

  func lookUp(_ keys: Batch, attempt: Int) throws(MillraceError) -> Batch {
    var ids: [Int64] = []
    for row in 0..<keys.rowCount { if case .int(let id) = keys.columns[0][row] { ids.append(id) } }
    calls.keys.withLock { counts in for id in ids { counts[id, default: 0] += 1 } }
    if delayMicros > 0 { request.environment.clock.sleep(nanos: UInt64(delayMicros * (1 + (ids.first ?? 0) % 5) * 1000)) }
    if attempt < failures, ids.contains(where: { $0 % 3 == 0 }) {
      throw MillraceError(.invalidInput, "the service is down", isRetryable: true)
    }
    if attempt < slow, ids.contains(where: { $0 % 4 == 0 }) { throw MillraceError(.lookupTimedOut, "no answer") }
    var rows: [[Value]] = []
    for id in ids.reversed() where id < 90 && id % 7 != 0 {
      for copy in 0..<(id % 5 == 0 ? 2 : 1) { rows.append([.int(id), .text(copy == 0 ? "n\(id)" : "m\(id)")]) }
    }
    return Batch(
      schema: request.schema,
      columns: try request.columns.map { (c) throws(MillraceError) in
        try Column(type: request.table.schema.fields[c].type, rows.map { $0[c] })
      }, rowCount: rows.count)
  }
}

/// Joins with a table that is asked by key, outside of the stages.
@Suite struct LookupCallTests {
  private static let events = (0..<400).map { i in
    let (minute, second) = (i / 60, i % 60)
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    let id = i % 11 == 0 ? "null" : "\((i * 37) % 97)"
    return "{\"at\":\"2026-03-01T10:\(two(minute)):\(two(second))Z\",\"id\":\(id),\"n\":\(i)}"
  }

  private func sql(_ options: String, kind: String = "LEFT") -> String {
    """
    CREATE TABLE events (at TIMESTAMP(3), id BIGINT, n BIGINT, now AS PROCTIME(), WATERMARK FOR at AS at - INTERVAL '1' SECOND)
    WITH ('connector' = 'filesystem', 'path' = 'data/events.json', 'format' = 'json');
    CREATE TABLE names (id BIGINT, name STRING) WITH ('connector' = 'flaky'\(options));
    CREATE VIEW named AS SELECT e.at, e.n, s.name FROM events AS e
    \(kind) JOIN names FOR SYSTEM_TIME AS OF e.now AS s ON s.id = e.id AND s.name <> 'n20';
    SELECT window_start, name, COUNT(*) AS c, SUM(n) AS total, MIN(n) AS low
    FROM TABLE(TUMBLE(TABLE named, DESCRIPTOR(at), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, name;
    """
  }

  /// What the query above gives, from its definition.
  private func expected(kind: String = "LEFT", lost: (Int) -> Bool = { _ in false }) -> [String] {
    var groups: [String: (count: Int, total: Int, low: Int)] = [:]
    for i in 0..<400 {
      var names: [String] = []
      let id = (i * 37) % 97
      if i % 11 != 0, id < 90, id % 7 != 0, !lost(id) { names = id % 5 == 0 ? ["m\(id)", "n\(id)"] : ["n\(id)"] }
      names.removeAll { $0 == "n20" }
      if names.isEmpty, kind == "LEFT" { names = [""] }
      for name in names {
        let old = groups["\(i / 60),\(name)"] ?? (0, 0, i)
        groups["\(i / 60),\(name)"] = (old.count + 1, old.total + i, min(old.low, i))
      }
    }
    return groups.map { key, group in
      let parts = key.split(separator: ",", omittingEmptySubsequences: false)
      return "2026-03-01 10:0\(parts[0]):00.000,\(parts[1]),\(group.count),\(group.total),\(group.low)"
    }.sorted()
  }

  private func run(
    _ sql: String, _ connector: FlakyConnector = FlakyConnector(), seed: UInt64? = nil, parallelism: Int = 1,
    clock: any WallClock = ManualClock()
  ) throws -> [String] {
    let store = MemoryFileStore()
    try store.makeFolder("data")
    try store.writeDurably(Array((Self.events.joined(separator: "\n") + "\n").utf8), to: "data/events.json")
    let environment = Environment(
      files: store, clock: clock, randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
    var registry = ConnectorRegistry.builtIn
    registry.register(connector)
    var session = SQLSession()
    var job: JobPlan?
    for statement in try session.compile(sql) { if case .query(let plan) = statement.kind { job = plan } }
    let wanted = try #require(job)
    func launcher(_ parallelism: Int, _ mode: JobConfiguration.Mode) -> JobLauncher {
      var configuration = JobConfiguration()
      configuration.batchRows = seed == nil ? 64 : 5
      configuration.parallelism = parallelism
      configuration.mode = mode
      return JobLauncher(environment: environment, configuration: configuration, usesOptimizer: true, connectors: registry)
    }
    let first = launcher(parallelism, seed == nil ? .streaming : .batch)
    let plan = try first.physicalPlan(wanted)
    let builder = try first.builder(plan)
    if let seed {
      var builders = [builder]
      for next in [2, 3, 1] { builders.append(try launcher(next, .batch).builder(plan, collectors: builder.collectors)) }
      _ = try SimulatedRuntime(builders, seed: seed, faults: .init(crashes: 4, stepsPerCheckpoint: 6)).run()
    } else {
      _ = try EmbeddedRuntime(builder).run()
    }
    let rows = try #require(JobLauncher.rows(plan, builder.collectors)).folded()
    return String(decoding: try ResultText.csv(rows), as: UTF8.self).split(separator: "\n").dropFirst().map(String.init).sorted()
  }

  static let caches = [
    "", ", 'lookup.cache' = 'NONE'", ", 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '10'",
    ", 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.expire-after-write' = '20 ms'",
  ]

  /// Answers come in any order, calls fail and are made again, the process dies and starts again with other parallelism: no row is
  /// lost, none comes twice.
  @Test(arguments: caches, 1...4 as ClosedRange<UInt64>) func anyOrderOfAnswersGivesTheSame(_ cache: String, _ seed: UInt64) throws {
    let options =
      cache + ", 'failures' = '2', 'slow' = '1', 'lookup.timeout' = '1 s', 'lookup.on-timeout' = 'retry', 'lookup.async.capacity' = '3'"
    for kind in ["LEFT", "INNER"] { #expect(try run(sql(options, kind: kind), seed: seed) == expected(kind: kind), "\(kind)") }
  }

  @Test(arguments: [1, 2]) func threadsGiveTheSame(_ parallelism: Int) throws {
    let options = ", 'failures' = '1', 'delay' = '1 ms', 'lookup.async.threads' = '3'"
    #expect(try run(sql(options), parallelism: parallelism, clock: SystemClock()) == expected())
  }

  @Test func cachedKeysAreAskedForOnce() throws {
    let connector = FlakyConnector()
    _ = try run(sql(", 'lookup.cache' = 'PARTIAL'"), connector)
    #expect(connector.calls.most == 1)
  }

  @Test func whatATimeoutMeansIsDeclared() throws {
    let slow = ", 'slow' = '9', 'lookup.timeout' = '1 s', 'lookup.async.threads' = '1', 'lookup.cache' = 'PARTIAL'"
    #expect(throws: MillraceError.self) { try run(sql(slow)) }
    #expect(throws: MillraceError.self) { try run(sql(slow + ", 'lookup.on-timeout' = 'retry'")) }
    // What runs out of time is a call, with all of its keys.
    #expect(try run(sql(slow + ", 'lookup.on-timeout' = 'null'")) == expected { _ in true })
  }

  /// A call that sleeps longer than it may is too late whenever it returns.
  @Test func aCallThatHangsIsGivenUp() throws {
    let options = ", 'delay' = '30 ms', 'lookup.timeout' = '1 ms', 'lookup.on-timeout' = 'null'"
    #expect(try run(sql(options), clock: SystemClock()) == expected { _ in true })
  }

  @Test func failuresBeyondTheTriesFailTheJob() {
    #expect {
      try run(sql(", 'failures' = '2', 'lookup.max-retries' = '1'"))
    } throws: { error in
      "\(error)".contains("the service is down (tried 2 times)")
    }
  }

  @Test func optionsThatRuleEachOtherOutAreErrors() {
    for options in [
      ", 'lookup.partial-cache.max-rows' = '5'", ", 'lookup.on-timeout' = 'null'", ", 'lookup.max-retries' = '-1'",
      ", 'lookup.cache' = 'SOME'", ", 'lookup.cache' = 'FULL'",
    ] {
      #expect(throws: MillraceError.self) { try run(sql(options)) }
    }
  }

  @Test func otherKeysThanColumnsAreRefused() {
    #expect {
      try run(sql("").replacingOccurrences(of: "s.id = e.id", with: "s.id + 1 = e.id"))
    } throws: { error in
      "\(error)".contains("looking up table names by anything but its own columns")
    }
  }
}
