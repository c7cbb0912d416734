import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

/// Sessions against their definition: rows by key and time, a new session where two are further apart than the gap.
@Suite struct SessionTests {
  private static let gap: Int64 = 10
  private static let schema = AggregateFixture.schema
  private static let kind = WindowTable.Kind.session(gapMicros: gap * 1000)

  struct Session {
    var key: [Value]
    var start: Int64
    var end: Int64
    var rows: [TestRow]
  }

  /// By end, then encoded key.
  private func naive(_ rows: [TestRow], keys: [Int]) throws -> [Session] {
    var byKey: [[Value]: [TestRow]] = [:]
    for row in rows { byKey[keys.map { row.values[$0] }, default: []].append(row) }
    func time(_ row: TestRow) -> Int64 { if case .int(let time) = row.values[0] { time } else { 0 } }
    var result: [Session] = []
    for (key, rows) in byKey {
      var open: Session?
      for row in rows.sorted(by: { time($0) < time($1) }) {
        if let known = open, time(row) > known.end {
          result.append(known)
          open = nil
        }
        var session = open ?? Session(key: key, start: time(row), end: 0, rows: [])
        session.end = time(row) + Self.gap
        session.rows.append(row)
        open = session
      }
      if let open { result.append(open) }
    }
    let encoded = try result.map { session in
      KeyEncoder.encode(
        try keys.enumerated().map { try Column(type: Self.schema.fields[$1].type, [session.key[$0]]) }, rowCount: 1)[0]
    }
    return result.indices.sorted { a, b in
      guard result[a].end == result[b].end, case (.bytes(let x), .bytes(let y)) = (encoded[a], encoded[b]) else {
        return result[a].end < result[b].end
      }
      return x.lexicographicallyPrecedes(y)
    }.map { result[$0] }
  }

  private func rows(_ count: Int, _ random: inout SeededRandom, disorder: Int64, keys: Int) -> [TestRow] {
    var time: Int64 = -150
    return (0..<count).map { i in
      time += Int64.random(in: 0..<(keys == 1 ? 9 : 4), using: &random)
      if Int.random(in: 0..<40, using: &random) == 0 { time += 40 }
      return AggregateFixture.row(time - Int64.random(in: 0...disorder, using: &random), Int64(i), keys: keys, &random)
    }
  }

  private func spec(keys: [Int], calls: [AggregateCall], lag: Int64 = 0) -> WindowAggregateSpec {
    let boundary = DataType.timestamp(precision: 3)
    var outputs: [WindowAggregateSpec.Output] = keys.indices.map { .key($0) }
    outputs += [.windowStart, .windowEnd, .windowTime] + calls.indices.map { .aggregate($0) }
    return WindowAggregateSpec(
      kind: Self.kind, keys: keys.map { Self.schema.column($0) }, timeColumn: 0, aggregates: calls, outputs: outputs,
      schema: Schema(
        keys.map { Self.schema.fields[$0] }
          + [Field("window_start", boundary), Field("window_end", boundary), Field("window_time", boundary)]
          + calls.enumerated().map { Field("a\($0)", $1.type) }), rank: [128, 255], lagMicros: lag)
  }

  @Test(arguments: [(0, 1), (0, 300), (1, 17), (3, 40)], [0, 5, 35] as [Int64])
  func aggregatesAgreeWithDefinition(_ cuts: (restoreEvery: Int, batchMax: Int), _ disorder: Int64) throws {
    let calls = try AggregateFixture.calls()
    for seed in 1...3 as ClosedRange<UInt64> {
      for (keys, keyCount) in [([1], 4), ([1], 60), ([2, 3], 4), ([], 1)] {
        var random = SeededRandom(seed: seed)
        let input = rows(300, &random, disorder: disorder, keys: keyCount)
        let expected = try naive(input, keys: keys)
        let harness = OperatorHarness(
          schemas: [Self.schema], delay: disorder * 1000, restoreEvery: cuts.restoreEvery, batchMax: cuts.batchMax)
        let actual = try harness.run(input, seed: seed) {
          try SessionAggregateOperator(spec(keys: keys, calls: calls), inputSchema: Self.schema, context: OperatorContext(batchRows: 3))
        }
        #expect(actual.count == expected.count)
        for (row, session) in zip(actual, expected) {
          #expect(row.time == session.end * 1000 - 1000)
          #expect(
            Array(row.values.prefix(keys.count + 3)) == session.key + [.int(session.start), .int(session.end), .int(session.end - 1)])
          for (c, call) in calls.enumerated() {
            let value = try NaiveAggregate.value(call, session.rows)
            if !NaiveAggregate.agree(call, row.values[keys.count + 3 + c], value) {
              Issue.record("seed \(seed), keys \(keys): \(call.function) is \(row.values[keys.count + 3 + c]), not \(value)")
              return
            }
          }
        }
      }
    }
  }

  @Test(arguments: [(0, 1), (0, 300), (1, 17), (3, 40)], [0, 35] as [Int64])
  func rowsComeWithTheirSession(_ cuts: (restoreEvery: Int, batchMax: Int), _ disorder: Int64) throws {
    let input = LogicalPlan.scan(
      Scan(table: TableDefinition(name: "t", schema: Self.schema, watermark: .init(column: 0, delayMicros: 0), ordinal: 0)))
    for seed in 1...3 as ClosedRange<UInt64> {
      for (keys, keyCount) in [([1], 4), ([], 1)] {
        let window = WindowTable(input: input, kind: Self.kind, timeColumn: 0, partitionKeys: keys.map { Self.schema.column($0) })
        var random = SeededRandom(seed: seed)
        let rows = rows(300, &random, disorder: disorder, keys: keyCount)
        var expected: [OutputRow] = []
        let sessions = try naive(rows, keys: keys)
        for end in Set(sessions.map(\.end)).sorted() {
          let closing = sessions.filter { $0.end == end }.flatMap { session in session.rows.map { (session, $0) } }
          for (session, row) in closing.sorted(by: { ($0.1.time ?? 0, $0.1.order) < ($1.1.time ?? 0, $1.1.order) }) {
            expected.append(
              OutputRow(values: row.values + [.int(session.start), .int(end), .int(end - 1)], time: end * 1000 - 1000))
          }
        }
        let harness = OperatorHarness(
          schemas: [Self.schema], delay: disorder * 1000, restoreEvery: cuts.restoreEvery, batchMax: cuts.batchMax)
        let actual = try harness.run(rows, seed: seed) { try SessionAssignOperator(window, context: OperatorContext(batchRows: 7)) }
        #expect(actual.map { OutputRow(values: $0.values, time: $0.time) } == expected)
        for (a, b) in zip(actual, actual.dropFirst()) where a.time == b.time {
          #expect((a.order ?? []).lexicographicallyPrecedes(b.order ?? []))
        }
      }
    }
  }

  /// Held rows of sessions that have ended must not pile up, however long another session goes on.
  @Test func rowsOfEndedSessionsAreForgotten() throws {
    var rows = SessionRows(schema: Self.schema)
    var random = SeededRandom(seed: 3)
    let harness = OperatorHarness(schemas: [Self.schema])
    let batch = try harness.batch((0..<1000).map { AggregateFixture.row(0, Int64($0), keys: 1, &random) }, port: 0)
    var expected: [[Value]] = []
    for round in 0..<200 {
      // Row 0 of each round belongs to the long session 0, the others to one that ends at once.
      rows.append(batch, sessions: [0] + [Int32](repeating: 1, count: 999))
      expected.append(batch.row(0))
      let ended = rows.take([1]) { _, _ in }
      #expect(ended.rowCount == 999, "round \(round)")
    }
    #expect(rows.heldRows < 80_000)
    let long = rows.take([0]) { _, _ in }
    #expect((0..<long.rowCount).map { long.row($0) } == expected)
  }

  @Test func lagHoldsSessionsBack() throws {
    let calls = [try AggregateFixture.call(.countStar)]
    let subject = try SessionAggregateOperator(
      spec(keys: [], calls: calls, lag: 5000), inputSchema: Self.schema, context: OperatorContext())
    var random = SeededRandom(seed: 1)
    let harness = OperatorHarness(schemas: [Self.schema])
    var output = OperatorOutput()
    try subject.process(harness.batch([AggregateFixture.row(3, 0, keys: 1, &random)], port: 0), port: 0, into: &output)
    // The session ends at 13 ms; a row of that very instant would still be in it.
    #expect(try subject.advance(to: 18_000, into: &output) == 12_000)
    #expect(output.batches.isEmpty)
    #expect(try subject.advance(to: 18_001, into: &output) == 12_001)
    #expect(output.batches.count == 1)
  }

  @Test func numbersAreTakenWhenDue() {
    var random = SeededRandom(seed: 8)
    var queue = DueQueue(widthMicros: 7)
    var held: [Int32: Int64] = [:]
    var bound: Int64 = -200
    for number in 0..<2000 as Range<Int32> {
      let time = bound + Int64.random(in: 0..<60, using: &random)
      queue.add(number, at: time)
      held[number] = time
      guard Int.random(in: 0..<5, using: &random) == 0 else { continue }
      bound += Int64.random(in: 0..<9, using: &random)
      let taken = Set(queue.take(before: bound))
      #expect(taken == Set(held.filter { $0.value < bound }.keys))
      for number in taken { held[number] = nil }
    }
    #expect(Set(queue.take(before: .max)) == Set(held.keys))
  }
}
