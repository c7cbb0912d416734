import MillraceExpressions
import MillracePlan

/// Filters each input of a union by itself.
struct FilterThroughUnion: FilterPushdown {
  let name = "filter-through-union"

  func handles(_ operation: LogicalPlan) -> Bool { if case .union = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let node = rewriting.old.nodes[id]
    let inputs = node.inputs.map { input in
      let below = rewriting.node(input)
      return rewriting.filter(below, by: conditions)
    }
    return Pushed(node: rewriting.new.add(node.operation, inputs: inputs), remaining: [])
  }
}
