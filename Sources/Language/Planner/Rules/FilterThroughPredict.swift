import MillraceExpressions
import MillracePlan

/// Scores only rows that are kept.
struct FilterThroughPredict: FilterPushdown {
  let name = "filter-through-predict"

  func handles(_ operation: LogicalPlan) -> Bool { if case .predict = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let width = rewriting.inputWidth(id)
    return rewriting.pushIntoInput(conditions, below: id) { $0.allSatisfy { $0 < width } }
  }
}
