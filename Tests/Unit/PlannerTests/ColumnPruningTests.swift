import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillracePlanner

@Suite struct ColumnPruningTests {
  let messages = Sample.messages()

  func scan(_ columns: [Int]) -> LogicalPlan {
    guard case .scan(var scan) = messages else { return messages }
    scan.columns = columns
    return .scan(scan)
  }

  @Test func unusedColumnsAreNotRead() {
    let plan = messages.filter(messages.column("size") .> 3).select("text", "id")
    let narrow = scan([0, 3, 4])
    #expect(rewritten(plan, by: ColumnPruning()) == narrow.filter(narrow.column("size") .> 3).select("text", "id"))
  }

  @Test func whatIsSharedStaysShared() {
    let plans = rewritten([messages.select("id"), messages.select("text")], by: [ColumnPruning()])
    let narrow = scan([0, 3])
    #expect(plans == [narrow.select("id"), narrow.select("text")])
  }

  @Test func somethingIsAlwaysRead() {
    let count = LogicalPlan.aggregate(Aggregate(input: messages, keys: [], keyNames: [], aggregates: [.countStar], names: ["n"]))
    guard case .aggregate(let result) = rewritten(count, by: ColumnPruning()) else { return }
    #expect(result.input == scan([6]))
  }

  @Test func lateRowsKeepTheirColumns() {
    let late = LogicalPlan.scan(Scan(table: Sample.messagesTable(options: ["late-rows.path": "late"])))
    #expect(rewritten(late.select("id"), by: ColumnPruning()) == late.select("id"))
  }

  @Test func unusedAggregatesAndCalls() {
    let calls = [AggregateCall.countStar, .sum(messages.column("size")), .sum(messages.column("score"))]
    let grouped = LogicalPlan.aggregate(
      Aggregate(input: messages, keys: [messages.column("room")], keyNames: ["room"], aggregates: calls, names: ["n", "s", "x"]))
    guard case .project(let top) = rewritten(grouped.select("x"), by: ColumnPruning()), case .aggregate(let result) = top.input else {
      Issue.record("unexpected shape")
      return
    }
    #expect(result.names == ["x"])
    #expect(result.input == scan([2, 5]))
    #expect(top.expressions.map(\.kind) == [.column(1)])

    let over = LogicalPlan.over(
      Over(
        input: messages, partitionKeys: [messages.column("sender")], timeColumn: 6,
        calls: calls.map { .init(call: $0, frame: .init(start: .rows(3), isRange: false)) }, names: ["n", "s", "x"]))
    guard case .project(let p) = rewritten(over.select("id", "s"), by: ColumnPruning()), case .over(let kept) = p.input else {
      Issue.record("unexpected shape")
      return
    }
    #expect(kept.names == ["s"])
    // The time column orders the rows.
    #expect(kept.input == scan([0, 1, 4, 6]))
    #expect(kept.timeColumn == 3)
    #expect(p.expressions.map(\.kind) == [.column(0), .column(4)])
    #expect(rewritten(over.select("id"), by: ColumnPruning()) == scan([0]).select("id"))
  }

  @Test func unusedFeaturesAndBranches() {
    let ratings = LogicalPlan.scan(Scan(table: Sample.messagesTable("ratings")))
    let asked = LogicalPlan.asOf(
      AsOfJoin(input: messages, view: Sample.senderView(over: messages, and: ratings), keys: [messages.column("sender")]))
    // Two queries, each with a feature of its own.
    let plans = rewritten([asked.select("id", "score_10"), asked.select("id", "size_1h")], by: [ColumnPruning()])
    let joins = plans.compactMap { if case .project(let p) = $0, case .asOf(let n) = p.input { n } else { nil } }
    #expect(joins.count == 2)
    #expect(joins[0] == joins[1])
    let view = joins[0].view
    #expect(view.features.map(\.field.name) == ["size_1h", "score_10"])
    #expect(view.features.map(\.expression.kind) == [.column(0), .column(1)])
    #expect(view.branches.map(\.aggregates.count) == [1, 1])
    #expect(PlanCheck(JobPlan(outputs: plans.map { .init(table: nil, input: $0) })).problems == [])

    guard case .project(let p) = rewritten(asked.select("id", "rated"), by: ColumnPruning()), case .asOf(let one) = p.input else { return }
    #expect(one.view.branches.map(\.input.schema.fields.count) == [2])
    #expect(one.view.branches[0].input.inputs.isEmpty)
    // Nobody asks for anything.
    #expect(rewritten(asked.select("id"), by: ColumnPruning()) == scan([0]).select("id"))
  }

  @Test func joinsCarryWhatIsRead() {
    let users = Sample.users()
    let join = LogicalPlan.join(
      Join(kind: .left, left: messages, right: users, leftKeys: [messages.column("sender")], rightKeys: [users.column("id")]))
    guard case .project(let p) = rewritten(join.select("text", "name"), by: ColumnPruning()), case .join(let kept) = p.input else {
      Issue.record("unexpected shape")
      return
    }
    #expect(kept.left == scan([1, 3]))
    #expect(kept.right.schema.fields.map(\.name) == ["id", "name"])
    #expect(p.expressions.map(\.kind) == [.column(1), .column(3)])
    #expect(p.schema == join.select("text", "name").schema)
  }

  @Test func inputsOfOneUnionStayAlike() {
    let filtered = messages.filter(messages.column("size") .> 3)
    let union = LogicalPlan.union(Union(inputs: [filtered, messages]))
    let result = rewritten(union.select("id"), by: ColumnPruning())
    #expect(PlanCheck(JobPlan(outputs: [.init(table: nil, input: result)])).problems == [])
    #expect(result.inputs[0].schema.fields.map(\.name) == ["id"])
  }
}
