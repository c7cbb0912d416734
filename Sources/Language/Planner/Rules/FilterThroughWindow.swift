import MillraceExpressions
import MillracePlan

/// Puts only rows that are kept into windows.
struct FilterThroughWindow: FilterPushdown {
  let name = "filter-through-window"

  func handles(_ operation: LogicalPlan) -> Bool { if case .window = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let width = rewriting.inputWidth(id)
    return rewriting.pushIntoInput(conditions, below: id) { $0.allSatisfy { $0 < width } }
  }
}
