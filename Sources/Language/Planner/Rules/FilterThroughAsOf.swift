import MillraceExpressions
import MillracePlan

/// Asks a feature view, or a relation as of an instant, only for rows that are kept: conditions on the asking row's own columns. What
/// is asked stays untouched.
struct FilterThroughAsOf: FilterPushdown {
  let name = "filter-through-as-of"

  func handles(_ operation: LogicalPlan) -> Bool {
    switch operation {
    case .asOf, .temporalJoin: true
    default: false
    }
  }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let width = rewriting.inputWidth(id)
    return rewriting.pushIntoInput(conditions, below: id) { $0.allSatisfy { $0 < width } }
  }
}
