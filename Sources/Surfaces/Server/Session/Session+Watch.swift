import MillraceColumns
import MillracePlan
import MillracePlanner
import MillraceRuntime
import MillraceTypes

extension Session {
  /// Whether the job's input ends.
  public func isBounded(_ job: JobPlan) throws(MillraceError) -> Bool { try launcher(options.job).endlessTable(job) == nil }

  /// Runs a bare query whose rows go to `receiver` as they come: every change of the result, that of a partition in its order.
  /// A job without an end runs as a stream, whatever the mode.
  public func watch(
    _ job: JobPlan, receiver: @escaping ResultCollector.Receiver, observer: @escaping EmbeddedRuntime.Observer
  ) throws(MillraceError) -> JobResult {
    var configuration = queryConfiguration()
    configuration.showsChanges = true
    if try !isBounded(job) { configuration.mode = .streaming }
    return try launch(job, configuration, receiver: receiver, observer: observer).result
  }

  /// The final rows of a bare query, or all of its changes, in their order.
  public func collect(
    _ job: JobPlan, changelog: Bool, observer: @escaping EmbeddedRuntime.Observer
  ) throws(MillraceError) -> (result: JobResult, rows: Batch) {
    var configuration = queryConfiguration()
    configuration.showsChanges = changelog
    let (result, found) = try launch(job, configuration, observer: observer)
    var rows = found ?? Batch(schema: job.outputs.first?.input.schema ?? Schema([]), columns: [], rowCount: 0)
    if !changelog { rows = try rows.folded() }
    return (result, rows)
  }

  /// Whether jobs take checkpoints.
  public var takesCheckpoints: Bool { options.job.checkpointDirectory != nil }

  /// Runs an INSERT or a statement set. A job without an end runs as a stream, whatever the mode.
  public func insert(_ job: JobPlan, observer: @escaping EmbeddedRuntime.Observer) throws(MillraceError) -> JobResult {
    let isEndless = try !isBounded(job)
    var configuration = insertConfiguration()
    if isEndless { configuration.mode = .streaming }
    return try launch(job, configuration, observer: observer).result
  }

  /// Runs a job as EXPLAIN ANALYZE does and returns its plan with what every operator did. A query's rows are dropped; an INSERT does
  /// write. It takes no checkpoints, so what is stopped before its end leaves no files.
  ///
  /// - Parameters:
  ///   - limitMillis: stop it after so long.
  ///   - isInteractive: a person may stop it at any time, so that it may have no end without a limit.
  public func analyze(
    _ job: JobPlan, limitMillis: Int64?, observer: EmbeddedRuntime.Observer? = nil, isInteractive: Bool
  ) throws(MillraceError) -> String {
    var configuration = queryConfiguration()
    configuration.measuresState = true
    let endless = try launcher(configuration).endlessTable(job)
    if let endless {
      guard limitMillis != nil || isInteractive || environment.console.isTerminal(.error) else {
        throw MillraceError(
          .invalidSQL, "the query would never end: table \(endless.name) has no end", subject: "table \(endless.name)",
          hint: "write EXPLAIN ANALYZE LIMIT INTERVAL '10' SECOND ...")
      }
      configuration.mode = .streaming
      configuration.showsChanges = true
    }
    let all = cancellation
    defer { cancellation = all }
    let flag = CancellationFlag(parent: all)
    cancellation = flag
    var statistics = JobStatistics()
    var outcome = "to the end of its input"
    do throws(MillraceError) {
      _ = try launch(
        job, configuration, receiver: { _ in },
        observer: {
          statistics = $0
          observer?($0)
          if let limitMillis, $0.elapsedNanos / 1_000_000 >= limitMillis { flag.cancel() }
        })
    } catch  where error.code == .cancelled {
      outcome = all.isCancelled ? "until it was stopped" : "for the time given"
    }
    let plan = try launcher(configuration).physicalPlan(job)
    let text = PhysicalPlanText.explain(plan, parallelism: configuration.parallelism, notes: StatisticsText.notes(statistics))
    return "Ran \(outcome): \(StatisticsText.summary(statistics))\n\n" + text
  }
}
