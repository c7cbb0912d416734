import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillracePlanner

/// One rule alone, until it has nothing left to do.
func rewritten(_ plan: LogicalPlan, by rules: any Rule...) -> LogicalPlan { rewritten([plan], by: rules)[0] }

func rewritten(_ plans: [LogicalPlan], by rules: [any Rule]) -> [LogicalPlan] {
  var graph = PlanGraph(JobPlan(outputs: plans.map { .init(table: nil, input: $0) }))
  for _ in 0..<50 {
    let before = graph
    for rule in rules { graph = rule.rewrite(graph) }
    if graph == before { break }
  }
  return graph.job.outputs.map(\.input)
}

@Suite struct FilterPushdownTests {
  let messages = Sample.messages()
  let users = Sample.users()

  /// May fail: a division of integers.
  func risky(_ plan: LogicalPlan) -> Expression {
    .call(">", [.call("/", [.literal(.int(100), .int32), plan.column("size")], .int32), .literal(.int(3), .int32)])
  }

  @Test func throughProject() {
    let upper = Expression.call("UPPER", [messages.column("text")], .text)
    let twice = Expression.call("+", [messages.column("size"), messages.column("size")], .int32)
    let plan = messages.project([("who", messages.column("sender")), ("twice", twice), ("loud", upper)])
    let loud = Expression.call("=", [plan.column("loud"), .literal(.text("A"), .text)])
    let result = rewritten(plan.filter(plan.column("twice") .> 4 .&& loud), by: FilterThroughProject())
    let below = messages.filter(.call(">", [twice, .literal(.int(4), .int32)]))
    let expected = below.project([("who", messages.column("sender")), ("twice", twice), ("loud", upper)])
    // UPPER is dear: its condition stays above, where it is computed once.
    #expect(result == expected.filter(loud))
  }

  @Test func conditionsThatMayFailStay() {
    let plan = messages.select("id", "size")
    let condition = risky(plan)
    #expect(rewritten(plan.filter(condition), by: FilterThroughProject()) == plan.filter(condition))
    let both = condition .&& (plan.column("id") .> 1)
    let expected = messages.filter(messages.column("id") .> 1).select("id", "size").filter(condition)
    #expect(rewritten(plan.filter(both), by: FilterThroughProject()) == expected)
    #expect(rewritten(messages.filter(risky(messages)), by: FilterIntoScan()) == messages.filter(risky(messages)))
  }

  @Test func notBelowWhatOthersRead() {
    let plan = messages.select("id", "size")
    let filtered = plan.filter(plan.column("id") .> 1)
    #expect(rewritten([filtered, plan], by: [FilterThroughProject()]) == [filtered, plan])
  }

  @Test func intoScan() {
    var scan = Scan(table: Sample.messagesTable(watermark: false), columns: [4, 0])
    scan.table.computed[0] = .literal(.int(7), .int64)
    let plan = LogicalPlan.scan(scan)
    let onComputed = plan.column("id") .> 1
    let result = rewritten(plan.filter((plan.column("size") .> 3) .&& onComputed), by: FilterIntoScan())
    scan.predicate = messages.column("size") .> 3
    #expect(result == LogicalPlan.scan(scan).filter(onComputed))
    // Rows that are skipped unread would not move the clock.
    let timed = messages.filter(messages.column("size") .> 3)
    #expect(rewritten(timed, by: FilterIntoScan()) == timed)
  }

  func join(_ kind: Join.Kind, residual: Expression? = nil) -> LogicalPlan {
    .join(
      Join(
        kind: kind, left: messages, right: users, leftKeys: [messages.column("sender")], rightKeys: [users.column("id")],
        residual: residual))
  }

  @Test(arguments: [
    (Join.Kind.inner, true, true), (.left, true, false), (.right, false, true), (.full, false, false),
  ])
  func throughJoin(kind: Join.Kind, left: Bool, right: Bool) {
    let plan = join(kind)
    let onLeft = plan.column("size") .> 3
    let onRight = plan.column("age") .> 18
    let onBoth = Expression.call("<", [plan.column("size"), plan.column("age")])
    let result = rewritten(plan.filter(onLeft .&& onRight .&& onBoth), by: FilterThroughJoin())
    guard case .join(var expected) = plan else { return }
    if left { expected.left = messages.filter(messages.column("size") .> 3) }
    if right {
      // Over the join's columns the age may be null for lack of a match as well: only the position is what matters.
      expected.right = users.filter(onRight.mappingColumns { $0 - 7 })
    }
    // What reads both sides becomes the join's own condition where a row without a match is dropped anyway.
    if kind == .inner { expected.residual = onBoth }
    let kept = (left ? [] : [onLeft]) + (right ? [] : [onRight]) + (kind == .inner ? [] : [onBoth])
    #expect(result == (kept.isEmpty ? LogicalPlan.join(expected) : LogicalPlan.join(expected).filter(.conjunction(kept))))
  }

  @Test func equalPairsBecomeKeysOfAnInnerJoin() {
    let plan = LogicalPlan.join(Join(kind: .inner, left: messages, right: users, leftKeys: [], rightKeys: []))
    let isSame = Expression.call("=", [plan.column("name"), plan.column("text")])
    let result = rewritten(plan.filter(isSame), by: FilterThroughJoin())
    guard case .join(var expected) = plan else { return }
    expected.leftKeys = [messages.column("text")]
    expected.rightKeys = [users.column("name")]
    #expect(result == .join(expected))
  }

  @Test func throughUnnestOnTheInputsColumns() {
    func copied(_ input: LogicalPlan) -> LogicalPlan {
      .unnest(
        Unnest(
          input: input, source: .copies(input.column("size")), columns: [], ordinality: Field("n", .int32, isNullable: false)))
    }
    let plan = copied(messages)
    let own = plan.column("size") .> 3
    let number = Expression.call(">", [plan.column("n"), .literal(.int(1), .int32)])
    #expect(
      rewritten(plan.filter(own .&& number), by: FilterThroughUnnest())
        == copied(messages.filter(messages.column("size") .> 3)).filter(number))
  }

  @Test(arguments: [
    (Join.Kind.inner, true, true), (.left, false, true), (.right, true, false), (.full, false, false),
  ])
  func joinConditions(kind: Join.Kind, left: Bool, right: Bool) {
    let plan = join(kind)
    let onLeft = plan.column("size") .> 3
    let onRight = plan.column("age") .> 18
    let result = rewritten(join(kind, residual: onLeft .&& onRight), by: JoinConditionPushdown())
    guard case .join(var expected) = plan else { return }
    if left { expected.left = messages.filter(onLeft) }
    if right { expected.right = users.filter(onRight.mappingColumns { $0 - 7 }) }
    let kept = (left ? [] : [onLeft]) + (right ? [] : [onRight])
    expected.residual = kept.isEmpty ? nil : .conjunction(kept)
    #expect(result == .join(expected))
  }

  @Test func throughAsOf() {
    func asked(_ input: LogicalPlan) -> LogicalPlan {
      .asOf(AsOfJoin(input: input, view: Sample.senderView(over: messages), keys: [input.column("sender")], shiftMicros: 60_000_000))
    }
    let plan = asked(messages)
    let own = plan.column("size") .> 3
    let feature = plan.column("sent_1m") .> 2
    let result = rewritten(plan.filter(own .&& feature), by: FilterThroughAsOf())
    // Only the asking side is filtered, not what the view counts.
    #expect(result == asked(messages.filter(messages.column("size") .> 3)).filter(feature))
  }

  @Test func throughOverOnPartitionKeysOnly() {
    func over(_ input: LogicalPlan) -> LogicalPlan {
      .over(
        Over(
          input: input, partitionKeys: [input.column("sender")], timeColumn: 6,
          calls: [.init(call: .countStar, frame: .init(start: .unbounded, isRange: true))], names: ["n"]))
    }
    let plan = over(messages)
    let result = rewritten(plan.filter((plan.column("sender") .> 3) .&& (plan.column("size") .> 3)), by: FilterThroughOver())
    #expect(result == over(messages.filter(messages.column("sender") .> 3)).filter(plan.column("size") .> 3))
  }

  func windowed(_ input: LogicalPlan) -> LogicalPlan {
    .window(WindowTable(input: input, kind: .tumble(sizeMicros: 60_000_000, offsetMicros: 0), timeColumn: 6))
  }

  func grouped(_ window: LogicalPlan, _ names: String...) -> LogicalPlan {
    .aggregate(Aggregate(input: window, keys: names.map { window.column($0) }, keyNames: names, aggregates: [.countStar], names: ["n"]))
  }

  @Test func throughGroupingByWindow() {
    let plan = grouped(windowed(messages), "window_start", "window_end", "sender")
    let start = Expression.call(">", [plan.column("window_start"), .literal(.int(0), .timestamp(precision: 3))])
    let result = rewritten(plan.filter((plan.column("sender") .> 3) .&& start .&& (plan.column("n") .> 1)), by: FilterThroughAggregate())
    let below = grouped(windowed(messages.filter(messages.column("sender") .> 3)), "window_start", "window_end", "sender")
    #expect(result == below.filter(start .&& (plan.column("n") .> 1)))
  }

  @Test func groupingsKeepTheirKind() {
    // With a filter between the window table and the grouping it emits by window all the same.
    let window = windowed(messages)
    let plan = grouped(window.filter(window.column("size") .> 3), "window_start", "window_end")
    let result = rewritten(plan, by: FilterThroughWindow())
    guard case .aggregate(let aggregate) = result else {
      Issue.record("not a grouping any more")
      return
    }
    #expect(aggregate.window?.kind == .tumble(sizeMicros: 60_000_000, offsetMicros: 0))
    #expect([aggregate.input] == [windowed(messages.filter(messages.column("size") .> 3))])
  }

  @Test func throughUnionSortAndPredict() {
    let model = ModelDefinition(name: "m", inputs: [Field("size", .int32)], outputs: [Field("p", .float64)], options: [:])
    func predict(_ input: LogicalPlan) -> LogicalPlan {
      .predict(Predict(input: input, model: model, arguments: [input.column("size")]))
    }
    let scored = predict(messages)
    let small = scored.column("size") .> 3
    let sure = scored.column("p") .> 0.5
    #expect(
      rewritten(scored.filter(small .&& sure), by: FilterThroughPredict())
        == predict(messages.filter(messages.column("size") .> 3)).filter(sure))

    let other = messages.filter(messages.column("id") .> 9)
    let union = LogicalPlan.union(Union(inputs: [messages, other]))
    let condition = messages.column("size") .> 3
    #expect(
      rewritten(union.filter(condition), by: FilterThroughUnion())
        == .union(Union(inputs: [messages.filter(condition), other.filter(condition)])))

    func sorted(_ input: LogicalPlan, _ limit: Int?) -> LogicalPlan {
      .sort(Sort(input: input, keys: [.init(expression: input.column("size"))], limit: limit))
    }
    #expect(rewritten(sorted(messages, nil).filter(condition), by: FilterThroughSort()) == sorted(messages.filter(condition), nil))
    #expect(rewritten(sorted(messages, 3).filter(condition), by: FilterThroughSort()) == sorted(messages, 3).filter(condition))
  }

  @Test func merge() {
    let first = messages.column("id") .> 1
    let second = messages.column("size") .> 2
    #expect(rewritten(messages.filter(first).filter(second).filter(first), by: FilterMerge()) == messages.filter(first .&& second))
    // A row that either refuses is dropped before the division counts.
    #expect(rewritten(messages.filter(second).filter(risky(messages)), by: FilterMerge()) == messages.filter(second .&& risky(messages)))
  }

  @Test func trivialFilters() {
    #expect(rewritten(messages.filter(.true), by: TrivialFilterRemoval()) == messages)
    let never = messages.filter(.literal(.bool(false), .boolean))
    #expect(rewritten(never, by: TrivialFilterRemoval()) == never)
  }
}
