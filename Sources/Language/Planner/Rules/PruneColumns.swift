import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Drops columns, aggregates, features and whole nodes that nobody reads, down to what a scan produces.
///
/// It runs over the job at once: a shared node keeps what any of its readers needs, so it stays one node. Event time and the
/// total order travel in hidden columns, so pruning the columns they came from changes neither.
enum PruneColumns {
  static let name = "prune-columns"

  static func apply(_ job: JobPlan) -> JobPlan {
    var pruner = ColumnPruner(job)
    var job = job
    for i in job.outputs.indices { job.outputs[i].input = pruner.exactly(job.outputs[i].input) }
    return job
  }
}

/// A node after pruning: where each old output column is now, for those that are left.
private struct Pruned {
  var plan: LogicalPlan
  var places: [Int: Int]

  func place(_ column: Int) -> Int { places[column] ?? 0 }
  func moved(_ expression: Expression) -> Expression { expression.mappingColumns(place) }
}

private struct ColumnPruner {
  /// Output columns that some reader of the node needs.
  private var needed: [LogicalPlan: Set<Int>] = [:]
  private var done: [LogicalPlan: Pruned] = [:]

  init(_ job: JobPlan) {
    // Readers before what they read, so that a node's needs are complete when they are passed on.
    var order: [LogicalPlan] = []
    var seen: Set<LogicalPlan> = []
    func visit(_ plan: LogicalPlan) {
      if !seen.insert(plan).inserted { return }
      for input in plan.inputs { visit(input) }
      order.append(plan)
    }
    for output in job.outputs { visit(output.input) }
    for output in job.outputs { needed[output.input, default: []].formUnion(output.input.schema.fields.indices) }
    for plan in order.reversed() {
      for (input, columns) in zip(plan.inputs, Self.needs(plan, needed[plan] ?? [])) { needed[input, default: []].formUnion(columns) }
    }
  }

  /// What a node needs of each of its inputs when its readers need `columns` of it.
  private static func needs(_ plan: LogicalPlan, _ columns: Set<Int>) -> [Set<Int>] {
    func read(_ expressions: some Sequence<Expression>) -> Set<Int> { expressions.reduce(into: []) { $0.formUnion($1.referencedColumns) } }
    switch plan {
    case .scan, .values: return []
    case .project(let n): return [read(kept(n, columns).map { n.expressions[$0] })]
    case .filter(let n): return [columns.union(n.predicate.referencedColumns)]
    case .aggregate(let n):
      let calls = n.aggregates.indices.filter { columns.contains($0 + n.keys.count) }
      return [calls.reduce(into: read(n.keys)) { $0.formUnion(n.aggregates[$1].referencedColumns) }]
    case .window(let n): return [columns.filter { $0 < n.input.schema.count }.union([n.timeColumn])]
    case .over(let n):
      let width = n.input.schema.count
      let calls = n.calls.indices.filter { columns.contains($0 + width) }
      let own = columns.filter { $0 < width }
      if calls.isEmpty { return [own] }
      return [
        calls.reduce(into: own.union(read(n.partitionKeys)).union([n.timeColumn])) { $0.formUnion(n.calls[$1].call.referencedColumns) }
      ]
    case .join(let n):
      let width = n.left.schema.count
      let both = columns.union(n.residual?.referencedColumns ?? [])
      var left = both.filter { $0 < width }.union(read(n.leftKeys))
      var right = Set(both.filter { $0 >= width }.map { $0 - width }).union(read(n.rightKeys))
      if let interval = n.interval {
        left.insert(interval.leftTime)
        right.insert(interval.rightTime)
      }
      return [left, right]
    case .asOf(let n):
      let width = n.input.schema.count
      let own = columns.filter { $0 < width }
      let features = FeatureNeeds(n, columns)
      if features.isSkipped { return [own] + n.view.branches.map { _ in [] } }
      return [own.union(read(n.keys))]
        + n.view.branches.indices.map { i in
          let branch = n.view.branches[i]
          guard features.branches.contains(i) else { return [] }
          let start = read(branch.keys).union(branch.filter?.referencedColumns ?? [])
          return features.aggregates[i].reduce(into: start) { $0.formUnion(branch.aggregates[$1].call.referencedColumns) }
        }
    case .predict(let n):
      let width = n.input.schema.count
      let own = columns.filter { $0 < width }
      return [columns.contains { $0 >= width } ? own.union(read(n.arguments)) : own]
    case .union(let n): return n.inputs.map { _ in columns }
    case .sort(let n): return [columns.union(read(n.keys.map(\.expression)))]
    }
  }

  /// A projection without columns would be a relation without a schema: one stays.
  private static func kept(_ n: Project, _ columns: Set<Int>) -> [Int] {
    columns.isEmpty
      ? [n.expressions.indices.min { n.expressions[$0].operands.count < n.expressions[$1].operands.count } ?? 0] : columns.sorted()
  }

  /// The pruned node with exactly its old columns.
  mutating func exactly(_ plan: LogicalPlan) -> LogicalPlan {
    let pruned = prune(plan)
    return narrowed(pruned, Array(plan.schema.fields.indices), plan.schema)
  }

  /// The pruned node giving exactly these of its old columns, in this order.
  private func narrowed(_ pruned: Pruned, _ columns: [Int], _ old: Schema) -> LogicalPlan {
    let fields = pruned.plan.schema.fields
    if fields.count == columns.count && columns.enumerated().allSatisfy({ pruned.places[$1] == $0 }) { return pruned.plan }
    return .project(
      Project(
        input: pruned.plan, expressions: columns.map { .column(pruned.place($0), fields[pruned.place($0)]) },
        names: columns.map { old.fields[$0].name }))
  }

  /// An input of a node that keeps or sends rows: without the columns that only a filter below needed.
  private mutating func slim(_ input: LogicalPlan, _ columns: Set<Int>) -> Pruned {
    let pruned = prune(input)
    guard case .filter = pruned.plan, pruned.places.count > max(1, columns.count) else { return pruned }
    let kept = columns.isEmpty ? [pruned.places.keys.min() ?? 0] : columns.sorted()
    return Pruned(
      plan: narrowed(pruned, kept, input.schema), places: Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) }))
  }

  private mutating func prune(_ plan: LogicalPlan) -> Pruned {
    if let pruned = done[plan] { return pruned }
    let pruned = build(plan, needed[plan] ?? Set(plan.schema.fields.indices))
    done[plan] = pruned
    return pruned
  }

  private mutating func build(_ plan: LogicalPlan, _ columns: Set<Int>) -> Pruned {
    let needs = Self.needs(plan, columns)
    switch plan {
    case .scan(var n):
      let kept = columns.isEmpty ? [0] : columns.sorted()
      n.columns = kept.map { n.columns[$0] }
      return Pruned(plan: .scan(n), places: Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) }))
    case .values: return Pruned(plan: plan, places: Self.identity(plan.schema.count))
    case .project(var n):
      let kept = Self.kept(n, columns)
      let input = prune(n.input)
      n.expressions = kept.map { input.moved(n.expressions[$0]) }
      n.names = kept.map { n.names[$0] }
      n.input = input.plan
      return Pruned(plan: .project(n), places: Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) }))
    case .filter(var n):
      let input = prune(n.input)
      n.input = input.plan
      n.predicate = input.moved(n.predicate)
      return Pruned(plan: .filter(n), places: input.places)
    case .aggregate(let n): return build(n, columns)
    case .window(var n):
      let width = n.input.schema.count
      let input = slim(n.input, needs[0])
      n.input = input.plan
      n.timeColumn = input.place(n.timeColumn)
      var places = input.places
      for k in 0..<3 { places[width + k] = n.input.schema.count + k }
      return Pruned(plan: .window(n), places: places)
    case .over(let n): return build(n, columns, needs[0])
    case .join(let n): return build(n, needs)
    case .asOf(let n): return build(n, columns, needs)
    case .predict(var n):
      let width = n.input.schema.count
      let input = slim(n.input, needs[0])
      guard columns.contains(where: { $0 >= width }) else { return input }
      n.arguments = n.arguments.map(input.moved)
      n.input = input.plan
      var places = input.places
      for k in n.model.outputs.indices { places[width + k] = n.input.schema.count + k }
      return Pruned(plan: .predict(n), places: places)
    case .union(var n):
      let kept = columns.isEmpty ? [0] : columns.sorted()
      n.inputs = n.inputs.map { input in narrowed(prune(input), kept, input.schema) }
      return Pruned(plan: .union(n), places: Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) }))
    case .sort(var n):
      let input = slim(n.input, needs[0])
      for i in n.keys.indices { n.keys[i].expression = input.moved(n.keys[i].expression) }
      n.input = input.plan
      return Pruned(plan: .sort(n), places: input.places)
    }
  }

  private mutating func build(_ node: Aggregate, _ columns: Set<Int>) -> Pruned {
    var n = node
    // No projection may come between a window and its aggregate, so the input is not made slim.
    let input = prune(node.input)
    let kept = node.aggregates.indices.filter { columns.contains($0 + node.keys.count) }
    n.input = input.plan
    n.keys = node.keys.map(input.moved)
    n.aggregates = kept.map { node.aggregates[$0].mapping(input.moved) }
    n.names = kept.map { node.names[$0] }
    var places = Self.identity(node.keys.count)
    for (place, index) in kept.enumerated() { places[node.keys.count + index] = node.keys.count + place }
    // GROUP BY nothing still has its one row.
    if n.keys.isEmpty && n.aggregates.isEmpty, let first = node.aggregates.first {
      n.aggregates = [AggregateCall(.countStar, [], type: .int64, isNullable: false)]
      n.names = [node.names[0]]
      _ = first
    }
    return Pruned(plan: .aggregate(n), places: places)
  }

  private mutating func build(_ node: Over, _ columns: Set<Int>, _ needs: Set<Int>) -> Pruned {
    let width = node.input.schema.count
    let kept = node.calls.indices.filter { columns.contains($0 + width) }
    let input = slim(node.input, needs)
    if kept.isEmpty { return input }
    var n = node
    n.input = input.plan
    n.partitionKeys = node.partitionKeys.map(input.moved)
    n.timeColumn = input.place(node.timeColumn)
    n.calls = kept.map { Over.Call(call: node.calls[$0].call.mapping(input.moved), frame: node.calls[$0].frame) }
    n.names = kept.map { node.names[$0] }
    var places = input.places
    for (place, index) in kept.enumerated() { places[width + index] = n.input.schema.count + place }
    return Pruned(plan: .over(n), places: places)
  }

  private mutating func build(_ node: Join, _ needs: [Set<Int>]) -> Pruned {
    let width = node.left.schema.count
    let left = slim(node.left, needs[0])
    let right = slim(node.right, needs[1])
    var n = node
    n.left = left.plan
    n.right = right.plan
    n.leftKeys = node.leftKeys.map(left.moved)
    n.rightKeys = node.rightKeys.map(right.moved)
    if let interval = node.interval {
      n.interval?.leftTime = left.place(interval.leftTime)
      n.interval?.rightTime = right.place(interval.rightTime)
    }
    let newWidth = left.plan.schema.count
    var places = left.places
    for (old, new) in right.places { places[width + old] = newWidth + new }
    n.residual = node.residual.map { $0.mappingColumns { places[$0] ?? 0 } }
    return Pruned(plan: .join(n), places: places)
  }

  private mutating func build(_ node: AsOfJoin, _ columns: Set<Int>, _ needs: [Set<Int>]) -> Pruned {
    let width = node.input.schema.count
    let features = FeatureNeeds(node, columns)
    let input = slim(node.input, needs[0])
    if features.isSkipped { return input }
    var n = node
    n.input = input.plan
    n.keys = node.keys.map(input.moved)
    n.view.branches = []
    var places: [Int: Int] = [:]
    var aggregatePlaces: [Int: Int] = [:]
    var (oldStart, newStart) = (0, 0)
    for (i, branch) in node.view.branches.enumerated() {
      if features.branches.contains(i) {
        let below = slim(branch.input, needs[i + 1])
        var pruned = branch
        pruned.input = below.plan
        pruned.keys = branch.keys.map(below.moved)
        pruned.filter = branch.filter.map(below.moved)
        pruned.aggregates = features.aggregates[i].map { index in
          WindowedAggregate(call: branch.aggregates[index].call.mapping(below.moved), frame: branch.aggregates[index].frame)
        }
        for (place, index) in features.aggregates[i].enumerated() { aggregatePlaces[oldStart + index] = newStart + place }
        newStart += pruned.aggregates.count
        n.view.branches.append(pruned)
      }
      oldStart += branch.aggregates.count
    }
    n.view.features = features.features.map { index in
      var feature = node.view.features[index]
      feature.expression = feature.expression.mappingColumns { aggregatePlaces[$0] ?? 0 }
      return feature
    }
    let newWidth = n.input.schema.count
    places = input.places
    for k in node.view.keys.indices { places[width + k] = newWidth + k }
    let (oldFeatures, newFeatures) = (width + node.view.keys.count, newWidth + node.view.keys.count)
    for (place, index) in features.features.enumerated() { places[oldFeatures + index] = newFeatures + place }
    return Pruned(plan: .asOf(n), places: places)
  }

  private static func identity(_ count: Int) -> [Int: Int] { Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, $0) }) }
}

/// What of a feature view is needed when so many output columns are.
private struct FeatureNeeds {
  /// Nothing of the view is read and it does not move event time: rows can pass it by.
  var isSkipped: Bool
  var features: [Int]
  /// Branches that stay, and per branch the aggregates that stay.
  var branches: Set<Int> = []
  var aggregates: [[Int]]

  init(_ node: AsOfJoin, _ columns: Set<Int>) {
    let width = node.input.schema.count
    let first = width + node.view.keys.count
    features = node.view.features.indices.filter { columns.contains($0 + first) }
    isSkipped = !columns.contains { $0 >= width } && node.shiftMicros == 0
    let read = features.reduce(into: Set<Int>()) { $0.formUnion(node.view.features[$1].expression.referencedColumns) }
    aggregates = []
    var start = 0
    for (i, branch) in node.view.branches.enumerated() {
      aggregates.append(branch.aggregates.indices.filter { read.contains(start + $0) })
      if !aggregates[i].isEmpty { branches.insert(i) }
      start += branch.aggregates.count
    }
    // A view with keys or a shift only still needs one branch to be a view.
    if branches.isEmpty && !node.view.branches.isEmpty {
      branches.insert(0)
      aggregates[0] = node.view.branches[0].aggregates.isEmpty ? [] : [0]
    }
  }
}
