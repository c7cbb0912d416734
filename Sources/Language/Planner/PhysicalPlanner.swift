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
  private var nodes: [PhysicalPlan.Node] = []
  private var names: [String: Int] = [:]
  private var shifts = 0

  private init(_ graph: PlanGraph) {
    self.graph = graph
    plans = graph.plans
    consumerCounts = graph.consumerCounts
    known = Array(repeating: nil, count: graph.nodes.count)
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
    nodes.append(.init(id: id, operatorID: seen == 0 ? name : "\(name)#\(seen)", kind: kind, inputs: inputs, schema: schema))
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
    case .window(let window): return add("window", .windowAssign(window), [try input(inputs[0])], schema)
    case .over(let over):
      let port = try input(inputs[0], Self.keyed(over.partitionKeys))
      guard over.input.hasEventTime else {
        throw MillraceError.notSupported(
          "OVER on an input without event time", hint: "declare WATERMARK FOR <column> AS <column> on the table")
      }
      return add("over", .over(over), [port], schema)
    case .join(let join):
      let ports = [try input(inputs[0], Self.keyed(join.leftKeys)), try input(inputs[1], Self.keyed(join.rightKeys))]
      return add(
        join.interval == nil ? "join" : "interval-join", join.interval == nil ? .hashJoin(join) : .intervalJoin(join), ports, schema)
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
    case .sort(let sort): return add("sort", .sort(sort), [try input(inputs[0], .single)], schema)
    }
  }

  /// A source, and the filter that makes a pushed-down predicate exact.
  private mutating func source(_ scan: Scan) -> Int {
    guard scan.predicate != nil else {
      return add("source:\(scan.table.name)", .source(scan, rank: Self.rank(of: scan.table)), [], scan.schema)
    }
    let (source, predicate, width) = wideSource(scan)
    let kept = width == scan.columns.count ? nil : scan.schema.fields.enumerated().map { Expression.column($0, $1) }
    return add(
      "filter", .filterProject(predicate: predicate, expressions: kept), [.init(node: source, exchange: .forward)], scan.schema)
  }

  /// A source of the scan's columns, then those that only its predicate reads; the predicate over them; how many they are.
  private mutating func wideSource(_ scan: Scan) -> (source: Int, predicate: Expression?, width: Int) {
    var wide = scan
    wide.columns += (scan.predicate?.referencedColumns ?? []).subtracting(scan.columns).sorted()
    let source = add("source:\(scan.table.name)", .source(wide, rank: Self.rank(of: scan.table)), [], wide.schema)
    let positions = Dictionary(wide.columns.enumerated().map { ($1, $0) }) { first, _ in first }
    return (source, scan.predicate?.mappingColumns { positions[$0] ?? 0 }, wide.columns.count)
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
        let (source, predicate, _) = wideSource(scan)
        return add(
          "project", .filterProject(predicate: predicate, expressions: project.expressions),
          [.init(node: source, exchange: .forward)], schema)
      }
    }
    return add("project", .filterProject(predicate: nil, expressions: project.expressions), [try input(below)], schema)
  }

  private mutating func build(_ aggregate: Aggregate, _ below: Int, _ schema: Schema) throws(MillraceError) -> Int {
    guard let window = aggregate.windowInput else {
      return add("aggregate", .groupAggregate(aggregate), [try input(below, Self.keyed(aggregate.keys))], schema)
    }
    let width = window.input.schema.count
    var keys: [Expression] = []
    var outputs: [WindowAggregateSpec.Output] = []
    for key in aggregate.keys {
      if case .column(let column) = key.kind, column >= width {
        outputs.append([.windowStart, .windowEnd, .windowTime][column - width])
      } else {
        guard key.referencedColumns.allSatisfy({ $0 < width }) else {
          throw MillraceError.notSupported("grouping by an expression over window_start, window_end or window_time")
        }
        outputs.append(.key(keys.count))
        keys.append(key)
      }
    }
    for index in aggregate.aggregates.indices { outputs.append(.aggregate(index)) }
    for call in aggregate.aggregates {
      guard call.referencedColumns.allSatisfy({ $0 < width }) else {
        throw MillraceError.notSupported("an aggregate over window_start, window_end or window_time")
      }
    }
    let port = try input(graph.nodes[below].inputs[0], Self.keyed(keys))
    let lag: Int64 =
      switch window.input.timeAttribute(of: window.timeColumn) {
      case .exact(let offset): offset
      case .bounded(let lag): lag
      case nil: 0
      }
    let spec = WindowAggregateSpec(
      kind: window.kind, keys: keys, timeColumn: window.timeColumn, aggregates: aggregate.aggregates, outputs: outputs, schema: schema,
      rank: [128, 255], lagMicros: lag)
    return add("window-aggregate", .windowAggregate(spec), [port], schema)
  }

  private static func keyed(_ keys: [Expression]) -> PhysicalPlan.Exchange { keys.isEmpty ? .single : .hash(keys) }

  /// The rank of a table's rows within one instant: declared rank, then order of creation.
  static func rank(of table: TableDefinition) -> [UInt8] {
    [UInt8(clamping: 128 + max(-128, min(127, table.declaredRank))), UInt8(truncatingIfNeeded: table.ordinal)]
  }
}
