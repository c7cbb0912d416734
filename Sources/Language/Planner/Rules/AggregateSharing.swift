import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Common sub-expressions among aggregates: equal calls of a GROUP BY, an OVER or a feature view are computed once.
///
/// (Equal scalar sub-expressions need no rule: the evaluator of a node shares them.)
struct AggregateSharing: LocalRule {
  let name = "aggregate-sharing"

  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool {
    switch graph.nodes[id].operation {
    case .aggregate(let n): Set(n.aggregates).count < n.aggregates.count
    case .over(let n): Set(n.calls).count < n.calls.count
    case .orderedOver(let n): Set(n.calls).count < n.calls.count
    case .asOf(let n): n.view.branches.contains { Set($0.aggregates).count < $0.aggregates.count }
    default: false
    }
  }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    let old = rewriting.old.nodes[id]
    let inputs = old.inputs.map { rewriting.node($0) }
    switch old.operation {
    case .aggregate(var node):
      let (kept, positions) = Self.distinct(node.aggregates)
      node.aggregates = kept.map { node.aggregates[$0] }
      node.names = kept.map { node.names[$0] }
      let columns = Array(node.keys.indices) + positions.map { $0 + node.keys.count }
      return Self.restored(rewriting.new.add(.aggregate(node), inputs: inputs), columns, like: id, in: &rewriting)
    case .over(var node):
      let (kept, positions) = Self.distinct(node.calls)
      node.calls = kept.map { node.calls[$0] }
      node.names = kept.map { node.names[$0] }
      let width = node.input.schema.count
      let columns = Array(0..<width) + positions.map { $0 + width }
      return Self.restored(rewriting.new.add(.over(node), inputs: inputs), columns, like: id, in: &rewriting)
    case .orderedOver(var node):
      let (kept, positions) = Self.distinct(node.calls)
      node.calls = kept.map { node.calls[$0] }
      node.names = kept.map { node.names[$0] }
      let width = node.input.schema.count
      let columns = Array(0..<width) + positions.map { $0 + width }
      return Self.restored(rewriting.new.add(.orderedOver(node), inputs: inputs), columns, like: id, in: &rewriting)
    case .asOf(var node):
      var map: [Int] = []
      var count = 0
      for i in node.view.branches.indices {
        let aggregates = node.view.branches[i].aggregates
        let (kept, positions) = Self.distinct(aggregates)
        node.view.branches[i].aggregates = kept.map { aggregates[$0] }
        map += positions.map { $0 + count }
        count += kept.count
      }
      for i in node.view.features.indices {
        node.view.features[i].expression = node.view.features[i].expression.mappingColumns { map[$0] }
        node.view.features[i].defaultValue = node.view.features[i].defaultValue?.mappingColumns { map[$0] }
      }
      return rewriting.new.add(.asOf(node), inputs: inputs)
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

  /// A projection that gives the columns of an old node from a new one.
  private static func restored(_ node: Int, _ columns: [Int], like old: Int, in rewriting: inout Rewriting) -> Int {
    let fields = rewriting.new.schemas[node].fields
    let project = Project(
      input: .standIn, expressions: columns.map { .column($0, fields[$0]) }, names: rewriting.old.schemas[old].fields.map(\.name))
    return rewriting.new.add(.project(project), inputs: [node])
  }
}
