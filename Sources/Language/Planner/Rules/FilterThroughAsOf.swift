import MillraceExpressions
import MillracePlan

/// Asks a feature view only for rows that are kept: conditions on the asking row's own columns. What the view counts is untouched.
struct FilterThroughAsOf: FilterPushdown {
  let name = "filter-through-as-of"

  func handles(_ operation: LogicalPlan) -> Bool { if case .asOf = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let width = rewriting.inputWidth(id)
    return rewriting.pushIntoInput(conditions, below: id) { $0.allSatisfy { $0 < width } }
  }
}
