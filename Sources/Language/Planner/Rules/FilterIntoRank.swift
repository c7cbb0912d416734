import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Gives a ranking the limit that a filter above it asks for (`number <= 10`), so that it keeps no more rows than that, and drops whole
/// partitions before they are ranked. A condition that the limit does not say in full stays.
struct FilterIntoRank: FilterPushdown {
  let name = "filter-into-rank"

  func handles(_ operation: LogicalPlan) -> Bool { if case .rank = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    let node = rewriting.old.nodes[id]
    guard case .rank(var rank) = node.operation else { return nil }
    let number = rewriting.inputWidth(id)
    let keys = Set(rank.partitionKeys.compactMap(\.columnIndex))
    var below: [Expression] = []
    var remaining: [Expression] = []
    for condition in conditions {
      let columns = condition.referencedColumns
      if !columns.isEmpty, columns.isSubset(of: keys) {
        below.append(condition)
      } else if rank.showsNumber, let bound = Self.bound(condition, number) {
        rank.limit = min(rank.limit ?? .max, bound.limit)
        if !bound.isExact { remaining.append(condition) }
      } else {
        remaining.append(condition)
      }
    }
    guard case .rank(let before) = node.operation, remaining.count < conditions.count || rank.limit != before.limit else { return nil }
    let input = rewriting.filter(rewriting.node(node.inputs[0]), by: below)
    return Pushed(node: rewriting.new.add(.rank(rank), inputs: [input]), remaining: remaining)
  }

  /// The greatest number for which the condition may be true, and whether it is true for all up to it.
  private static func bound(_ condition: Expression, _ number: Int) -> (limit: Int, isExact: Bool)? {
    guard case .call(let name, let sides) = condition.kind, sides.count == 2 else { return nil }
    let flipped = ["=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="]
    guard let mirrored = flipped[name] else { return nil }
    let (comparison, value): (String, Int64)
    if isNumber(sides[0], number), let literal = integer(sides[1]) {
      (comparison, value) = (name, literal)
    } else if isNumber(sides[1], number), let literal = integer(sides[0]) {
      (comparison, value) = (mirrored, literal)
    } else {
      return nil
    }
    switch comparison {
    case "<=": return (Int(clamping: max(0, value)), true)
    case "<": return (Int(clamping: max(0, value.subtractingReportingOverflow(1).partialValue)), true)
    case "=": return (Int(clamping: max(0, value)), value == 1)
    default: return nil
    }
  }

  private static func isNumber(_ e: Expression, _ number: Int) -> Bool {
    switch e.kind {
    case .column(let column): column == number
    case .cast(let inner, _): e.type.isInteger && isNumber(inner, number)
    default: false
    }
  }

  private static func integer(_ e: Expression) -> Int64? {
    switch e.kind {
    case .literal(.int(let value)) where e.type.isInteger: value
    case .cast(let inner, _) where e.type.isInteger: integer(inner)
    default: nil
    }
  }
}
