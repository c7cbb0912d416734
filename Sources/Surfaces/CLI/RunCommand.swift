import ArgumentParser
import MillraceServer

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a SQL file as a job.",
    discussion: "Statements run in order; the INSERTs of a statement set run together as one job. A bare SELECT prints its result.")

  @Argument(help: "The SQL file.")
  var file: String
  @Option(help: "File for a line of JSON per job: rows read and late, checkpoints, greatest state, longest checkpoint.")
  var report: String?
  @OptionGroup var job: JobOptions

  func run() throws {
    try CommandRunner.run(job) { session in
      guard let report else { return try session.run(file: file, output: .table, changelog: false) }
      var results: [JobResult] = []
      session.finished = { results.append($0) }
      try session.run(file: file, output: .table, changelog: false)
      let lines = results.map { $0.json + "\n" }.joined()
      try SystemEnvironment.real.files.writeDurably(Array(lines.utf8), to: report)
    }
  }
}

struct ExplainPlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain-plan", abstract: "Show the logical plan and the stages of a SQL file's jobs without running them.")

  @Argument(help: "The SQL file.")
  var file: String
  @OptionGroup var job: JobOptions

  func run() throws { try CommandRunner.run(job) { session in try session.explain(file: file) } }
}

extension OutputFormat: ExpressibleByArgument {}
extension StatisticsFormat: ExpressibleByArgument {}
