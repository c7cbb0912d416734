/// How a physical plan is cut into stages for a parallelism.
///
/// Nodes on one level that are connected by forward edges form a stage and run as one; an edge to a higher level is an exchange
/// (a queue), so stages never form a cycle. With parallelism 1 there is one level and no exchange.
public struct StageGraph: Sendable {
  public struct Exchange: Sendable {
    /// Position in `StageGraph.exchanges`.
    public var index: Int
    public var fromNode: Int
    public var toNode: Int
    public var toPort: Int
    public var routing: PhysicalPlan.Exchange
  }

  public struct Stage: Sendable {
    /// Node ids in topological order.
    public var nodes: [Int]
    public var level: Int
  }

  public private(set) var stages: [Stage]
  public private(set) var exchanges: [Exchange]
  public private(set) var stageOfNode: [Int]

  public init(_ plan: PhysicalPlan, parallelism: Int) {
    var levels = [Int](repeating: 0, count: plan.nodes.count)
    if parallelism > 1 {
      for node in plan.nodes {
        for input in node.inputs {
          let step = input.exchange == .forward ? 0 : 1
          levels[node.id] = max(levels[node.id], levels[input.node] + step)
        }
      }
    }
    // Union-find over forward (or single-partition) edges inside a level.
    var parent = Array(0..<plan.nodes.count)
    func root(_ x: Int) -> Int {
      var x = x
      while parent[x] != x { x = parent[x] }
      return x
    }
    func isDirect(_ node: PhysicalPlan.Node, _ input: PhysicalPlan.Input) -> Bool {
      levels[node.id] == levels[input.node] && (parallelism == 1 || input.exchange == .forward)
    }
    for node in plan.nodes {
      for input in node.inputs where isDirect(node, input) {
        let (a, b) = (root(node.id), root(input.node))
        if a != b { parent[max(a, b)] = min(a, b) }
      }
    }
    stages = []
    exchanges = []
    stageOfNode = Array(repeating: 0, count: plan.nodes.count)
    var stageOfRoot: [Int: Int] = [:]
    for node in plan.nodes {
      let r = root(node.id)
      if let stage = stageOfRoot[r] {
        stages[stage].nodes.append(node.id)
        stageOfNode[node.id] = stage
      } else {
        stageOfRoot[r] = stages.count
        stageOfNode[node.id] = stages.count
        stages.append(Stage(nodes: [node.id], level: levels[node.id]))
      }
    }
    for node in plan.nodes {
      for (port, input) in node.inputs.enumerated() where !isDirect(node, input) {
        exchanges.append(
          Exchange(index: exchanges.count, fromNode: input.node, toNode: node.id, toPort: port, routing: input.exchange))
      }
    }
  }

  /// Whether the edge into a port passes through a queue.
  public func exchange(into node: Int, port: Int) -> Exchange? { exchanges.first { $0.toNode == node && $0.toPort == port } }
}
