import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Drops whole groups before aggregating them: conditions on group keys only.
///
/// For a grouping right on top of a window table the filter goes below that as well. Sessions are made of the rows that are there,
/// so there it must drop the rows of whole partitions.
struct FilterThroughAggregate: FilterPushdown {
  let name = "filter-through-aggregate"

  func handles(_ operation: LogicalPlan) -> Bool {
    if case .aggregate(let aggregate) = operation { !aggregate.keys.isEmpty } else { false }
  }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let node = rewriting.old.nodes[id]
    guard case .aggregate(let aggregate) = node.operation else { return nil }
    let window = rewriting.old.windowInput(of: id)
    let allowed = window.map(FilterThroughWindow.columns)
    if window != nil, rewriting.isShared(node.inputs[0]) { return nil }
    let (movable, remaining) = conditions.partitioned { condition in
      let columns = condition.referencedColumns
      guard !columns.isEmpty, columns.allSatisfy({ $0 < aggregate.keys.count && !aggregate.keys[$0].canFail }) else { return false }
      guard let allowed else { return true }
      return columns.allSatisfy { aggregate.keys[$0].referencedColumns.isSubset(of: allowed) }
    }
    if movable.isEmpty { return nil }
    let below = movable.map { $0.substituting(aggregate.keys) }
    let input: Int
    if let window {
      let source = rewriting.node(rewriting.old.nodes[node.inputs[0]].inputs[0])
      input = rewriting.new.add(.window(window), inputs: [rewriting.filter(source, by: below)])
    } else {
      let source = rewriting.node(node.inputs[0])
      input = rewriting.filter(source, by: below)
    }
    return Pushed(node: rewriting.new.add(node.operation, inputs: [input]), remaining: remaining)
  }
}
