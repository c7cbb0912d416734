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

/// How a query file is run; every mode must give the same rows.
enum QueryMode: String, CaseIterable, Sendable {
  case batch, twoPartitions, threePartitions, oneRow, sevenRows, stream, streamTwoPartitions, unoptimized, simulated, crashes, rescaled
}

@Suite struct QueryTests {
  @Test(arguments: QueryFile.all, QueryMode.allCases)
  func givesItsRows(_ file: QueryFile, _ mode: QueryMode) throws {
    if mode == .crashes || mode == .rescaled {
      for seed in 1...6 { try check(file, mode, seed: UInt64(seed)) }
    } else {
      try check(file, mode, seed: 1)
    }
  }

  @Test func casesAreFound() { #expect(QueryFile.all.count >= 10) }

  private func check(_ file: QueryFile, _ mode: QueryMode, seed: UInt64) throws {
    do {
      let found = try run(file, mode, seed: seed)
      guard let rows = file.rows else {
        Issue.record("\(file.name): wanted an error, got \(found)")
        return
      }
      let lines = file.isOrdered ? found : found.sorted()
      #expect(lines == rows, "\(file.name), \(mode), seed \(seed)")
    } catch {
      guard let wanted = file.error else { throw error }
      #expect("\(error)".contains(wanted), "\(file.name): \(error)")
    }
  }

  private func run(_ file: QueryFile, _ mode: QueryMode, seed: UInt64) throws -> [String] {
    let store = MemoryFileStore()
    for (path, content) in file.files {
      try store.makeFolder(FilePath.folder(of: path))
      try store.writeDurably(Array(content.utf8), to: path)
    }
    let environment = Environment(
      files: store, clock: ManualClock(), randomness: SeededRandomSource(seed: seed), console: BufferedConsole())
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
    for statement in try session.compile(file.sql, name: file.name) { if case .query(let plan) = statement.kind { job = plan } }
    guard let job else { throw QueryFileProblem(name: file.name) }
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
