import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A rule that moves conditions of a filter below the operator under it.
///
/// A condition moves only if it cannot fail: below, it sees rows that would have been dropped before they reached it. It does not
/// move below an operator that others read as well, which would then run twice.
protocol FilterPushdown: LocalRule {
  /// Whether the rule knows this operator.
  func handles(_ operation: LogicalPlan) -> Bool
  /// The operator of old node `id` over its inputs filtered by those conditions that may go below; the others stay.
  func push(_ conditions: [Expression], below id: Int, in rewriting: inout Rewriting) -> Pushed?
}

struct Pushed {
  /// The new node of the operator.
  var node: Int
  var remaining: [Expression]
}

extension FilterPushdown {
  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool {
    guard case .filter = graph.nodes[id].operation else { return false }
    return handles(graph.nodes[graph.nodes[id].inputs[0]].operation)
  }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    guard case .filter(let filter) = rewriting.old.nodes[id].operation else { return nil }
    let below = rewriting.old.nodes[id].inputs[0]
    guard handles(rewriting.old.nodes[below].operation), !rewriting.isShared(below) else { return nil }
    let conditions = filter.predicate.conjuncts
    let movable = conditions.filter { !$0.canFail }
    guard !movable.isEmpty, let pushed = push(movable, below: below, in: &rewriting), pushed.remaining.count < movable.count else {
      return nil
    }
    // Those that stay keep their order.
    let kept = Set(pushed.remaining)
    return rewriting.filter(pushed.node, by: conditions.filter { $0.canFail || kept.contains($0) })
  }
}

extension Rewriting {
  /// Moves the conditions that only read the first input's columns `allowed` below an operator that passes on every row of that
  /// input with its columns first.
  mutating func pushIntoInput(_ conditions: [Expression], below id: Int, where allowed: (Set<Int>) -> Bool) -> Pushed? {
    let node = old.nodes[id]
    let (movable, remaining) = conditions.partitioned { allowed($0.referencedColumns) }
    if movable.isEmpty { return nil }
    var inputs = node.inputs.map { self.node($0) }
    inputs[0] = filter(inputs[0], by: movable)
    return Pushed(node: new.add(node.operation, inputs: inputs), remaining: remaining)
  }

  /// Columns of the first input of an old node.
  func inputWidth(_ id: Int) -> Int { old.schemas[old.nodes[id].inputs[0]].count }
}

extension Array {
  /// Those for which the test holds and the others, both in order.
  func partitioned(_ test: (Element) -> Bool) -> (matching: [Element], others: [Element]) {
    var (matching, others): ([Element], [Element]) = ([], [])
    for element in self {
      if test(element) { matching.append(element) } else { others.append(element) }
    }
    return (matching, others)
  }
}
