import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A subquery that has exactly one row: an aggregate without keys, with what projections and HAVING make of it.
struct SubqueryCore {
  var aggregate: Aggregate
  /// The subquery's columns over the aggregate's.
  var outputs: [Expression]
  /// What must be true of the row for it to be there.
  var condition: Expression?

  init?(_ plan: LogicalPlan) {
    switch plan {
    case .aggregate(let n) where n.keys.isEmpty:
      aggregate = n
      outputs = n.schema.fields.enumerated().map { .column($0, $1) }
    case .project(let n):
      guard let below = SubqueryCore(n.input) else { return nil }
      self = below
      outputs = n.expressions.map { $0.substituting(below.outputs) }
    case .filter(let n):
      guard let below = SubqueryCore(n.input) else { return nil }
      self = below
      condition = .conjunction((below.condition.map { [$0] } ?? []) + [n.predicate.substituting(below.outputs)])
    case .sort(let n) where n.offset == 0 && (n.limit ?? 1) > 0:
      guard let below = SubqueryCore(n.input) else { return nil }
      self = below
    default: return nil
    }
  }
}
