import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Puts only rows that are kept into windows. Sessions are made of the rows that are there: only whole partitions may be left out.
struct FilterThroughWindow: FilterPushdown {
  let name = "filter-through-window"

  func handles(_ operation: LogicalPlan) -> Bool { if case .window = operation { true } else { false } }

  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed? {
    guard case .window(let window) = rewriting.old.nodes[id].operation else { return nil }
    let allowed = Self.columns(window)
    return rewriting.pushIntoInput(conditions, below: id) { $0.isSubset(of: allowed) }
  }

  /// Columns that conditions which may go below read.
  static func columns(_ window: WindowTable) -> Set<Int> {
    let columns = window.kind.isSession ? Set(window.partitionKeys.compactMap(\.columnIndex)) : Set(window.input.schema.fields.indices)
    // The time at which rows reach the window is not known before.
    return window.isProcessingTime ? columns.subtracting([window.timeColumn]) : columns
  }
}
