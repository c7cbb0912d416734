import Foundation
import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillracePlanner
import MillraceRuntime
import MillraceSQL
import MillraceTypes

/// Runs SQL scripts: every statement is checked before the first one runs, then jobs run one after the other.
public final class Session {
  private let environment: Environment
  private var options: SessionOptions
  private let cancellation: CancellationFlag
  private let connectors: ConnectorRegistry
  private var sql: SQLSession
  private var settings: [String: String] = [:]
  /// What the settings start from, and return to with RESET.
  private let initial: JobConfiguration
  private var hasBegun = false
  /// INSERT jobs of this session so far.
  private var jobs = 0
  /// Called while a job runs, with the rows read so far; nil shows progress on a terminal after two seconds.
  public var progress: EmbeddedRuntime.Progress?
  /// Called with what each job of a script reported.
  public var finished: ((JobResult) -> Void)?

  public init(
    environment: Environment, options: SessionOptions, cancellation: CancellationFlag = CancellationFlag(),
    connectors: ConnectorRegistry = .builtIn
  ) {
    self.environment = environment
    self.options = options
    initial = options.job
    self.cancellation = cancellation
    self.connectors = connectors
    sql = SQLSession(registry: FunctionRegistry(zoneFiles: Self.zoneFiles(environment)))
  }

  // MARK: Functions

  /// Makes a function written in Swift callable by its name in what is compiled from now on.
  ///
  /// - Throws: `invalid-input` when the name is taken or is none.
  public func register(function: any UserScalarFunction) throws(MillraceError) { try sql.registry.register(function) }
  public func register(function: any UserAggregateFunction) throws(MillraceError) { try sql.registry.register(function) }
  public func register(function: any UserTableFunction) throws(MillraceError) { try sql.registry.register(function) }

  /// The system's time zone database; the variable TZDIR names another folder.
  private static func zoneFiles(_ environment: Environment) -> ZoneFiles {
    let folder = environment.variables["TZDIR"] ?? "/usr/share/zoneinfo"
    return { name throws(MillraceError) in
      let path = FilePath.join(folder, name)
      guard let info = try environment.files.info(path), info.kind == .file, info.byteCount < 1 << 20 else { return nil }
      return try environment.files.readAll(path)
    }
  }

  // MARK: Running

  /// Runs a file; a bare query's rows are printed.
  public func run(file: String, output: OutputFormat, changelog: Bool) throws {
    try run(text: try read(file), name: file, output: output, changelog: changelog)
  }

  /// Runs a text; a bare query's rows are printed.
  public func run(text: String, name: String, output: OutputFormat, changelog: Bool) throws {
    let statements = try compile(text, name: name)
    try checkRestore(statements)
    for statement in statements {
      switch statement.kind {
      case .changed: break
      case .set(let key, let value): try set(key, value)
      case .reset(let key): try reset(key)
      case .showOptions: printRows(settings.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }, ["key", "value"])
      case .insert(let job):
        report(try launchInsert(job))
      case .query(let job):
        let (result, rows) = try launchQuery(job, changelog: changelog)
        if let rows { try show(rows, output: output, changelog: changelog) }
        reportLate(result)
      case .explain(let job): try explain(job)
      case .describe(_, let schema):
        printRows(
          schema.fields.map { [$0.name, $0.type.description, $0.isNullable ? "TRUE" : "FALSE"] }, ["name", "type", "null"])
      case .showText(let text): environment.console.write(text + "\n")
      case .show(let names): printRows(names.map { [$0] }, ["name"])
      }
    }
  }

  /// Runs files as one script, without printing. Returns what its last job reported.
  public func run(files: [String]) throws(MillraceError) -> JobResult {
    var result = JobResult()
    for file in files {
      for statement in try compiled(try read(file), name: file) {
        switch statement.kind {
        case .insert(let job): result = try launchInsert(job)
        case .query(let job): result = try launchQuery(job).result
        case .set(let key, let value): try set(key, value)
        case .reset(let key): try reset(key)
        default: break
        }
      }
    }
    return result
  }

  /// The final table of the last query of a text.
  public func query(text: String, name: String) throws(MillraceError) -> Batch {
    var found: Batch?
    for statement in try compiled(text, name: name) {
      if case .query(let job) = statement.kind { found = try launchQuery(job).rows }
    }
    guard let found else { throw MillraceError(.invalidSQL, "there is no query in the text", subject: name) }
    return try found.folded()
  }

  /// Prints the plans of a file's jobs without running them.
  public func explain(file: String) throws {
    for statement in try compile(try read(file), name: file) {
      switch statement.kind {
      case .insert(let job), .query(let job), .explain(let job): try explain(job)
      case .set(let key, let value): try set(key, value)
      case .reset(let key): try reset(key)
      default: break
      }
    }
  }

  /// Checks a text and returns its statements; the catalog of the session keeps what they define.
  public func compile(_ text: String, name: String) throws -> [BoundStatement] {
    try begin()
    return try sql.compile(try options.substituted(text, name: name), name: name)
  }

  private func compiled(_ text: String, name: String) throws(MillraceError) -> [BoundStatement] {
    try begin()
    let text = try options.substituted(text, name: name)
    do throws(SQLFailure) {
      return try sql.compile(text, name: name)
    } catch {
      throw MillraceError(.invalidSQL, error.description)
    }
  }

  private func explain(_ job: JobPlan) throws(MillraceError) {
    let launcher = launcher(options.job)
    environment.console.write("Logical plan\n" + LogicalPlanText.explain(launcher.logicalPlan(job)) + "\n")
    let plan = try launcher.physicalPlan(job)
    environment.console.write("Stages\n" + PhysicalPlanText.explain(plan, parallelism: options.job.parallelism))
  }

  private func launcher(_ configuration: JobConfiguration) -> JobLauncher {
    JobLauncher(environment: environment, configuration: configuration, usesOptimizer: options.usesOptimizer, connectors: connectors)
  }

  /// Each job of a script keeps its checkpoints apart: the first in the checkpoint folder itself, the n-th in `job-n` inside it.
  private func launchInsert(_ job: JobPlan) throws(MillraceError) -> JobResult {
    jobs += 1
    var configuration = options.job
    if jobs > 1, let folder = configuration.checkpointDirectory {
      configuration.checkpointDirectory = FilePath.join(folder, "job-\(jobs)")
    }
    return try launch(job, configuration).result
  }

  /// A bare query's rows exist in this process only, so it takes no checkpoints and always starts afresh.
  private func launchQuery(_ job: JobPlan, changelog: Bool = false) throws(MillraceError) -> (result: JobResult, rows: Batch?) {
    var configuration = options.job
    configuration.checkpointDirectory = nil
    configuration.restore = .none
    configuration.showsChanges = changelog
    try launcher(configuration).checkBounded(job)
    return try launch(job, configuration)
  }

  private func checkRestore(_ statements: [BoundStatement]) throws(MillraceError) {
    guard case .path = options.job.restore else { return }
    let inserts = statements.count { if case .insert = $0.kind { true } else { false } }
    guard inserts > 1 else { return }
    throw MillraceError(
      .invalidOption, "the text has \(inserts) jobs, but a checkpoint belongs to one", subject: "--restore-from",
      hint: "give --restore with --checkpoint-dir, or run the INSERTs as one statement set")
  }

  private func launch(
    _ job: JobPlan, _ configuration: JobConfiguration
  ) throws(MillraceError) -> (result: JobResult, rows: Batch?) {
    let begin = environment.clock.monotonicNanos
    var shown = false
    var hasSpilled = false
    let console = environment.console
    let clock = environment.clock
    let folder = try limitState(configuration)
    defer { if shown { console.write("\n", to: .error) } }
    let outcome = try launcher(configuration).run(job, cancellation: cancellation) { [progress] rows in
      if !hasSpilled, let folder, StateMemory.use.inFiles > 0 {
        hasSpilled = true
        let limit = SessionOptions.text(bytes: configuration.stateMemoryLimit ?? 0)
        console.write("state has outgrown its memory limit of \(limit): the rest lies in files in \(folder), and the job is slower\n", to: .error)
      }
      if let progress {
        progress(rows)
        return
      }
      let seconds = Double(clock.monotonicNanos - begin) / 1e9
      guard seconds > 2, console.isTerminal(.error) else { return }
      shown = true
      console.write("\r\(rows) rows read in \(Int(seconds)) s, \(Int(Double(rows) / seconds)) rows/s ", to: .error)
    }
    finished?(outcome.result)
    return outcome
  }

  /// Tells the process how much state may lie in memory; returns where the rest goes.
  private func limitState(_ configuration: JobConfiguration) throws(MillraceError) -> String? {
    guard let limit = configuration.stateMemoryLimit else { return nil }
    let folder = configuration.spillDirectory ?? configuration.checkpointDirectory ?? "/var/tmp"
    try environment.files.makeFolder(folder)
    StateMemory.limit(limit, folder: folder)
    return folder
  }

  // MARK: The Swift layers

  /// What SQL knows: for the layers that build plans without text.
  package var catalog: Catalog { sql.catalog }

  package func define(view name: String, _ plan: LogicalPlan) throws(MillraceError) { try sql.define(view: name, plan) }

  /// Checks a text that may name further relations; the catalog stays as it is.
  package func compile(
    _ text: String, name: String, over relations: [String: LogicalPlan]
  ) throws(MillraceError) -> [BoundStatement] {
    do throws(SQLFailure) {
      return try sql.compile(SQLSource(text, name: name), over: relations)
    } catch {
      throw MillraceError(.invalidSQL, error.description)
    }
  }

  /// Checks a script; its SETs and definitions have taken effect. Returns what its INSERTs feed.
  package func outputs(of text: String, name: String) throws(MillraceError) -> [JobPlan.Output] {
    var outputs: [JobPlan.Output] = []
    for statement in try compiled(text, name: name) {
      switch statement.kind {
      case .changed: break
      case .set(let key, let value): try set(key, value)
      case .reset(let key): try reset(key)
      case .insert(let job): outputs += job.outputs
      default:
        throw MillraceError(
          .invalidSQL, "only definitions, SET and INSERT INTO can be part of a job", subject: name,
          hint: "give a query to `query(_:)`, which makes a table of it")
      }
    }
    return outputs
  }

  /// Runs a job; blocks until its end.
  package func run(_ job: JobPlan) throws(MillraceError) -> JobResult { try launchInsert(job) }

  /// The final table of a bare query; blocks until it is complete.
  package func rows(_ job: JobPlan) throws(MillraceError) -> Batch {
    guard let rows = try launchQuery(job).rows else { throw MillraceError(.invalidSQL, "the job has no query") }
    return try rows.folded()
  }

  /// For the plans of a job as text, and for runtimes other than the embedded one.
  package func launcher() -> JobLauncher { launcher(options.job) }

  // MARK: Settings

  /// A definition whose name has a dot is a setting, as with Flink's `-D`.
  private func begin() throws(MillraceError) {
    guard !hasBegun else { return }
    hasBegun = true
    for key in options.definitions.keys.sorted() where key.contains(".") {
      if let value = options.definitions[key] { try set(key, value) }
    }
  }

  private func reset(_ key: String?) throws(MillraceError) {
    var kept = settings
    if let key { kept[key] = nil } else { kept = [:] }
    settings = [:]
    options.job = initial
    for key in kept.keys.sorted() { if let value = kept[key] { try set(key, value) } }
  }

  private func set(_ key: String, _ value: String) throws(MillraceError) {
    func invalid(_ wanted: String) -> MillraceError {
      MillraceError(.invalidOption, "'\(value)' is not valid for '\(key)'", hint: "give \(wanted)")
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
    // The binder takes it, and for a setting from outside a text the session.
    case "table.local-time-zone": try sql.registry.setTimeZone(value)
    case "pipeline.name", "sql-client.execution.result-mode": break
    default:
      let known = [
        "parallelism.default", "execution.runtime-mode", "execution.checkpointing.interval", "execution.checkpointing.dir",
        "state.checkpoints.dir", "pipeline.max-parallelism", "table.local-time-zone", "pipeline.name", "state.memory.limit", "state.spill.dir",
      ]
      let nearest = nearestName(to: key, among: known).map { "did you mean '\($0)'? " } ?? ""
      throw MillraceError(.invalidOption, "there is no setting '\(key)'", hint: nearest + "settings: " + known.joined(separator: ", "))
    }
    settings[key] = value
  }

  // MARK: Printing

  private func read(_ file: String) throws(MillraceError) -> String {
    let bytes = try environment.files.readAll(file)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw MillraceError(.invalidInput, "the file is not UTF-8 text", subject: file)
    }
    // An editor's byte order mark is no part of the text.
    return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
  }

  private func show(_ rows: Batch, output: OutputFormat, changelog: Bool) throws(MillraceError) {
    var kinds: [String]?
    var batch = rows
    if changelog { kinds = Changelog.kinds(rows) } else { batch = try rows.folded() }
    batch.weights = nil
    switch output {
    case .table: environment.console.write(ResultText.table(batch, kinds: kinds))
    case .csv: environment.console.write(try ResultText.csv(batch, kinds: kinds))
    case .json: environment.console.write(try ResultText.json(batch, kinds: kinds))
    }
  }

  private func printRows(_ rows: [[String]], _ header: [String]) {
    let fields = header.map { Field($0, .text) }
    let columns = header.indices.map { c -> Column in
      let builder = ColumnBuilder(.text, capacity: rows.count)
      for row in rows { builder.append(row[c]) }
      return builder.finish()
    }
    environment.console.write(ResultText.table(Batch(schema: Schema(fields), columns: columns, rowCount: rows.count)))
  }

  private func report(_ result: JobResult) {
    let restored = result.restoredFrom.map { ", restored from checkpoint \($0)" } ?? ""
    environment.console.write("done: \(result.rowsRead) rows read\(restored)\n", to: .error)
    reportLate(result)
  }

  private func reportLate(_ result: JobResult) {
    for (source, count) in result.lateRows.sorted(by: { $0.key < $1.key }) {
      environment.console.write("\(source): \(count) late rows were left out\n", to: .error)
    }
  }
}

/// The kind of each change, as Flink writes it.
enum Changelog {
  /// `+I`, `-D`, or `-U` and `+U` where a retraction is directly followed by an insertion of the same instant.
  static func kinds(_ batch: Batch) -> [String] {
    guard let weights = batch.weights?.pointer(Int64.self) else { return [String](repeating: "+I", count: batch.rowCount) }
    let times = batch.eventTimes?.pointer(Int64.self)
    var kinds = (0..<batch.rowCount).map { weights[$0] < 0 ? "-D" : "+I" }
    for row in 0..<max(0, batch.rowCount - 1) where weights[row] < 0 && weights[row + 1] > 0 {
      guard times.map({ $0[row] == $0[row + 1] }) ?? true else { continue }
      kinds[row] = "-U"
      kinds[row + 1] = "+U"
    }
    withExtendedLifetime(batch) {}
    return kinds
  }
}
