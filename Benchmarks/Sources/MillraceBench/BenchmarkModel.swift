import Foundation

/// The model that scoring is measured on: 100 trees of depth 6 over 50 features, trained on made-up rows by Millrace's own trainer.
/// Kept in the cache, so later runs start at once.
struct BenchmarkModel {
  static let featureCount = 50
  static let trees = 100
  let path: String
  let title = "\(trees) trees, depth 6, \(featureCount) features"

  /// Why there is no model: words for the reader.
  struct Missing: Error, CustomStringConvertible {
    var description: String
  }

  static func make() throws -> BenchmarkModel {
    let environment = ProcessInfo.processInfo.environment
    let home = environment["MILLRACE_HOME"] ?? (environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache") + "/millrace"
    let python = home + "/venv/bin/python"
    guard FileManager.default.isExecutableFile(atPath: python) else {
      throw Missing(description: "there is no training environment in \(home); run `make setup` first")
    }
    let folder = home + "/bench"
    let model = folder + "/xgboost-\(trees)x6x\(featureCount).onnx"
    if FileManager.default.fileExists(atPath: model) { return BenchmarkModel(path: model) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let data = folder + "/training.parquet"
    try run(python, ["-m", "millrace_train.synthetic", "--rows", "20000", "--features", "\(featureCount)", "--out", data])
    try run(
      python,
      [
        "-m", "millrace_train", "--data", data, "--label", "label", "--time", "at", "--features",
        (0..<featureCount).map { "f\($0)" }.joined(separator: ","), "--name", "bench", "--version", "1", "--out", model, "--param",
        "rounds=\(trees)", "--param", "max_depth=6", "--param", "min_child_weight=1",
      ])
    return BenchmarkModel(path: model)
  }

  private static func run(_ program: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    if process.terminationStatus != 0 { throw Missing(description: "the benchmark's model could not be trained: \(text)") }
  }
}
