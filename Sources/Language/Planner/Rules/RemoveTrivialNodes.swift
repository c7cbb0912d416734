import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Drops filters that keep everything and projections that give their input as it is.
enum RemoveTrivialNodes: PlanRule {
  static let name = "remove-trivial-nodes"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    switch plan {
    case .filter(let filter):
      if case .literal(.bool(true)) = filter.predicate.kind { return filter.input }
      return nil
    case .project(let project):
      guard project.schema == project.input.schema else { return nil }
      let isIdentity = project.expressions.enumerated().allSatisfy { $1.kind == .column($0) }
      return isIdentity ? project.input : nil
    default: return nil
    }
  }
}
