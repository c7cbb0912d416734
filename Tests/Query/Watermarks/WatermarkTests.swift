import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceRuntime
import MillraceSQL
import MillraceServer
import MillraceSystemEnvironment
import MillraceTypes
import Synchronization
import Testing

/// Idle splits, alignment and when watermarks go on, on a simulated clock of a millisecond per step.
@Suite struct WatermarkTests {
  typealias Row = ScriptedConnector.Row
  typealias Split = ScriptedConnector.Split

  private struct Outcome {
    var notes: NotingConnector.Notes
    var log: [ReadLog.Entry]
    var result: JobResult
    var late: Int64 { result.lateRows.values.reduce(0, +) }
  }

  private static let out = "CREATE TABLE o (a BIGINT, b BIGINT) WITH ('connector' = 'noting');\n"
  /// Start of the window in seconds, rows in it.
  private static let windows = """
    INSERT INTO o SELECT EXTRACT(MINUTE FROM window_start) * 60 + EXTRACT(SECOND FROM window_start), COUNT(*)
    FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
    """

  private func run(
    _ tables: [String: [Split]], _ sql: String, seed: UInt64 = 1, parallelism: Int = 1, faults: SimulatedRuntime.Faults = .init(),
    isReal: Bool = false, _ configure: (inout JobConfiguration) -> Void = { _ in }
  ) throws -> Outcome {
    let scripted = ScriptedConnector(tables: tables)
    let noting = NotingConnector()
    var connectors = ConnectorRegistry.builtIn
    connectors.register(scripted)
    connectors.register(noting)
    let environment = Environment(
      files: MemoryFileStore(), clock: isReal ? SystemEnvironment.real.clock : ManualClock(), randomness: SeededRandomSource(seed: seed),
      console: BufferedConsole())
    var configuration = JobConfiguration()
    configuration.mode = .streaming
    configuration.parallelism = parallelism
    configuration.batchRows = 4
    configure(&configuration)
    var session = SQLSession()
    var job: JobPlan?
    for statement in try session.compile(Self.out + sql, name: "test") { if case .insert(let plan) = statement.kind { job = plan } }
    let launcher = JobLauncher(environment: environment, configuration: configuration, usesOptimizer: true, connectors: connectors)
    let builder = try launcher.builder(try launcher.physicalPlan(try #require(job)))
    let result =
      isReal ? try EmbeddedRuntime(builder).run() : try SimulatedRuntime([builder], seed: seed, faults: faults).run()
    return Outcome(notes: noting.notes, log: scripted.log.entries.withLock { $0 }, result: result)
  }

  /// A row each second of event time from one to another, which can be read at its second times `pace` milliseconds.
  private static func rows(_ seconds: ClosedRange<Int64>, id: Int64 = 0, pace: Int64 = 10, from start: Int64 = 0) -> [Row] {
    seconds.map { Row(id: id + $0, second: $0, millis: start + ($0 - seconds.lowerBound) * pace) }
  }

  // MARK: idleness

  @Test(arguments: [1, 2, 3], 1...2 as ClosedRange<UInt64>)
  func anIdleSplitHoldsNobodyUp(_ parallelism: Int, _ seed: UInt64) throws {
    let splits = [Split(rows: Self.rows(0...199, pace: 4), endMillis: 1500), Split(rows: Self.rows(0...12, id: 1000), endMillis: 1500)]
    let idle = try run(
      ["t": splits], ScriptedConnector.ddl("t", "'scan.watermark.idle-timeout' = '100 ms'") + Self.windows, seed: seed,
      parallelism: parallelism)
    #expect(try #require(idle.notes.millis(of: "100,10")) < 1400)
    #expect(idle.late == 0)
    let waiting = try run(["t": splits], ScriptedConnector.ddl("t") + Self.windows, seed: seed, parallelism: parallelism)
    #expect(try #require(waiting.notes.millis(of: "100,10")) >= 1500)
    #expect(idle.notes.texts.sorted() == waiting.notes.texts.sorted())
    guard seed == 1 else { return }
    // The same by a setting of the job, which the table's option overrides.
    let set = try run(["t": splits], ScriptedConnector.ddl("t") + Self.windows, seed: seed, parallelism: parallelism) {
      $0.sourceIdleTimeoutMicros = 100_000
    }
    #expect(try #require(set.notes.millis(of: "100,10")) < 1400)
    let never = try run(
      ["t": splits], ScriptedConnector.ddl("t", "'scan.watermark.idle-timeout' = '0 ms'") + Self.windows, seed: seed,
      parallelism: parallelism
    ) { $0.sourceIdleTimeoutMicros = 100_000 }
    #expect(try #require(never.notes.millis(of: "100,10")) >= 1500)
  }

  /// Rows that come after a silence and are older than what went on meanwhile are late, and counted; the others are not.
  @Test(arguments: [1, 2], 1...3 as ClosedRange<UInt64>)
  func whoComesBackDoesNotTurnTheClockBack(_ parallelism: Int, _ seed: UInt64) throws {
    let back = [
      Row(id: 2000, second: 20, millis: 1200), Row(id: 2001, second: 189, millis: 1200), Row(id: 2002, second: 195, millis: 1200),
    ]
    let splits = [
      Split(rows: Self.rows(0...190, pace: 4), endMillis: 1500), Split(rows: Self.rows(0...12, id: 1000) + back, endMillis: 1500),
    ]
    let outcome = try run(
      ["t": splits], ScriptedConnector.ddl("t", "'scan.watermark.idle-timeout' = '100 ms'") + Self.windows, seed: seed,
      parallelism: parallelism)
    // The clock stood at 189 s: a row of that very instant is in time.
    #expect(outcome.late == 1)
    #expect(outcome.notes.texts.contains("20,10"))
    #expect(outcome.notes.texts.contains("180,11"))
    #expect(outcome.notes.texts.contains("190,2"))
    #expect(Set(outcome.notes.texts).count == outcome.notes.texts.count)
  }

  @Test(arguments: [1, 2], 1...3 as ClosedRange<UInt64>)
  func idleThenActiveThenIdle(_ parallelism: Int, _ seed: UInt64) throws {
    let awake = Self.rows(100...105, id: 2000, from: 400)
    let splits = [
      Split(rows: Self.rows(0...299, pace: 4), endMillis: 2400), Split(rows: Self.rows(0...5, id: 1000) + awake, endMillis: 2400),
    ]
    let outcome = try run(
      ["t": splits], ScriptedConnector.ddl("t", delaySeconds: 60, "'scan.watermark.idle-timeout' = '100 ms'") + Self.windows,
      seed: seed, parallelism: parallelism)
    #expect(outcome.late == 0)
    #expect(outcome.notes.texts.contains("100,16"))
    #expect(try #require(outcome.notes.millis(of: "0,16")) < 400)
    #expect(try #require(outcome.notes.millis(of: "200,10")) < 2300)
  }

  /// When nobody is active, what the furthest has seen goes out.
  @Test(arguments: [1, 2], 1...2 as ClosedRange<UInt64>)
  func allSourcesIdle(_ parallelism: Int, _ seed: UInt64) throws {
    let sql =
      ScriptedConnector.ddl("t", "'scan.watermark.idle-timeout' = '100 ms'")
      + ScriptedConnector.ddl("s", "'scan.watermark.idle-timeout' = '100 ms'") + """
        INSERT INTO o SELECT EXTRACT(SECOND FROM window_start), COUNT(*)
        FROM TABLE(TUMBLE((SELECT at FROM t UNION ALL SELECT at FROM s), DESCRIPTOR(at), INTERVAL '10' SECOND))
        GROUP BY window_start, window_end;
        """
    let tables = [
      "t": [Split(rows: Self.rows(0...31, pace: 4), endMillis: 1500)],
      "s": [Split(rows: Self.rows(0...52, id: 1000, pace: 2), endMillis: 1500)],
    ]
    let outcome = try run(tables, sql, seed: seed, parallelism: parallelism)
    #expect(try #require(outcome.notes.millis(of: "40,10")) < 1400)
    #expect(try #require(outcome.notes.millis(of: "50,3")) >= 1500)
    #expect(outcome.late == 0)
  }

  @Test(arguments: [1, 3]) func aSourceWithNoSplitsIsOverAtOnce(_ parallelism: Int) throws {
    let sql =
      ScriptedConnector.ddl("t") + ScriptedConnector.ddl("s") + """
        INSERT INTO o SELECT EXTRACT(SECOND FROM window_start), COUNT(*)
        FROM TABLE(TUMBLE((SELECT at FROM t UNION ALL SELECT at FROM s), DESCRIPTOR(at), INTERVAL '10' SECOND))
        GROUP BY window_start, window_end;
        """
    let outcome = try run(["t": [Split(rows: Self.rows(0...31), endMillis: 1000)], "s": []], sql, parallelism: parallelism)
    #expect(try #require(outcome.notes.millis(of: "10,10")) < 900)
    let empty = try run(["t": [], "s": []], sql, parallelism: parallelism)
    #expect(empty.notes.texts.isEmpty)
  }

  /// Rows come slower than they are read, yet within the timeout: whoever is taken for idle would make them late.
  @Test(arguments: [1, 2], 1...2 as ClosedRange<UInt64>)
  func continuousRowsAreNeverTakenForIdle(_ parallelism: Int, _ seed: UInt64) throws {
    let slow = (0..<30).map { Row(id: 5000 + $0, second: $0, millis: $0 * 45) }
    let burst = (0..<600).map { Row(id: $0, second: 2 * $0, millis: ($0 / 100) * 30) }
    let outcome = try run(
      ["t": [Split(rows: burst, endMillis: 1450), Split(rows: slow, endMillis: 1400)]],
      ScriptedConnector.ddl("t", "'scan.watermark.idle-timeout' = '50 ms'") + Self.windows, seed: seed, parallelism: parallelism)
    #expect(outcome.late == 0)
  }

  /// Whatever the clock and crashes do, each row is a result once or late.
  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func everyRowOnceOrLate(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let splits = (0..<3).map { split -> Split in
      var (second, millis) = (Int64(0), Int64(0))
      let rows = (0..<40).map { row -> Row in
        second += Int64.random(in: 0...4, using: &random)
        millis += Int.random(in: 0...12, using: &random) == 0 ? 400 : Int64.random(in: 0...8, using: &random)
        return Row(id: Int64(split * 1000 + row), second: second, millis: millis)
      }
      return Split(rows: rows, endMillis: millis + 10)
    }
    let sql =
      ScriptedConnector.ddl("t", "'scan.watermark.idle-timeout' = '100 ms'")
      + "INSERT INTO o SELECT id, COUNT(*) OVER (PARTITION BY k ORDER BY at) FROM t;"
    let calm = try run(["t": splits], sql, seed: seed, parallelism: Int(seed % 3) + 1)
    #expect(calm.notes.texts.count + Int(calm.late) == 120)
    #expect(Set(calm.notes.texts).count == calm.notes.texts.count)
    let crashed = try run(
      ["t": splits], sql, seed: seed, parallelism: Int(seed % 3) + 1, faults: .init(crashes: 3, stepsPerCheckpoint: 30))
    // The sink shows rows before they are committed: some more than once, none never.
    #expect(Set(crashed.notes.texts.map { $0.split(separator: ",")[0] }).count + Int(crashed.late) >= 120)
  }

  // MARK: alignment

  private static let two = [
    "t": [Split(rows: (0..<400).map { Row(id: $0, second: $0, millis: 0) }, endMillis: 0)],
    "s": [Split(rows: (0..<400).map { Row(id: 1000 + $0, second: $0, millis: 4 * $0) }, endMillis: 0)],
  ]
  private static let union = """
    INSERT INTO o SELECT id, COUNT(*) OVER (PARTITION BY k ORDER BY at) FROM (SELECT * FROM t UNION ALL SELECT * FROM s);
    """

  /// How far, in seconds, each read of t was ahead of the reads of s so far, and rows that t was read ahead.
  private func lead(_ log: [ReadLog.Entry]) -> (seconds: Int64, rows: Int) {
    var slow = EventTime.beginning
    var slowRows = 0
    var fastRows = 0
    var lead: Int64 = 0
    var rows = 0
    for entry in log {
      if entry.script == "s" {
        slow = entry.clock
        slowRows += entry.rows
      } else {
        if entry.clock != .beginning, slow != .beginning { lead = max(lead, (entry.clock - slow) / 1_000_000) }
        fastRows += entry.rows
        rows = max(rows, fastRows - slowRows)
      }
    }
    return (lead, rows)
  }

  @Test(arguments: [1, 2], 1...2 as ClosedRange<UInt64>)
  func aGroupKeepsTogether(_ parallelism: Int, _ seed: UInt64) throws {
    func ddl(_ options: String) -> String {
      ["t", "s"].map { ScriptedConnector.ddl($0, "'scan.watermark.alignment.group' = 'g', \(options)") }.joined()
    }
    let free = try run(Self.two, ScriptedConnector.ddl("t") + ScriptedConnector.ddl("s") + Self.union, seed: seed, parallelism: parallelism)
    #expect(lead(free.log).rows > 100)
    let aligned = try run(
      Self.two, ddl("'scan.watermark.alignment.max-drift' = '20 s'") + Self.union, seed: seed, parallelism: parallelism)
    // A batch of four rows more, and one read of the slow table that was not heard of yet.
    #expect(lead(aligned.log).seconds <= 28)
    #expect(aligned.notes.texts.sorted() == free.notes.texts.sorted())
    let seldom = try run(
      Self.two,
      ddl("'scan.watermark.alignment.max-drift' = '20 s', 'scan.watermark.alignment.update-interval' = '100 ms'") + Self.union,
      seed: seed, parallelism: parallelism)
    #expect(lead(seldom.log).seconds <= 28)
    #expect(seldom.notes.texts.sorted() == free.notes.texts.sorted())
  }

  /// Without any option a source waits when so many rows wait for another.
  @Test(arguments: [1, 2], 1...2 as ClosedRange<UInt64>)
  func rowsAheadAreBounded(_ parallelism: Int, _ seed: UInt64) throws {
    let sql = ScriptedConnector.ddl("t") + ScriptedConnector.ddl("s") + Self.union
    let outcome = try run(Self.two, sql, seed: seed, parallelism: parallelism) { $0.sourceRowsAheadMax = 30 }
    #expect(lead(outcome.log).rows <= 40)
    #expect(outcome.notes.texts.count == 800)
    // Where nothing waits for the watermark nobody needs to.
    let passing = try run(
      Self.two,
      ScriptedConnector.ddl("t") + ScriptedConnector.ddl("s")
        + "INSERT INTO o SELECT id, id FROM (SELECT * FROM t UNION ALL SELECT * FROM s);", seed: seed, parallelism: parallelism
    ) { $0.sourceRowsAheadMax = 30 }
    #expect(lead(passing.log).rows > 100)
  }

  // MARK: emission

  @Test(arguments: ["on-event", "on-periodic"], [1, 2])
  func theStrategyChangesNoResult(_ strategy: String, _ parallelism: Int) throws {
    let splits = [Split(rows: Self.rows(0...99), endMillis: 1500), Split(rows: Self.rows(0...99, id: 1000, pace: 7), endMillis: 1500)]
    let plain = try run(["t": splits], ScriptedConnector.ddl("t") + Self.windows, parallelism: parallelism)
    let other = try run(
      ["t": splits], ScriptedConnector.ddl("t", "'scan.watermark.emit.strategy' = '\(strategy)'") + Self.windows,
      parallelism: parallelism)
    #expect(plain.notes.texts.sorted() == other.notes.texts.sorted())
    if strategy == "on-event" { #expect(other.log.allSatisfy { $0.rows == 1 }) }
    let seldom = try run(
      ["t": splits], ScriptedConnector.ddl("t", "'scan.watermark.emit.strategy' = '\(strategy)'") + Self.windows,
      parallelism: parallelism
    ) { $0.watermarkIntervalMicros = 1_400_000 }
    #expect(seldom.notes.texts.sorted() == other.notes.texts.sorted())
    if strategy == "on-periodic" { #expect(try #require(seldom.notes.millis(of: "10,20")) >= 1400) }
  }

  @Test(arguments: [1, 2]) func byTheRealClock(_ parallelism: Int) throws {
    let splits = [Split(rows: Self.rows(0...59), endMillis: 0), Split(rows: Self.rows(0...12, id: 1000), endMillis: 0)]
    let start = Int64(SystemEnvironment.real.clock.monotonicNanos / 1_000_000)
    let moved = splits.map { split in
      Split(rows: split.rows.map { Row(id: $0.id, second: $0.second, millis: $0.millis + start) }, endMillis: start + 1500)
    }
    let outcome = try run(
      ["t": moved], ScriptedConnector.ddl("t", "'scan.watermark.idle-timeout' = '100 ms'") + Self.windows, parallelism: parallelism,
      isReal: true)
    #expect(outcome.late == 0)
    #expect(try #require(outcome.notes.millis(of: "40,10")) < start + 1450)
    #expect(outcome.notes.texts.count == 6)
  }

  // MARK: options

  @Test func wrongOptions() throws {
    func fails(_ ddl: String, _ words: String) {
      #expect {
        _ = try run(["t": []], ddl + "INSERT INTO o SELECT id, id FROM t;")
      } throws: { "\($0)".contains(words) }
    }
    fails(ScriptedConnector.ddl("t", "'scan.watermark.alignment.group' = 'g'"), "max-drift")
    fails(ScriptedConnector.ddl("t", "'scan.watermark.alignment.max-drift' = '1 s'"), "without 'scan.watermark.alignment.group'")
    fails(ScriptedConnector.ddl("t", "'scan.watermark.emit.strategy' = 'on-row'"), "'on-event'")
    fails(ScriptedConnector.ddl("t", "'scan.watermark.idle-timeot' = '1 s'"), "did you mean 'scan.watermark.idle-timeout'")
    fails(
      "CREATE TABLE t (id BIGINT) WITH ('connector' = 'scripted', 'script' = 't', 'scan.watermark.idle-timeout' = '1 s');",
      "without event time")
  }
}
