import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Turns logical plans into one graph of operators. Equal sub-plans become one node, so a view used five times runs once.
public struct PhysicalPlanner {
  private var nodes: [PhysicalPlan.Node] = []
  private var known: [LogicalPlan: Int] = [:]
  private var names: [String: Int] = [:]
  private var shifts = 0

  public static func plan(_ job: JobPlan) throws(MillraceError) -> PhysicalPlan {
    var planner = PhysicalPlanner()
    for output in job.outputs {
      let input = try planner.node(for: output.input)
      if let table = output.table {
        _ = planner.add("sink:\(table.name)", .sink(table), [.init(node: input, exchange: .forward)], output.input.schema)
      } else {
        _ = planner.add("collect", .collect, [.init(node: input, exchange: .forward)], output.input.schema)
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

  private mutating func node(for plan: LogicalPlan) throws(MillraceError) -> Int {
    if let id = known[plan] { return id }
    let id = try build(plan)
    known[plan] = id
    return id
  }

  private mutating func build(_ plan: LogicalPlan) throws(MillraceError) -> Int {
    switch plan {
    case .scan(let scan):
      return scanNode(scan)
    case .values(let relation): return add("values", .values(relation), [], relation.schema)
    case .filter(let filter):
      let input = try node(for: filter.input)
      return add(
        "filter", .filterProject(predicate: filter.predicate, expressions: nil), [.init(node: input, exchange: .forward)], plan.schema)
    case .project(let project):
      if case .filter(let filter) = project.input, known[project.input] == nil {
        let input = try node(for: filter.input)
        return add(
          "project", .filterProject(predicate: filter.predicate, expressions: project.expressions),
          [.init(node: input, exchange: .forward)], plan.schema)
      }
      let input = try node(for: project.input)
      return add(
        "project", .filterProject(predicate: nil, expressions: project.expressions), [.init(node: input, exchange: .forward)], plan.schema)
    case .union(let union):
      var inputs: [PhysicalPlan.Input] = []
      for input in union.inputs { inputs.append(.init(node: try node(for: input), exchange: .forward)) }
      return add("union", .union, inputs, plan.schema)
    case .aggregate(let aggregate): return try build(aggregate)
    case .window(let window):
      let input = try node(for: window.input)
      return add("window", .windowAssign(window), [.init(node: input, exchange: .forward)], plan.schema)
    case .over(let over):
      let input = try node(for: over.input)
      guard over.input.hasEventTime else {
        throw MillraceError.notSupported(
          "OVER on an input without event time", hint: "declare WATERMARK FOR <column> AS <column> on the table")
      }
      return add("over", .over(over), [.init(node: input, exchange: Self.keyed(over.partitionKeys))], plan.schema)
    case .join(let join):
      let left = try node(for: join.left)
      let right = try node(for: join.right)
      return add(
        join.interval == nil ? "join" : "interval-join", join.interval == nil ? .hashJoin(join) : .intervalJoin(join),
        [.init(node: left, exchange: Self.keyed(join.leftKeys)), .init(node: right, exchange: Self.keyed(join.rightKeys))], plan.schema)
    case .asOf(let asOf):
      var inputs = [PhysicalPlan.Input(node: try node(for: asOf.input), exchange: Self.keyed(asOf.keys))]
      for branch in asOf.view.branches {
        inputs.append(.init(node: try node(for: branch.input), exchange: Self.keyed(branch.keys)))
      }
      guard plan.inputs.allSatisfy(\.hasEventTime) else {
        throw MillraceError.notSupported(
          "feature view \(asOf.view.name) over or for an input without event time",
          hint: "declare WATERMARK FOR <column> AS <column> - INTERVAL ... on every table it reads")
      }
      if asOf.shiftMicros != 0 { shifts += 1 }
      return add(
        "as-of:\(asOf.view.name)", .asOf(asOf, outcomeRank: [127, UInt8(truncatingIfNeeded: 127 + shifts)]), inputs, plan.schema)
    case .predict(let predict):
      let input = try node(for: predict.input)
      return add("predict:\(predict.model.name)", .predict(predict), [.init(node: input, exchange: .forward)], plan.schema)
    case .sort(let sort):
      let input = try node(for: sort.input)
      return add("sort", .sort(sort), [.init(node: input, exchange: .single)], plan.schema)
    }
  }

  /// A source, and the filter that makes a pushed-down predicate exact.
  private mutating func scanNode(_ scan: Scan) -> Int {
    guard let predicate = scan.predicate else {
      return add("source:\(scan.table.name)", .source(scan, rank: Self.rank(of: scan.table)), [], scan.schema)
    }
    var wide = scan
    wide.columns += predicate.referencedColumns.subtracting(scan.columns).sorted()
    let source = add("source:\(scan.table.name)", .source(wide, rank: Self.rank(of: scan.table)), [], wide.schema)
    let positions = Dictionary(uniqueKeysWithValues: wide.columns.enumerated().map { ($1, $0) })
    let kept = wide.columns.count == scan.columns.count ? nil : scan.schema.fields.enumerated().map { Expression.column($0, $1) }
    return add(
      "filter", .filterProject(predicate: predicate.mappingColumns { positions[$0] ?? 0 }, expressions: kept),
      [.init(node: source, exchange: .forward)], scan.schema)
  }

  private mutating func build(_ aggregate: Aggregate) throws(MillraceError) -> Int {
    guard let window = aggregate.windowInput else {
      let input = try node(for: aggregate.input)
      return add(
        "aggregate", .groupAggregate(aggregate), [.init(node: input, exchange: Self.keyed(aggregate.keys))],
        LogicalPlan.aggregate(aggregate).schema)
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
      let used = call.arguments.reduce(into: call.filter?.referencedColumns ?? []) { $0.formUnion($1.referencedColumns) }
      guard used.allSatisfy({ $0 < width }) else {
        throw MillraceError.notSupported("an aggregate over window_start, window_end or window_time")
      }
    }
    let input = try node(for: window.input)
    let schema = LogicalPlan.aggregate(aggregate).schema
    let lag: Int64 =
      switch window.input.timeAttribute(of: window.timeColumn) {
      case .exact(let offset): offset
      case .bounded(let lag): lag
      case nil: 0
      }
    let spec = WindowAggregateSpec(
      kind: window.kind, keys: keys, timeColumn: window.timeColumn, aggregates: aggregate.aggregates, outputs: outputs, schema: schema,
      rank: [128, 255], lagMicros: lag)
    return add("window-aggregate", .windowAggregate(spec), [.init(node: input, exchange: Self.keyed(keys))], schema)
  }

  private static func keyed(_ keys: [Expression]) -> PhysicalPlan.Exchange { keys.isEmpty ? .single : .hash(keys) }

  /// The rank of a table's rows within one instant: declared rank, then order of creation.
  static func rank(of table: TableDefinition) -> [UInt8] {
    [UInt8(clamping: 128 + max(-128, min(127, table.declaredRank))), UInt8(truncatingIfNeeded: table.ordinal)]
  }
}
