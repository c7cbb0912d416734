import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// GROUPING SETS, ROLLUP and CUBE: each row once for every set, with the set's number as one more key and the keys that the set lacks
  /// as nulls. Output: the keys, the set's number, then the aggregates.
  func groupedBySets(_ aggregate: Aggregate, _ sets: [[Int]]) -> LogicalPlan {
    let width = aggregate.input.schema.count
    var node = aggregate
    node.input = tagged(aggregate, sets)
    let set = Expression(.column(width), type: .int32, isNullable: false)
    for index in node.keys.indices {
      let holders = sets.indices.filter { sets[$0].contains(index) }
      if holders.count == sets.count { continue }
      let key = node.keys[index]
      let numbers = holders.map { Expression.literal(.int(Int64($0)), .int32) }
      let isIn = Expression(.call("IN", [set] + numbers), type: .boolean, isNullable: false)
      node.keys[index] = Expression(.caseWhen([isIn, key], otherwise: .null(key.type)), type: key.type, isNullable: true)
    }
    node.keys.append(set)
    node.keyNames.append("set$")
    return self.aggregate(node)
  }

  /// The input once for every set, with the set's number as last column. Below a window table when every set has the window's bounds, so
  /// that groups are still emitted by window.
  private func tagged(_ aggregate: Aggregate, _ sets: [[Int]]) -> LogicalPlan {
    if let plan = taggedBelowWindow(aggregate.input, sets.count) {
      // The numbered copies may not have to be grouped by window after all; then it does not matter where they were made.
      return plan
    }
    return copies(aggregate.input, sets.count)
  }

  private func copies(_ plan: LogicalPlan, _ count: Int) -> LogicalPlan {
    let fields = plan.schema.fields
    let columns = fields.enumerated().map { Expression.column($0, $1) }
    return .union(
      Union(
        inputs: (0..<count).map { number in
          .project(
            Project(
              input: plan, expressions: columns + [.literal(.int(Int64(number)), .int32)], names: fields.map(\.name) + ["set$"]))
        }))
  }

  private func taggedBelowWindow(_ plan: LogicalPlan, _ count: Int) -> LogicalPlan? {
    switch plan {
    case .window(var window):
      let width = window.input.schema.count
      window.input = copies(window.input, count)
      let tagged = LogicalPlan.window(window)
      let fields = tagged.schema.fields
      let order = Array(0..<width) + [width + 1, width + 2, width + 3, width]
      return .project(Project(input: tagged, expressions: order.map { .column($0, fields[$0]) }, names: order.map { fields[$0].name }))
    case .filter(var filter):
      guard let input = taggedBelowWindow(filter.input, count) else { return nil }
      filter.input = input
      return .filter(filter)
    case .project(var project):
      guard let input = taggedBelowWindow(project.input, count) else { return nil }
      let last = input.schema.count - 1
      project.input = input
      project.expressions.append(.column(last, input.schema.fields[last]))
      project.names.append("set$")
      return .project(project)
    default: return nil
    }
  }
}
