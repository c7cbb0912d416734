import MillraceExpressions
import MillraceTypes

extension PhysicalPlan {
  /// Per node: whether anything downstream reads the order bytes of its rows. Those of which nobody does need not be made.
  ///
  /// - Parameter isStreaming: results go out as changes rather than once at the end.
  public func needsOrder(isStreaming: Bool) -> [Bool] {
    var needed = [Bool](repeating: false, count: nodes.count)
    for node in nodes.reversed() {
      for input in node.inputs where Self.reads(node.kind, passesOn: needed[node.id], isStreaming: isStreaming) {
        needed[input.node] = true
      }
    }
    return needed
  }

  private static func reads(_ kind: Kind, passesOn: Bool, isStreaming: Bool) -> Bool {
    switch kind {
    case .source, .values, .sink: false
    case .filterProject, .union, .windowAssign, .predict, .lookupJoin: passesOn
    case .function(let function): function.order == .eventTime || passesOn
    // Changes of one instant are made together.
    case .orderedOver(let over): !over.input.isUpdating
    case .groupAggregate(let aggregate): aggregate.aggregates.contains { $0.function.isOrderSensitive }
    case .windowAggregate(let spec): spec.aggregates.contains { $0.function.isOrderSensitive }
    case .hashJoin(let join) where isStreaming && join.kind == .inner && !join.left.isUpdating && !join.right.isUpdating: passesOn
    default: true
    }
  }
}
