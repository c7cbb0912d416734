import ArgumentParser
import Foundation
import MillraceServer

@main
struct MillraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "millrace",
    abstract: "Streaming machine learning: features, models and decisions over event streams.",
    discussion: """
      Try `millrace demo` first: it turns real chat messages into features, trains two models and scores the rest live.
      Then write a file of Flink SQL and start it with `millrace run JOB.sql`.
      """,
    version: MillraceVersion.text,
    subcommands: [
      RunCommand.self, SQLCommand.self, ExplainPlanCommand.self, GenerateCommand.self, DemoCommand.self, TrustCommand.self,
      TrainCommand.self, ModelsCommand.self,
    ])

  static func main() {
    SystemMemory.keepFreedBlocks()
    let arguments = Array(CommandLine.arguments.dropFirst())
    let commands = configuration.subcommands.map { $0.configuration.commandName ?? "" }
    if let first = arguments.first, !first.hasPrefix("-"), first != "help", !commands.contains(first) {
      let nearest = nearestName(to: first, among: commands).map { "did you mean '\($0)'? " } ?? ""
      let text = "millrace: there is no command '\(first)'\n  hint: \(nearest)commands: \(commands.joined(separator: ", "))\n"
      FileHandle.standardError.write(Data(text.utf8))
      exit(withError: ExitCode.validationFailure)
    }
    self.main(JobOptions.withStatsFormat(arguments))
  }
}
