import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Finds what makes a plan ill-formed: references out of range, types that do not agree, times that are no event times.
struct PlanCheck {
  private(set) var problems: [String] = []

  init(_ job: JobPlan) {
    for output in job.outputs { check(output.input) }
  }

  private mutating func check(_ plan: LogicalPlan) {
    for input in plan.inputs { check(input) }
    let first = plan.inputs.first?.schema ?? Schema([])
    switch plan {
    case .scan(let n):
      for column in n.columns where !n.table.schema.fields.indices.contains(column) { problems.append("scan of column \(column)") }
      check(n.predicate, n.table.schema, "scan", .boolean)
      if n.columns.isEmpty { problems.append("scan without columns") }
    case .values(let n):
      for row in n.rows where row.count != n.schema.count { problems.append("VALUES row of \(row.count) for \(n.schema.count)") }
    case .project(let n):
      check(n.expressions, first, "project")
      if n.names.count != n.expressions.count { problems.append("project: names") }
    case .filter(let n): check(n.predicate, first, "filter", .boolean)
    case .aggregate(let n):
      check(n.keys, first, "aggregate")
      for call in n.aggregates { check(call, first, "aggregate") }
      if n.names.count != n.aggregates.count || n.keyNames.count != n.keys.count { problems.append("aggregate: names") }
    case .window(let n): time(n.timeColumn, n.input, "window")
    case .over(let n):
      check(n.partitionKeys, first, "over")
      for call in n.calls { check(call.call, first, "over") }
      time(n.timeColumn, n.input, "over")
      if n.calls.isEmpty || n.names.count != n.calls.count { problems.append("over: names") }
    case .rank(let n):
      check(n.partitionKeys, first, "rank")
      check(n.sortKeys.map(\.expression), first, "rank")
    case .temporalJoin(let n):
      check(n.join.leftKeys, n.join.left.schema, "temporal join left")
      check(n.join.rightKeys, n.join.right.schema, "temporal join right")
      check(n.join.residual, Schema(n.join.left.schema.fields + n.join.right.schema.fields), "temporal join", .boolean)
    case .orderedOver(let n):
      check(n.partitionKeys + n.sortKeys.map(\.expression), first, "ordered over")
      for call in n.calls {
        check(call.arguments, first, "ordered over")
        check(call.filter, first, "ordered over", .boolean)
      }
      if n.calls.isEmpty || n.names.count != n.calls.count { problems.append("ordered over: names") }
    case .join(let n):
      check(n.leftKeys, n.left.schema, "join left")
      check(n.rightKeys, n.right.schema, "join right")
      for (a, b) in zip(n.leftKeys, n.rightKeys) where a.type != b.type { problems.append("join keys of types \(a.type), \(b.type)") }
      check(n.residual, Schema(n.left.schema.fields + n.right.schema.fields), "join", .boolean)
      if let window = n.window {
        for (column, input) in [
          (window.leftStart, n.left), (window.leftEnd, n.left), (window.rightStart, n.right), (window.rightEnd, n.right),
        ]
        where !(input.window.map { $0.starts.union($0.ends).contains(column) } ?? false) {
          problems.append("join: column \(column) is no window")
        }
      }
      if let interval = n.interval {
        time(interval.leftTime, n.left, "join left")
        time(interval.rightTime, n.right, "join right")
      }
    case .asOf(let n):
      check(n.keys, first, "as-of")
      for (key, field) in zip(n.keys, n.view.keys) where key.type != field.type { problems.append("as-of: key \(field.name)") }
      if n.keys.count != n.view.keys.count || n.view.branches.isEmpty { problems.append("as-of: keys or branches") }
      var results: [Field] = []
      for branch in n.view.branches {
        check(branch.keys, branch.input.schema, "branch")
        check(branch.filter, branch.input.schema, "branch", .boolean)
        for aggregate in branch.aggregates {
          check(aggregate.call, branch.input.schema, "branch")
          results.append(Field("", aggregate.call.type))
        }
        if branch.aggregates.isEmpty { problems.append("branch without aggregates") }
      }
      for feature in n.view.features {
        check(feature.expression, Schema(results), "feature \(feature.field.name)", feature.field.type)
        check(feature.defaultValue, Schema(results), "feature \(feature.field.name)", feature.field.type)
      }
    case .predict(let n):
      check(n.arguments, first, "predict")
      for (argument, field) in zip(n.arguments, n.model.inputs) where argument.type != field.type { problems.append("predict: types") }
    case .unnest(let n): check([n.source.expression], first, "unnest")
    case .union(let n):
      let types = first.fields.map(\.type)
      for input in n.inputs where input.schema.fields.map(\.type) != types { problems.append("union of different types") }
    case .sort(let n): check(n.keys.map(\.expression), first, "sort")
    case .function(let n): for (keys, input) in zip(n.keys, n.inputs) { check(keys, input.schema, "function \(n.id)") }
    }
  }

  private mutating func time(_ column: Int, _ input: LogicalPlan, _ place: String) {
    guard input.schema.fields.indices.contains(column), input.timeAttribute(of: column) != nil else {
      problems.append("\(place): column \(column) is no event time")
      return
    }
  }

  private mutating func check(_ call: AggregateCall, _ schema: Schema, _ place: String) {
    check(call.arguments, schema, place)
    check(call.filter, schema, place, .boolean)
  }

  private mutating func check(_ expression: Expression?, _ schema: Schema, _ place: String, _ type: DataType? = nil) {
    guard let expression else { return }
    check([expression], schema, place)
    if let type, expression.type != type { problems.append("\(place): \(expression) is \(expression.type), not \(type)") }
  }

  private mutating func check(_ expressions: [Expression], _ schema: Schema, _ place: String) {
    for expression in expressions {
      if case .column(let index) = expression.kind {
        if !schema.fields.indices.contains(index) {
          problems.append("\(place): column \(index) of \(schema.count)")
        } else if schema.fields[index].type != expression.type {
          problems.append("\(place): column \(index) is \(schema.fields[index].type), read as \(expression.type)")
        }
      }
      check(expression.operands, schema, place)
    }
  }
}
