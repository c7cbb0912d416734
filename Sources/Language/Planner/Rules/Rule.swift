import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A rewriting of a job that keeps its result: the rows of every output as a table, their schema, event times and order.
///
/// A rule may avoid an error (a row that fails to be computed is no longer asked for), but never causes one.
public protocol Rule: Sendable {
  /// Lower-case words with hyphens, as in the option that switches the rule off.
  var name: String { get }
  /// The rewritten graph; an equal one when there was nothing to do.
  func rewrite(_ graph: PlanGraph) -> PlanGraph
}

/// A rule that replaces single nodes, looking at what is below them.
protocol LocalRule: Rule {
  /// Whether the node may have to be replaced: a quick look that saves rebuilding a graph without such nodes.
  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool
  /// The node of `rewriting.new` that takes the place of node `id` of `rewriting.old`, which passed `mayReplace`; nil to keep it.
  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int?
}

extension LocalRule {
  public func rewrite(_ graph: PlanGraph) -> PlanGraph {
    guard graph.nodes.indices.contains(where: { mayReplace($0, in: graph) }) else { return graph }
    var rewriting = Rewriting(graph, rule: self)
    return rewriting.run()
  }
}

/// One pass of a local rule over a graph.
struct Rewriting {
  let old: PlanGraph
  var new = PlanGraph()
  private let rule: any LocalRule
  private let consumerCounts: [Int]
  private var done: [Int?]

  init(_ graph: PlanGraph, rule: any LocalRule) {
    old = graph
    self.rule = rule
    consumerCounts = graph.consumerCounts
    done = Array(repeating: nil, count: graph.nodes.count)
  }

  fileprivate mutating func run() -> PlanGraph {
    for output in old.outputs {
      let node = node(output.node)
      new.outputs.append(.init(table: output.table, node: node))
    }
    return new
  }

  /// The new node for an old one.
  mutating func node(_ id: Int) -> Int {
    if let node = done[id] { return node }
    let rule = rule
    let node = (rule.mayReplace(id, in: old) ? rule.replacement(for: id, in: &self) : nil) ?? copy(id)
    done[id] = node
    return node
  }

  /// The same operation over the new nodes of its inputs.
  private mutating func copy(_ id: Int) -> Int {
    let node = old.nodes[id]
    let inputs = node.inputs.map { self.node($0) }
    return new.add(node.operation, inputs: inputs)
  }

  /// Whether more than one consumer reads an old node: moving something below it would compute it twice.
  func isShared(_ id: Int) -> Bool { consumerCounts[id] > 1 }

  /// A filter over a new node, or the node itself when there is no condition.
  mutating func filter(_ id: Int, by conditions: [Expression]) -> Int {
    if conditions.isEmpty { return id }
    return new.add(.filter(Filter(input: .standIn, predicate: .conjunction(conditions))), inputs: [id])
  }
}

extension LogicalPlan {
  /// An input that `PlanGraph.add` replaces.
  static let standIn = LogicalPlan.values(ValuesRelation(schema: Schema([]), rows: []))
}
