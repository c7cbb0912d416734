import MillraceExpressions
import MillracePlan

/// Filters before computing columns, unless the condition needs a column that is dear to compute.
struct FilterThroughProject: FilterPushdown {
  let name = "filter-through-project"

  func handles(_ operation: LogicalPlan) -> Bool { if case .project = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    guard case .project(let project) = rewriting.old.nodes[id].operation else { return nil }
    let (movable, remaining) = conditions.partitioned { condition in
      condition.referencedColumns.allSatisfy {
        project.expressions[$0].cost < Expression.expensive && !project.expressions[$0].canFail
      }
    }
    if movable.isEmpty { return nil }
    let below = rewriting.node(rewriting.old.nodes[id].inputs[0])
    let input = rewriting.filter(below, by: movable.map { $0.substituting(project.expressions) })
    return Pushed(node: rewriting.new.add(.project(project), inputs: [input]), remaining: remaining)
  }
}
