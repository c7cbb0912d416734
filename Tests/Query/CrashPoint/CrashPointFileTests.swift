import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceRuntime
import MillraceSQL
import MillraceServer
import MillraceTypes
import Testing

/// As `CrashPointTests`, for a job of several sinks over a disk that forgets what was not made durable: every file row is there once,
/// late rows too, and no unfinished file stays.
@Suite struct CrashPointFileTests {
  private static let sinks = """
    CREATE TABLE a (id BIGINT, n BIGINT, c BIGINT) WITH ('connector' = 'filesystem', 'path' = '/out/a', 'format' = 'json');
    CREATE TABLE b (w TIMESTAMP(3), k STRING, c BIGINT, s BIGINT) WITH ('connector' = 'filesystem', 'path' = '/out/b', 'format' = 'csv');
    ALTER TABLE t SET ('late-rows.path' = '/out/late');
    EXECUTE STATEMENT SET BEGIN
    INSERT INTO a SELECT id, n, COUNT(*) OVER (PARTITION BY k ORDER BY at) FROM t;
    INSERT INTO a SELECT id + 1000, n, 0 FROM u WHERE n > 0;
    INSERT INTO b SELECT window_start, k, COUNT(*), SUM(n)
      FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '5' SECOND)) GROUP BY window_start, window_end, k;
    END;
    """

  private func job() throws -> JobPlan {
    var session = SQLSession()
    var found: JobPlan?
    for statement in try session.compile(CrashPointData.ddl + Self.sinks, name: "files") {
      if case .insert(let job) = statement.kind { found = job }
    }
    return try #require(found)
  }

  private func builder(_ job: JobPlan, _ store: MemoryFileStore, _ parallelism: Int) throws -> JobBuilder {
    let environment = Environment(
      files: store, clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
    var configuration = JobConfiguration()
    configuration.mode = .streaming
    configuration.parallelism = parallelism
    configuration.batchRows = 4
    let launcher = JobLauncher(environment: environment, configuration: configuration, usesOptimizer: true, connectors: .builtIn)
    return try launcher.builder(try launcher.physicalPlan(job))
  }

  private func store(_ seed: UInt64) -> MemoryFileStore {
    let store = MemoryFileStore()
    for (path, content) in CrashPointData.files(seed: seed) { store.put(path, content) }
    return store
  }

  /// Lines of each folder, sorted.
  private func lines(_ store: MemoryFileStore) throws -> [String: [String]] {
    var found: [String: [String]] = [:]
    for folder in ["/out/a", "/out/b", "/out/late"] {
      for name in try store.list(folder) {
        #expect(!name.hasPrefix("."), "\(folder)/\(name)")
        let text = String(decoding: try store.readAll(folder + "/" + name), as: UTF8.self)
        found[folder, default: []] += text.split(separator: "\n").map(String.init)
      }
      found[folder]?.sort()
    }
    return found
  }

  @Test func holdEachRowOnce() throws {
    let job = try job()
    var crashes = 0
    for seed in CrashPointTests.firstSeed..<(CrashPointTests.firstSeed + UInt64(CrashPointTests.points * 4)) {
      let calm = store(seed)
      let steps = try SimulatedRuntime([try builder(job, calm, 2)], seed: seed, faults: .init(stepsPerCheckpoint: 10)).run().steps
      var random = SeededGenerator(seed: seed)
      let disturbed = store(seed)
      let points: [SimulatedRuntime.CrashPoint] = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        Bool.random(using: &random)
          ? .step(Int.random(in: 1...steps, using: &random))
          : .commit(checkpoint: Int.random(in: 1...8, using: &random), partitions: Int.random(in: 0...2, using: &random))
      }
      let lives = try (0...points.count).map { _ in try builder(job, disturbed, Int.random(in: 1...3, using: &random)) }
      let result = try SimulatedRuntime(lives, seed: seed, faults: .init(stepsPerCheckpoint: 10, points: points)).run {
        // Sometimes the machine goes down with the process.
        if Bool.random(using: &random) { disturbed.crash() }
      }
      crashes += result.crashes
      #expect(try lines(disturbed) == lines(calm), "seed \(seed), \(points)")
    }
    #expect(crashes >= CrashPointTests.points)
  }
}
