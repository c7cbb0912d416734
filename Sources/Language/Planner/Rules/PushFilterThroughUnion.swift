import MillracePlan

/// A filter of a union becomes a union of filters, which then may move on toward the sources.
enum PushFilterThroughUnion: PlanRule {
  static let name = "push-filter-through-union"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    guard case .filter(let filter) = plan, case .union(var union) = filter.input, !context.isShared(filter.input) else { return nil }
    union.inputs = union.inputs.map { .filter(Filter(input: $0, predicate: filter.predicate)) }
    return .union(union)
  }
}
