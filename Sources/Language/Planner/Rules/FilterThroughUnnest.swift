import MillraceExpressions
import MillracePlan

/// Makes rows only of the rows that are kept: conditions that read the input's columns alone.
struct FilterThroughUnnest: FilterPushdown {
  let name = "filter-through-unnest"

  func handles(_ operation: LogicalPlan) -> Bool { if case .unnest = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let width = rewriting.inputWidth(id)
    return rewriting.pushIntoInput(conditions, below: id) { $0.allSatisfy { $0 < width } }
  }
}
