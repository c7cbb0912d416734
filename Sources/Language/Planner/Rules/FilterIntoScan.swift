import MillraceExpressions
import MillracePlan

/// Gives conditions to the source, which may skip files and row groups by them; the physical plan filters by them exactly.
///
/// Only for tables without a watermark: a row that was skipped unread would not move the clock, and others would not be late. Only
/// conditions over columns that are read, not computed.
struct FilterIntoScan: FilterPushdown {
  let name = "filter-into-scan"

  func handles(_ operation: LogicalPlan) -> Bool {
    if case .scan(let scan) = operation { scan.table.watermark == nil } else { false }
  }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    guard case .scan(var scan) = rewriting.old.nodes[id].operation else { return nil }
    let (movable, remaining) = conditions.partitioned { condition in
      let columns = condition.referencedColumns
      return !columns.isEmpty && columns.allSatisfy { scan.table.computed[scan.columns[$0]] == nil }
    }
    if movable.isEmpty { return nil }
    let known = scan.predicate?.conjuncts ?? []
    let added = movable.map { $0.mappingColumns { scan.columns[$0] } }.filter { !known.contains($0) }
    scan.predicate = .conjunction(known + added)
    return Pushed(node: rewriting.new.add(.scan(scan), inputs: []), remaining: remaining)
  }
}
