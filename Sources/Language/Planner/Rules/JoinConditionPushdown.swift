import MillraceExpressions
import MillracePlan

/// Moves conditions of a join that read one side only to that side, where a row that fails them is dropped anyway: either side of an
/// inner or semi join, the side of an outer or anti join that may be left out.
struct JoinConditionPushdown: LocalRule {
  let name = "join-condition-pushdown"

  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool {
    if case .join(let join) = graph.nodes[id].operation { join.residual != nil && join.kind != .full } else { false }
  }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    let node = rewriting.old.nodes[id]
    guard case .join(var join) = node.operation, let residual = join.residual, join.kind != .full else { return nil }
    let conditions = residual.conjuncts
    let sides = JoinSides(conditions.filter { !$0.canFail }, leftWidth: rewriting.inputWidth(id))
    let toLeft = [.inner, .right, .semi].contains(join.kind) ? sides.left : []
    let toRight = [.inner, .left, .semi, .anti].contains(join.kind) ? sides.right : []
    if toLeft.isEmpty && toRight.isEmpty { return nil }
    let pushed = Set(toLeft + toRight)
    let remaining = conditions.filter { !pushed.contains($0) }
    join.residual = remaining.isEmpty ? nil : .conjunction(remaining)
    let (left, right) = (rewriting.node(node.inputs[0]), rewriting.node(node.inputs[1]))
    let inputs = [rewriting.filter(left, by: toLeft), rewriting.filter(right, by: toRight.map(sides.onRight))]
    return rewriting.new.add(.join(join), inputs: inputs)
  }
}
