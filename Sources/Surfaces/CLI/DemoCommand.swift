import ArgumentParser
import MillraceServer

struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Real chat messages become features, two models and live verdicts, proven equal to their backfill.")

  @Option(help: "Where everything is kept.")
  var dir = "./millrace-demo"
  @Option(help: "Partitions of the jobs.")
  var parallelism = 2

  func run() throws {
    try CommandRunner.run { cancellation in
      try ChatDemo(environment: SystemEnvironment.real, directory: dir, parallelism: parallelism, cancellation: cancellation).run()
    }
  }
}

struct TrustCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trust", abstract: "The same steps on who-trusts-whom ratings: will this rating be negative?",
    discussion: "FILE is a CSV of source,target,weight,timestamp (epoch seconds) with a header line.")

  @Option(help: "The ratings file.")
  var data: String
  @Option(help: "Where everything is kept.")
  var dir = "./millrace-trust"
  @Option(help: "Partitions of the jobs.")
  var parallelism = 2

  func run() throws {
    try CommandRunner.run { cancellation in
      try TrustExample(
        environment: SystemEnvironment.real, ratings: data, directory: dir, parallelism: parallelism, cancellation: cancellation
      ).run()
    }
  }
}
