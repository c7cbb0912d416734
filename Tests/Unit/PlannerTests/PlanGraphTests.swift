import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillracePlanner
import MillraceTypes
import Testing

@Suite struct PlanGraphTests {
  @Test func equalSubPlansAreOneNode() {
    let scan = Sample.messages()
    let first = scan.filter(scan.column("size") .> 1)
    let second = Sample.messages().filter(scan.column("size") .> 1)
    let graph = PlanGraph(JobPlan(outputs: [.init(table: nil, input: first), .init(table: nil, input: second)]))
    #expect(graph.nodes.count == 2)
    #expect(graph.outputs.map(\.node) == [1, 1])
    #expect(graph.consumerCounts == [1, 2])
  }

  @Test func zeroesOfDifferentSignAreNotEqual() {
    let scan = Sample.messages()
    let plus = scan.project([("zero", .literal(.float(0.0), .float64))])
    let minus = scan.project([("zero", .literal(.float(-0.0), .float64))])
    let graph = PlanGraph(JobPlan(outputs: [.init(table: nil, input: plus), .init(table: nil, input: minus)]))
    #expect(graph.nodes.count == 3)
    #expect(graph.outputs.map(\.node) == [1, 2])
  }

  @Test func aGraphBecomesTheSameJobAgain() {
    let job = Sample.layeredJob(levels: 4)
    #expect(PlanGraph(job).job == job)
  }

  /// Ten levels of as-of joins over views that use the level below twice: tens of thousands of occurrences of few sub-plans.
  @Test func deeplySharedViewsAreQuick() throws {
    let job = Sample.layeredJob(levels: 14)
    let clock = ContinuousClock()
    var nodeCount = 0
    var operatorCount = 0
    let elapsed = try clock.measure {
      nodeCount = PlanGraph(job).nodes.count
      operatorCount = try PhysicalPlanner.plan(job).nodes.count
    }
    #expect(nodeCount < 100)
    #expect(operatorCount < 120)
    #expect(elapsed < .seconds(2))
  }
}
