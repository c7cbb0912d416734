import MillraceExpressions
import MillracePlan

/// A rewriting of one node of a logical plan into one that gives the same rows, in the same total order, with the same schema
/// (names, types, nullability) and the same hidden event time, for less work.
///
/// It looks at the node and what is below, never at what is above, so equal sub-plans are rewritten alike and stay one node of
/// the job. What moves into a node below must ask `context.isShared` first: a shared node is computed once, and a private copy
/// with one more filter would be computed again.
protocol PlanRule: Sendable {
  /// The name by which it can be turned off.
  static var name: String { get }
  /// The better node, or nil when there is nothing to do. The inputs have been rewritten already.
  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan?
}

/// What rules may know about the rest of the job.
struct RuleContext {
  /// Nodes with more than one reader in the plan as it was before this pass.
  var shared: Set<LogicalPlan>

  func isShared(_ plan: LogicalPlan) -> Bool { shared.contains(plan) }

  init(_ job: JobPlan) {
    var readers: [LogicalPlan: Int] = [:]
    func visit(_ plan: LogicalPlan) {
      readers[plan, default: 0] += 1
      if readers[plan] == 1 { for input in plan.inputs { visit(input) } }
    }
    for output in job.outputs { visit(output.input) }
    shared = Set(readers.lazy.filter { $0.value > 1 }.map(\.key))
  }
}

extension Expression {
  /// The expression over a projection's output, as an expression over its input.
  func substituting(_ definitions: [Expression]) -> Expression {
    transformed { node in
      guard case .column(let index) = node.kind, index < definitions.count else { return node }
      return definitions[index]
    }
  }

  /// Whether every column it reads is below a bound.
  func reads(onlyBelow bound: Int) -> Bool { referencedColumns.allSatisfy { $0 < bound } }
}
