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

  @Test func deeplySharedViewsAreQuick() throws {
    let job = Sample.layeredJob(levels: 14)
    let clock = ContinuousClock()
    var result = job
    let elapsed = try clock.measure { result = try Optimizer().optimize(job) }
    print("optimising 14 shared levels took \(elapsed)")
    #expect(PlanGraph(result).nodes.count <= PlanGraph(job).nodes.count + 30)
    #expect(result.outputs[0].input.schema == job.outputs[0].input.schema)
    #expect(elapsed < .seconds(10))
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
