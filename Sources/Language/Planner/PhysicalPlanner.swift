import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Turns logical plans into one graph of operators. Equal sub-plans become one node, so a view used five times runs once.
public struct PhysicalPlanner {
  private let graph: PlanGraph
  /// The graph's nodes with their real inputs.
  private let plans: [LogicalPlan]
  private let consumerCounts: [Int]
  /// Operators by the graph's node.
  private var known: [Int?]
  /// As `known`, of operators that show every change.
  private var knownVersions: [Int?]
  private var isVersioned = false
  private var nodes: [PhysicalPlan.Node] = []
  private var names: [String: Int] = [:]
  private var shifts = 0
  private struct StampKey: Hashable {
    var input: Int
    var column: Int
  }
  /// Operators that give the rows of an input their processing time.
  private var stamps: [StampKey: Int] = [:]
  /// Per table with a watermark, the columns that its scans and their predicates read together.
  private var columnsRead: [TableDefinition: [Int]] = [:]
  /// Its source, once made.
  private var sources: [TableDefinition: Int] = [:]

  private init(_ graph: PlanGraph) {
    self.graph = graph
    plans = graph.plans
    consumerCounts = graph.consumerCounts
    known = Array(repeating: nil, count: graph.nodes.count)
    knownVersions = known
    for (plan, consumers) in zip(plans, consumerCounts) where consumers > 0 {
      guard case .scan(let scan) = plan, scan.table.watermark != nil else { continue }
      let columns = columnsRead[scan.table] ?? []
      columnsRead[scan.table] = columns + Self.wideColumns(scan).filter { !columns.contains($0) }
    }
  }

  public static func plan(_ job: JobPlan) throws(MillraceError) -> PhysicalPlan { try plan(PlanGraph(job)) }

  public static func plan(_ graph: PlanGraph) throws(MillraceError) -> PhysicalPlan {
    var planner = PhysicalPlanner(graph)
    for output in graph.outputs {
      let input = PhysicalPlan.Input(node: try planner.node(for: output.node), exchange: .forward)
      let schema = graph.schemas[output.node]
      if let table = output.table {
        _ = planner.add("sink:\(table.name)", .sink(table), [input], schema)
      } else {
        _ = planner.add("collect", .collect, [input], schema)
      }
    }
    return PhysicalPlan(nodes: planner.nodes)
  }

  private mutating func add(
    _ name: String, _ kind: PhysicalPlan.Kind, _ inputs: [PhysicalPlan.Input], _ schema: Schema
  ) -> Int {
    let seen = names[name, default: 0]
    names[name] = seen + 1
    let id = nodes.count
    nodes.append(
      .init(
        id: id, operatorID: seen == 0 ? name : "\(name)#\(seen)", kind: kind, inputs: inputs, schema: schema, showsChanges: isVersioned))
    return id
  }

  private mutating func node(for id: Int) throws(MillraceError) -> Int {
    if let node = known[id] { return node }
    let node = try build(id)
    known[id] = node
    return node
  }

  private mutating func input(_ id: Int, _ exchange: PhysicalPlan.Exchange = .forward) throws(MillraceError) -> PhysicalPlan.Input {
    .init(node: try node(for: id), exchange: exchange)
  }

  private mutating func build(_ id: Int) throws(MillraceError) -> Int {
    let inputs = graph.nodes[id].inputs
    let schema = graph.schemas[id]
    switch plans[id] {
    case .scan(let scan): return source(scan)
    case .values(let relation): return add("values", .values(relation), [], relation.schema)
    case .filter(let filter):
      return add("filter", .filterProject(predicate: filter.predicate, expressions: nil), [try input(inputs[0])], schema)
    case .project(let project): return try build(project, inputs[0])
    case .unnest(let unnest): return add("unnest", .unnest(unnest), [try input(inputs[0])], schema)
    case .union:
      var ports: [PhysicalPlan.Input] = []
      for id in inputs { ports.append(try input(id)) }
      return add("union", .union, ports, schema)
    case .aggregate(let aggregate): return try build(aggregate, inputs[0], schema)
    case .window(let window):
      let isSession = window.kind.isSession
      let port = try windowInput(window, inputs[0], isSession ? Self.keyed(window.partitionKeys) : .forward)
      return isSession ? add("session", .sessionAssign(window), [port], schema) : add("window", .windowAssign(window), [port], schema)
    case .over(let over):
      let port = try input(inputs[0], Self.keyed(over.partitionKeys))
      guard over.input.hasEventTime else {
        throw MillraceError.notSupported(
          "OVER on an input without event time", hint: "declare WATERMARK FOR <column> AS <column> on the table")
      }
      return add("over", .over(over), [port], schema)
    case .rank(let rank):
      let port = try input(inputs[0], Self.keyed(rank.partitionKeys))
      return rank.window == nil ? add("rank", .rank(rank), [port], schema) : add("window-rank", .windowRank(rank), [port], schema)
    case .orderedOver(let over):
      return add("ordered-over", .orderedOver(over), [try input(inputs[0], Self.keyed(over.partitionKeys))], schema)
    case .join(let join):
      if let window = join.window {
        let (left, right) = window.exchangeKeys(join)
        return add("window-join", .windowJoin(join), [try input(inputs[0], .hash(left)), try input(inputs[1], .hash(right))], schema)
      }
      let ports = [try input(inputs[0], Self.keyed(join.leftKeys)), try input(inputs[1], Self.keyed(join.rightKeys))]
      return add(
        join.interval == nil ? "join" : "interval-join", join.interval == nil ? .hashJoin(join) : .intervalJoin(join), ports, schema)
    case .temporalJoin(let temporal): return try build(temporal, inputs, schema)
    case .asOf(let asOf):
      var ports = [try input(inputs[0], Self.keyed(asOf.keys))]
      for (branch, id) in zip(asOf.view.branches, inputs.dropFirst()) { ports.append(try input(id, Self.keyed(branch.keys))) }
      guard inputs.allSatisfy({ plans[$0].hasEventTime }) else {
        throw MillraceError.notSupported(
          "feature view \(asOf.view.name) over or for an input without event time",
          hint: "declare WATERMARK FOR <column> AS <column> - INTERVAL ... on every table it reads")
      }
      if asOf.shiftMicros != 0 { shifts += 1 }
      return add(
        "as-of:\(asOf.view.name)", .asOf(asOf, outcomeRank: [127, UInt8(truncatingIfNeeded: 127 + shifts)]), ports, schema)
    case .predict(let predict):
      return add("predict:\(predict.model.name)", .predict(predict), [try input(inputs[0])], schema)
    case .function(let function): return try build(function, inputs)
    case .sort(let sort): return add("sort", .sort(sort), [try input(inputs[0], .single)], schema)
    }
  }

  private mutating func build(_ temporal: TemporalJoin, _ inputs: [Int], _ schema: Schema) throws(MillraceError) -> Int {
    let join = temporal.join
    if temporal.instant == .processingTime { return add("lookup", .lookupJoin(temporal), [try input(inputs[0])], schema) }
    let left = try input(inputs[0], Self.keyed(join.leftKeys))
    guard plans[inputs[1]].isUpdating else {
      return add("temporal-join", .temporalJoin(temporal), [left, try input(inputs[1], Self.keyed(join.rightKeys))], schema)
    }
    // Final rows are not enough: what the result was at each instant must be known. Others may read the same with final rows.
    (known, knownVersions, isVersioned) = (knownVersions, known, true)
    let right = try input(inputs[1], Self.keyed(join.rightKeys))
    (known, knownVersions, isVersioned) = (knownVersions, known, false)
    return add("temporal-join", .temporalJoin(temporal), [left, right], schema)
  }

  private mutating func build(_ function: UserFunction, _ inputs: [Int]) throws(MillraceError) -> Int {
    var ports: [PhysicalPlan.Input] = []
    for (port, id) in inputs.enumerated() {
      if function.order == .stateless {
        ports.append(try input(id))
        continue
      }
      let keys = function.keys[port]
      let plan = plans[id]
      if plan.isUpdating && !function.acceptsUpdates {
        throw MillraceError(
          .notSupported, "function \(function.id) takes rows that stay, but its input retracts rows",
          subject: "function \(function.id)",
          hint: "put it before what updates, or declare `acceptsUpdates` and look at the weight of each row")
      }
      guard function.order == .arrival || plan.carriesEventTime else {
        throw MillraceError(
          .notSupported, "function \(function.id) needs the event time of its rows", subject: "function \(function.id)",
          hint: "declare WATERMARK FOR <column> AS <column> on the table it reads, or process rows as they arrive with `order: .arrival`")
      }
      guard plan.isUpdating else {
        ports.append(try input(id, Self.keyed(keys)))
        continue
      }
      // As for a temporal join: every version of the result, in each mode.
      (known, knownVersions, isVersioned) = (knownVersions, known, true)
      ports.append(try input(id, Self.keyed(keys)))
      (known, knownVersions, isVersioned) = (knownVersions, known, false)
    }
    return add("function:\(function.id)", .function(function), ports, function.schema)
  }

  /// A source, and the filter that makes a pushed-down predicate exact.
  private mutating func source(_ scan: Scan) -> Int {
    let (source, predicate, positions) = wideSource(scan)
    let kept = scan.columns.compactMap { positions[$0] }
    let keepsAll = kept == Array(nodes[source].schema.fields.indices)
    if predicate == nil && keepsAll { return source }
    let expressions = keepsAll ? nil : zip(kept, scan.schema.fields).map { Expression.column($0, $1) }
    return add(
      predicate == nil ? "project" : "filter", .filterProject(predicate: predicate, expressions: expressions),
      [.init(node: source, exchange: .forward)], scan.schema)
  }

  /// A source of at least the scan's columns and those that only its predicate reads; the predicate over them; where the table's columns
  /// are among them.
  ///
  /// A table with a watermark has one source for all its scans, whatever columns and conditions they have: its clock then depends on the
  /// same rows for all of them, and a late row is counted and routed once. That source skips nothing.
  private mutating func wideSource(_ scan: Scan) -> (source: Int, predicate: Expression?, positions: [Int: Int]) {
    var wide = scan
    wide.columns = Self.wideColumns(scan)
    if let shared = columnsRead[scan.table] {
      wide.columns = shared
      wide.predicate = nil
    }
    let source = sources[scan.table] ?? add("source:\(scan.table.name)", .source(wide, rank: Self.rank(of: scan.table)), [], wide.schema)
    if columnsRead[scan.table] != nil { sources[scan.table] = source }
    let positions = Dictionary(wide.columns.enumerated().map { ($1, $0) }) { first, _ in first }
    return (source, scan.predicate?.mappingColumns { positions[$0] ?? 0 }, positions)
  }

  /// The scan's columns, then those that only its predicate reads.
  private static func wideColumns(_ scan: Scan) -> [Int] {
    scan.columns + (scan.predicate?.referencedColumns ?? []).subtracting(scan.columns).sorted()
  }

  /// A projection, together with the filter below it when nobody else reads that.
  private mutating func build(_ project: Project, _ below: Int) throws(MillraceError) -> Int {
    let schema = project.schema
    if known[below] == nil, consumerCounts[below] == 1 {
      if case .filter(let filter) = plans[below] {
        let port = try input(graph.nodes[below].inputs[0])
        return add("project", .filterProject(predicate: filter.predicate, expressions: project.expressions), [port], schema)
      }
      if case .scan(let scan) = plans[below], scan.predicate != nil {
        let (source, predicate, positions) = wideSource(scan)
        let expressions = project.expressions.map { $0.mappingColumns { positions[scan.columns[$0]] ?? 0 } }
        return add(
          "project", .filterProject(predicate: predicate, expressions: expressions),
          [.init(node: source, exchange: .forward)], schema)
      }
    }
    return add("project", .filterProject(predicate: nil, expressions: project.expressions), [try input(below)], schema)
  }

  private mutating func build(_ aggregate: Aggregate, _ below: Int, _ schema: Schema) throws(MillraceError) -> Int {
    guard let window = aggregate.window else {
      return add("aggregate", .groupAggregate(aggregate), [try input(below, Self.keyed(aggregate.keys))], schema)
    }
    if let table = aggregate.windowInput, let spec = WindowAggregateSpec(aggregate, over: table, rank: Self.windowRank) {
      let port = try windowInput(table, graph.nodes[below].inputs[0], Self.keyed(spec.keys))
      return table.kind.isSession
        ? add("session-aggregate", .sessionAggregate(spec), [port], schema)
        : add("window-aggregate", .windowAggregate(spec), [port], schema)
    }
    let spec = AttachedAggregateSpec(aggregate, window, rank: Self.windowRank)
    return add("attached-aggregate", .attachedAggregate(spec), [try input(below, Self.keyed(spec.keys))], schema)
  }

  /// What a window reads: rows with event time.
  private mutating func windowInput(
    _ window: WindowTable, _ id: Int, _ exchange: PhysicalPlan.Exchange
  ) throws(MillraceError) -> PhysicalPlan.Input {
    guard window.isProcessingTime else { return try input(id, exchange) }
    let key = StampKey(input: id, column: window.timeColumn)
    if let known = stamps[key] { return .init(node: known, exchange: exchange) }
    let node = add("processing-time", .processingTime(column: window.timeColumn), [try input(id)], graph.schemas[id])
    stamps[key] = node
    return .init(node: node, exchange: exchange)
  }

  /// What begins the order of rows that windows give: after all rows of tables.
  private static let windowRank: [UInt8] = [128, 255]

  private static func keyed(_ keys: [Expression]) -> PhysicalPlan.Exchange { keys.isEmpty ? .single : .hash(keys) }

  /// The rank of a table's rows within one instant: declared rank, then order of creation.
  static func rank(of table: TableDefinition) -> [UInt8] {
    [UInt8(clamping: 128 + max(-128, min(127, table.declaredRank))), UInt8(truncatingIfNeeded: table.ordinal)]
  }
}
