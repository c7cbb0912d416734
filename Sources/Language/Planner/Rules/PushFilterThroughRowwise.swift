import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Conditions on input columns move below nodes that give one output row (or one per window) for each input row and whose added
/// columns do not depend on which other input rows there are: window table functions, feature views (their state comes from
/// the branches, not from who asks), ML_PREDICT, and ORDER BY without LIMIT.
///
/// The event time of the asking rows is not lost by dropping rows: watermarks come from the source.
enum PushFilterThroughRowwise: PlanRule {
  static let name = "push-filter-through-rowwise"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    guard case .filter(let filter) = plan, !context.isShared(filter.input) else { return nil }
    let input: LogicalPlan
    switch filter.input {
    case .window(let node): input = node.input
    case .asOf(let node): input = node.input
    case .predict(let node): input = node.input
    case .sort(let node) where node.limit == nil && node.offset == 0: input = node.input
    default: return nil
    }
    let width = input.schema.count
    let parts = filter.predicate.conjuncts
    // A condition that can fail may go down only with all the others, which may refuse the row first.
    let goesWhole = filter.predicate.reads(onlyBelow: width)
    func isPushed(_ part: Expression) -> Bool { part.reads(onlyBelow: width) && (goesWhole || !part.canFail) }
    let pushed = parts.filter(isPushed)
    if pushed.isEmpty { return nil }
    var inputs = filter.input.inputs
    inputs[0] = .filter(Filter(input: input, predicate: .conjunction(pushed)))
    let below = filter.input.withInputs(inputs)
    let rest = parts.filter { !isPushed($0) }
    return rest.isEmpty ? below : .filter(Filter(input: below, predicate: .conjunction(rest)))
  }
}
