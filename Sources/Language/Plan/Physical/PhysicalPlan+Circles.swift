extension PhysicalPlan {
  /// Per node the number of its circle: nodes that rows of one source reach, and the sources whose rows reach those.
  public var circles: [Int] {
    var parent = Array(nodes.indices)
    func root(_ x: Int) -> Int {
      var x = x
      while parent[x] != x { x = parent[x] }
      return x
    }
    for node in nodes {
      for input in node.inputs {
        let (a, b) = (root(node.id), root(input.node))
        parent[max(a, b)] = min(a, b)
      }
    }
    return nodes.indices.map(root)
  }
}

extension PhysicalPlan.Node {
  /// Whether rows, or what is made of them, wait here until the watermarks of all inputs have passed them.
  public var holdsRows: Bool {
    switch kind {
    case .source, .values, .filterProject, .unnest, .union, .sink, .collect, .lookupJoin, .predict, .windowAssign, .processingTime: false
    case .hashJoin(let join): join.kind != .inner || join.left.isUpdating || join.right.isUpdating
    default: true
    }
  }
}
