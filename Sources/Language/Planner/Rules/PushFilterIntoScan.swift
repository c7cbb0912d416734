import MillraceExpressions
import MillracePlan

/// A filter right above a scan becomes the scan's predicate, by which a source may skip rows unread.
///
/// Only for tables without a watermark: a row skipped unread would not move the source's clock, and then other rows that are late
/// would not be. Only conditions over physical columns that cannot fail.
enum PushFilterIntoScan: PlanRule {
  static let name = "push-filter-into-scan"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    guard case .filter(let filter) = plan, case .scan(var scan) = filter.input, !context.isShared(filter.input),
      scan.table.watermark == nil
    else { return nil }
    func isPushed(_ part: Expression) -> Bool {
      !part.canFail && !part.referencedColumns.isEmpty && part.referencedColumns.allSatisfy { scan.table.computed[scan.columns[$0]] == nil }
    }
    let parts = filter.predicate.conjuncts
    let pushed = parts.filter(isPushed).map { part in part.mappingColumns { scan.columns[$0] } }
    if pushed.isEmpty { return nil }
    scan.predicate = .conjunction((scan.predicate?.conjuncts ?? []) + pushed)
    let rest = parts.filter { !isPushed($0) }
    return rest.isEmpty ? .scan(scan) : .filter(Filter(input: .scan(scan), predicate: .conjunction(rest)))
  }
}
