import Foundation
import MillraceColumns
import MillraceEnvironment
import MillraceInference
import MillraceRuntime
import MillraceTypes
import Synchronization

/// What the demos share: headings, jobs with a progress bar, queries, files.
struct DemoStage {
  let environment: Environment
  let parallelism: Int
  let cancellation: CancellationFlag

  func say(_ text: String) { environment.console.write(text) }

  func heading(_ number: Int, _ text: String) { say("\n\(number). \(text)\n") }

  func indented(_ text: String) -> String { text.split(separator: "\n").map { "   \($0)\n" }.joined() }

  /// Runs SQL files as one script and says how fast it went.
  func job(
    _ name: String, files: [String], values: [String: String], rowsExpected: Int64, checkpoints: String? = nil
  ) throws(MillraceError) -> String {
    var options = SessionOptions()
    options.definitions = values
    options.job.parallelism = parallelism
    if let checkpoints {
      options.job.checkpointDirectory = checkpoints
      options.job.mode = .streaming
      options.job.checkpointIntervalMillis = 1000
    }
    let session = Session(environment: environment, options: options, cancellation: cancellation)
    let watched = environment.console.isTerminal(.error)
    session.progress = { rows in
      guard watched else { return }
      let share = min(1, Double(rows) / Double(max(1, rowsExpected)))
      let filled = Int(share * 30)
      let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
      environment.console.write("\r   \(name) [\(bar)] \(rows) events ", to: .error)
    }
    let begin = environment.clock.monotonicNanos
    let result = try session.run(files: files)
    let seconds = Double(environment.clock.monotonicNanos - begin) / 1e9
    if watched { environment.console.write("\r" + String(repeating: " ", count: 70) + "\r", to: .error) }
    let rate = Int(Double(result.rowsRead) / max(seconds, 1e-9))
    let late = result.lateRows.values.reduce(0, +)
    return "\(result.rowsRead) events in \(String(format: "%.1f", seconds)) s: \(rate) events/s, \(late) late"
      + (checkpoints == nil ? "" : ", \(result.checkpointsCompleted) checkpoints")
  }

  /// The final table of the last query of a text.
  func query(_ text: String) throws(MillraceError) -> Batch {
    let session = Session(environment: environment, options: SessionOptions(), cancellation: cancellation)
    return try session.query(text: text, name: "demo")
  }

  /// Runs independent work on two threads at most; the first error by key order is thrown.
  func parallel<Input: Sendable, Output: Sendable>(
    _ inputs: [String: Input], _ body: @escaping @Sendable (Input) throws(MillraceError) -> Output
  ) throws(MillraceError) -> [String: Output] {
    let results = Mutex<[String: Result<Output, MillraceError>]>([:])
    let keys = inputs.keys.sorted()
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 2
    for key in keys {
      guard let input = inputs[key] else { continue }
      queue.addOperation {
        let result: Result<Output, MillraceError>
        do throws(MillraceError) { result = .success(try body(input)) } catch { result = .failure(error) }
        results.withLock { $0[key] = result }
      }
    }
    queue.waitUntilAllOperationsAreFinished()
    var outputs: [String: Output] = [:]
    for key in keys { if let result = results.withLock({ $0[key] }) { outputs[key] = try result.get() } }
    return outputs
  }

  /// Empties a folder of an earlier run. A folder that is not one of ours is left alone.
  func clear(_ directory: String, keeping mark: String) throws(MillraceError) {
    let marker = FilePath.join(directory, ".millrace")
    if let info = try environment.files.info(directory) {
      let entries = info.kind == .folder ? try environment.files.list(directory) : [directory]
      if !entries.isEmpty, try environment.files.info(marker) == nil {
        throw MillraceError(
          .invalidOption, "the folder is not empty and was not made by this command", subject: directory, hint: "give another --dir")
      }
      for entry in entries where entry != ".millrace" { try removeAll(FilePath.join(directory, entry)) }
    }
    try environment.files.makeFolder(directory)
    try environment.files.writeDurably(Array((mark + "\n").utf8), to: marker)
  }

  private func removeAll(_ path: String) throws(MillraceError) {
    if try environment.files.info(path)?.kind == .folder {
      for entry in try environment.files.list(path) { try removeAll(FilePath.join(path, entry)) }
    }
    try environment.files.remove(path)
  }

  func copy(_ source: String, to target: String) throws(MillraceError) {
    try environment.files.writeDurably(try environment.files.readAll(source), to: target)
  }

  func sha256(_ path: String) throws(MillraceError) -> String { SHA256.hex(try environment.files.readAll(path)) }

  /// One value of a JSON object that a converter printed.
  func value(_ key: String, in json: String) throws(MillraceError) -> String {
    let object = (try? JSONSerialization.jsonObject(with: Data(json.utf8))) as? [String: Any]
    guard let value = object?[key] else {
      throw MillraceError(.invalidInput, "the converter did not say '\(key)': \(json.prefix(200))")
    }
    return "\(value)"
  }
}
