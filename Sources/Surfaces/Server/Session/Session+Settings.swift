import MillraceExpressions
import MillraceRuntime
import MillraceSQL
import MillraceTypes

extension Session {
  /// Every key that SET takes.
  public static let settingNames = [
    "parallelism.default", "execution.runtime-mode", "execution.checkpointing.interval", "execution.checkpointing.dir",
    "state.checkpoints.dir", "pipeline.max-parallelism", "table.local-time-zone", "pipeline.name", "state.memory.limit", "state.spill.dir",
    "table.exec.source.idle-timeout", "table.exec.source.max-rows-ahead", "table.exec.state.ttl", "pipeline.auto-watermark-interval",
    "sql-client.execution.result-mode",
    "sql-client.execution.max-table-result.rows",
  ]

  func reset(_ key: String?) throws(MillraceError) {
    var kept = settings
    if let key { kept[key] = nil } else { kept = [:] }
    settings = [:]
    options.job = initial
    for key in kept.keys.sorted() { if let value = kept[key] { try set(key, value) } }
  }

  func set(_ key: String, _ value: String) throws(MillraceError) {
    func invalid(_ wanted: String) -> MillraceError {
      MillraceError(.invalidOption, "'\(value)' is not valid for '\(key)'", hint: "give \(wanted)")
    }
    func micros() throws(MillraceError) -> Int64 {
      guard let micros = DurationText.micros(value) else { throw invalid("a duration such as '10 s'") }
      return micros
    }
    switch key {
    case "parallelism.default":
      guard let number = Int(value), number >= 1 else { throw invalid("a whole number of at least 1") }
      options.job.parallelism = number
    case "execution.runtime-mode":
      guard let mode = JobConfiguration.Mode(rawValue: value) else { throw invalid("'batch' or 'streaming'") }
      options.job.mode = mode
    case "execution.checkpointing.interval":
      guard let millis = SessionOptions.millis(value), millis > 0 else { throw invalid("a duration such as '10 s'") }
      options.job.checkpointIntervalMillis = millis
    case "execution.checkpointing.dir", "state.checkpoints.dir":
      options.job.checkpointDirectory = value
      // As with --checkpoint-dir: who asks for checkpoints means periodic ones.
      if settings["execution.runtime-mode"] == nil { options.job.mode = .streaming }
    case "pipeline.max-parallelism":
      guard let number = Int(value), number >= 1, number <= 32768 else { throw invalid("a whole number from 1 to 32768") }
      options.job.maxParallelism = number
    case "state.memory.limit":
      guard let bytes = SessionOptions.bytes(value) else { throw invalid("a size such as '4 gb'") }
      options.job.stateMemoryLimit = bytes
    case "state.spill.dir": options.job.spillDirectory = value
    case "table.exec.source.idle-timeout": options.job.sourceIdleTimeoutMicros = try micros()
    case "table.exec.state.ttl": options.job.stateTTLMicros = try micros()
    case "pipeline.auto-watermark-interval": options.job.watermarkIntervalMicros = try micros()
    case "table.exec.source.max-rows-ahead":
      guard let number = Int(value), number >= 1 else { throw invalid("a whole number of at least 1") }
      options.job.sourceRowsAheadMax = number
    // The binder takes it, and for a setting from outside a text the session.
    case "table.local-time-zone": try sql.registry.setTimeZone(value)
    case "sql-client.execution.result-mode":
      guard ["table", "changelog", "tableau"].contains(value.lowercased()) else { throw invalid("'table', 'changelog' or 'tableau'") }
    case "sql-client.execution.max-table-result.rows":
      guard let number = Int(value), number >= 1 else { throw invalid("a whole number of at least 1") }
    case "pipeline.name": break
    default:
      let known = Self.settingNames
      let nearest = nearestName(to: key, among: known).map { "did you mean '\($0)'? " } ?? ""
      throw MillraceError(.invalidOption, "there is no setting '\(key)'", hint: nearest + "settings: " + known.joined(separator: ", "))
    }
    settings[key] = value
  }
}
