import MillraceExpressions
import MillracePlan

/// Which queries around a plan its sub-plans refer to. Each shared sub-plan is looked at once; valid while the plan is alive.
struct OuterReferences {
  /// Per sub-plan, bit `n` for level `n`.
  private var levels: [UInt: UInt64] = [:]
  /// Columns of the queries around, by level and position.
  private(set) var columns: [Int: [Int: Expression]] = [:]

  init(_ plan: LogicalPlan) { _ = visit(plan) }

  func refers(_ plan: LogicalPlan, to level: Int) -> Bool { mask(plan) & (1 << UInt64(level)) != 0 }

  private func mask(_ plan: LogicalPlan) -> UInt64 {
    if let identity = plan.storageIdentity, let known = levels[identity] { return known }
    return plan.inputs.reduce(Self.own(plan)) { $0 | mask($1) }
  }

  private mutating func visit(_ plan: LogicalPlan) -> UInt64 {
    if let identity = plan.storageIdentity, let known = levels[identity] { return known }
    var result = Self.own(plan) { columns[$0, default: [:]][$1] = $2 }
    for input in plan.inputs { result |= visit(input) }
    if let identity = plan.storageIdentity { levels[identity] = result }
    return result
  }

  private static func own(_ plan: LogicalPlan, note: (Int, Int, Expression) -> Void = { _, _, _ in }) -> UInt64 {
    var result: UInt64 = 0
    func look(_ e: Expression) {
      if let reference = e.outerReference {
        result |= 1 << UInt64(reference.level)
        note(reference.level, reference.column, Expression(.column(reference.column), type: e.type, isNullable: e.isNullable))
      }
      for operand in e.operands { look(operand) }
    }
    for expression in plan.ownExpressions { look(expression) }
    return result
  }
}
