import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A window table with what projections and filters above it compute, in terms of its own columns.
private struct WindowSource {
  var window: WindowTable
  /// The columns of the relation, over the window table.
  var columns: [Expression]
  /// Predicates over the window table.
  var predicates: [Expression]
}

extension Binder {
  /// The aggregate, put right on top of a window table when it groups by its window: filters go below, projections dissolve.
  func aggregate(_ node: Aggregate) -> LogicalPlan {
    guard let source = windowSource(node.input) else { return .aggregate(node) }
    let width = source.window.input.schema.count
    var keys: [Expression] = []
    for key in node.keys {
      guard let moved = substituted(key, source.columns) else { return .aggregate(node) }
      keys.append(moved)
    }
    let windowColumns = Set(keys.compactMap { key -> Int? in if case .column(let c) = key.kind { c } else { nil } })
    guard windowColumns.contains(width), windowColumns.contains(width + 1) else { return .aggregate(node) }
    var (result, window) = (node, source.window)
    result.keys = keys
    // Sessions are made of the rows that are there: only what drops all rows of a key may go below them.
    let partition = Set(window.partitionKeys.compactMap { key -> Int? in if case .column(let c) = key.kind { c } else { nil } })
    func mayGoBelow(_ columns: Set<Int>) -> Bool {
      // The time at which rows reach a window of processing time is not known before.
      if window.isProcessingTime && columns.contains(window.timeColumn) { return false }
      return window.kind.isSession ? columns.isSubset(of: partition) : columns.allSatisfy { $0 < width }
    }
    for index in result.aggregates.indices {
      var arguments: [Expression] = []
      for argument in result.aggregates[index].arguments {
        guard let moved = substituted(argument, source.columns) else { return .aggregate(node) }
        arguments.append(moved)
      }
      result.aggregates[index].arguments = arguments
      if let filter = result.aggregates[index].filter {
        guard let moved = substituted(filter, source.columns) else { return .aggregate(node) }
        result.aggregates[index].filter = moved
      }
    }
    // A predicate over the rows goes below the window; one over window columns holds for a whole group, so it may come after.
    var below: [Expression] = []
    var above: [Expression] = []
    for predicate in source.predicates.flatMap(\.conjuncts) {
      if mayGoBelow(predicate.referencedColumns) {
        below.append(predicate)
      } else {
        let positions = predicate.referencedColumns.sorted().map { column in
          (column, keys.firstIndex { $0.kind == .column(column) })
        }
        guard positions.allSatisfy({ $0.1 != nil }) else { return .aggregate(node) }
        let map = Dictionary(uniqueKeysWithValues: positions.map { ($0.0, $0.1 ?? 0) })
        above.append(predicate.mappingColumns { map[$0] ?? $0 })
      }
    }
    if !below.isEmpty { window.input = .filter(Filter(input: window.input, predicate: .conjunction(below))) }
    let plan = LogicalPlan.aggregate(
      Aggregate(
        input: .window(window), keys: result.keys, keyNames: result.keyNames, aggregates: result.aggregates, names: result.names))
    return above.isEmpty ? plan : .filter(Filter(input: plan, predicate: .conjunction(above)))
  }

  private func windowSource(_ plan: LogicalPlan) -> WindowSource? {
    switch plan {
    case .window(let window):
      let fields = window.schema.fields
      return WindowSource(window: window, columns: fields.indices.map { .column($0, fields[$0]) }, predicates: [])
    case .filter(let filter):
      guard var source = windowSource(filter.input), let predicate = substituted(filter.predicate, source.columns) else { return nil }
      source.predicates.append(predicate)
      return source
    case .project(let project):
      guard var source = windowSource(project.input) else { return nil }
      var columns: [Expression] = []
      for expression in project.expressions {
        guard let moved = substituted(expression, source.columns) else { return nil }
        columns.append(moved)
      }
      source.columns = columns
      return source
    default: return nil
    }
  }

  /// The expression with each column replaced by what computes it.
  private func substituted(_ e: Expression, _ columns: [Expression]) -> Expression? {
    if case .column(let index) = e.kind { return index < columns.count ? columns[index] : nil }
    let operands = e.operands
    if operands.isEmpty { return e }
    var moved: [Expression] = []
    for operand in operands {
      guard let next = substituted(operand, columns) else { return nil }
      moved.append(next)
    }
    return e.withOperands(moved)
  }
}
