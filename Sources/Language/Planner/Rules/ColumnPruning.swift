import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Leaves out columns, aggregates, OVER calls, features and branches of feature views that nobody reads.
///
/// Works on the whole job: first what all consumers of a node need from it together, then each node once. So a sub-plan that was
/// shared stays shared: two queries that take different features of one as-of join still run one as-of join.
struct ColumnPruning: Rule {
  let name = "column-pruning"

  func rewrite(_ graph: PlanGraph) -> PlanGraph {
    var pruning = Pruning(graph, needs: ColumnNeeds(graph))
    return pruning.run()
  }
}

/// Per node, the columns of its output that its consumers need.
struct ColumnNeeds {
  private(set) var columns: [Set<Int>]
  /// Per node and input: what this consumer alone needs of that input.
  private(set) var ofInput: [[Set<Int>]]

  init(_ graph: PlanGraph) {
    columns = Array(repeating: [], count: graph.nodes.count)
    ofInput = Array(repeating: [], count: graph.nodes.count)
    let consumerCounts = graph.consumerCounts
    for output in graph.outputs { columns[output.node] = Set(graph.schemas[output.node].fields.indices) }
    // Consumers stand behind what they consume.
    for id in graph.nodes.indices.reversed() where consumerCounts[id] > 0 {
      columns[id] = Self.completed(columns[id], graph.nodes[id].operation)
      ofInput[id] = Self.inputs(of: graph.nodes[id], needed: columns[id], graph)
      for (input, needed) in zip(graph.nodes[id].inputs, ofInput[id]) { columns[input].formUnion(needed) }
    }
  }

  /// A relation keeps at least one column: batches without columns are not worth the trouble they make.
  private static func completed(_ needed: Set<Int>, _ operation: LogicalPlan) -> Set<Int> {
    guard needed.isEmpty else { return needed }
    switch operation {
    case .scan(let scan):
      let watermark = scan.table.watermark.flatMap { scan.columns.firstIndex(of: $0.column) }
      return scan.columns.isEmpty ? [] : [watermark ?? 0]
    case .project(let project):
      return project.expressions.isEmpty ? [] : [project.expressions.firstIndex { $0.columnIndex != nil } ?? 0]
    case .values(let relation): return relation.schema.count == 0 ? [] : [0]
    case .union(let union): return union.inputs[0].schema.count == 0 ? [] : [0]
    default: return needed
    }
  }

  private static func inputs(of node: PlanGraph.Node, needed: Set<Int>, _ graph: PlanGraph) -> [Set<Int>] {
    let width = node.inputs.first.map { graph.schemas[$0].count } ?? 0
    let passedOn = needed.filter { $0 < width }
    func columns(_ expressions: [Expression]) -> Set<Int> { expressions.reduce(into: []) { $0.formUnion($1.referencedColumns) } }
    func joined(_ n: Join) -> [Set<Int>] {
      var left = passedOn.union(columns(n.leftKeys))
      var right = Set(needed.filter { $0 >= width }.map { $0 - width }).union(columns(n.rightKeys))
      for column in n.residual?.referencedColumns ?? [] {
        if column < width { left.insert(column) } else { right.insert(column - width) }
      }
      if let interval = n.interval {
        left.insert(interval.leftTime)
        right.insert(interval.rightTime)
      }
      if let window = n.window {
        left.formUnion([window.leftStart, window.leftEnd])
        right.formUnion([window.rightStart, window.rightEnd])
      }
      return [left, right]
    }
    switch node.operation {
    case .scan, .values: return []
    case .project(let n): return [columns(needed.map { n.expressions[$0] })]
    case .filter(let n): return [needed.union(n.predicate.referencedColumns)]
    case .aggregate(let n):
      let kept = AggregatePruning.kept(n, needed: needed)
      return [kept.reduce(into: columns(n.keys)) { $0.formUnion(n.aggregates[$1].referencedColumns) }]
    case .window(let n): return [passedOn.union([n.timeColumn]).union(columns(n.partitionKeys))]
    case .over(let n):
      let calls = n.calls.indices.filter { needed.contains(width + $0) }
      if calls.isEmpty { return [passedOn] }
      let used = calls.reduce(into: columns(n.partitionKeys)) { $0.formUnion(n.calls[$1].call.referencedColumns) }
      return [passedOn.union(used).union([n.timeColumn])]
    case .rank(let n): return [RankPruning.needed(n, passedOn)]
    case .orderedOver(let n):
      let calls = n.calls.indices.filter { needed.contains(width + $0) }
      if calls.isEmpty { return [passedOn] }
      let used = calls.reduce(into: columns(n.partitionKeys + n.sortKeys.map(\.expression))) { $0.formUnion(n.calls[$1].referencedColumns) }
      return [passedOn.union(used)]
    case .join(let n):
      return joined(n)
    case .temporalJoin(let n): return joined(n.join)
    case .asOf(let n):
      let pruned = FeatureViewPruning(n, needed: needed, inputWidth: width)
      if pruned.isUnused { return [passedOn] + n.view.branches.map { _ in [] } }
      return [passedOn.union(columns(n.keys))]
        + n.view.branches.indices.map { index in
          let kept = pruned.aggregates[index]
          if kept.isEmpty { return [] }
          let branch = n.view.branches[index]
          return kept.reduce(into: columns(branch.keys + (branch.filter.map { [$0] } ?? []))) {
            $0.formUnion(branch.aggregates[$1].call.referencedColumns)
          }
        }
    case .predict(let n): return [passedOn.union(columns(n.arguments))]
    case .unnest(let n): return [passedOn.union(n.source.expression.referencedColumns)]
    case .union: return node.inputs.map { _ in needed }
    case .sort(let n): return [needed.union(columns(n.keys.map(\.expression)))]
    // Code finds its columns by their places.
    case .function: return node.inputs.map { Set(graph.schemas[$0].fields.indices) }
    }
  }
}

enum AggregatePruning {
  /// Positions of the aggregates to keep: those needed; one at least where there is no key.
  static func kept(_ aggregate: Aggregate, needed: Set<Int>) -> [Int] {
    let kept = aggregate.aggregates.indices.filter { needed.contains(aggregate.keys.count + $0) }
    return kept.isEmpty && aggregate.keys.isEmpty && !aggregate.aggregates.isEmpty ? [0] : kept
  }
}

enum RankPruning {
  /// What a ranking reads of its input. Where rows tie by their values all of them count: leaving columns out would change the order.
  static func needed(_ rank: Rank, _ passedOn: Set<Int>) -> Set<Int> {
    let used = (rank.partitionKeys + rank.sortKeys.map(\.expression)).reduce(into: passedOn) { $0.formUnion($1.referencedColumns) }
    return rank.input.isUpdating ? Set(rank.input.schema.fields.indices) : used
  }
}

/// What is left of a feature view when only some of its features are needed.
struct FeatureViewPruning {
  /// Positions of the features to keep.
  let features: [Int]
  /// Per branch, positions of the aggregates to keep; a branch without any goes.
  let aggregates: [[Int]]
  /// New positions of the aggregates over all branches.
  let positions: [Int: Int]
  /// Nobody reads the view's keys or features, and asking it does not move rows in time.
  let isUnused: Bool

  init(_ asOf: AsOfJoin, needed: Set<Int>, inputWidth: Int) {
    let view = asOf.view
    let own = Set(needed.filter { $0 >= inputWidth })
    isUnused = own.isEmpty && asOf.shiftMicros == 0
    var features = view.features.indices.filter { own.contains(inputWidth + view.keys.count + $0) }
    // An as-of join always asks for something.
    if features.isEmpty && !view.features.isEmpty { features = [0] }
    self.features = features
    let used = features.reduce(into: Set<Int>()) { used, index in
      used.formUnion(view.features[index].expression.referencedColumns)
      used.formUnion(view.features[index].defaultValue?.referencedColumns ?? [])
    }
    var aggregates: [[Int]] = []
    var positions: [Int: Int] = [:]
    var start = 0
    for branch in view.branches {
      let kept = branch.aggregates.indices.filter { used.contains(start + $0) }
      for index in kept { positions[start + index] = positions.count }
      aggregates.append(kept)
      start += branch.aggregates.count
    }
    // A view whose features need no aggregate at all keeps its first one, so that it stays a view of something.
    if positions.isEmpty, let first = view.branches.firstIndex(where: { !$0.aggregates.isEmpty }) { aggregates[first] = [0] }
    self.aggregates = aggregates
    self.positions = positions
  }
}

/// Rebuilds a graph with what is needed.
private struct Pruning {
  private let old: PlanGraph
  private let needs: ColumnNeeds
  private var new = PlanGraph()
  /// Per old node: its new node, and the old position of each new column, ascending.
  private var done: [Pruned?]

  struct Pruned {
    var node: Int
    var columns: [Int]

    /// New positions by old ones.
    func position(_ column: Int) -> Int { columns.firstIndex(of: column) ?? 0 }
  }

  init(_ graph: PlanGraph, needs: ColumnNeeds) {
    old = graph
    self.needs = needs
    done = Array(repeating: nil, count: graph.nodes.count)
  }

  mutating func run() -> PlanGraph {
    for output in old.outputs {
      let all = Set(old.schemas[output.node].fields.indices)
      let node = narrowed(pruned(output.node), to: all).node
      new.outputs.append(.init(table: output.table, node: node))
    }
    return new
  }

  private mutating func pruned(_ id: Int) -> Pruned {
    if let result = done[id] { return result }
    let result = build(id)
    done[id] = result
    return result
  }

  /// Only these columns: in front of exchanges and operators that hold rows, where columns cost.
  private mutating func narrowed(_ input: Pruned, to columns: Set<Int>) -> Pruned {
    if input.columns.count == columns.count { return input }
    let kept = columns.isEmpty ? Array(input.columns.prefix(1)) : columns.sorted()
    if kept == input.columns { return input }
    let fields = new.schemas[input.node].fields
    let positions = kept.map { input.position($0) }
    let project = Project(
      input: .standIn, expressions: positions.map { .column($0, fields[$0]) }, names: positions.map { fields[$0].name })
    return Pruned(node: new.add(.project(project), inputs: [input.node]), columns: kept)
  }

  /// Input `index` of an old node, with no more than it needs itself.
  private mutating func narrowedInput(_ index: Int, of id: Int) -> Pruned {
    let input = pruned(old.nodes[id].inputs[index])
    return narrowed(input, to: needs.ofInput[id][index])
  }

  private func remap(_ expression: Expression, _ input: Pruned) -> Expression { expression.mappingColumns { input.position($0) } }
  private func remap(_ expressions: [Expression], _ input: Pruned) -> [Expression] { expressions.map { remap($0, input) } }
  private func remap(_ call: AggregateCall, _ input: Pruned) -> AggregateCall { call.mappingExpressions { remap($0, input) } }

  private mutating func build(_ id: Int) -> Pruned {
    let needed = needs.columns[id].sorted()
    let inputIDs = old.nodes[id].inputs
    let width = inputIDs.first.map { old.schemas[$0].count } ?? 0
    switch old.nodes[id].operation {
    case .scan(var n):
      // Late rows are written as the source gives them, with all their columns.
      let kept = n.table.options["late-rows.path"] == nil ? needed : Array(n.columns.indices)
      n.columns = kept.map { n.columns[$0] }
      return Pruned(node: new.add(.scan(n), inputs: []), columns: kept)
    case .values(var n):
      n.schema = Schema(needed.map { n.schema.fields[$0] })
      n.rows = n.rows.map { row in needed.map { row[$0] } }
      return Pruned(node: new.add(.values(n), inputs: []), columns: needed)
    case .project(var n):
      let input = pruned(inputIDs[0])
      n.expressions = needed.map { remap(n.expressions[$0], input) }
      n.names = needed.map { n.names[$0] }
      return Pruned(node: new.add(.project(n), inputs: [input.node]), columns: needed)
    case .filter(var n):
      let input = pruned(inputIDs[0])
      n.predicate = remap(n.predicate, input)
      return Pruned(node: new.add(.filter(n), inputs: [input.node]), columns: input.columns)
    case .aggregate(let n): return build(id, n)
    case .window(var n):
      let input = narrowedInput(0, of: id)
      n.timeColumn = input.position(n.timeColumn)
      n.partitionKeys = remap(n.partitionKeys, input)
      return Pruned(node: new.add(.window(n), inputs: [input.node]), columns: input.columns + (0..<3).map { width + $0 })
    case .over(var n):
      let calls = n.calls.indices.filter { needs.columns[id].contains(width + $0) }
      if calls.isEmpty { return pruned(inputIDs[0]) }
      let input = narrowedInput(0, of: id)
      n.partitionKeys = remap(n.partitionKeys, input)
      n.timeColumn = input.position(n.timeColumn)
      n.names = calls.map { n.names[$0] }
      n.calls = calls.map { Over.Call(call: remap(n.calls[$0].call, input), frame: n.calls[$0].frame) }
      return Pruned(node: new.add(.over(n), inputs: [input.node]), columns: input.columns + calls.map { width + $0 })
    case .rank(var n):
      let input = narrowedInput(0, of: id)
      n.partitionKeys = remap(n.partitionKeys, input)
      for i in n.sortKeys.indices { n.sortKeys[i].expression = remap(n.sortKeys[i].expression, input) }
      n.showsNumber = n.showsNumber && needs.columns[id].contains(width)
      return Pruned(node: new.add(.rank(n), inputs: [input.node]), columns: input.columns + (n.showsNumber ? [width] : []))
    case .orderedOver(var n):
      let calls = n.calls.indices.filter { needs.columns[id].contains(width + $0) }
      if calls.isEmpty { return pruned(inputIDs[0]) }
      let input = narrowedInput(0, of: id)
      n.partitionKeys = remap(n.partitionKeys, input)
      for i in n.sortKeys.indices { n.sortKeys[i].expression = remap(n.sortKeys[i].expression, input) }
      n.names = calls.map { n.names[$0] }
      n.calls = calls.map { n.calls[$0].mappingExpressions { remap($0, input) } }
      return Pruned(node: new.add(.orderedOver(n), inputs: [input.node]), columns: input.columns + calls.map { width + $0 })
    case .join(let n): return build(id, n, leftWidth: width) { .join($0) }
    case .temporalJoin(let n): return build(id, n.join, leftWidth: width) { .temporalJoin(TemporalJoin(join: $0, instant: n.instant)) }
    case .asOf(let n): return build(id, n, inputWidth: width)
    case .predict(var n):
      let input = pruned(inputIDs[0])
      n.arguments = remap(n.arguments, input)
      return Pruned(
        node: new.add(.predict(n), inputs: [input.node]), columns: input.columns + n.model.outputs.indices.map { width + $0 })
    case .unnest(var n):
      let input = narrowedInput(0, of: id)
      n.source.expression = remap(n.source.expression, input)
      let made = n.columns.count + (n.ordinality == nil ? 0 : 1)
      return Pruned(node: new.add(.unnest(n), inputs: [input.node]), columns: input.columns + (0..<made).map { width + $0 })
    case .union(let n):
      let inputs = inputIDs.indices.map { narrowedInput($0, of: id) }
      return Pruned(node: new.add(.union(n), inputs: inputs.map(\.node)), columns: inputs[0].columns)
    case .sort(var n):
      let input = narrowedInput(0, of: id)
      for i in n.keys.indices { n.keys[i].expression = remap(n.keys[i].expression, input) }
      return Pruned(node: new.add(.sort(n), inputs: [input.node]), columns: input.columns)
    case .function(let n):
      let inputs = inputIDs.indices.map { narrowedInput($0, of: id).node }
      return Pruned(node: new.add(.function(n), inputs: inputs), columns: Array(n.schema.fields.indices))
    }
  }

  private mutating func build(_ id: Int, _ aggregate: Aggregate) -> Pruned {
    var n = aggregate
    // A grouping stays right on top of its window table.
    let input = old.windowInput(of: id) != nil ? pruned(old.nodes[id].inputs[0]) : narrowedInput(0, of: id)
    let kept = AggregatePruning.kept(n, needed: needs.columns[id])
    let columns = Array(n.keys.indices) + kept.map { n.keys.count + $0 }
    n.keys = remap(aggregate.keys, input)
    n.aggregates = kept.map { remap(aggregate.aggregates[$0], input) }
    n.names = kept.map { aggregate.names[$0] }
    return Pruned(node: new.add(.aggregate(n), inputs: [input.node]), columns: columns)
  }

  private mutating func build(_ id: Int, _ join: Join, leftWidth: Int, _ operation: (Join) -> LogicalPlan) -> Pruned {
    var n = join
    let (left, right) = (narrowedInput(0, of: id), narrowedInput(1, of: id))
    n.leftKeys = remap(n.leftKeys, left)
    n.rightKeys = remap(n.rightKeys, right)
    n.residual = n.residual?.mappingColumns {
      $0 < leftWidth ? left.position($0) : left.columns.count + right.position($0 - leftWidth)
    }
    if let interval = n.interval {
      n.interval?.leftTime = left.position(interval.leftTime)
      n.interval?.rightTime = right.position(interval.rightTime)
    }
    if let window = n.window {
      n.window?.leftStart = left.position(window.leftStart)
      n.window?.leftEnd = left.position(window.leftEnd)
      n.window?.rightStart = right.position(window.rightStart)
      n.window?.rightEnd = right.position(window.rightEnd)
    }
    return Pruned(
      node: new.add(operation(n), inputs: [left.node, right.node]),
      columns: left.columns + (n.kind.isLeftOnly ? [] : right.columns.map { leftWidth + $0 }))
  }

  private mutating func build(_ id: Int, _ asOf: AsOfJoin, inputWidth: Int) -> Pruned {
    var n = asOf
    let pruning = FeatureViewPruning(asOf, needed: needs.columns[id], inputWidth: inputWidth)
    if pruning.isUnused { return pruned(old.nodes[id].inputs[0]) }
    let input = narrowedInput(0, of: id)
    n.keys = remap(n.keys, input)
    var inputs = [input.node]
    n.view.branches = []
    for (index, branch) in asOf.view.branches.enumerated() where !pruning.aggregates[index].isEmpty {
      let source = narrowedInput(index + 1, of: id)
      inputs.append(source.node)
      n.view.branches.append(
        .init(
          input: branch.input, keys: remap(branch.keys, source), filter: branch.filter.map { remap($0, source) },
          aggregates: pruning.aggregates[index].map { position in
            var aggregate = branch.aggregates[position]
            aggregate.call = remap(aggregate.call, source)
            return aggregate
          }))
    }
    n.view.features = pruning.features.map { position in
      var feature = asOf.view.features[position]
      feature.expression = feature.expression.mappingColumns { pruning.positions[$0] ?? 0 }
      feature.defaultValue = feature.defaultValue?.mappingColumns { pruning.positions[$0] ?? 0 }
      return feature
    }
    let own = asOf.view.keys.indices.map { inputWidth + $0 } + pruning.features.map { inputWidth + asOf.view.keys.count + $0 }
    return Pruned(node: new.add(.asOf(n), inputs: inputs), columns: input.columns + own)
  }
}
