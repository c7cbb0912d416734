import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

/// An aggregate over some rows is the same to the last bit, whether GROUP BY, a window or a feature view gathered them.
@Suite struct AggregateAgreementTests {
  static let functions: [AggregateFunction] = [
    .countStar, .count, .approxCountDistinct, .sum, .avg, .varPop, .varSamp, .stddevPop, .stddevSamp, .min, .max,
  ]

  /// Every function over every type, with a window each and now and then a filter.
  private static func calls(_ random: inout SeededRandom) -> [SlidingCall] {
    let all = Array(SlidingStream.fields.indices)
    let numbers = [0, 1, 2, 3, 4, 8, 10]
    return functions.flatMap { function -> [SlidingCall] in
      let columns: [Int?] =
        switch function {
        case .countStar: [nil]
        case .sum, .avg: numbers
        case .varPop, .varSamp, .stddevPop, .stddevSamp: [2, 3, 10]
        default: all
        }
      return columns.map { column in
        SlidingStream.call(
          function, column, filter: Int.random(in: 0..<4, using: &random) == 0, SlidingStream.randomWindow(&random, rows: true))
      }
    }
  }

  /// The rows that a window of a row of asking holds, from the definition.
  private static func window(_ window: SlidingWindow, _ rows: [NaiveWindows.Row], now: Int64) -> [NaiveWindows.Row] {
    switch window {
    case .unbounded: rows
    case .rows(let count): rows.suffix(Int(max(0, count)))
    case .micros(let length): rows.filter { $0.time >= now - length }
    }
  }

  /// GROUP BY over groups of rows: the value of a call for each group that has rows.
  private static func grouped(
    _ call: AggregateCall, _ groups: [[[Value]]], fields: [Field], seed: UInt64
  ) throws -> [Int: Value] {
    let schema = Schema([Field("group", .int64, isNullable: false)] + fields)
    func shifted(_ expression: Expression) -> Expression { expression.mappingColumns { $0 + 1 } }
    var shiftedCall = call
    shiftedCall.arguments = call.arguments.map(shifted)
    shiftedCall.filter = call.filter.map(shifted)
    let table = TableDefinition(name: "t", schema: schema)
    let aggregate = Aggregate(
      input: .scan(Scan(table: table)), keys: [.column(0, schema.fields[0])], keyNames: ["group"], aggregates: [shiftedCall], names: ["a"])
    // In any order: an aggregate without an order of its own must not see one.
    var random = SeededRandom(seed: seed)
    var rows: [[Value]] = []
    for (number, group) in groups.enumerated() { rows += group.map { [.int(Int64(number))] + $0 } }
    rows.shuffle(using: &random)
    let subject = try GroupAggregateOperator(aggregate, context: OperatorContext(batchRows: 100), emission: .atEnd)
    var output = OperatorOutput()
    var at = 0
    while at < rows.count {
      let end = min(rows.count, at + Int.random(in: 1...200, using: &random))
      let part = rows[at..<end]
      let columns = try schema.fields.enumerated().map { index, field in try Column(type: field.type, part.map { $0[index] }) }
      try subject.process(Batch(schema: schema, columns: columns, rowCount: part.count), port: 0, into: &output)
      at = end
    }
    _ = try subject.advance(to: .end, into: &output)
    var result: [Int: Value] = [:]
    for batch in output.batches {
      for row in 0..<batch.rowCount { if case .int(let group) = batch.columns[0][row] { result[Int(group)] = batch.columns[1][row] } }
    }
    return result
  }

  private static func overNothing(_ call: AggregateCall) -> Value {
    switch call.function {
    case .countStar, .count, .approxCountDistinct: .int(0)
    default: .null
    }
  }

  @Test(arguments: UInt64(1)...6) func groupByOverAWindowsRowsIsTheWindow(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let calls = Self.calls(&random)
    let stream = SlidingStream.random(seed: seed, count: 220, keys: 3, calls: calls)
    let answers = try SlidingDriver(calls).run(stream.events)
    var rows: [Int64: [NaiveWindows.Row]] = [:]
    var asks: [(rows: [NaiveWindows.Row], now: Int64)] = []
    for event in stream.events {
      switch event {
      case .enter(let key, let row): rows[key, default: []].append(row)
      case .ask(let key, let now): asks.append((rows[key] ?? [], now))
      }
    }
    var compared = 0
    for (index, call) in calls.enumerated() {
      let groups = asks.map { Self.window(call.window, $0.rows, now: $0.now).map(\.values) }
      let found = try Self.grouped(call.call, groups, fields: SlidingStream.fields, seed: seed)
      for ask in asks.indices {
        let expected = found[ask] ?? Self.overNothing(call.call)
        compared += 1
        guard answers[ask][index].isIdentical(to: expected) else {
          Issue.record(
            "seed \(seed): \(call.call.function.rawValue) of \(call.call.arguments) over \(call.window) is \(answers[ask][index]), grouped \(expected)"
          )
          break
        }
      }
    }
    #expect(compared > 2000)
  }

  /// Sets large enough that sketches are dense, and sums that cancel.
  @Test(arguments: [10, 300, 5_000]) func largeWindowsAgree(_ distinct: Int) throws {
    var random = SeededRandom(seed: UInt64(distinct))
    let calls =
      [2, 5, 1].map { SlidingStream.call(.approxCountDistinct, $0, .unbounded) }
      + [AggregateFunction.sum, .varSamp].map { SlidingStream.call($0, 2, .unbounded) }
    var events: [SlidingStream.Event] = []
    var rows: [[Value]] = []
    for i in 0..<(distinct * 2) {
      let number = Int.random(in: 0..<distinct, using: &random)
      var values = SlidingStream.randomValues(&random)
      values[1] = .int(Int64(number) << 40)
      values[2] = .float(Double(number) * 0.1 + (i % 2 == 0 ? 1e15 : -1e15))
      values[5] = .text("value \(number)")
      rows.append(values)
      events.append(.enter(key: 1, row: .init(time: Int64(i), values: values)))
    }
    events.append(.ask(key: 1, now: Int64(rows.count)))
    let answers = try SlidingDriver(calls).run(events)[0]
    for (call, answer) in zip(calls, answers) {
      let found = try Self.grouped(call.call, [rows], fields: SlidingStream.fields, seed: 1)[0] ?? .null
      #expect(answer.isIdentical(to: found), "\(call.call.function.rawValue): \(answer), grouped \(found)")
    }
  }

  /// Hopping windows are put together from panes.
  @Test(arguments: UInt64(1)...4) func groupByOverAHoppingWindowsRowsIsTheWindow(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let fields = SlidingStream.fields
    let (size, slide): (Int64, Int64) = (12, 4)
    let calls = Self.calls(&random).map(\.call)
    var rows: [(time: Int64, values: [Value])] = []
    for _ in 0..<80 {
      var values = SlidingStream.randomValues(&random)
      let time = Int64.random(in: 0..<60, using: &random)
      values[9] = .int(time)
      rows.append((time, values))
    }
    let spec = WindowAggregateSpec(
      kind: .hop(slideMicros: slide * 1000, sizeMicros: size * 1000, offsetMicros: 0), keys: [], timeColumn: 9, aggregates: calls,
      outputs: [.windowStart] + calls.indices.map { .aggregate($0) },
      schema: Schema(
        [Field("window_start", .timestamp(precision: 3))] + calls.enumerated().map { Field("a\($0)", $1.type) }), rank: [128, 255])
    let subject = try WindowAggregateOperator(spec, inputSchema: Schema(fields), context: OperatorContext())
    let columns = try fields.enumerated().map { index, field in try Column(type: field.type, rows.map { $0.values[index] }) }
    var batch = Batch(schema: Schema(fields), columns: columns, rowCount: rows.count)
    batch.eventTimes = .int64s(rows.map { $0.time * 1000 })
    batch.order = KeyEncoder.encode([.int64s(rows.indices.map { Int64($0) })], rowCount: rows.count, prefix: [128, 0])
    var output = OperatorOutput()
    try subject.process(batch, port: 0, into: &output)
    _ = try subject.advance(to: .end, into: &output)
    var windows: [(start: Int64, values: [Value])] = []
    for batch in output.batches {
      for row in 0..<batch.rowCount {
        if case .int(let start) = batch.columns[0][row] { windows.append((start, Array(batch.row(row).dropFirst()))) }
      }
    }
    #expect(windows.count >= 15)
    let groups = windows.map { window in rows.filter { $0.time >= window.start && $0.time < window.start + size }.map(\.values) }
    for (index, call) in calls.enumerated() {
      let found = try Self.grouped(call, groups, fields: fields, seed: seed)
      for (number, window) in windows.enumerated() {
        let expected = found[number] ?? Self.overNothing(call)
        #expect(
          window.values[index].isIdentical(to: expected),
          "seed \(seed): \(call.function.rawValue) of \(call.arguments) is \(window.values[index]), grouped \(expected)")
      }
    }
  }
}
