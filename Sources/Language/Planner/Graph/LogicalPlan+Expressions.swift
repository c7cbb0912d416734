import MillraceColumns
import MillraceExpressions
import MillracePlan

extension LogicalPlan {
  /// The same operation with each of its own expressions rewritten; inputs are left alone.
  ///
  /// The rewriting must keep the type and `isNullable` of what it is given: both are part of schemas.
  func mappingExpressions(_ map: (Expression) -> Expression) -> LogicalPlan {
    switch self {
    case .scan(var n):
      n.predicate = n.predicate.map(map)
      return .scan(n)
    case .values(var n):
      n.rows = n.rows.map { $0.map(map) }
      return .values(n)
    case .project(var n):
      n.expressions = n.expressions.map(map)
      return .project(n)
    case .filter(var n):
      n.predicate = map(n.predicate)
      return .filter(n)
    case .aggregate(var n):
      n.keys = n.keys.map(map)
      n.aggregates = n.aggregates.map { $0.mappingExpressions(map) }
      return .aggregate(n)
    case .window(var n):
      n.partitionKeys = n.partitionKeys.map(map)
      return .window(n)
    case .union: return self
    case .over(var n):
      n.partitionKeys = n.partitionKeys.map(map)
      for i in n.calls.indices { n.calls[i].call = n.calls[i].call.mappingExpressions(map) }
      return .over(n)
    case .rank(var n):
      n.partitionKeys = n.partitionKeys.map(map)
      for i in n.sortKeys.indices { n.sortKeys[i].expression = map(n.sortKeys[i].expression) }
      return .rank(n)
    case .orderedOver(var n):
      n.partitionKeys = n.partitionKeys.map(map)
      for i in n.sortKeys.indices { n.sortKeys[i].expression = map(n.sortKeys[i].expression) }
      for i in n.calls.indices { n.calls[i] = n.calls[i].mappingExpressions(map) }
      return .orderedOver(n)
    case .join(var n):
      n.leftKeys = n.leftKeys.map(map)
      n.rightKeys = n.rightKeys.map(map)
      n.residual = n.residual.map(map)
      return .join(n)
    case .temporalJoin(var n):
      n.join.leftKeys = n.join.leftKeys.map(map)
      n.join.rightKeys = n.join.rightKeys.map(map)
      n.join.residual = n.join.residual.map(map)
      return .temporalJoin(n)
    case .asOf(var n):
      n.keys = n.keys.map(map)
      for i in n.view.branches.indices {
        n.view.branches[i].keys = n.view.branches[i].keys.map(map)
        n.view.branches[i].filter = n.view.branches[i].filter.map(map)
        for j in n.view.branches[i].aggregates.indices {
          n.view.branches[i].aggregates[j].call = n.view.branches[i].aggregates[j].call.mappingExpressions(map)
        }
      }
      for i in n.view.features.indices {
        n.view.features[i].expression = map(n.view.features[i].expression)
        n.view.features[i].defaultValue = n.view.features[i].defaultValue.map(map)
      }
      return .asOf(n)
    case .predict(var n):
      n.arguments = n.arguments.map(map)
      return .predict(n)
    case .unnest(var n):
      n.source.expression = map(n.source.expression)
      return .unnest(n)
    case .sort(var n):
      for i in n.keys.indices { n.keys[i].expression = map(n.keys[i].expression) }
      return .sort(n)
    case .function(var n):
      n.keys = n.keys.map { $0.map(map) }
      return .function(n)
    }
  }

  /// Bit patterns of the floating-point literals, in order of occurrence.
  var floatLiteralBits: [UInt64] {
    var bits: [UInt64] = []
    _ = mappingExpressions {
      $0.appendFloatBits(to: &bits)
      return $0
    }
    return bits
  }
}

extension OrderedOver.Call {
  func mappingExpressions(_ map: (Expression) -> Expression) -> OrderedOver.Call {
    var copy = self
    copy.arguments = arguments.map(map)
    copy.filter = filter.map(map)
    return copy
  }

  /// Columns of the input that are read.
  var referencedColumns: Set<Int> {
    arguments.reduce(into: filter?.referencedColumns ?? []) { $0.formUnion($1.referencedColumns) }
  }
}

extension AggregateCall {
  func mappingExpressions(_ map: (Expression) -> Expression) -> AggregateCall {
    var copy = self
    copy.arguments = arguments.map(map)
    copy.filter = filter.map(map)
    return copy
  }

  /// Columns of the input that are read.
  var referencedColumns: Set<Int> {
    arguments.reduce(into: filter?.referencedColumns ?? []) { $0.formUnion($1.referencedColumns) }
  }
}

extension Expression {
  fileprivate func appendFloatBits(to bits: inout [UInt64]) {
    if case .literal(let value) = kind { value.appendFloatBits(to: &bits) }
    for operand in operands { operand.appendFloatBits(to: &bits) }
  }
}

extension Value {
  fileprivate func appendFloatBits(to bits: inout [UInt64]) {
    switch self {
    case .float(let value): bits.append(value.bitPattern)
    case .list(let values), .row(let values): for value in values { value.appendFloatBits(to: &bits) }
    case .map(let keys, let values): for value in keys + values { value.appendFloatBits(to: &bits) }
    default: break
    }
  }
}
