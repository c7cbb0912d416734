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
  let environment: Environment
  var options: SessionOptions
  /// Stops what runs at present. An interactive session gives every statement one of its own.
  public var cancellation: CancellationFlag
  public let connectors: ConnectorRegistry
  var sql: SQLSession
  /// Settings that were made, by key.
  public internal(set) var settings: [String: String] = [:]
  /// What the settings start from, and return to with RESET.
  let initial: JobConfiguration
  private var hasBegun = false
  /// INSERT jobs of this session so far.
  var jobs = 0
  /// Jobs that were started, in order: see SHOW JOBS.
  public internal(set) var journal: [JobRecord] = []
  /// Called while a job runs, with the rows read so far; nil shows progress on a terminal after two seconds.
  public var progress: EmbeddedRuntime.Progress?
  /// Called with what each job of a script reported.
  public var finished: ((JobResult) -> Void)?
  /// What the names of the session's statements stand for.
  public var catalog: Catalog { sql.catalog }
  /// Names of the functions that statements may call, sorted.
  public var functionNames: [String] { sql.registry.functionNames }

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
      // Stopped with a savepoint: the rest of the text is for whoever goes on from it.
      guard try perform(statement, output: output, changelog: changelog) else { return }
    }
  }

  /// Runs a statement that `compile` has returned; a bare query's rows are printed.
  ///
  /// - Returns: false when it was stopped with a savepoint.
  @discardableResult
  public func perform(_ statement: BoundStatement, output: OutputFormat, changelog: Bool) throws(MillraceError) -> Bool {
    switch statement.kind {
    case .changed: break
    case .set(let key, let value): try set(key, value)
    case .reset(let key): try reset(key)
    case .showOptions: printRows(settings.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }, ["key", "value"])
    case .insert(let job):
      let result = try launchInsert(job)
      report(result)
      return result.savepoint == nil
    case .query(let job):
      let (result, rows) = try launchQuery(job, changelog: changelog)
      if let rows { try show(rows, output: output, changelog: changelog) }
      reportLate(result)
    case .explain(let job): try explain(job)
    case .analyze(let job, let limit):
      environment.console.write(try analyze(job, limitMillis: limit, isInteractive: false))
      if cancellation.isCancelled { throw MillraceError(.cancelled, "the job was stopped before its input ended") }
    case .describe(_, let schema):
      printRows(
        schema.fields.map { [$0.name, $0.type.description, $0.isNullable ? "TRUE" : "FALSE"] }, ["name", "type", "null"])
    case .showText(let text): environment.console.write(text + "\n")
    case .show(let names): printRows(names.map { [$0] }, ["name"])
    case .showJobs: printRows(journal.map(\.cells), JobRecord.header)
    }
    return true
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
      case .insert(let job), .query(let job), .explain(let job), .analyze(let job, _): try explain(job)
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

  func launcher(_ configuration: JobConfiguration) -> JobLauncher {
    JobLauncher(environment: environment, configuration: configuration, usesOptimizer: options.usesOptimizer, connectors: connectors)
  }

  /// Each job of a script keeps its checkpoints apart: the first in the checkpoint folder itself, the n-th in `job-n` inside it.
  func launchInsert(_ job: JobPlan) throws(MillraceError) -> JobResult { try launch(job, insertConfiguration()).result }

  func insertConfiguration() -> JobConfiguration {
    jobs += 1
    var configuration = options.job
    if jobs > 1, let folder = configuration.checkpointDirectory {
      configuration.checkpointDirectory = FilePath.join(folder, "job-\(jobs)")
    }
    return configuration
  }

  /// A bare query's rows exist in this process only, so it takes no checkpoints and always starts afresh.
  private func launchQuery(_ job: JobPlan, changelog: Bool = false) throws(MillraceError) -> (result: JobResult, rows: Batch?) {
    var configuration = queryConfiguration()
    configuration.showsChanges = changelog
    try launcher(configuration).checkBounded(job)
    return try launch(job, configuration)
  }

  func queryConfiguration() -> JobConfiguration {
    var configuration = options.job
    configuration.checkpointDirectory = nil
    configuration.savepointDirectory = nil
    configuration.restore = .none
    return configuration
  }

  private func checkRestore(_ statements: [BoundStatement]) throws(MillraceError) {
    guard case .path = options.job.restore else { return }
    let inserts = statements.count { if case .insert = $0.kind { true } else { false } }
    guard inserts > 1 else { return }
    throw MillraceError(
      .invalidOption, "the text has \(inserts) jobs, but a checkpoint belongs to one", subject: "--restore-from or --from-savepoint",
      hint: "give --restore with --checkpoint-dir, or run the INSERTs as one statement set")
  }

  private func launch(
    _ job: JobPlan, _ configuration: JobConfiguration
  ) throws(MillraceError) -> (result: JobResult, rows: Batch?) {
    let begin = environment.clock.monotonicNanos
    var shown = false
    let console = environment.console
    let clock = environment.clock
    defer { if shown { console.write("\n", to: .error) } }
    let outcome = try launch(
      job, configuration,
      progress: { [progress] rows in
        if let progress {
          progress(rows)
          return
        }
        let seconds = Double(clock.monotonicNanos - begin) / 1e9
        guard seconds > 2, console.isTerminal(.error) else { return }
        shown = true
        console.write("\r\(rows) rows read in \(Int(seconds)) s, \(Int(Double(rows) / seconds)) rows/s ", to: .error)
      })
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

  /// Runs a job and keeps a record of it.
  func launch(
    _ job: JobPlan, _ configuration: JobConfiguration, receiver: ResultCollector.Receiver? = nil,
    progress: EmbeddedRuntime.Progress? = nil, observer: EmbeddedRuntime.Observer? = nil
  ) throws(MillraceError) -> (result: JobResult, rows: Batch?) {
    var configuration = configuration
    configuration.measuresState = configuration.measuresState || options.statistics != nil
    let folder = try limitState(configuration)
    let number = journal.count
    journal.append(JobRecord(number: number + 1, job))
    var hasSpilled = false
    var last = JobStatistics()
    func note(_ state: JobRecord.State) {
      journal[number].state = state
      journal[number].rowsRead = last.rowsRead
      journal[number].elapsedNanos = last.elapsedNanos
    }
    do throws(MillraceError) {
      let outcome = try launcher(configuration).run(
        job, cancellation: cancellation, receiver: receiver,
        progress: { [console = environment.console] rows in
          if !hasSpilled, let folder, StateMemory.use.inFiles > 0 {
            hasSpilled = true
            let limit = SessionOptions.text(bytes: configuration.stateMemoryLimit ?? 0)
            let text = "state has outgrown its memory limit of \(limit): the rest lies in files in \(folder), and the job is slower\n"
            console.write(text, to: .error)
          }
          progress?(rows)
        },
        observer: {
          last = $0
          observer?($0)
        })
      note(outcome.result.savepoint == nil ? .finished : .stopped)
      reportStatistics(last)
      return outcome
    } catch {
      note(error.code == .cancelled ? .stopped : .failed)
      if error.code == .cancelled { reportStatistics(last) }
      throw error
    }
  }

  private func reportStatistics(_ statistics: JobStatistics) {
    switch options.statistics {
    case .text?: environment.console.write(StatisticsText.table(statistics), to: .error)
    case .json?: environment.console.write(StatisticsText.json(statistics) + "\n", to: .error)
    case nil: break
    }
  }

  // MARK: The Swift layers

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

  // MARK: Printing

  private func read(_ file: String) throws(MillraceError) -> String {
    let bytes = try environment.files.readAll(file)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw MillraceError(.invalidInput, "the file is not UTF-8 text", subject: file)
    }
    // An editor's byte order mark is no part of the text.
    return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
  }

  func show(_ rows: Batch, output: OutputFormat, changelog: Bool) throws(MillraceError) {
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

  func printRows(_ rows: [[String]], _ header: [String]) {
    let fields = header.map { Field($0, .text) }
    let columns = header.indices.map { c -> Column in
      let builder = ColumnBuilder(.text, capacity: rows.count)
      for row in rows { builder.append(row[c]) }
      return builder.finish()
    }
    environment.console.write(ResultText.table(Batch(schema: Schema(fields), columns: columns, rowCount: rows.count)))
  }

  func report(_ result: JobResult) {
    let restored = result.restoredFrom.map { ", restored from checkpoint \($0)" } ?? ""
    if let savepoint = result.savepoint {
      environment.console.write("stopped: \(result.rowsRead) rows read\(restored)\nsavepoint \(savepoint)\n", to: .error)
    } else {
      environment.console.write("done: \(result.rowsRead) rows read\(restored)\n", to: .error)
    }
    reportLate(result)
  }

  func reportLate(_ result: JobResult) {
    for (source, count) in result.lateRows.sorted(by: { $0.key < $1.key }) {
      environment.console.write("\(source): \(count) late rows were left out\n", to: .error)
    }
  }
}

/// The kind of each change, as Flink writes it.
public enum Changelog {
  /// `+I`, `-D`, or `-U` and `+U` where a retraction is directly followed by an insertion of the same instant.
  public static func kinds(_ batch: Batch) -> [String] {
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
