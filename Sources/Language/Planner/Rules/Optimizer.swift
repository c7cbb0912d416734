import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Rewrites logical plans by rules until none of them finds more to do.
///
/// The result computes the same rows: each rule says why in its own file. Shared sub-plans stay shared.
public struct Optimizer: Sendable {
  private static let rules: [any PlanRule.Type] = [
    FoldConstants.self, RemoveTrivialNodes.self, MergeFilters.self, MergeProjects.self, ShareAggregates.self, PushFilterThroughProject.self,
    PushFilterThroughRowwise.self, PushFilterThroughKeyed.self, PushFilterIntoJoin.self, PushFilterThroughUnion.self,
    PushFilterIntoScan.self,
  ]

  /// Names of all rules, for switching them off.
  public static var ruleNames: [String] { rules.map { $0.name } + [PruneColumns.name] }

  private let disabled: Set<String>

  /// - Parameter disabled: names of rules to leave out.
  /// - Throws: `invalid-option` for a name that is no rule.
  public init(disabled: Set<String> = []) throws(MillraceError) {
    for name in disabled.sorted() where !Self.ruleNames.contains(name) {
      throw MillraceError(
        .invalidOption, "no optimiser rule is named \(name)",
        hint: nearestName(to: name, among: Self.ruleNames).map { "did you mean \($0)?" }
          ?? "there are \(Self.ruleNames.joined(separator: ", "))")
    }
    self.disabled = disabled
  }

  private init() { disabled = [] }

  /// A job with all rules on.
  public static func optimize(_ job: JobPlan) -> JobPlan { Optimizer().optimize(job) }
  /// A single query with all rules on.
  public static func optimize(_ plan: LogicalPlan) -> LogicalPlan { Optimizer().optimize(plan) }

  public func optimize(_ plan: LogicalPlan) -> LogicalPlan {
    optimize(JobPlan(outputs: [.init(table: nil, input: plan)])).outputs[0].input
  }

  /// Every rule shrinks a plan or moves something toward the sources, so this ends; the bound is against a rule that is wrong.
  private static let passesMax = 50

  public func optimize(_ job: JobPlan) -> JobPlan {
    var job = job
    for _ in 0..<Self.passesMax {
      let before = job
      for rule in Self.rules where !disabled.contains(rule.name) { job = rewritten(job, by: rule) }
      // Pruning comes last: it looks at the whole job, and what it leaves may be trivial.
      if job == before && !disabled.contains(PruneColumns.name) { job = PruneColumns.apply(job) }
      if job == before { break }
    }
    return job
  }

  private func rewritten(_ job: JobPlan, by rule: any PlanRule.Type) -> JobPlan {
    let context = RuleContext(job)
    var known: [LogicalPlan: LogicalPlan] = [:]
    func rewrite(_ plan: LogicalPlan) -> LogicalPlan {
      if let result = known[plan] { return result }
      // The context knows the inputs as they were, so whether an input is shared is asked before it is rewritten.
      var local = context
      var result = plan
      let inputs = plan.inputs
      if !inputs.isEmpty {
        let rewrittenInputs = inputs.map(rewrite)
        for (old, new) in zip(inputs, rewrittenInputs) where context.isShared(old) { local.shared.insert(new) }
        if rewrittenInputs != inputs { result = plan.withInputs(rewrittenInputs) }
      }
      result = rule.apply(result, local) ?? result
      known[plan] = result
      return result
    }
    var job = job
    for i in job.outputs.indices { job.outputs[i].input = rewrite(job.outputs[i].input) }
    return job
  }
}
