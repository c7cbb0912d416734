import Foundation
import MillraceEnvironment
import MillraceRuntime
import MillraceTypes

/// What `millrace train` asks the Python trainer for.
public struct TrainingRequest: Sendable {
  public var data: String
  public var label: String
  public var time: String
  public var knownAt: String?
  public var features: [String]
  public var name: String
  public var trainFraction: Double
  /// Folder of the models; the model lands in `models/name/version`.
  public var models: String
  /// SHA-256 of the text that defines the features, for the contract.
  public var definitions: String?
  /// Trains on what was known before this instant, instead of on a share of the rows.
  public var splitTime: String?
  /// XGBoost settings other than the trainer's own, `rounds` being the number of trees.
  public var settings: [String: String] = [:]

  public init(
    data: String, label: String, time: String, knownAt: String? = nil, features: [String], name: String, trainFraction: Double = 0.8,
    models: String, definitions: String? = nil
  ) {
    self.data = data
    self.label = label
    self.time = time
    self.knownAt = knownAt
    self.features = features
    self.name = name
    self.trainFraction = trainFraction
    self.models = models
    self.definitions = definitions
  }
}

/// What training gave.
public struct TrainedModel: Sendable, CustomStringConvertible {
  public var name: String
  public var version: String
  public var path: String
  public var trainRows: Int
  public var trainPositives: Int
  public var heldOutAUC: Double?

  public var description: String {
    let held = heldOutAUC.map { String(format: "held-out AUC %.4f", $0) } ?? "no held-out rows"
    return "\(name)@\(version): \(trainRows) rows, \(trainPositives) positive, \(held)\n\(path)"
  }
}

/// Runs the Python side: training and evaluation.
public struct Trainer: Sendable {
  private let environment: Environment
  private let installation: Installation
  private let python: String
  private let cancellation: CancellationFlag

  public init(environment: Environment, cancellation: CancellationFlag = CancellationFlag()) throws(MillraceError) {
    self.cancellation = cancellation
    self.environment = environment
    installation = Installation(environment)
    python = try installation.python()
  }

  /// Trains a model and puts it, with its report, into the models folder.
  public func train(_ request: TrainingRequest) throws(MillraceError) -> TrainedModel {
    let folder = FilePath.join(request.models, request.name)
    let staged = FilePath.join(folder, ".training")
    let out = FilePath.join(staged, "model.onnx")
    let reportPath = FilePath.join(staged, "report.json")
    try environment.files.makeFolder(staged)
    var arguments = [
      "--data", request.data, "--label", request.label, "--time", request.time, "--features", request.features.joined(separator: ","),
      "--name", request.name, "--out", out, "--report", reportPath,
    ]
    for (key, value) in request.settings.sorted(by: { $0.key < $1.key }) { arguments += ["--param", "\(key)=\(value)"] }
    if let split = request.splitTime {
      arguments += ["--split-time", split]
    } else {
      arguments += ["--train-fraction", String(request.trainFraction)]
    }
    if let knownAt = request.knownAt { arguments += ["--known-at", knownAt] }
    if let definitions = request.definitions { arguments += ["--definitions-sha256", definitions] }
    do throws(MillraceError) {
      _ = try run("millrace_train", arguments)
    } catch {
      // What was begun goes away: a folder of a model's name holds whole versions only.
      for name in (try? environment.files.list(staged)) ?? [] { try? environment.files.remove(FilePath.join(staged, name)) }
      try? environment.files.remove(staged)
      if try environment.files.list(folder).isEmpty { try? environment.files.remove(folder) }
      throw error
    }
    let report = try json(reportPath)
    guard let version = report["version"] as? String else {
      throw MillraceError(.fileFailed, "the trainer's report has no version", subject: reportPath)
    }
    let final = FilePath.join(folder, version)
    try environment.files.makeFolder(final)
    for name in ["model.onnx", "report.json"] {
      try environment.files.rename(FilePath.join(staged, name), to: FilePath.join(final, name))
    }
    try environment.files.syncFolder(final)
    try environment.files.remove(staged)
    return TrainedModel(
      name: request.name, version: version, path: FilePath.join(final, "model.onnx"), trainRows: report["train_rows"] as? Int ?? 0,
      trainPositives: report["train_positives"] as? Int ?? 0,
      heldOutAUC: (report["evaluation"] as? [String: Any])?["auc"] as? Double)
  }

  /// Recomputes the figures of a score from verdict files (JSON lines).
  func evaluate(verdicts: String, label: String, score: String) throws(MillraceError) -> Evaluation {
    let text = try run(
      "millrace_train.evaluate", ["--verdicts", verdicts, "--label-col", label, "--score-col", score, "--curve", "200", "--json"])
    guard let result = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] else {
      throw MillraceError(.fileFailed, "the evaluation of \(score) gave no JSON", subject: verdicts)
    }
    let curve = result["curve"] as? [[String: Any]] ?? []
    func points(_ x: String, _ y: String) -> [(x: Double, y: Double)] {
      curve.compactMap { point in
        guard let x = point[x] as? Double, let y = point[y] as? Double else { return nil }
        return (x, y)
      }
    }
    return Evaluation(
      rows: result["rows"] as? Int ?? 0, positives: result["positives"] as? Int ?? 0, areaUnderROC: result["auc"] as? Double ?? .nan,
      averagePrecision: result["average_precision"] as? Double ?? .nan,
      precisionAtHalfRecall: result["precision_at_recall_50"] as? Double ?? .nan,
      roc: [(0, 0)] + points("false_positive_rate", "recall"), precisionRecall: points("recall", "precision"))
  }

  /// Runs one of our Python modules and returns what it printed.
  ///
  /// - Throws: with the module's own last words when it fails.
  func run(_ module: String, _ arguments: [String]) throws(MillraceError) -> String {
    var variables = environment.variables
    variables["ORT_DISABLE_TELEMETRY"] = "1"
    variables["PYTHONDONTWRITEBYTECODE"] = "1"
    let outcome = try Subprocess.run(python, ["-I", "-m", module] + arguments, variables: variables, cancellation: cancellation)
    guard outcome.status == 0 else {
      let words = outcome.error.isEmpty ? outcome.output : outcome.error
      let last = words.split(separator: "\n").suffix(6).joined(separator: "\n  ")
      throw MillraceError(.invalidInput, "\(module) failed with status \(outcome.status):\n  \(last)")
    }
    return outcome.output
  }

  private func json(_ path: String) throws(MillraceError) -> [String: Any] {
    let bytes = try environment.files.readAll(path)
    guard let object = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] else {
      throw MillraceError(.fileFailed, "this is not a JSON object", subject: path)
    }
    return object
  }
}
