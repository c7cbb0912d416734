import MillraceExpressions
import MillracePlan

/// Drops whole partitions before aggregating over them: conditions on partition keys only. Any other row counts for its neighbours.
struct FilterThroughOver: FilterPushdown {
  let name = "filter-through-over"

  func handles(_ operation: LogicalPlan) -> Bool {
    switch operation {
    case .over, .orderedOver: true
    default: false
    }
  }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let partitionKeys: [Expression]
    switch rewriting.old.nodes[id].operation {
    case .over(let over): partitionKeys = over.partitionKeys
    case .orderedOver(let over): partitionKeys = over.partitionKeys
    default: return nil
    }
    let keys = Set(partitionKeys.compactMap(\.columnIndex))
    return rewriting.pushIntoInput(conditions, below: id) { !$0.isEmpty && $0.isSubset(of: keys) }
  }
}
