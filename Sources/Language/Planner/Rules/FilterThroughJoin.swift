import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Filters the sides of a join: each condition that reads one side only, where that side's rows do not appear as nulls for lack of
/// a match (an outer join's other side), and so are rows of that input. Conditions on both sides of an inner join become its own:
/// equal pairs become keys.
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
    let toJoin = join.kind == .inner ? sides.both : []
    if toLeft.isEmpty && toRight.isEmpty && toJoin.isEmpty { return nil }
    var own = join
    var residual = join.residual.map { [$0] } ?? []
    for condition in toJoin {
      if let (leftKey, rightKey) = sides.equalKeys(condition) {
        own.leftKeys.append(leftKey)
        own.rightKeys.append(rightKey)
      } else {
        residual.append(condition)
      }
    }
    own.residual = residual.isEmpty ? nil : .conjunction(residual)
    let pushed = Set(toLeft + toRight + toJoin)
    let (left, right) = (rewriting.node(node.inputs[0]), rewriting.node(node.inputs[1]))
    let inputs = [rewriting.filter(left, by: toLeft), rewriting.filter(right, by: toRight.map(sides.onRight))]
    return Pushed(node: rewriting.new.add(.join(own), inputs: inputs), remaining: conditions.filter { !pushed.contains($0) })
  }
}

/// Conditions over left columns followed by right columns, by the side they read.
struct JoinSides {
  let leftWidth: Int
  private(set) var left: [Expression] = []
  private(set) var right: [Expression] = []
  /// Those that read both sides.
  private(set) var both: [Expression] = []

  init(_ conditions: [Expression], leftWidth: Int) {
    self.leftWidth = leftWidth
    for condition in conditions {
      let columns = condition.referencedColumns
      if columns.isEmpty {
        continue
      } else if columns.allSatisfy({ $0 < leftWidth }) {
        left.append(condition)
      } else if columns.allSatisfy({ $0 >= leftWidth }) {
        right.append(condition)
      } else {
        both.append(condition)
      }
    }
  }

  /// The keys of `left expression = right expression`, either way round, each over its own input's columns.
  func equalKeys(_ condition: Expression) -> (left: Expression, right: Expression)? {
    guard case .call("=", let sides) = condition.kind, sides.count == 2, sides[0].type == sides[1].type else { return nil }
    let (a, b) = (sides[0].referencedColumns, sides[1].referencedColumns)
    if a.isEmpty || b.isEmpty { return nil }
    if a.allSatisfy({ $0 < leftWidth }), b.allSatisfy({ $0 >= leftWidth }) { return (sides[0], onRight(sides[1])) }
    if b.allSatisfy({ $0 < leftWidth }), a.allSatisfy({ $0 >= leftWidth }) { return (sides[1], onRight(sides[0])) }
    return nil
  }

  /// A condition on the right side, over the right input's own columns.
  func onRight(_ condition: Expression) -> Expression { condition.mappingColumns { $0 - leftWidth } }
}
