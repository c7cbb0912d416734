import ArgumentParser
import MillraceServer

/// Options of everything that runs SQL.
struct JobOptions: ParsableArguments {
  @Option(help: "Partitions that run side by side, each on a thread of its own.")
  var parallelism = 1

  @Option(help: "Most rows in a batch. Results do not depend on it.")
  var batchRows = 4096

  @Option(help: "Folder for checkpoints; without one the job keeps no progress.")
  var checkpointDir: String?

  @Option(help: "Time between checkpoints, such as '500 ms', '10 s' or '1 min'.")
  var checkpointInterval = "10 s"

  @Flag(help: "Go on from the newest checkpoint in --checkpoint-dir; a fresh start when there is none.")
  var restore = false

  @Option(help: "Go on from this checkpoint (a chk-... folder).")
  var restoreFrom: String?

  @Option(
    help:
      "Folder for savepoints: when told to stop (SIGTERM, Ctrl-C), the job puts its whole state there first, and its output so far in place."
  )
  var savepoint: String?

  @Option(help: "Go on from this savepoint (a savepoint-... folder); checkpoints begin anew in --checkpoint-dir.")
  var fromSavepoint: String?

  @Flag(help: "Leave behind state that no operator of the job asks for, when going on from a checkpoint or savepoint.")
  var allowNonRestoredState = false

  @Flag(help: "Read bounded input as a stream: paced sources, periodic checkpoints.")
  var streaming = false

  @Flag(help: "Run the plan as it was written, without optimiser rules.")
  var noOptimizer = false

  @Option(
    defaultAsFlag: StatisticsFormat.text,
    help: "What each operator did (rows, CPU, state, watermark), to standard error after every job: text or json.")
  var stats: StatisticsFormat?

  @Option(
    name: .customShort("D"), parsing: .singleValue,
    help: "KEY=VALUE: replaces ${KEY} in the SQL text; a KEY with a dot is a setting, such as parallelism.default.")
  var definitions: [String] = []

  func validate() throws {
    guard (1...32768).contains(parallelism) else { throw ValidationError("--parallelism must be from 1 to 32768.") }
    guard (1...1_000_000).contains(batchRows) else { throw ValidationError("--batch-rows must be from 1 to 1000000.") }
    guard let interval = SessionOptions.millis(checkpointInterval), interval > 0 else {
      throw ValidationError("--checkpoint-interval '\(checkpointInterval)' is not a duration: write '500 ms', '10 s' or '1 min'.")
    }
    if [restore, restoreFrom != nil, fromSavepoint != nil].count(where: { $0 }) > 1 {
      throw ValidationError("Give one of --restore, --restore-from and --from-savepoint.")
    }
    for definition in definitions {
      guard let equals = definition.firstIndex(of: "="), equals != definition.startIndex else {
        throw ValidationError("-D \(definition) is not KEY=VALUE.")
      }
    }
  }

  /// `--stats` without a format is text, whatever stands behind it.
  static func withStatsFormat(_ arguments: [String]) -> [String] {
    arguments.indices.map { index in
      guard arguments[index] == "--stats" else { return arguments[index] }
      let next = index + 1 < arguments.count ? arguments[index + 1] : ""
      return StatisticsFormat(rawValue: next) == nil ? "--stats=text" : "--stats"
    }
  }

  func configured() -> SessionOptions {
    var options = SessionOptions()
    options.job.parallelism = parallelism
    options.job.batchRows = batchRows
    options.job.checkpointDirectory = checkpointDir
    if let interval = SessionOptions.millis(checkpointInterval) { options.job.checkpointIntervalMillis = interval }
    options.job.mode = streaming || checkpointDir != nil || savepoint != nil ? .streaming : .batch
    // Three fifths of the machine: the rest is for batches, models, the system's file cache.
    options.job.stateMemoryLimit = SystemMemory.available.map { $0 / 5 * 3 }
    if restore { options.job.restore = .latest }
    if let restoreFrom { options.job.restore = .path(restoreFrom) }
    if let fromSavepoint { options.job.restore = .path(fromSavepoint) }
    options.job.savepointDirectory = savepoint
    options.job.allowsNonRestoredState = allowNonRestoredState
    options.usesOptimizer = !noOptimizer
    options.statistics = stats
    for definition in definitions {
      guard let equals = definition.firstIndex(of: "=") else { continue }
      options.definitions[String(definition[..<equals])] = String(definition[definition.index(after: equals)...])
    }
    return options
  }
}
