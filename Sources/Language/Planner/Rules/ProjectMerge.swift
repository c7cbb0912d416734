import MillraceExpressions
import MillracePlan

/// Makes one projection of two on top of each other.
///
/// Within one operator equal sub-expressions are computed once, so this never computes anything twice, unless others read the lower
/// projection as well: then only columns and literals are taken over from it.
struct ProjectMerge: LocalRule {
  let name = "project-merge"

  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool {
    guard case .project = graph.nodes[id].operation, case .project = graph.nodes[graph.nodes[id].inputs[0]].operation else { return false }
    return true
  }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    let below = rewriting.old.nodes[id].inputs[0]
    guard case .project(var upper) = rewriting.old.nodes[id].operation,
      case .project(let lower) = rewriting.old.nodes[below].operation
    else { return nil }
    let used = upper.expressions.reduce(into: Set<Int>()) { $0.formUnion($1.referencedColumns) }
    if rewriting.isShared(below), used.contains(where: { lower.expressions[$0].cost > 0 }) { return nil }
    let merged = upper.expressions.map { $0.substituting(lower.expressions) }
    // Sums of sums would double with every level.
    let sizeBefore = (upper.expressions + lower.expressions).reduce(0) { $0 + $1.size }
    guard merged.reduce(0, { $0 + $1.size }) <= 2 * sizeBefore + 32 else { return nil }
    upper.expressions = merged
    return rewriting.new.add(.project(upper), inputs: [rewriting.node(rewriting.old.nodes[below].inputs[0])])
  }
}
