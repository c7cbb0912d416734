import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Conditions on one side of a join move into that side: from a filter above where the side's rows are kept as they are (both sides
/// of an inner join, the outer side of an outer one), and from the join's own condition where a miss drops the row (both sides of an
/// inner join, the inner side of an outer one). Conditions that can fail stay, since a side has rows that find no partner.
enum PushFilterIntoJoin: PlanRule {
  static let name = "push-filter-into-join"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    if case .filter(let filter) = plan, case .join(let join) = filter.input, !context.isShared(filter.input) {
      return fromAbove(filter, join)
    }
    if case .join(let join) = plan { return fromCondition(join) }
    return nil
  }

  private struct Split {
    var left: [Expression] = []
    var right: [Expression] = []
    var rest: [Expression] = []
    var isEmpty: Bool { left.isEmpty && right.isEmpty }
  }

  private static func split(_ predicate: Expression, _ join: Join, left: Bool, right: Bool) -> Split {
    let width = join.left.schema.count
    var result = Split()
    for part in predicate.conjuncts {
      let columns = part.referencedColumns
      if columns.isEmpty || part.canFail {
        result.rest.append(part)
      } else if left && !join.left.isUpdating && columns.allSatisfy({ $0 < width }) {
        result.left.append(part)
      } else if right && !join.right.isUpdating && columns.allSatisfy({ $0 >= width }) {
        result.right.append(part.mappingColumns { $0 - width })
      } else {
        result.rest.append(part)
      }
    }
    return result
  }

  private static func with(_ split: Split, _ join: Join) -> Join {
    var join = join
    if !split.left.isEmpty { join.left = .filter(Filter(input: join.left, predicate: .conjunction(split.left))) }
    if !split.right.isEmpty { join.right = .filter(Filter(input: join.right, predicate: .conjunction(split.right))) }
    return join
  }

  private static func fromAbove(_ filter: Filter, _ join: Join) -> LogicalPlan? {
    let split = split(
      filter.predicate, join, left: join.kind == .inner || join.kind == .left, right: join.kind == .inner || join.kind == .right)
    if split.isEmpty { return nil }
    let below = LogicalPlan.join(with(split, join))
    return split.rest.isEmpty ? below : .filter(Filter(input: below, predicate: .conjunction(split.rest)))
  }

  private static func fromCondition(_ join: Join) -> LogicalPlan? {
    guard let residual = join.residual else { return nil }
    let split = split(residual, join, left: join.kind == .inner || join.kind == .right, right: join.kind == .inner || join.kind == .left)
    if split.isEmpty { return nil }
    var result = with(split, join)
    result.residual = split.rest.isEmpty ? nil : .conjunction(split.rest)
    return .join(result)
  }
}
