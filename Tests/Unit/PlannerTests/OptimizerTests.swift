import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillracePlanner

@Suite struct OptimizerTests {
  @Test func rulesHaveNamesOfTheirOwn() {
    #expect(Set(Optimizer.all.map(\.name)).count == Optimizer.all.count)
  }

  @Test func unknownRulesAreRefused() {
    let error = #expect(throws: MillraceError.self) { try Optimizer(disabledRules: ["constant-foldin"]).optimize(JobPlan(outputs: [])) }
    #expect(error?.description == "no optimiser rule is named constant-foldin\n  hint: did you mean constant-folding?")
  }

  /// 65,536 occurrences of some thirty sub-plans, and a filter that has to go down one level after the other.
  @Test func deeplySharedViewsAreQuick() throws {
    var job = Sample.layeredJob(levels: 16)
    let top = job.outputs[0].input
    job.outputs[0].input = top.filter((top.column("size") .> 3) .&& (top.column("sent_15") .> 1)).select("id", "sent_15")
    let clock = ContinuousClock()
    var result = job
    let elapsed = try clock.measure { result = try Optimizer().optimize(job) }
    #expect(PlanGraph(result).nodes.count <= 2 * PlanGraph(job).nodes.count)
    #expect(result.outputs[0].input.schema == job.outputs[0].input.schema)
    #expect(elapsed < .seconds(5))
  }

  @Test func aDisabledRuleDoesNothing() throws {
    let messages = Sample.users()
    let plan = messages.filter(messages.column("age") .> 3)
    let job = JobPlan(outputs: [.init(table: nil, input: plan)])
    #expect(try Optimizer(disabledRules: Set(Optimizer.all.map(\.name))).optimize(job) == job)
    #expect(try Optimizer(disabledRules: ["filter-into-scan"]).optimize(job) == job)
    #expect(try Optimizer().optimize(job) != job)
  }
}
