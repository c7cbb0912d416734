import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Filters the sides of a join: each condition that reads one side only, where that side's rows do not appear as nulls for lack of
/// a match (an outer join's other side), and so are rows of that input.
struct FilterThroughJoin: FilterPushdown {
  let name = "filter-through-join"

  func handles(_ operation: LogicalPlan) -> Bool {
    if case .join(let join) = operation { join.kind != .full } else { false }
  }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let node = rewriting.old.nodes[id]
    guard case .join(let join) = node.operation else { return nil }
    let sides = JoinSides(conditions, leftWidth: rewriting.inputWidth(id))
    let toLeft = [.inner, .left, .semi, .anti].contains(join.kind) ? sides.left : []
    let toRight = join.kind == .inner || join.kind == .right ? sides.right : []
    if toLeft.isEmpty && toRight.isEmpty { return nil }
    let pushed = Set(toLeft + toRight)
    let (left, right) = (rewriting.node(node.inputs[0]), rewriting.node(node.inputs[1]))
    let inputs = [rewriting.filter(left, by: toLeft), rewriting.filter(right, by: toRight.map(sides.onRight))]
    return Pushed(node: rewriting.new.add(node.operation, inputs: inputs), remaining: conditions.filter { !pushed.contains($0) })
  }
}

/// Conditions over left columns followed by right columns, by the side they read.
struct JoinSides {
  let leftWidth: Int
  private(set) var left: [Expression] = []
  private(set) var right: [Expression] = []
  /// Those that read both sides or neither.
  private(set) var others: [Expression] = []

  init(_ conditions: [Expression], leftWidth: Int) {
    self.leftWidth = leftWidth
    for condition in conditions {
      let columns = condition.referencedColumns
      if columns.isEmpty {
        others.append(condition)
      } else if columns.allSatisfy({ $0 < leftWidth }) {
        left.append(condition)
      } else if columns.allSatisfy({ $0 >= leftWidth }) {
        right.append(condition)
      } else {
        others.append(condition)
      }
    }
  }

  /// A condition on the right side, over the right input's own columns.
  func onRight(_ condition: Expression) -> Expression { condition.mappingColumns { $0 - leftWidth } }
}
