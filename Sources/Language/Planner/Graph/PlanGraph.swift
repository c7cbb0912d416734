import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A job as a graph: every distinct sub-plan is one node, however often it occurs in the trees of the job.
///
/// A view that five queries use is one value in a tree but occurs five times, and views over views multiply: a tree of ten levels
/// can have thousands of occurrences of a few dozen sub-plans. Rules, EXPLAIN and the physical planner therefore work on nodes.
/// A node's inputs have lower numbers than the node; numbers follow the order of the outputs and are the same for equal jobs.
public struct PlanGraph: Sendable {
  public struct Node: Sendable, Hashable {
    /// The operation. Its own inputs are stand-ins: relations without rows that have the inputs' schemas.
    public let operation: LogicalPlan
    /// Nodes of the inputs, in the order of `LogicalPlan.inputs`.
    public let inputs: [Int]
  }

  public struct Output: Sendable, Hashable {
    /// nil for a bare query.
    public var table: TableDefinition?
    public var node: Int
  }

  private struct Key: Hashable {
    var node: Node
    /// Tells 0.0 from -0.0, which are equal as values.
    var floatBits: [UInt64]
  }

  public private(set) var nodes: [Node] = []
  /// Per node.
  public private(set) var schemas: [Schema] = []
  public internal(set) var outputs: [Output] = []
  private var known: [Key: Int] = [:]

  init() {}

  public init(_ job: JobPlan) {
    var seen: [UInt: Int] = [:]
    for output in job.outputs {
      let node = intern(output.input, &seen)
      outputs.append(Output(table: output.table, node: node))
    }
  }

  private mutating func intern(_ plan: LogicalPlan, _ seen: inout [UInt: Int]) -> Int {
    let identity = plan.storageIdentity
    if let identity, let id = seen[identity] { return id }
    let inputs = plan.inputs.map { intern($0, &seen) }
    let id = add(plan, inputs: inputs)
    if let identity { seen[identity] = id }
    return id
  }

  /// The node of an operation over nodes; an equal one when there is one. The operation's own inputs are not looked at.
  mutating func add(_ operation: LogicalPlan, inputs: [Int]) -> Int {
    let operation = operation.withInputs(inputs.map { .values(ValuesRelation(schema: schemas[$0], rows: [])) })
    let node = Node(operation: operation, inputs: inputs)
    let key = Key(node: node, floatBits: operation.floatLiteralBits)
    if let id = known[key] { return id }
    nodes.append(node)
    schemas.append(operation.schema)
    known[key] = nodes.count - 1
    return nodes.count - 1
  }

  /// Every node as a plan with its real inputs; equal sub-plans share their storage.
  public var plans: [LogicalPlan] {
    var plans: [LogicalPlan] = []
    plans.reserveCapacity(nodes.count)
    for node in nodes { plans.append(node.operation.withInputs(node.inputs.map { plans[$0] })) }
    return plans
  }

  public var job: JobPlan {
    let plans = plans
    return JobPlan(outputs: outputs.map { .init(table: $0.table, input: plans[$0.node]) })
  }

  /// Per node, how many inputs of other nodes and outputs of the job it is.
  public var consumerCounts: [Int] {
    var counts = [Int](repeating: 0, count: nodes.count)
    for output in outputs { counts[output.node] += 1 }
    for id in nodes.indices.reversed() where counts[id] > 0 {
      for input in nodes[id].inputs { counts[input] += 1 }
    }
    return counts
  }

  /// The window table right below a grouping by its window (see `Aggregate.windowInput`), nil for any other node.
  public func windowInput(of id: Int) -> WindowTable? {
    let inputs = nodes[id].inputs
    guard case .aggregate(var aggregate) = nodes[id].operation, case .window = nodes[inputs[0]].operation else { return nil }
    aggregate.input = nodes[inputs[0]].operation
    return aggregate.windowInput
  }
}

extension PlanGraph: Equatable {
  public static func == (a: PlanGraph, b: PlanGraph) -> Bool { a.outputs == b.outputs && a.nodes == b.nodes }
}
