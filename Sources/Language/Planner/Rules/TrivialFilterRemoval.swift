import MillracePlan

/// Leaves out filters that keep every row.
struct TrivialFilterRemoval: LocalRule {
  let name = "trivial-filter-removal"

  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool {
    if case .filter(let filter) = graph.nodes[id].operation { return filter.predicate.boolLiteral == true }
    return false
  }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    rewriting.node(rewriting.old.nodes[id].inputs[0])
  }
}
