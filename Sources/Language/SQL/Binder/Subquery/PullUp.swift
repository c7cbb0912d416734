import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A subquery's plan that no longer refers to the query around it: what it asked of that query has become conditions of a join.
struct PulledUp {
  /// `outer = inner`; `isNullSafe`: nulls are equal too.
  struct Pair {
    var outer: Expression
    var inner: Expression
    var isNullSafe = false
  }

  var plan: LogicalPlan
  /// Where the columns of the subquery's plan stand now.
  var columns: [Int]
  /// Left sides over the query around (as `Expression.outer`), right sides over `plan`.
  var pairs: [Pair] = []
  /// Other conditions over both.
  var rest: [Expression] = []

  init(_ plan: LogicalPlan, columns: [Int]? = nil) {
    self.plan = plan
    self.columns = columns ?? Array(0..<plan.schema.count)
  }

  var isUncorrelated: Bool { pairs.isEmpty && rest.isEmpty }
}

/// Moves the conditions of a subquery that name columns of the query around it up to its top. Aggregates and windows on the way take
/// the compared columns as further keys. Not every plan allows it; see `Binder.dependent` for the others.
struct PullUp {
  let references: OuterReferences
  let level: Int

  /// nil when a condition cannot pass some operation.
  func pulledUp(_ plan: LogicalPlan) -> PulledUp? {
    guard references.refers(plan, to: level) else { return PulledUp(plan) }
    switch plan {
    case .filter(let n): return filter(n)
    case .project(let n): return project(n)
    case .aggregate(let n): return aggregate(n)
    case .window(let n): return window(n)
    case .over(let n): return over(n)
    case .join(let n): return join(n)
    case .unnest(let n): return unnest(n)
    case .rank(let n): return rank(n)
    case .sort(let n): return sort(n)
    case .scan, .values, .asOf, .predict, .union, .orderedOver, .temporalJoin, .function: return nil
    }
  }

  private func refers(_ expressions: [Expression]) -> Bool { expressions.contains { $0.refers(to: level) } }

  private func filter(_ n: Filter) -> PulledUp? {
    guard var result = pulledUp(n.input) else { return nil }
    var kept: [Expression] = []
    for conjunct in n.predicate.conjuncts.map({ $0.moved(result.columns) }) {
      if conjunct.refers(to: level) { add(conjunct, to: &result) } else { kept.append(conjunct) }
    }
    if !kept.isEmpty { result.plan = .filter(Filter(input: result.plan, predicate: .conjunction(kept))) }
    return result
  }

  /// Sorts a condition over the plan's columns and the query around into equal pairs and others.
  private func add(_ conjunct: Expression, to result: inout PulledUp) {
    if case .call("=", let sides) = conjunct.kind, sides.count == 2 {
      for (outer, inner) in [(sides[0], sides[1]), (sides[1], sides[0])] where outer.refers(to: level) && !inner.refersOutside {
        if outer.referencedColumns.allSatisfy({ $0 >= ExpressionScope.outerBase }), !inner.referencedColumns.isEmpty {
          result.pairs.append(.init(outer: outer, inner: inner))
          return
        }
      }
    }
    result.rest.append(conjunct)
  }

  private func project(_ n: Project) -> PulledUp? {
    if refers(n.expressions) { return nil }
    guard let below = pulledUp(n.input) else { return nil }
    var node = Project(input: below.plan, expressions: n.expressions.map { $0.moved(below.columns) }, names: n.names)
    // What the conditions read is passed on behind the subquery's own columns.
    let read = (below.pairs.map(\.inner) + below.rest).reduce(into: Set<Int>()) { $0.formUnion($1.referencedColumns) }
    let fields = below.plan.schema.fields
    var places: [Int: Int] = [:]
    for column in read.sorted() where column < fields.count {
      places[column] = node.expressions.count
      node.expressions.append(.column(column, fields[column]))
      node.names.append(fields[column].name)
    }
    func moved(_ e: Expression) -> Expression { e.mappingColumns { places[$0] ?? $0 } }
    var result = PulledUp(.project(node), columns: Array(n.expressions.indices))
    result.pairs = below.pairs.map { .init(outer: $0.outer, inner: moved($0.inner), isNullSafe: $0.isNullSafe) }
    result.rest = below.rest.map(moved)
    return result
  }

  private func aggregate(_ n: Aggregate) -> PulledUp? {
    // Without keys there is a row for every row of the query around, which a join would lack.
    if n.keys.isEmpty || refers(n.keys + n.aggregates.flatMap(\.expressions)) { return nil }
    guard let below = pulledUp(n.input), below.rest.isEmpty else { return nil }
    var node = n
    node.input = below.plan
    node.keys = n.keys.map { $0.moved(below.columns) }
    node.aggregates = n.aggregates.map { $0.mapped { $0.moved(below.columns) } }
    var pairs = below.pairs
    for index in pairs.indices {
      let key = pairs[index].inner
      let place = node.keys.firstIndex(of: key) ?? node.keys.count
      if place == node.keys.count {
        node.keys.append(key)
        node.keyNames.append("key$\(place)")
      }
      pairs[index].inner = Expression(.column(place), type: key.type, isNullable: key.isNullable)
    }
    var result = PulledUp(
      .aggregate(node), columns: Array(n.keys.indices) + n.aggregates.indices.map { node.keys.count + $0 })
    result.pairs = pairs
    return result
  }

  private func window(_ n: WindowTable) -> PulledUp? {
    guard var result = pulledUp(n.input) else { return nil }
    let width = result.plan.schema.count
    var node = n
    node.input = result.plan
    node.timeColumn = result.columns[n.timeColumn]
    result.plan = .window(node)
    result.columns += (0..<3).map { width + $0 }
    return result
  }

  private func over(_ n: Over) -> PulledUp? {
    if refers(n.partitionKeys + n.calls.flatMap(\.call.expressions)) { return nil }
    guard var result = pulledUp(n.input), result.rest.isEmpty else { return nil }
    let width = result.plan.schema.count
    var node = n
    node.input = result.plan
    node.timeColumn = result.columns[n.timeColumn]
    node.partitionKeys = n.partitionKeys.map { $0.moved(result.columns) } + result.pairs.map(\.inner)
    for index in node.calls.indices { node.calls[index].call = n.calls[index].call.mapped { $0.moved(result.columns) } }
    result.plan = .over(node)
    result.columns += n.calls.indices.map { width + $0 }
    return result
  }

  private func rank(_ n: Rank) -> PulledUp? {
    if refers(n.partitionKeys + n.sortKeys.map(\.expression)) { return nil }
    guard var result = pulledUp(n.input), result.rest.isEmpty else { return nil }
    let width = result.plan.schema.count
    var node = n
    node.input = result.plan
    node.partitionKeys = n.partitionKeys.map { $0.moved(result.columns) } + result.pairs.map(\.inner)
    for index in node.sortKeys.indices { node.sortKeys[index].expression = n.sortKeys[index].expression.moved(result.columns) }
    result.plan = .rank(node)
    if n.showsNumber { result.columns.append(width) }
    return result
  }

  /// An order by itself means nothing inside; with LIMIT it chooses rows for each row of the query around.
  private func sort(_ n: Sort) -> PulledUp? {
    guard var result = pulledUp(n.input) else { return nil }
    if n.limit == nil && n.offset == 0 { return result }
    if !result.rest.isEmpty || refers(n.keys.map(\.expression)) { return nil }
    var keys = n.keys
    for index in keys.indices { keys[index].expression = keys[index].expression.moved(result.columns) }
    result.plan = Sort.firstRows(result.plan, of: result.pairs.map(\.inner), by: keys, limit: n.limit, offset: n.offset)
    return result
  }

  private func unnest(_ n: Unnest) -> PulledUp? {
    if refers([n.source.expression]) { return nil }
    guard var result = pulledUp(n.input) else { return nil }
    let width = result.plan.schema.count
    var node = n
    node.input = result.plan
    node.source.expression = n.source.expression.moved(result.columns)
    result.plan = .unnest(node)
    result.columns += (0..<node.schema.count - width).map { width + $0 }
    return result
  }

  private func join(_ n: Join) -> PulledUp? {
    // Only what decides about whole rows of the result may be asked above the join.
    let isInner = n.kind == .inner
    guard isInner || n.kind == .left || n.kind.isLeftOnly else { return nil }
    if !isInner, references.refers(n.right, to: level) || refers(n.leftKeys + n.rightKeys + (n.residual.map { [$0] } ?? [])) { return nil }
    guard let left = pulledUp(n.left), let right = isInner ? pulledUp(n.right) : PulledUp(n.right) else { return nil }
    let width = left.plan.schema.count
    let rightColumns = right.columns.map { width + $0 }
    var node = n
    node.left = left.plan
    node.right = right.plan
    node.leftKeys = []
    node.rightKeys = []
    node.residual = nil
    if let interval = n.interval {
      node.interval?.leftTime = left.columns[interval.leftTime]
      node.interval?.rightTime = right.columns[interval.rightTime]
    }
    var result = PulledUp(.join(node), columns: left.columns + (n.kind.isLeftOnly ? [] : rightColumns))
    result.pairs = left.pairs + right.pairs.map { .init(outer: $0.outer, inner: $0.inner.shifted(by: width), isNullSafe: $0.isNullSafe) }
    result.rest = left.rest + right.rest.map { $0.shifted(by: width) }
    for (l, r) in zip(n.leftKeys, n.rightKeys) {
      let (l, r) = (l.moved(left.columns), r.moved(right.columns))
      if refers([l, r]) {
        add(Expression(.call("=", [l, r.shifted(by: width)]), type: .boolean, isNullable: l.isNullable || r.isNullable), to: &result)
      } else {
        node.leftKeys.append(l)
        node.rightKeys.append(r)
      }
    }
    var kept: [Expression] = []
    for conjunct in n.residual?.conjuncts ?? [] {
      let conjunct = conjunct.moved(left.columns + rightColumns)
      if conjunct.refers(to: level) { add(conjunct, to: &result) } else { kept.append(conjunct) }
    }
    if !kept.isEmpty { node.residual = .conjunction(kept) }
    result.plan = .join(node)
    return result
  }
}
