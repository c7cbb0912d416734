import ArgumentParser
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
      RunCommand.self, SQLCommand.self, ExplainPlanCommand.self, DemoCommand.self, TrustCommand.self, TrainCommand.self, ModelsCommand.self,
    ])
}
