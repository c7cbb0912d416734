import Foundation
import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceRuntime
import MillraceSQL
import MillraceServer
import MillraceTypes

/// How a query file is run; every mode must give the same rows.
enum QueryMode: String, CaseIterable, Sendable {
  case batch, twoPartitions, threePartitions, oneRow, sevenRows, stream, streamTwoPartitions, unoptimized, simulated, crashes, rescaled
}

extension QueryFile {
  /// The rows of the last statement under one mode, as CSV lines.
  func run(_ mode: QueryMode, seed: UInt64) throws -> [String] {
    let store = MemoryFileStore()
    for (path, content) in files {
      try store.makeFolder(FilePath.folder(of: path))
      try store.writeDurably(Array(content.utf8), to: path)
    }
    // Every mode begins at another time of day: no row depends on it.
    let hour: Int64 = 3_600_000_000
    let clock = ManualClock(startMicros: hour * Int64(7 * (QueryMode.allCases.firstIndex(of: mode) ?? 0)))
    let environment = Environment(
      files: store, clock: clock, randomness: SeededRandomSource(seed: seed), console: BufferedConsole())
    var configuration = JobConfiguration()
    var usesOptimizer = true
    switch mode {
    case .batch: break
    case .twoPartitions: configuration.parallelism = 2
    case .threePartitions: configuration.parallelism = 3
    case .oneRow: configuration.batchRows = 1
    case .sevenRows: configuration.batchRows = 7
    case .stream: configuration.mode = .streaming
    case .streamTwoPartitions:
      configuration.mode = .streaming
      configuration.parallelism = 2
      configuration.batchRows = 3
    case .unoptimized: usesOptimizer = false
    case .simulated, .crashes, .rescaled: configuration.batchRows = 5
    }
    var session = SQLSession()
    var job: JobPlan?
    for statement in try session.compile(sql, name: name) {
      switch statement.kind {
      case .query(let plan): job = plan
      case .set("table.exec.state.ttl", let text): configuration.stateTTLMicros = DurationText.micros(text) ?? 0
      default: break
      }
    }
    guard let job else { throw QueryFileProblem(name: name) }
    var launcher = JobLauncher(
      environment: environment, configuration: configuration, usesOptimizer: usesOptimizer, connectors: .builtIn)
    let plan = try launcher.physicalPlan(job)
    let first = try launcher.builder(plan)
    switch mode {
    case .simulated: _ = try SimulatedRuntime([first], seed: seed).run()
    case .crashes: _ = try SimulatedRuntime([first], seed: seed, faults: .init(crashes: 4, stepsPerCheckpoint: 5)).run()
    case .rescaled:
      var builders = [first]
      for parallelism in [2, 3, 1] {
        configuration.parallelism = parallelism
        launcher = JobLauncher(
          environment: environment, configuration: configuration, usesOptimizer: usesOptimizer, connectors: .builtIn)
        builders.append(try launcher.builder(plan, collectors: first.collectors))
      }
      _ = try SimulatedRuntime(builders, seed: seed, faults: .init(crashes: 5, stepsPerCheckpoint: 4)).run()
    default: _ = try EmbeddedRuntime(first).run()
    }
    guard let rows = JobLauncher.rows(plan, first.collectors) else { return [] }
    let text = String(decoding: try ResultText.csv(try rows.folded()), as: UTF8.self)
    return text.split(separator: "\n").dropFirst().map(String.init)
  }
}
