import MillraceExpressions
import MillracePlan

/// A filter of a filter becomes one filter. A row that either condition refuses is dropped before errors of the other count, so
/// the order of the conditions does not show.
enum MergeFilters: PlanRule {
  static let name = "merge-filters"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    guard case .filter(let outer) = plan, case .filter(let inner) = outer.input, !context.isShared(outer.input) else { return nil }
    var parts: [Expression] = []
    for part in inner.predicate.conjuncts + outer.predicate.conjuncts where !parts.contains(part) { parts.append(part) }
    return .filter(Filter(input: inner.input, predicate: .conjunction(parts)))
  }
}
