import ArgumentParser
import MillraceServer

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model on a training set in Parquet and write it as ONNX with its contract.",
    discussion: "The split is by time, and only labels known before the split are learned from. The model lands in DIR/NAME/VERSION.")

  @Option(help: "Training set: a Parquet file or a folder of them.")
  var data: String
  @Option(help: "Column to predict: boolean, or 0 and 1.")
  var label: String
  @Option(help: "Event-time column.")
  var time: String
  @Option(help: "Column that says when the label became known.")
  var knownAt: String?
  @Option(help: "Feature columns in the model's order, separated by commas.")
  var features: String
  @Option(help: "The model's name.")
  var name: String
  @Option(help: "Share of the rows, by time, to train on; the rest evaluates.")
  var trainFraction = 0.8
  @Option(help: "Folder of the models.")
  var models = "./models"

  func validate() throws {
    let names = features.split(separator: ",", omittingEmptySubsequences: false)
    guard names.allSatisfy({ !$0.isEmpty }) else { throw ValidationError("--features '\(features)' has an empty name.") }
    guard trainFraction > 0, trainFraction < 1 else { throw ValidationError("--train-fraction must be between 0 and 1.") }
    guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/") else {
      throw ValidationError("--name '\(name)' must be a plain folder name.")
    }
  }

  func run() throws {
    try CommandRunner.run { cancellation in
      let environment = SystemEnvironment.real
      let trainer = try Trainer(environment: environment, cancellation: cancellation)
      let report = try trainer.train(
        TrainingRequest(
          data: data, label: label, time: time, knownAt: knownAt,
          features: features.split(separator: ",").map { String($0) }, name: name, trainFraction: trainFraction, models: models))
      environment.console.write("\(report)\n")
    }
  }
}

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "models", abstract: "List trained models with their contracts.")

  @Option(help: "Folder of the models.")
  var models = "./models"

  func run() throws {
    try CommandRunner.run { _ in
      let environment = SystemEnvironment.real
      environment.console.write(try ModelStore(environment: environment, folder: models).listing())
    }
  }
}
