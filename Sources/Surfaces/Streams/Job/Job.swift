import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceRows
import MillraceRuntime
import MillraceSQL
import MillraceServer
import MillraceTypes

/// One job made of SQL, tables, streams and process functions, in any mixture: they all build one plan, which runs with the same
/// runtime, checkpoints and modes as a SQL file does.
///
///     let job = Job()
///     try job.sql("CREATE TABLE messages (...) WITH (...); CREATE TABLE verdicts (...) WITH (...);")
///     try job.stream("messages", of: Message.self)
///       .filter { $0.content.contains("http") }
///       .insert(into: "verdicts")
///     try await job.run()
///
/// Built by one task at a time.
public final class Job {
  /// Shown in errors.
  public let name: String
  let session: Session
  private let cancellation: CancellationFlag
  private(set) var outputs: [JobPlan.Output] = []
  /// Names of functions in use.
  private var functionIDs: Set<String> = []
  private var unnamedFunctions = 0

  /// - Parameters:
  ///   - options: parallelism, mode, checkpoints; SET in SQL changes them.
  ///   - environment: the machine, unless a test brings another.
  public init(
    _ name: String = "job", options: SessionOptions = SessionOptions(), environment: Environment = SystemEnvironment.real,
    connectors: ConnectorRegistry = .builtIn
  ) {
    self.name = name
    cancellation = CancellationFlag()
    session = Session(environment: environment, options: options, cancellation: cancellation, connectors: connectors)
  }

  // MARK: SQL

  /// Runs statements: definitions and SET take effect at once, what INSERT INTO feeds becomes part of this job.
  ///
  /// - Throws: `invalidSQL` with every error of the text and its place.
  public func sql(_ text: String) throws(MillraceError) { outputs += try session.outputs(of: text, name: name) }

  /// A query as a table.
  public func query(_ text: String) throws(MillraceError) -> Table { try table(of: text, over: [:]) }

  /// A table or view of the catalog.
  public func table(_ name: String) throws(MillraceError) -> Table { try table(of: "SELECT * FROM \(SQLText.name(name))", over: [:]) }

  /// A table or view of the catalog as a stream of rows.
  ///
  /// - Throws: `invalidSQL` when a property has no column, or one of another type.
  public func stream<R: Row>(_ name: String, of type: R.Type) throws(MillraceError) -> DataStream<R> {
    try table(name).asStream(of: type)
  }

  // MARK: Running

  /// What the job is made of so far.
  public var plan: JobPlan { JobPlan(outputs: outputs) }

  /// The logical plan as text.
  public func explain() throws(MillraceError) -> String {
    let launcher = session.launcher()
    let plan = launcher.logicalPlan(plan)
    return launcher.text(plan)
  }

  /// Runs the job to the end of its input. Cancelling the task stops it; with a checkpoint folder it can go on from there.
  ///
  /// - Throws: `invalidSQL` when nothing was inserted anywhere, and whatever running meets.
  @discardableResult public func run() async throws -> JobResult {
    let plan = plan
    guard !plan.outputs.isEmpty else {
      throw MillraceError(.invalidSQL, "the job feeds no table", subject: name, hint: "end a stream or table with insert(into:)")
    }
    return try await BlockingThread.run(cancelling: cancellation) { [session] in try session.run(plan) }
  }

  /// Runs a table alone, to the end of its input, and gives its final rows. Takes no checkpoints.
  func collect(_ plan: LogicalPlan) async throws -> Batch {
    let job = JobPlan(outputs: [.init(table: nil, input: plan)])
    return try await BlockingThread.run(cancelling: cancellation) { [session] in try session.rows(job) }
  }

  // MARK: Building

  /// The table that a query makes of others, which it knows by name.
  func table(of text: String, over relations: [String: LogicalPlan]) throws(MillraceError) -> Table {
    let statements = try session.compile(text, name: name, over: relations)
    guard statements.count == 1, case .query(let job)? = statements.first?.kind, let output = job.outputs.first else {
      throw MillraceError(.invalidSQL, "the text is not one query", subject: name, hint: "give statements to sql(_:)")
    }
    return Table(job: self, plan: output.input)
  }

  func insert(_ plan: LogicalPlan, _ text: String) throws(MillraceError) {
    for statement in try session.compile(text, name: name, over: [SQLText.this: plan]) {
      if case .insert(let job) = statement.kind { outputs += job.outputs }
    }
  }

  func define(view name: String, _ plan: LogicalPlan) throws(MillraceError) { try session.define(view: name, plan) }

  /// The id of a function: as given, or by its kind and number. Those of functions with state name it in checkpoints.
  func functionID(_ given: String?, _ kind: String) throws(MillraceError) -> String {
    if let given {
      guard functionIDs.insert(given).inserted else {
        throw MillraceError(
          .invalidOption, "two functions have the id '\(given)'", subject: name, hint: "ids name state; give each its own")
      }
      return given
    }
    repeat { unnamedFunctions += 1 } while !functionIDs.insert("\(kind)-\(unnamedFunctions)").inserted
    return "\(kind)-\(unnamedFunctions)"
  }
}
