import MillraceExpressions
import MillracePlan

/// A filter moves below a projection, over the definitions of the columns it reads. The projection computes no row more than
/// before, so nothing that can fail is asked for newly.
enum PushFilterThroughProject: PlanRule {
  static let name = "push-filter-through-project"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    guard case .filter(let filter) = plan, case .project(var project) = filter.input, !context.isShared(filter.input) else { return nil }
    project.input = .filter(Filter(input: project.input, predicate: filter.predicate.substituting(project.expressions)))
    return .project(project)
  }
}
