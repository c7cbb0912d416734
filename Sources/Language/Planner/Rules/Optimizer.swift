import MillracePlan
import MillraceTypes

/// Rewrites a job by rules until none has anything left to do.
public struct Optimizer: Sendable {
  /// All rules in the order in which they are tried.
  public static let all: [any Rule] = [
    ConstantFolding(), TrivialFilterRemoval(), FilterMerge(), FilterThroughProject(), FilterThroughAsOf(), FilterThroughPredict(),
    FilterThroughWindow(), FilterThroughOver(), FilterIntoRank(), FilterThroughJoin(), JoinConditionPushdown(), FilterThroughAggregate(),
    FilterThroughUnion(), FilterThroughUnnest(), FilterThroughSort(), FilterIntoScan(), ProjectMerge(), IdentityProjectRemoval(),
    AggregateSharing(), SharedExpressionHoisting(), ColumnPruning(),
  ]

  /// A filter goes down one level in a pass, so deep plans need as many passes as they have levels. The bound is for the case
  /// that two rules should undo each other; the plan is right after any number of passes.
  private static let passCountMax = 200

  /// Names of rules that are left out.
  public var disabledRules: Set<String>

  public init(disabledRules: Set<String> = []) { self.disabledRules = disabledRules }

  /// A job by all rules.
  public static func optimize(_ job: JobPlan) -> JobPlan { rewritten(PlanGraph(job), by: all).job }

  /// - Throws: `invalid-option` when a disabled rule does not exist.
  public func optimize(_ job: JobPlan) throws(MillraceError) -> JobPlan { try optimize(PlanGraph(job)).job }

  /// As `optimize(_ job:)`, for those who go on with the graph.
  public func optimize(_ graph: PlanGraph) throws(MillraceError) -> PlanGraph {
    let names = Self.all.map(\.name)
    for name in disabledRules.sorted() where !names.contains(name) {
      throw MillraceError(
        .invalidOption, "no optimiser rule is named \(name)",
        hint: nearestName(to: name, among: names).map { "did you mean \($0)?" } ?? "there are \(names.joined(separator: ", "))")
    }
    return Self.rewritten(graph, by: Self.all.filter { !disabledRules.contains($0.name) })
  }

  private static func rewritten(_ graph: PlanGraph, by rules: [any Rule]) -> PlanGraph {
    var graph = graph
    for _ in 0..<passCountMax {
      let before = graph
      for rule in rules { graph = rule.rewrite(graph) }
      if graph == before { break }
    }
    return graph
  }
}
