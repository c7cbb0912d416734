import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Common sub-expressions among aggregates: equal calls of a GROUP BY, an OVER or a feature view are computed once.
///
/// (Equal scalar sub-expressions need no rule: the evaluator of a node shares them.)
enum ShareAggregates: PlanRule {
  static let name = "share-aggregates"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    switch plan {
    case .aggregate(let node):
      let (kept, positions) = distinct(node.aggregates)
      if kept.count == node.aggregates.count { return nil }
      var shared = node
      shared.aggregates = kept.map { node.aggregates[$0] }
      shared.names = kept.map { node.names[$0] }
      return restored(.aggregate(shared), like: plan, Array(node.keys.indices) + positions.map { $0 + node.keys.count })
    case .over(let node):
      let (kept, positions) = distinct(node.calls)
      if kept.count == node.calls.count { return nil }
      var shared = node
      shared.calls = kept.map { node.calls[$0] }
      shared.names = kept.map { node.names[$0] }
      let width = node.input.schema.count
      return restored(.over(shared), like: plan, Array(0..<width) + positions.map { $0 + width })
    case .asOf(var node):
      var map: [Int] = []
      var count = 0
      for i in node.view.branches.indices {
        let (kept, positions) = distinct(node.view.branches[i].aggregates)
        let aggregates = node.view.branches[i].aggregates
        node.view.branches[i].aggregates = kept.map { aggregates[$0] }
        map += positions.map { $0 + count }
        count += kept.count
      }
      if count == map.count { return nil }
      for i in node.view.features.indices {
        node.view.features[i].expression = node.view.features[i].expression.mappingColumns { map[$0] }
      }
      return .asOf(node)
    default: return nil
    }
  }

  /// Positions of the first of each, and for every item its place among those.
  private static func distinct<T: Hashable>(_ items: [T]) -> (kept: [Int], positions: [Int]) {
    var known: [T: Int] = [:]
    var kept: [Int] = []
    var positions: [Int] = []
    for (i, item) in items.enumerated() {
      if let place = known[item] {
        positions.append(place)
      } else {
        known[item] = kept.count
        positions.append(kept.count)
        kept.append(i)
      }
    }
    return (kept, positions)
  }

  /// A projection that gives the columns of the old node from the new one.
  private static func restored(_ plan: LogicalPlan, like old: LogicalPlan, _ positions: [Int]) -> LogicalPlan {
    let fields = plan.schema.fields
    return .project(
      Project(input: plan, expressions: positions.map { .column($0, fields[$0]) }, names: old.schema.fields.map(\.name)))
  }
}
