import MillraceExpressions
import MillracePlan

/// Drops whole partitions before aggregating over them: conditions on partition keys only. Any other row counts for its neighbours.
struct FilterThroughOver: FilterPushdown {
  let name = "filter-through-over"

  func handles(_ operation: LogicalPlan) -> Bool { if case .over = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    guard case .over(let over) = rewriting.old.nodes[id].operation else { return nil }
    let keys = Set(over.partitionKeys.compactMap(\.columnIndex))
    return rewriting.pushIntoInput(conditions, below: id) { !$0.isEmpty && $0.isSubset(of: keys) }
  }
}
