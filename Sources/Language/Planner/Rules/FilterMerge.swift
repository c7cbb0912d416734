import MillraceExpressions
import MillracePlan

/// Makes one filter of two on top of each other, and one condition of equal ones. A row that either refuses is dropped before errors
/// of the other count, so the order of the conditions does not show.
struct FilterMerge: LocalRule {
  let name = "filter-merge"

  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool {
    if case .filter = graph.nodes[id].operation { return true }
    return false
  }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    guard case .filter(let upper) = rewriting.old.nodes[id].operation else { return nil }
    var conditions = upper.predicate.conjuncts
    var below = rewriting.old.nodes[id].inputs[0]
    if case .filter(let lower) = rewriting.old.nodes[below].operation, !rewriting.isShared(below) {
      conditions = lower.predicate.conjuncts + conditions
      below = rewriting.old.nodes[below].inputs[0]
    } else if Set(conditions).count == conditions.count {
      return nil
    }
    var seen: Set<Expression> = []
    let distinct = conditions.filter { seen.insert($0).inserted }
    let input = rewriting.node(below)
    return rewriting.filter(input, by: distinct)
  }
}
