import MillraceExpressions
import MillracePlan

extension LogicalPlan {
  /// The same node with every scalar expression in it rewritten; what is below stays. The rewriting must keep type and nullability.
  func mappingExpressions(_ body: (Expression) -> Expression) -> LogicalPlan {
    switch self {
    case .scan(var n):
      n.predicate = n.predicate.map(body)
      return .scan(n)
    case .values, .window, .union: return self
    case .project(var n):
      n.expressions = n.expressions.map(body)
      return .project(n)
    case .filter(var n):
      n.predicate = body(n.predicate)
      return .filter(n)
    case .aggregate(var n):
      n.keys = n.keys.map(body)
      n.aggregates = n.aggregates.map { $0.mapping(body) }
      return .aggregate(n)
    case .over(var n):
      n.partitionKeys = n.partitionKeys.map(body)
      for i in n.calls.indices { n.calls[i].call = n.calls[i].call.mapping(body) }
      return .over(n)
    case .join(var n):
      n.leftKeys = n.leftKeys.map(body)
      n.rightKeys = n.rightKeys.map(body)
      n.residual = n.residual.map(body)
      return .join(n)
    case .asOf(var n):
      n.keys = n.keys.map(body)
      for i in n.view.branches.indices {
        n.view.branches[i].keys = n.view.branches[i].keys.map(body)
        n.view.branches[i].filter = n.view.branches[i].filter.map(body)
        for j in n.view.branches[i].aggregates.indices {
          n.view.branches[i].aggregates[j].call = n.view.branches[i].aggregates[j].call.mapping(body)
        }
      }
      for i in n.view.features.indices {
        n.view.features[i].expression = body(n.view.features[i].expression)
        n.view.features[i].defaultValue = n.view.features[i].defaultValue.map(body)
      }
      return .asOf(n)
    case .predict(var n):
      n.arguments = n.arguments.map(body)
      return .predict(n)
    case .sort(var n):
      for i in n.keys.indices { n.keys[i].expression = body(n.keys[i].expression) }
      return .sort(n)
    }
  }
}

extension AggregateCall {
  func mapping(_ body: (Expression) -> Expression) -> AggregateCall {
    var copy = self
    copy.arguments = arguments.map(body)
    copy.filter = filter.map(body)
    return copy
  }

  /// Columns of the input that it reads.
  var referencedColumns: Set<Int> {
    arguments.reduce(into: filter?.referencedColumns ?? []) { $0.formUnion($1.referencedColumns) }
  }
}
