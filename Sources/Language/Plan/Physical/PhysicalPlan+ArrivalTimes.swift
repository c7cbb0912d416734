extension PhysicalPlan {
  /// Per node, whether the arrival times of its rows can reach an output of the job. Aggregates' rows have none, and rows that only
  /// enter the windows of a feature view are not seen again: sources below such nodes need not fill them.
  public var arrivalTimesMatter: [Bool] {
    var matter = [Bool](repeating: false, count: nodes.count)
    // Consumers stand behind what they consume.
    for node in nodes.reversed() {
      switch node.kind {
      case .sink, .collect: matter[node.id] = true
      default: break
      }
      guard matter[node.id] else { continue }
      for (port, input) in node.inputs.enumerated() where node.kind.carriesArrivalTimes(port: port) { matter[input.node] = true }
    }
    return matter
  }
}

extension PhysicalPlan.Kind {
  /// Whether rows that leave carry the arrival times of rows that came in at this port.
  fileprivate func carriesArrivalTimes(port: Int) -> Bool {
    switch self {
    case .windowAggregate, .sessionAggregate, .attachedAggregate, .groupAggregate: false
    case .asOf, .temporalJoin: port == 0
    case .function(let function): function.order == .stateless
    default: true
    }
  }
}
