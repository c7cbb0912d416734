import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillraceOperators
import MillracePlan
import MillracePlanner
import MillraceRuntime
import MillraceScoring
import MillraceTypes

/// Takes a logical job to its end: optimiser, physical plan, runtime.
public struct JobLauncher {
  let environment: Environment
  let configuration: JobConfiguration
  let usesOptimizer: Bool
  let connectors: ConnectorRegistry

  public init(environment: Environment, configuration: JobConfiguration, usesOptimizer: Bool, connectors: ConnectorRegistry) {
    self.environment = environment
    self.configuration = configuration
    self.usesOptimizer = usesOptimizer
    self.connectors = connectors
  }

  /// The logical plan that runs.
  public func logicalPlan(_ job: JobPlan) -> JobPlan { usesOptimizer ? Optimizer.optimize(job) : job }

  /// The graph of operators that runs.
  public func physicalPlan(_ job: JobPlan) throws(MillraceError) -> PhysicalPlan {
    try PhysicalPlanner.plan(logicalPlan(job))
  }

  /// Everything the runtime needs, models loaded and checked.
  ///
  /// - Parameter description: what the job computes, as text; a checkpoint of a job described otherwise is refused.
  public func builder(
    _ plan: PhysicalPlan, description: String = "", collectors: [Int: ResultCollector]? = nil
  ) throws(MillraceError) -> JobBuilder {
    var scorers: [ModelDefinition: Scorer] = [:]
    for node in plan.nodes {
      switch node.kind {
      case .predict(let predict):
        if scorers[predict.model] == nil { scorers[predict.model] = try Scorer(predict.model) }
      case .sink(let table): try connectors.check(table)
      case .source(let scan, _): try connectors.check(scan.table)
      default: break
      }
    }
    let loaded = scorers
    return try JobBuilder(
      plan: plan, environment: environment, configuration: configuration, connectors: connectors, description: description,
      collectors: collectors
    ) { node, _ throws(MillraceError) in
      guard case .predict(let predict) = node.kind, let scorer = loaded[predict.model] else { return nil }
      return try PredictOperator(predict, scorer: scorer)
    }
  }

  /// Runs a job to the end of its input. Returns what its bare query gave: the changes in the total order, or in the order of its
  /// ORDER BY.
  ///
  /// - Parameters:
  ///   - receiver: takes the rows of the bare query as they come; they are then not kept and not returned.
  ///   - observer: see `EmbeddedRuntime.Observer`.
  public func run(
    _ job: JobPlan, cancellation: CancellationFlag, receiver: ResultCollector.Receiver? = nil, progress: EmbeddedRuntime.Progress? = nil,
    observer: EmbeddedRuntime.Observer? = nil
  ) throws(MillraceError) -> (result: JobResult, rows: Batch?) {
    let logical = logicalPlan(job)
    let plan = try PhysicalPlanner.plan(logical)
    var collectors: [Int: ResultCollector]?
    if let receiver {
      let nodes = plan.nodes.filter { $0.kind == .collect }
      collectors = Dictionary(uniqueKeysWithValues: nodes.map { ($0.id, ResultCollector(receiver: receiver)) })
    }
    let builder = try builder(plan, description: LogicalPlanText.explain(logical), collectors: collectors)
    let result = try EmbeddedRuntime(builder).run(cancellation: cancellation, progress: progress, observer: observer)
    return (result, receiver == nil ? Self.rows(plan, builder.collectors) : nil)
  }

  /// The first table without an end that the job reads.
  func endlessTable(_ job: JobPlan) throws(MillraceError) -> TableDefinition? {
    for node in try physicalPlan(job).nodes {
      guard case .source(let scan, let rank) = node.kind else { continue }
      if try !connectors.source(SourceRequest(scan, rank: rank, environment: environment)).isBounded { return scan.table }
    }
    return nil
  }

  /// Refuses a query whose rows would never be complete.
  func checkBounded(_ job: JobPlan) throws(MillraceError) {
    guard let table = try endlessTable(job) else { return }
    throw MillraceError(
      .invalidSQL, "the query would never end: table \(table.name) has no end", subject: "table \(table.name)",
      hint: "INSERT INTO a table instead, or watch it in the shell (millrace sql)"
        + (table.connector == "datagen" ? ", or give the table an end with 'number-of-rows' = '1000'" : ""))
  }

  /// What a job's bare query gave.
  public static func rows(_ plan: PhysicalPlan, _ collectors: [Int: ResultCollector]) -> Batch? {
    guard let node = plan.nodes.first(where: { $0.kind == .collect }), let collector = collectors[node.id] else { return nil }
    // ORDER BY comes from one partition, whose order is the answer.
    if isSorted(plan, node) { return collector.arrived(schema: node.schema) }
    // Changes without event time have no order but that of their arrival.
    let arrived = collector.arrived(schema: node.schema)
    if arrived.weights != nil, arrived.eventTimes == nil { return arrived }
    return collector.changes(schema: node.schema)
  }

  private static func isSorted(_ plan: PhysicalPlan, _ node: PhysicalPlan.Node) -> Bool {
    switch node.kind {
    case .sort(let sort): !sort.keys.isEmpty
    case .collect, .filterProject: isSorted(plan, plan.nodes[node.inputs[0].node])
    default: false
    }
  }
}

extension JobLauncher {
  /// A logical plan as EXPLAIN shows it.
  public func text(_ plan: JobPlan) -> String { LogicalPlanText.explain(plan) }
}
