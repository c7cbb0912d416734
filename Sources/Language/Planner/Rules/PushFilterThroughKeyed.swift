import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Conditions on the keys of a GROUP BY or the partition of an OVER move below it: a group is dropped whole or kept whole.
///
/// Not through a GROUP BY without keys (it has a row even without input), not over input that is updating, not for a condition
/// that can fail (below it would see rows that FILTER or a join drops later), and not between a window aggregate and its window,
/// but below both.
enum PushFilterThroughKeyed: PlanRule {
  static let name = "push-filter-through-keyed"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    guard case .filter(let filter) = plan, !context.isShared(filter.input) else { return nil }
    switch filter.input {
    case .aggregate(let node): return push(filter, through: node, context)
    case .over(let node): return push(filter, through: node)
    default: return nil
    }
  }

  private static func push(_ filter: Filter, through node: Aggregate, _ context: RuleContext) -> LogicalPlan? {
    guard !node.keys.isEmpty, !node.input.isUpdating else { return nil }
    let width = node.windowInput?.input.schema.count ?? node.input.schema.count
    func below(_ part: Expression) -> Expression? {
      guard part.reads(onlyBelow: node.keys.count), !part.referencedColumns.isEmpty, !part.canFail else { return nil }
      let moved = part.substituting(node.keys)
      return moved.reads(onlyBelow: width) && !moved.canFail ? moved : nil
    }
    let parts = filter.predicate.conjuncts
    let pushed = parts.compactMap(below)
    if pushed.isEmpty { return nil }
    var moved = node
    let predicate = Expression.conjunction(pushed)
    if var window = node.windowInput {
      guard !context.isShared(node.input) else { return nil }
      window.input = .filter(Filter(input: window.input, predicate: predicate))
      moved.input = .window(window)
    } else {
      moved.input = .filter(Filter(input: node.input, predicate: predicate))
    }
    let rest = parts.filter { below($0) == nil }
    return rest.isEmpty ? .aggregate(moved) : .filter(Filter(input: .aggregate(moved), predicate: .conjunction(rest)))
  }

  private static func push(_ filter: Filter, through node: Over) -> LogicalPlan? {
    guard !node.input.isUpdating else { return nil }
    let keys = Set(node.partitionKeys.compactMap { key -> Int? in if case .column(let index) = key.kind { index } else { nil } })
    func isPushed(_ part: Expression) -> Bool {
      !part.referencedColumns.isEmpty && part.referencedColumns.isSubset(of: keys) && !part.canFail
    }
    let parts = filter.predicate.conjuncts
    let pushed = parts.filter(isPushed)
    if pushed.isEmpty { return nil }
    var moved = node
    moved.input = .filter(Filter(input: node.input, predicate: .conjunction(pushed)))
    let rest = parts.filter { !isPushed($0) }
    return rest.isEmpty ? .over(moved) : .filter(Filter(input: .over(moved), predicate: .conjunction(rest)))
  }
}
