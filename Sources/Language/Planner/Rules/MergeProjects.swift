import MillraceExpressions
import MillracePlan

/// A projection of a projection becomes one. What both use twice is computed once all the same: an evaluator shares equal parts.
enum MergeProjects: PlanRule {
  static let name = "merge-projects"

  /// Substituting a definition that is read often into one that is read often can grow without bound.
  private static let nodesMax = 2_000

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    guard case .project(let outer) = plan, case .project(let inner) = outer.input, !context.isShared(outer.input) else { return nil }
    var result = outer
    result.input = inner.input
    result.expressions = outer.expressions.map { expression in
      var merged = expression.substituting(inner.expressions)
      merged.isNullable = expression.isNullable
      return merged
    }
    guard result.expressions.reduce(0, { $0 + $1.nodeCount }) <= nodesMax else { return nil }
    return .project(result)
  }
}

extension Expression {
  /// Nodes of the tree.
  fileprivate var nodeCount: Int { operands.reduce(1) { $0 + $1.nodeCount } }
}
