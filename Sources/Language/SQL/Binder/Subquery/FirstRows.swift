import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Sort {
  /// ORDER BY with LIMIT and OFFSET for each partition of a plan; the sort's keys are over that plan. The columns stay.
  static func firstRows(_ plan: LogicalPlan, of partitionKeys: [Expression], by keys: [Sort.Key], limit: Int?, offset: Int) -> LogicalPlan {
    let last = limit.flatMap { limit -> Int? in
      let (sum, overflow) = limit.addingReportingOverflow(offset)
      return overflow ? nil : sum
    }
    if limit == 0 { return .filter(Filter(input: plan, predicate: .literal(.bool(false), .boolean))) }
    let ranked = LogicalPlan.rank(
      Rank(
        input: plan, function: .rowNumber, partitionKeys: partitionKeys, sortKeys: keys, limit: last, showsNumber: offset > 0,
        name: "row$"))
    if offset == 0 { return ranked }
    let fields = ranked.schema.fields
    let number = Expression.column(fields.count - 1, fields[fields.count - 1])
    let isLater = Expression(.call(">", [number, .literal(.int(Int64(offset)), .int64)]), type: .boolean, isNullable: false)
    let kept = fields.dropLast()
    return .project(
      Project(
        input: .filter(Filter(input: ranked, predicate: isLater)), expressions: kept.enumerated().map { .column($0, $1) },
        names: kept.map(\.name)))
  }
}
