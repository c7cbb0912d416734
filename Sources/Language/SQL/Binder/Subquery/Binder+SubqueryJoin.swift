import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A subquery's rows and how they belong to the rows of the plan it is attached to.
struct RelatedRows {
  var plan: LogicalPlan
  /// Where the subquery's columns stand in `plan`.
  var columns: [Int]
  /// Equal keys: over the plan it is attached to, and over `plan`.
  var outer: [Expression] = []
  var inner: [Expression] = []
  /// Other conditions, over both as `Expression.outer` and columns of `plan`.
  var rest: [Expression] = []

  mutating func add(_ outer: Expression, _ inner: Expression, isNullSafe: Bool) {
    let wraps = isNullSafe && outer.isNullable && inner.isNullable
    self.outer.append(wraps ? outer.nullSafeKey() : outer)
    self.inner.append(wraps ? inner.nullSafeKey() : inner)
  }
}

extension Binder {
  /// The rows of a subquery without references to the query around it: by moving its conditions up, or else for the distinct values of
  /// the columns it names.
  mutating func related(
    _ plan: LogicalPlan, _ subquery: LocatedSubquery, _ outer: LogicalPlan, onlyEqual: Bool
  ) throws(BindStop) -> RelatedRows {
    let level = subquery.bound.level
    let references = OuterReferences(plan)
    if let pulled = PullUp(references: references, level: level).pulledUp(plan), pulled.rest.isEmpty || !onlyEqual {
      var result = RelatedRows(plan: pulled.plan, columns: pulled.columns)
      for pair in pulled.pairs {
        result.add(Self.placed(pair.outer, [], subquery), pair.inner, isNullSafe: pair.isNullSafe)
      }
      result.rest = pulled.rest
      return result
    }
    let named = references.columns[level] ?? [:]
    let domain = domain(of: subquery.outer.filter { named[$0.key] != nil }, level: level, outer)
    let dependent = try dependent(plan, on: domain, references, at: subquery.bound.span)
    var result = RelatedRows(plan: dependent, columns: (0..<plan.schema.count).map { domain.width + $0 })
    for (column, position) in domain.positions.sorted(by: { $0.value < $1.value }) {
      guard let value = subquery.outer[column] else { continue }
      result.add(value, .column(position, dependent.schema.fields[position]), isNullSafe: true)
    }
    return result
  }

  /// Columns that a LEFT JOIN with rows that are unique by their keys adds to the plan.
  private func joined(_ a: inout Attachment, _ right: LogicalPlan, _ related: RelatedRows, keys: [Expression]) -> [Expression] {
    let start = a.plan.schema.count
    a.plan = .join(Join(kind: .left, left: a.plan, right: right, leftKeys: related.outer, rightKeys: keys))
    return a.plan.schema.fields.enumerated().dropFirst(start).map { .column($0, $1) }
  }

  // MARK: Aggregates of a subquery

  /// The values of an aggregate without keys over a subquery's rows, for each row of the plan.
  mutating func aggregates(
    _ core: Aggregate, _ subquery: LocatedSubquery, _ a: inout Attachment
  ) throws(BindStop) -> [Expression] {
    let level = subquery.bound.level
    let whole = LogicalPlan.aggregate(core)
    let start = a.plan.schema.count
    guard OuterReferences(whole).columns[level] != nil else {
      // One row, for all alike.
      a.plan = .join(Join(kind: .inner, left: a.plan, right: whole, leftKeys: [], rightKeys: []))
      return a.plan.schema.fields.enumerated().dropFirst(start).map { .column($0, $1) }
    }
    var rows = core.input
    var calls = core.aggregates
    if calls.contains(where: { $0.expressions.contains { $0.refers(to: level) } }) {
      // What is aggregated becomes columns, so that references pass through the plan below.
      (rows, calls) = withArguments(core)
      let domain = domain(of: subquery.outer, level: level, a.plan)
      let dependent = try dependent(rows, on: domain, OuterReferences(rows), at: subquery.bound.span)
      var related = RelatedRows(plan: dependent, columns: (0..<rows.schema.count).map { domain.width + $0 })
      for (column, position) in domain.positions.sorted(by: { $0.value < $1.value }) {
        guard let value = subquery.outer[column] else { continue }
        related.add(value, .column(position, dependent.schema.fields[position]), isNullSafe: true)
      }
      return grouped(related, calls, core.names, &a)
    }
    return grouped(try related(rows, subquery, a.plan, onlyEqual: true), calls, core.names, &a)
  }

  /// The input with the arguments and filters of the aggregates as columns, and the aggregates over those.
  private func withArguments(_ core: Aggregate) -> (LogicalPlan, [AggregateCall]) {
    var expressions: [Expression] = []
    let calls = core.aggregates.map { call in
      call.mapped { e in
        expressions.append(e)
        return Expression(.column(expressions.count - 1), type: e.type, isNullable: e.isNullable)
      }
    }
    let names = expressions.indices.map { "argument$\($0)" }
    return (.project(Project(input: core.input, expressions: expressions, names: names)), calls)
  }

  private func grouped(_ related: RelatedRows, _ calls: [AggregateCall], _ names: [String], _ a: inout Attachment) -> [Expression] {
    var keys: [Expression] = []
    let places = related.inner.map { key -> Int in
      if let known = keys.firstIndex(of: key) { return known }
      keys.append(key)
      return keys.count - 1
    }
    let node = Aggregate(
      input: related.plan, keys: keys, keyNames: keys.indices.map { "key$\($0)" },
      aggregates: calls.map { $0.mapped { $0.moved(related.columns) } }, names: names)
    let plan = LogicalPlan.aggregate(node)
    let fields = plan.schema.fields
    let columns = joined(&a, plan, related, keys: places.map { .column($0, fields[$0]) })
    return zip(columns, fields).dropFirst(keys.count).map { overNothing($0, $1) }
  }

  // MARK: Whether there is a row

  /// A column that is TRUE where the subquery has a row (one whose values equal the operands, where any are compared), else null.
  mutating func flag(_ subquery: LocatedSubquery, comparing: [Int], _ a: inout Attachment) throws(BindStop) -> Expression {
    let bound = subquery.bound
    var related = try related(Self.withoutTop(bound), subquery, a.plan, onlyEqual: true)
    for index in comparing { related.add(bound.operands[index], bound.values[index].moved(related.columns), isNullSafe: false) }
    return flag(related, &a)
  }

  private func flag(_ related: RelatedRows, _ a: inout Attachment) -> Expression {
    let names = related.inner.indices.map { "key$\($0)" }
    let keys = distinct(LogicalPlan.project(Project(input: related.plan, expressions: related.inner + [.true], names: names + ["found$"])))
    let fields = keys.schema.fields
    let added = joined(&a, keys, related, keys: related.inner.indices.map { .column($0, fields[$0]) })
    return added[added.count - 1]
  }

  /// A column that is TRUE where some row of the subquery is not known to differ from the operands, else null.
  mutating func openFlag(_ subquery: LocatedSubquery, _ a: inout Attachment) throws(BindStop) -> Expression {
    let bound = subquery.bound
    var values = subquery.outer
    let operandBase = 1 << 23
    for (index, operand) in bound.operands.enumerated() { values[operandBase + index] = operand }
    let domain = domain(of: values, level: bound.level, a.plan)
    let rows = try dependent(bound.plan, on: domain, subquery.references, at: bound.span)
    var parts: [Expression] = []
    for (index, value) in bound.values.enumerated() {
      let operand = domain.columns[domain.positions[operandBase + index] ?? 0]
      parts.append(try resolve("=", [operand, value.shifted(by: domain.width)], at: bound.span))
    }
    let isOpen = try resolve("IS NOT FALSE", [.conjunction(parts)], at: bound.span)
    var related = RelatedRows(plan: .filter(Filter(input: rows, predicate: isOpen)), columns: [])
    for (column, position) in domain.positions.sorted(by: { $0.value < $1.value }) {
      guard let value = values[column] else { continue }
      related.add(value, .column(position, rows.schema.fields[position]), isNullSafe: true)
    }
    return flag(related, &a)
  }

  /// The plan of an EXISTS without what does not matter to it: projections, orders and limits at its top.
  private static func withoutTop(_ bound: BoundSubquery) -> LogicalPlan {
    guard bound.kind == .exists else { return bound.plan }
    var plan = bound.plan
    while true {
      switch plan {
      case .project(let n): plan = n.input
      case .sort(let n) where n.offset == 0 && (n.limit ?? 1) > 0: plan = n.input
      case .aggregate(let n) where !n.keys.isEmpty && n.windowInput == nil: plan = n.input
      default: return plan
      }
    }
  }

  // MARK: Conditions

  /// The rows of a plan for which a condition is true; subqueries stand in it as placeholders. The columns stay.
  ///
  /// - Parameter predicate: over `plan`; the subqueries are over the scope that `location` leads from.
  mutating func filtered(
    _ plan: LogicalPlan, _ predicate: Expression, _ subqueries: [BoundSubquery], height: inout Int, _ location: Location = .same
  ) throws(BindStop) -> LogicalPlan {
    let conjuncts = predicate.conjuncts
    let (plain, others) = (conjuncts.filter(\.subqueryIndices.isEmpty), conjuncts.filter { !$0.subqueryIndices.isEmpty })
    var a = Attachment(plan: plan, height: height)
    if !plain.isEmpty { a.plan = .filter(Filter(input: plan, predicate: .conjunction(plain))) }
    var rest: [Expression] = []
    for conjunct in others {
      var (test, isAnti) = (conjunct, false)
      if case .call("NOT", let operands) = conjunct.kind { (test, isAnti) = (operands[0], true) }
      if let index = test.subqueryIndex, try keepRows(subqueries[index], subqueries, isAnti: isAnti, &a, location) { continue }
      rest.append(conjunct)
    }
    if !rest.isEmpty {
      try attach(rest, subqueries, to: &a, location)
      a.plan = .filter(Filter(input: a.plan, predicate: .conjunction(rest.map(a.filled))))
    }
    height = a.height
    let fields = a.plan.schema.fields
    let width = plan.schema.count
    return fields.count == width ? a.plan : project(a.plan, (0..<width).map { .column($0, fields[$0]) }, plan.schema.fields.map(\.name))
  }

  /// EXISTS and IN as a condition of its own: a SEMI or ANTI join. False when it has to be computed as a value.
  private mutating func keepRows(
    _ subquery: BoundSubquery, _ all: [BoundSubquery], isAnti: Bool, _ a: inout Attachment, _ location: Location
  ) throws(BindStop) -> Bool {
    guard subquery.kind == .exists || subquery.kind == .any("="), SubqueryCore(subquery.plan) == nil else { return false }
    try attach(subquery.operands, all, to: &a, location)
    let located = try located(subquery, a, location)
    let bound = located.bound
    defer { a.grow(by: bound.height) }
    var equal = Array(bound.operands.indices)
    var mayBeOpen = false
    if isAnti, (bound.operands + bound.values).contains(where: \.isNullable) {
      if bound.operands.count == 1 {
        let (count, isOpen) = try counts(located, &a)
        let none = try resolve("=", [count, .literal(.int(0), .int64)], at: bound.span)
        let known = try resolve("IS NOT TRUE", [isOpen], at: bound.span)
        a.plan = .filter(Filter(input: a.plan, predicate: try resolve("OR", [none, known], at: bound.span)))
      } else {
        // A row that may be equal is enough to leave it out.
        mayBeOpen = true
        equal = []
      }
    }
    var related = try related(Self.withoutTop(bound), located, a.plan, onlyEqual: false)
    for index in equal { related.add(bound.operands[index], bound.values[index].moved(related.columns), isNullSafe: false) }
    let left = a.plan.schema.count
    let right = related.plan.schema.fields.enumerated().map { Expression.column(left + $0, $1) }
    var residual = related.rest.map { Self.placed($0, right, located) }
    if mayBeOpen {
      let parts = bound.operands.indices.map { index -> Expression in
        let value = bound.values[index].moved(related.columns).shifted(by: left)
        return Expression(.call("=", [bound.operands[index], value]), type: .boolean, isNullable: true)
      }
      residual.append(try resolve("IS NOT FALSE", [.conjunction(parts)], at: bound.span))
    }
    var rows = related.plan
    if related.inner.isEmpty, residual.isEmpty {
      // All that matters is whether there is a row.
      rows = distinct(LogicalPlan.project(Project(input: rows, expressions: [.true], names: ["found$"])))
    }
    a.plan = .join(
      Join(
        kind: isAnti ? .anti : .semi, left: a.plan, right: rows, leftKeys: related.outer, rightKeys: related.inner,
        residual: residual.isEmpty ? nil : .conjunction(residual)))
    return true
  }
}
