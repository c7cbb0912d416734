import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillracePlanner

/// Rewriting keeps schemas, well-formedness and rows, for all rules together and for each alone, on random plans.
@Suite struct RandomPlanTests {
  private func data(_ seed: UInt64) -> [String: [[Value]]] {
    var random = RandomPlans(seed: seed)
    func number(_ nulls: Int) -> Value { random.chance(nulls) ? .null : .int(Int64(random.int(5))) }
    func text() -> Value { random.pick([.null, .text("x"), .text("y"), .text("xz")]) }
    var result: [String: [[Value]]] = [:]
    for name in ["a", "b"] {
      result[name] = (0..<18).map { _ in [.int(Int64(random.int(12)) * 1000), number(15), number(15), number(0), text()] }
    }
    result["c"] = (0..<7).map { _ in [number(15), number(15), text()] }
    return result
  }

  /// Whether the plan was changed.
  @discardableResult
  private func check(_ optimizer: Optimizer, _ seed: UInt64, _ what: String) throws -> Bool {
    var random = RandomPlans(seed: seed)
    let job = random.job()
    #expect(PlanCheck(job).problems == [], "seed \(seed): the plan itself")
    let optimized = try optimizer.optimize(job)
    #expect(PlanCheck(optimized).problems == [], "seed \(seed), \(what)")
    #expect(optimized.outputs.map(\.input.schema) == job.outputs.map(\.input.schema), "seed \(seed), \(what)")
    #expect(optimized.outputs.map(\.input.isUpdating) == job.outputs.map(\.input.isUpdating), "seed \(seed), \(what)")
    #expect(optimized.outputs.map(\.input.hasEventTime) == job.outputs.map(\.input.hasEventTime), "seed \(seed), \(what)")
    let engine = ReferenceEngine(data: data(seed))
    let expected = try engine.run(job)
    let actual = try engine.run(optimized)
    #expect(
      actual == expected,
      "seed \(seed), \(what)\n\(LogicalPlanText.explain(job))\nbecame\n\(LogicalPlanText.explain(optimized))")
    #expect(try optimizer.optimize(optimized) == optimized, "seed \(seed), \(what): a second time changes something")
    let physical = try PhysicalPlanner.plan(optimized)
    #expect(physical.nodes.allSatisfy { node in node.inputs.allSatisfy { $0.node < node.id } }, "seed \(seed), \(what)")
    return optimized != job && !expected.joined().isEmpty
  }

  @Test(arguments: 0..<8) func allRules(_ block: Int) throws {
    for seed in 0..<25 { try check(Optimizer(), UInt64(block * 25 + seed), "all rules") }
  }

  @Test(arguments: Optimizer.all.map(\.name)) func eachRuleAlone(_ name: String) throws {
    let others = Set(Optimizer.all.map(\.name)).subtracting([name])
    var changed = 0
    for seed in 1000..<1110 { changed += try check(Optimizer(disabledRules: others), UInt64(seed), name) ? 1 : 0 }
    // A rule that finds nothing to do is not tested.
    #expect(changed > 0, "\(name)")
  }

  @Test(arguments: Optimizer.all.map(\.name)) func eachRuleLeftOut(_ name: String) throws {
    for seed in 2000..<2008 { try check(Optimizer(disabledRules: [name]), UInt64(seed), "without \(name)") }
  }
}
