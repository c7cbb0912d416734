import Foundation
import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceRuntime
import MillraceSQL
import MillraceServer
import MillraceTypes
import Testing

/// A process that dies at any one point and is restored, at any parallelism, gives what an undisturbed one gives: the same changes.
///
/// `MILLRACE_CRASH_POINTS=200` tries so many points of each query instead of a few; `MILLRACE_CRASH_SEED` starts at another seed.
@Suite struct CrashPointTests {
  private static let variables = ProcessInfo.processInfo.environment
  static let points = variables["MILLRACE_CRASH_POINTS"].flatMap { Int($0) } ?? 4
  static let firstSeed = variables["MILLRACE_CRASH_SEED"].flatMap { UInt64($0) } ?? 0

  @Test(arguments: CrashPointQuery.all)
  func givesTheSameChanges(_ query: CrashPointQuery) throws {
    var crashes = 0
    var rows = 0
    for seed in Self.firstSeed..<(Self.firstSeed + UInt64(Self.points)) {
      let trial = try CrashPointTrial(query, seed: seed)
      let wanted = try trial.undisturbed()
      let (found, result, points) = try trial.crashed(steps: wanted.steps)
      crashes += result.crashes
      rows += wanted.rows.count
      #expect(found == wanted.rows, "\(query.name), seed \(seed), parallelism \(trial.parallelism), \(points)")
    }
    #expect(rows > Self.points)
    // Not every point lies before the end, as a crash changes what comes after it; most do.
    #expect(crashes * 2 >= Self.points, "\(crashes) crashes")
  }
}

/// One query under one seed: its data, how it is run, where it dies.
struct CrashPointTrial {
  let seed: UInt64
  /// Of the first life and of those after it.
  let parallelism: [Int]
  private let mode: JobConfiguration.Mode
  private let ttlSeconds: Int64
  private let environment: Environment
  private let job: JobPlan

  init(_ query: CrashPointQuery, seed: UInt64) throws {
    self.seed = seed
    ttlSeconds = query.ttlSeconds
    var random = SeededGenerator(seed: seed)
    parallelism = (0..<3).map { _ in Int.random(in: 1...3, using: &random) }
    mode = seed % 4 == 3 ? .batch : .streaming
    let store = MemoryFileStore()
    for (path, content) in CrashPointData.files(seed: seed) { store.put(path, content) }
    environment = Environment(
      files: store, clock: ManualClock(), randomness: SeededRandomSource(seed: seed), console: BufferedConsole())
    var session = SQLSession()
    var found: JobPlan?
    for statement in try session.compile(CrashPointData.ddl + query.sql + ";", name: query.name) {
      if case .query(let job) = statement.kind { found = job }
    }
    guard let found else { throw QueryFileProblem(name: query.name) }
    job = found
  }

  private func builder(_ parallelism: Int, _ batchRows: Int, _ collectors: [Int: ResultCollector]?) throws -> (PhysicalPlan, JobBuilder) {
    var configuration = JobConfiguration()
    configuration.mode = mode
    configuration.stateTTLMicros = ttlSeconds * 1_000_000
    configuration.parallelism = parallelism
    configuration.batchRows = batchRows
    let launcher = JobLauncher(environment: environment, configuration: configuration, usesOptimizer: true, connectors: .builtIn)
    let plan = try launcher.physicalPlan(job)
    return (plan, try launcher.builder(plan, collectors: collectors))
  }

  /// Without a crash and in large batches, then the steps that small batches take.
  func undisturbed() throws -> (rows: [String], steps: Int) {
    let (plan, calm) = try builder(1, 4096, nil)
    _ = try SimulatedRuntime([calm], seed: seed, faults: .init(stepsPerCheckpoint: 10_000)).run()
    let result = try SimulatedRuntime([try builder(parallelism[0], 5, nil).1], seed: seed, faults: .init(stepsPerCheckpoint: 12)).run()
    return (try lines(plan, calm), result.steps)
  }

  /// Dies at one point, or at two.
  func crashed(steps: Int) throws -> (rows: [String], result: JobResult, points: [SimulatedRuntime.CrashPoint]) {
    var random = SeededGenerator(seed: seed ^ 0xC4A5)
    var points: [SimulatedRuntime.CrashPoint] = []
    for _ in 0..<(seed % 3 == 2 ? 2 : 1) {
      if Int.random(in: 0...3, using: &random) == 0 {
        points.append(
          .commit(checkpoint: Int.random(in: 1...max(1, steps / 24), using: &random), partitions: Int.random(in: 0...3, using: &random)))
      } else {
        points.append(.step(Int.random(in: 1...max(1, steps), using: &random)))
      }
    }
    let (plan, first) = try builder(parallelism[0], 5, nil)
    let later = try parallelism.dropFirst().map { try builder($0, 7, first.collectors).1 }
    let result = try SimulatedRuntime([first] + later, seed: seed, faults: .init(stepsPerCheckpoint: 12, points: points)).run()
    return (try lines(plan, first), result, points)
  }

  /// Every change in the total order; of rows without event time the folded table.
  private func lines(_ plan: PhysicalPlan, _ builder: JobBuilder) throws -> [String] {
    guard let rows = JobLauncher.rows(plan, builder.collectors) else { return [] }
    let isFolded = rows.eventTimes == nil
    let shown = isFolded ? try rows.folded() : rows
    let weights = shown.weights?.pointer(Int64.self)
    let times = shown.eventTimes?.pointer(Int64.self)
    let lines = (0..<shown.rowCount).map { row in
      (times.map { "\($0[row]) " } ?? "") + (weights.map { "\($0[row]) " } ?? "1 ") + shown.row(row).map { "\($0)" }.joined(separator: ",")
    }
    return withExtendedLifetime(shown) { isFolded ? lines.sorted() : lines }
  }
}
