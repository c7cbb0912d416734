import MillraceExpressions

extension LogicalPlan {
  /// The expressions of this node alone, of its inputs none.
  package var ownExpressions: [Expression] {
    func of(_ call: AggregateCall) -> [Expression] { call.arguments + (call.filter.map { [$0] } ?? []) }
    switch self {
    case .scan(let n): return n.predicate.map { [$0] } ?? []
    case .values(let n): return n.rows.flatMap { $0 }
    case .project(let n): return n.expressions
    case .filter(let n): return [n.predicate]
    case .aggregate(let n): return n.keys + n.aggregates.flatMap(of)
    case .window, .union: return []
    case .over(let n): return n.partitionKeys + n.calls.flatMap { of($0.call) }
    case .rank(let n): return n.partitionKeys + n.sortKeys.map(\.expression)
    case .orderedOver(let n):
      return n.partitionKeys + n.sortKeys.map(\.expression) + n.calls.flatMap { $0.arguments + ($0.filter.map { [$0] } ?? []) }
    case .join(let n): return n.leftKeys + n.rightKeys + (n.residual.map { [$0] } ?? [])
    case .temporalJoin(let n): return n.join.leftKeys + n.join.rightKeys + (n.join.residual.map { [$0] } ?? [])
    case .asOf(let n): return n.keys
    case .predict(let n): return n.arguments
    case .unnest(let n): return [n.source.expression]
    case .sort(let n): return n.keys.map(\.expression)
    case .function(let n): return n.keys.flatMap { $0 }
    }
  }

  /// A number that two values share only if they share their storage, and so are equal; good while the plan is alive.
  ///
  /// A sub-plan that occurs in several places is usually the same storage, which makes walking a tree as cheap as walking its graph.
  package var storageIdentity: UInt? {
    // An indirect case is a reference to its payload. Should the compiler ever choose another layout, only speed is lost.
    guard MemoryLayout<LogicalPlan>.size == MemoryLayout<UInt>.size else { return nil }
    return unsafeBitCast(self, to: UInt.self)
  }
}
