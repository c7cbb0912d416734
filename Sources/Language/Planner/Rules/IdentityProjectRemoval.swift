import MillraceExpressions
import MillracePlan

/// Leaves out projections that give all columns of their input under the same names.
struct IdentityProjectRemoval: LocalRule {
  let name = "identity-project-removal"

  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool {
    guard case .project(let project) = graph.nodes[id].operation, graph.schemas[id] == graph.schemas[graph.nodes[id].inputs[0]] else {
      return false
    }
    return project.expressions.enumerated().allSatisfy { $1.columnIndex == $0 }
  }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    rewriting.node(rewriting.old.nodes[id].inputs[0])
  }
}
