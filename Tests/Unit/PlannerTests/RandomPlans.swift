import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Random well-formed jobs whose parts are shared now and then, over two small streams and a bounded table.
struct RandomPlans {
  /// SplitMix64: the same plans for the same seed everywhere.
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func int(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  mutating func chance(_ percent: Int) -> Bool { int(100) < percent }
  mutating func pick<T>(_ items: [T]) -> T { items[int(items.count)] }

  static let time = DataType.timestamp(precision: 3)

  /// a(t, k, v, w, s): a stream; b the same with a rank; c(k, v, s): no watermark.
  static let tables: [TableDefinition] = {
    let columns = [
      Field("t", time, isNullable: false), Field("k", .int64), Field("v", .int64), Field("w", .int64, isNullable: false), Field("s", .text),
    ]
    return [
      TableDefinition(name: "a", schema: Schema(columns), watermark: .init(column: 0, delayMicros: 0), ordinal: 0),
      TableDefinition(
        name: "b", schema: Schema(columns), watermark: .init(column: 0, delayMicros: 0), options: ["order.rank": "-1"], ordinal: 1),
      TableDefinition(name: "c", schema: Schema([columns[1], columns[2], columns[4]]), ordinal: 2),
    ]
  }()

  /// Streams so far, to be used again.
  private var streams: [LogicalPlan] = []
  private var names = 0

  mutating func job() -> JobPlan {
    streams = Self.tables.prefix(2).map { .scan(Scan(table: $0)) }
    let count = 1 + int(3)
    return JobPlan(outputs: (0..<count).map { _ in .init(table: nil, input: top()) })
  }

  /// A stream, or what ends one.
  private mutating func top() -> LogicalPlan {
    let input = stream(depth: 2 + int(5))
    switch int(10) {
    case 0: return filtered(grouped(input))
    case 6: return filtered(windowJoined(input, stream(depth: 2)))
    case 8: return ranked(input)
    case 4: return filtered(joined(input, stream(depth: 2), interval: true))
    case 5: return filtered(attachedToWindow(input))
    case 1:
      let bounded = LogicalPlan.scan(Scan(table: Self.tables[2]))
      return filtered(joined(input, filtered(bounded), interval: false))
    case 2: return filtered(.sort(Sort(input: input, keys: input.schema.fields.enumerated().map { .init(expression: .column($0, $1)) })))
    case 3: return projected(filtered(grouped(input)))
    default: return input
    }
  }

  /// A relation with event time whose first column is its exact time attribute.
  private mutating func stream(depth: Int) -> LogicalPlan {
    if depth == 0 || chance(15) { return pick(streams) }
    let input = stream(depth: depth - 1)
    let result = grown(input, depth)
    streams.append(result)
    return result
  }

  private mutating func grown(_ input: LogicalPlan, _ depth: Int) -> LogicalPlan {
    switch int(13) {
    case 12: return unnested(input)
    case 0, 1: return filtered(input)
    case 2, 3: return projected(input)
    case 4:
      let over = over(input)
      // On a partition key, when that is a column.
      guard case .over(let n) = over, let key = n.partitionKeys.first, case .column = key.kind, chance(60) else {
        return filtered(over)
      }
      return over.filter(.call(pick(["=", "<"]), [key, .literal(.int(Int64(int(4))), .int64)]))
    case 10: return input.project(input.schema.fields.enumerated().map { ($1.name, .column($0, $1)) })
    case 11: return matched(input)
    case 5, 6: return asked(input, stream(depth: min(1, depth - 1)))
    case 7: return windowGrouped(input)
    case 8:
      let model = ModelDefinition(name: "m", inputs: [Field("x", .int64)], outputs: [Field("p", .int64)], options: [:])
      let scored = LogicalPlan.predict(Predict(input: input, model: model, arguments: [number(input)]))
      return chance(60) ? filtered(scored) : scored
    default:
      let narrow = narrowed(input)
      return .union(Union(inputs: [narrow, chance(50) ? narrow.filter(condition(narrow)) : narrowed(stream(depth: min(1, depth - 1)))]))
    }
  }

  private mutating func name() -> String {
    names += 1
    return "c\(names)"
  }

  private func columns(_ plan: LogicalPlan, _ type: DataType) -> [Expression] {
    plan.schema.fields.enumerated().filter { $1.type == type }.map { .column($0, $1) }
  }

  /// A BIGINT expression that cannot fail, or can when asked.
  private mutating func number(_ plan: LogicalPlan, canFail: Bool = false, depth: Int = 2) -> Expression {
    let all = columns(plan, .int64)
    let leaf = all.isEmpty || chance(15) ? Expression.literal(.int(Int64(int(5))), .int64) : pick(all)
    if depth == 0 || chance(40) { return leaf }
    let other = number(plan, canFail: canFail, depth: depth - 1)
    switch int(canFail ? 5 : 4) {
    case 0: return .call("+", [leaf, other], .int64)
    case 1: return .call("*", [leaf, other], .int64)
    case 2:
      let condition = condition(plan, depth: depth - 1)
      return Expression(
        .caseWhen([condition, leaf], otherwise: other), type: .int64, isNullable: leaf.isNullable || other.isNullable)
    case 3:
      return Expression(.call("COALESCE", [leaf, other]), type: .int64, isNullable: leaf.isNullable && other.isNullable)
    default:
      let zero = Expression.call("=", [leaf, .literal(.int(0), .int64)])
      // Guarded, so that it fails only when a rule takes it out of its guard: unknown leaves are null, not zero.
      return Expression(
        .caseWhen([zero, .literal(.int(-1), .int64)], otherwise: .call("/", [other, leaf], .int64)), type: .int64, isNullable: true)
    }
  }

  mutating func condition(_ plan: LogicalPlan, depth: Int = 2) -> Expression {
    if depth > 0 && chance(45) {
      let a = condition(plan, depth: depth - 1)
      let b = condition(plan, depth: depth - 1)
      switch int(4) {
      case 0: return .call("OR", [a, b])
      case 1: return .call("NOT", [a])
      default: return a .&& b
      }
    }
    let texts = columns(plan, .text)
    let times = columns(plan, Self.time)
    switch int(11) {
    case 10 where !times.isEmpty: return .call(pick(["<", ">="]), [pick(times), .literal(.int(Int64(int(12) * 1000)), Self.time)])
    case 0: return Expression(.call(pick(["IS NULL", "IS NOT NULL"]), [number(plan, depth: 1)]), type: .boolean, isNullable: false)
    case 1: return .literal(.bool(chance(60)), .boolean)
    case 2: return .null(.boolean)
    case 3 where !texts.isEmpty:
      return .call("REGEXP", [pick(texts), .literal(.text(pick(["x", "y|z"])), .text)])
    case 4, 5: return .call(pick(["=", "<", ">="]), [number(plan, depth: 1), .literal(.int(Int64(int(5))), .int64)])
    default:
      // One column, so that it can move.
      let all = columns(plan, .int64)
      let column = all.isEmpty ? Expression.literal(.int(2), .int64) : pick(all)
      return .call(pick(["=", "<", ">", "<>"]), [column, .literal(.int(Int64(int(4))), .int64)])
    }
  }

  private mutating func filtered(_ input: LogicalPlan) -> LogicalPlan {
    let once = input.filter(condition(input))
    return chance(30) ? once.filter(condition(once)) : once
  }

  private mutating func projected(_ input: LogicalPlan) -> LogicalPlan {
    var columns: [(String, Expression)] = [("t", .column(0, input.schema.fields[0]))]
    for _ in 0..<(1 + int(4)) {
      let texts = self.columns(input, .text)
      if !texts.isEmpty && chance(30) {
        columns.append((name(), chance(50) ? pick(texts) : .call("UPPER", [pick(texts)], .text)))
      } else if chance(20) {
        let condition = condition(input, depth: 1)
        columns.append(
          (name(), Expression(.caseWhen([condition, number(input)], otherwise: .null(.int64)), type: .int64, isNullable: true)))
      } else {
        columns.append((name(), number(input, canFail: true)))
      }
    }
    return input.project(columns)
  }

  /// A filter and a projection with the same dear expression.
  private mutating func matched(_ input: LogicalPlan) -> LogicalPlan {
    let texts = columns(input, .text)
    guard !texts.isEmpty else { return filtered(input) }
    let match = Expression.call("REGEXP", [pick(texts), .literal(.text("x|y"), .text)])
    let either = Expression.call("OR", [match, condition(input, depth: 0)])
    let flag = Expression(
      .caseWhen([match, .literal(.int(1), .int64)], otherwise: .literal(.int(0), .int64)), type: .int64, isNullable: false)
    return input.filter(either).project([("t", .column(0, input.schema.fields[0])), (name(), flag), (name(), number(input))])
  }

  /// Each row a few times: copies, or one for each element of an array.
  private mutating func unnested(_ input: LogicalPlan) -> LogicalPlan {
    if chance(50) {
      let copies = Expression(
        .caseWhen([condition(input, depth: 0), .literal(.int(2), .int64)], otherwise: .literal(.int(Int64(int(2))), .int64)), type: .int64,
        isNullable: false)
      return filtered(.unnest(Unnest(input: input, source: .copies(copies), columns: [])))
    }
    let element = Field("element", .int64)
    let array = Expression(.call("ARRAY", [number(input, depth: 0), number(input, depth: 1)]), type: .array(element), isNullable: false)
    return filtered(
      .unnest(
        Unnest(
          input: input, source: .elements(array), columns: [Field(name(), .int64)],
          ordinality: chance(50) ? Field(name(), .int32, isNullable: false) : nil, keepsUnmatched: chance(50))))
  }

  /// Time, a number and another: what unions are made of.
  private mutating func narrowed(_ input: LogicalPlan) -> LogicalPlan {
    var (x, y) = (number(input, depth: 1), number(input, depth: 0))
    x.isNullable = true
    y.isNullable = true
    return input.project([("t", .column(0, input.schema.fields[0])), ("x", x), ("y", y)])
  }

  private mutating func call(_ plan: LogicalPlan) -> AggregateCall {
    let filter = chance(20) ? condition(plan, depth: 1) : nil
    switch int(4) {
    case 0: return AggregateCall(.countStar, [], filter: filter, type: .int64, isNullable: false)
    case 1: return AggregateCall(.count, [number(plan, depth: 1)], filter: filter, type: .int64, isNullable: false)
    case 2: return AggregateCall(.sum, [number(plan, depth: 1)], filter: filter, type: .int64, isNullable: true)
    default: return AggregateCall(.max, [number(plan, depth: 1)], filter: filter, type: .int64, isNullable: true)
    }
  }

  private mutating func over(_ input: LogicalPlan) -> LogicalPlan {
    let count = 1 + int(3)
    var calls = (0..<count).map { _ in
      let start: Over.Frame.Start = pick([.unbounded, .micros(3_000_000), .rows(2)])
      let isRange: Bool = if case .micros = start { true } else if case .rows = start { false } else { chance(50) }
      return Over.Call(call: call(input), frame: .init(start: start, isRange: isRange, excludesCurrentRow: chance(20)))
    }
    if chance(30) { calls.append(calls[0]) }
    let keys = chance(80) ? [pick([number(input, depth: 0), number(input, depth: 0), number(input, depth: 1)])] : []
    return .over(Over(input: input, partitionKeys: keys, timeColumn: 0, calls: calls, names: calls.map { _ in name() }))
  }

  private mutating func asked(_ input: LogicalPlan, _ events: LogicalPlan) -> LogicalPlan {
    var results: [Field] = []
    let sources = chance(40) ? [events, pick(streams)] : [events]
    let branches = sources.map { source in
      var aggregates = (0..<(1 + int(3))).map { _ in
        WindowedAggregate(call: call(source), frame: pick([.unbounded, .lastMicros(4_000_000), .lastRows(3)]))
      }
      if chance(30) { aggregates.append(aggregates[0]) }
      results += aggregates.map { Field("", $0.call.type, isNullable: $0.call.isNullable) }
      return FeatureViewDefinition.Branch(
        input: source, keys: [number(source, depth: 0)], filter: chance(40) ? condition(source) : nil, aggregates: aggregates)
    }
    let features = (0..<(1 + int(4))).map { _ in
      let first = int(results.count)
      let second = int(results.count)
      let sum = Expression.call("+", [.column(first, results[first]), .column(second, results[second])], .int64)
      let expression = chance(50) ? sum : .column(first, results[first])
      let defaultValue = chance(30) ? Expression.literal(.int(7), .int64) : nil
      return FeatureViewDefinition.Feature(
        field: Field(name(), .int64, isNullable: defaultValue == nil && expression.isNullable), expression: expression,
        defaultValue: defaultValue)
    }
    let view = FeatureViewDefinition(name: name(), keys: [Field("key", .int64)], branches: branches, features: features)
    // A shift would make the first column an inexact time for what follows.
    return .asOf(AsOfJoin(input: input, view: view, keys: [number(input, depth: 0)]))
  }

  private mutating func windowGrouped(_ input: LogicalPlan) -> LogicalPlan {
    let grouped = groupedByWindow(input)
    let all = grouped.schema.fields.enumerated().map { ($1.name, Expression.column($0, $1)) }
    // The time column comes first.
    return filtered(grouped).project([all[3], all[0]] + all[4...])
  }

  private mutating func groupedByWindow(_ input: LogicalPlan) -> LogicalPlan {
    let kind: WindowTable.Kind = pick([
      .tumble(sizeMicros: 4_000_000, offsetMicros: 0), .hop(slideMicros: 2_000_000, sizeMicros: 4_000_000, offsetMicros: 0),
      .cumulate(stepMicros: 1_000_000, sizeMicros: 4_000_000, offsetMicros: 0), .session(gapMicros: 1_000_000),
    ])
    let keys = kind.isSession && chance(70) ? [number(input, depth: chance(70) ? 0 : 1)] : []
    let window = LogicalPlan.window(WindowTable(input: input, kind: kind, timeColumn: 0, partitionKeys: keys))
    return grouped(window, by: input, sessionKey: keys.first)
  }

  /// By window, with keys and calls over the window's input only, as the binder has it.
  private mutating func grouped(_ window: LogicalPlan, by input: LogicalPlan, sessionKey: Expression? = nil) -> LogicalPlan {
    let width = input.schema.count
    let fields = window.schema.fields
    let calls = (0..<(1 + int(3))).map { _ in call(input) }
    let key = number(input, depth: 1)
    let keys = [chance(70) ? sessionKey ?? key : key] + (0..<3).map { Expression.column(width + $0, fields[width + $0]) }
    return .aggregate(
      Aggregate(
        input: window, keys: keys, keyNames: [name(), "window_start", "window_end", "window_time"], aggregates: calls,
        names: calls.map { _ in name() }))
  }

  /// Something stands between the window and the grouping, so rows have to be assigned to their windows first.
  private mutating func attachedToWindow(_ input: LogicalPlan) -> LogicalPlan {
    let kind: WindowTable.Kind = chance(70) ? .tumble(sizeMicros: 4_000_000, offsetMicros: 0) : .session(gapMicros: 1_000_000)
    let window = LogicalPlan.window(
      WindowTable(input: input, kind: kind, timeColumn: 0, partitionKeys: kind.isSession ? [number(input, depth: 0)] : []))
    let between =
      chance(50)
      ? window.filter(condition(input)) : window.project(window.schema.fields.enumerated().map { ($1.name, .column($0, $1)) })
    return grouped(between, by: input)
  }

  /// The first rows of partitions, with a filter that says how many, or says it another way.
  private mutating func ranked(_ input: LogicalPlan) -> LogicalPlan {
    let key = chance(60) ? columns(input, .int64).first : nil
    let rank = LogicalPlan.rank(
      Rank(
        input: input, function: .rowNumber, partitionKeys: key.map { [$0] } ?? [],
        sortKeys: [
          .init(expression: number(input, depth: 1), isAscending: chance(50)), .init(expression: .column(0, input.schema.fields[0])),
        ],
        name: name()))
    let number = Expression.column(input.schema.count, rank.schema.fields[input.schema.count])
    let limited = rank.filter(.call(pick(["<=", "<", "=", ">"]), [number, .literal(.int(Int64(int(4))), .int64)]))
    return chance(50) ? projected(limited) : filtered(limited)
  }

  /// A join of windows: of rows, of groups or of both.
  private mutating func windowJoined(_ a: LogicalPlan, _ b: LogicalPlan) -> LogicalPlan {
    let kind: WindowTable.Kind =
      chance(70) ? .hop(slideMicros: 2_000_000, sizeMicros: 4_000_000, offsetMicros: 0) : .session(gapMicros: 1_000_000)
    func windowed(_ input: LogicalPlan) -> LogicalPlan { .window(WindowTable(input: input, kind: kind, timeColumn: 0)) }
    let left = chance(50) ? windowed(a) : grouped(windowed(a), by: a)
    let right = chance(50) ? windowed(b) : grouped(windowed(b), by: b)
    func column(_ plan: LogicalPlan, _ name: String) -> Int { plan.schema.fields.firstIndex { $0.name == name } ?? 0 }
    var join = Join(
      kind: pick([.inner, .left, .right, .full, .semi, .anti]), left: left, right: right, leftKeys: [], rightKeys: [],
      window: .init(
        kind: kind, leftStart: column(left, "window_start"), leftEnd: column(left, "window_end"),
        rightStart: column(right, "window_start"), rightEnd: column(right, "window_end"), lagMicros: 0))
    if chance(60) { (join.leftKeys, join.rightKeys) = ([number(left, depth: 0)], [number(right, depth: 0)]) }
    let both = LogicalPlan.values(ValuesRelation(schema: Schema(left.schema.fields + right.schema.fields), rows: []))
    if chance(60) { join.residual = condition(both) }
    return .join(join)
  }

  /// An updating grouping.
  private mutating func grouped(_ input: LogicalPlan) -> LogicalPlan {
    let keys = (0..<int(3)).map { _ in number(input, depth: 1) }
    var calls = (0..<(1 + int(3))).map { _ in call(input) }
    if chance(30) { calls.append(calls[0]) }
    return .aggregate(
      Aggregate(input: input, keys: keys, keyNames: keys.map { _ in name() }, aggregates: calls, names: calls.map { _ in name() }))
  }

  private mutating func joined(_ left: LogicalPlan, _ right: LogicalPlan, interval: Bool) -> LogicalPlan {
    let kind: Join.Kind = interval ? pick([.inner, .left]) : pick([.inner, .left, .right, .full, .semi, .anti])
    var join = Join(
      kind: kind, left: left, right: right, leftKeys: [number(left, depth: 0)], rightKeys: [number(right, depth: 0)],
      interval: interval ? .init(leftTime: 0, rightTime: 0, lowerMicros: -2_000_000, upperMicros: 1_000_000) : nil)
    let both = LogicalPlan.values(ValuesRelation(schema: Schema(left.schema.fields + right.schema.fields), rows: []))
    if chance(60) { join.residual = condition(both) }
    return .join(join)
  }
}
