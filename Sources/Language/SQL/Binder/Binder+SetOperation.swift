import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// UNION, INTERSECT and EXCEPT. Chains of one UNION are flattened, as their left side may be long.
  mutating func bindSetOperation(_ query: SQLQuery) throws(BindStop) -> BoundRelation {
    guard case .setOperation(let operation, let all, let left, let right) = query.body else { throw BindStop() }
    var operands = [right]
    var node = left
    while operation == .union, case .setOperation(.union, all, let nextLeft, let nextRight) = node.body {
      operands.append(nextRight)
      node = nextLeft
    }
    operands.append(node)
    var relations: [BoundRelation] = []
    var failed = false
    for operand in operands.reversed() {
      do throws(BindStop) { relations.append(try bind(operand)) } catch { failed = true }
    }
    guard !failed else { throw BindStop() }
    let inputs = try unified(relations, operation.rawValue, operands.reversed().map(\.span), at: query.span)
    let height = (relations.map(\.height).max() ?? 0) + 2
    try checkHeight(height, at: query.span)
    if operation == .union {
      let result = BoundRelation(.union(Union(inputs: inputs)), qualifier: nil, height: height)
      return all ? result : distinct(result)
    }
    let plan = try compared(inputs[0], inputs[1], operation, all: all, at: query.span)
    return BoundRelation(plan, qualifier: nil, height: height + 3)
  }

  /// The relations with as many columns each, of common types and under the names of the first.
  private mutating func unified(
    _ relations: [BoundRelation], _ name: String, _ spans: [SourceSpan], at span: SourceSpan
  ) throws(BindStop) -> [LogicalPlan] {
    guard let first = relations.first else { throw BindStop() }
    for (relation, place) in zip(relations, spans) where relation.columns.count != first.columns.count {
      throw fail("\(name) of \(first.columns.count) and \(relation.columns.count) columns", at: place)
    }
    var types: [DataType] = []
    for column in first.columns.indices {
      guard let type = registry.commonType(relations.map { $0.columns[column].field.type }), type != .null else {
        let given = uniqued(relations.map { $0.columns[column].field.type.description })
        throw fail(
          "column \(first.columns[column].name) of \(name) has no common type: \(given.joined(separator: ", "))", at: span,
          hint: "CAST it on one side")
      }
      types.append(type)
    }
    var inputs: [LogicalPlan] = []
    for relation in relations {
      var expressions: [Expression] = []
      for (index, field) in relation.plan.schema.fields.enumerated() {
        expressions.append(
          try typed(at: span) { (registry) throws(MillraceError) in try registry.assign(.column(index, field), to: types[index]) })
      }
      inputs.append(project(relation.plan, expressions, first.columns.map(\.name)))
    }
    return inputs
  }

  /// INTERSECT and EXCEPT by counting: how often each row is on either side, nulls being equal. ALL repeats a row as often as the
  /// smaller count, or the difference, says.
  private mutating func compared(
    _ left: LogicalPlan, _ right: LogicalPlan, _ operation: SQLSetOperator, all: Bool, at span: SourceSpan
  ) throws(BindStop) -> LogicalPlan {
    let fields = left.schema.fields
    let width = fields.count
    let sides = [left, right].enumerated().map { side, plan in
      let columns = plan.schema.fields.enumerated().map { Expression.column($0, $1) }
      return LogicalPlan.project(
        Project(input: plan, expressions: columns + [.literal(.bool(side == 0), .boolean)], names: fields.map(\.name) + ["side$"]))
    }
    let union = LogicalPlan.union(Union(inputs: sides))
    let side = Expression.column(width, union.schema.fields[width])
    let counts = [side, try resolve("NOT", [side], at: span)].map {
      AggregateCall(.countStar, [], filter: $0, type: .int64, isNullable: false)
    }
    let keys = union.schema.fields.prefix(width).enumerated().map { Expression.column($0, $1) }
    var plan = LogicalPlan.aggregate(
      Aggregate(input: union, keys: keys, keyNames: fields.map(\.name), aggregates: counts, names: ["left$", "right$"]))
    let grouped = plan.schema.fields
    let (inLeft, inRight) = (Expression.column(width, grouped[width]), Expression.column(width + 1, grouped[width + 1]))
    if all {
      let copies = try resolve(operation == .intersect ? "LEAST" : "-", [inLeft, inRight], at: span)
      plan = .unnest(Unnest(input: plan, source: .copies(copies), columns: []))
    } else {
      let zero = Expression.literal(.int(0), .int64)
      let conditions = [
        try resolve(">", [inLeft, zero], at: span), try resolve(operation == .intersect ? ">" : "=", [inRight, zero], at: span),
      ]
      plan = .filter(Filter(input: plan, predicate: .conjunction(conditions)))
    }
    return project(plan, (0..<width).map { .column($0, plan.schema.fields[$0]) }, fields.map(\.name))
  }

  /// Each row once.
  func distinct(_ relation: BoundRelation) -> BoundRelation {
    BoundRelation(distinct(relation.plan), qualifier: nil, height: relation.height + 1)
  }

  func distinct(_ plan: LogicalPlan) -> LogicalPlan {
    let fields = plan.schema.fields
    return .aggregate(
      Aggregate(
        input: plan, keys: fields.indices.map { .column($0, fields[$0]) }, keyNames: fields.map(\.name), aggregates: [], names: []))
  }
}
