import MillraceExpressions
import MillracePlan

/// Filters before sorting. Below a LIMIT or OFFSET other rows would take the place of the dropped ones.
struct FilterThroughSort: FilterPushdown {
  let name = "filter-through-sort"

  func handles(_ operation: LogicalPlan) -> Bool {
    if case .sort(let sort) = operation { sort.limit == nil && sort.offset == 0 } else { false }
  }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    rewriting.pushIntoInput(conditions, below: id) { _ in true }
  }
}
