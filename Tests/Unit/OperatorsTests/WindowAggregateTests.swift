import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct WindowAggregateTests {
  struct Windows: Sendable, CustomTestStringConvertible {
    var kind: WindowTable.Kind
    var size: Int64
    var slide: Int64
    var offset: Int64 = 0
    var isCumulating = false
    var testDescription: String { "\(isCumulating ? "cumulating " : "")size \(size) slide \(slide) offset \(offset)" }
    init(size: Int64, step: Int64, offset: Int64 = 0) {
      (self.size, slide, self.offset, isCumulating) = (size, step, offset, true)
      kind = .cumulate(stepMicros: step * 1000, sizeMicros: size * 1000, offsetMicros: offset * 1000)
    }
    init(size: Int64, slide: Int64, offset: Int64 = 0) {
      (self.size, self.slide, self.offset) = (size, slide, offset)
      kind =
        size == slide
        ? .tumble(sizeMicros: size * 1000, offsetMicros: offset * 1000)
        : .hop(slideMicros: slide * 1000, sizeMicros: size * 1000, offsetMicros: offset * 1000)
    }
  }
  static let windows = [
    Windows(size: 10, slide: 10), Windows(size: 10, slide: 10, offset: 3), Windows(size: 10, slide: 2),
    Windows(size: 10, slide: 4), Windows(size: 9, slide: 3, offset: -2), Windows(size: 3, slide: 5),
    Windows(size: 12, step: 3), Windows(size: 12, step: 4, offset: 5),
  ]

  private func spec(_ windows: Windows, keys: [Int], calls: [AggregateCall], lag: Int64 = 0) -> WindowAggregateSpec {
    let schema = AggregateFixture.schema
    var outputs: [WindowAggregateSpec.Output] = keys.indices.map { .key($0) }
    outputs += [.windowStart, .windowEnd, .windowTime] + calls.indices.map { .aggregate($0) }
    let boundary = DataType.timestamp(precision: 3)
    return WindowAggregateSpec(
      kind: windows.kind, keys: keys.map { schema.column($0) }, timeColumn: 0, aggregates: calls, outputs: outputs,
      schema: Schema(
        keys.map { schema.fields[$0] } + [Field("window_start", boundary), Field("window_end", boundary), Field("window_time", boundary)]
          + calls.enumerated().map { Field("a\($0)", $1.type) }), rank: [128, 255], lagMicros: lag)
  }

  /// Every window that holds a row, by definition.
  private func naive(_ windows: Windows, _ rows: [TestRow], keys: [Int], calls: [AggregateCall]) throws -> [OutputRow] {
    var groups: [Int64: [[Value]: [TestRow]]] = [:]
    var starts: [Int64: Int64] = [:]
    for row in rows {
      guard case .int(let time) = row.values[0] else { continue }
      for start in (time - windows.size + 1)...time
      where (start - windows.offset) % (windows.isCumulating ? windows.size : windows.slide) == 0 {
        let first = windows.isCumulating ? start + windows.slide : start + windows.size
        for end in stride(from: first, through: start + windows.size, by: Int(windows.slide)) where end > time {
          starts[end] = start
          groups[end, default: [:]][keys.map { row.values[$0] }, default: []].append(row)
        }
      }
    }
    var result: [OutputRow] = []
    for end in groups.keys.sorted() {
      let (start, byKey) = (starts[end] ?? 0, groups[end] ?? [:])
      let ordered = try byKey.keys.map { key in
        (
          key,
          KeyEncoder.encode(
            try keys.indices.map { try Column(type: AggregateFixture.schema.fields[keys[$0]].type, [key[$0]]) }, rowCount: 1)[0]
        )
      }.sorted { a, b in
        guard case (.bytes(let x), .bytes(let y)) = (a.1, b.1) else { return false }
        return x.lexicographicallyPrecedes(y)
      }
      for (key, _) in ordered {
        let values = try calls.map { try NaiveAggregate.value($0, byKey[key] ?? []) }
        result.append(OutputRow(values: key + [.int(start), .int(end), .int(end - 1)] + values, time: end * 1000 - 1000))
      }
    }
    return result
  }

  private func rows(_ count: Int, _ random: inout SeededRandom, disorder: Int64 = 5, keys: Int = 4) -> [TestRow] {
    // Times before and after 1970.
    var time: Int64 = -150
    return (0..<count).map { i in
      time += Int64.random(in: 0..<4, using: &random)
      if Int.random(in: 0..<60, using: &random) == 0 { time += 40 }
      return AggregateFixture.row(time - Int64.random(in: 0...disorder, using: &random), Int64(i), keys: keys, &random)
    }
  }

  private func check(_ actual: [OutputRow], _ expected: [OutputRow], _ calls: [AggregateCall], keys: Int, _ label: String) {
    #expect(actual.count == expected.count, "\(label)")
    for (a, e) in zip(actual, expected) {
      let same =
        a.time == e.time && a.values.prefix(keys + 3) == e.values.prefix(keys + 3)
        && calls.indices.allSatisfy { NaiveAggregate.agree(calls[$0], a.values[keys + 3 + $0], e.values[keys + 3 + $0]) }
      if !same {
        let wrong = calls.indices.filter { !NaiveAggregate.agree(calls[$0], a.values[keys + 3 + $0], e.values[keys + 3 + $0]) }
        Issue.record("\(label): \(a) is not \(e); wrong: \(wrong.map { calls[$0].function })")
        return
      }
    }
  }

  /// Lists of aggregates that merge their panes in different ways.
  enum Calls: String, CaseIterable, Sendable {
    /// Everything there is.
    case all
    /// Sums of words, which a window adds and subtracts.
    case additive
    /// State in words only, merged for each window.
    case words

    func make() throws -> [AggregateCall] {
      switch self {
      case .all: try AggregateFixture.calls()
      case .additive:
        try [
          AggregateFixture.call(.countStar), AggregateFixture.call(.sum, 4), AggregateFixture.call(.sum, 3),
          AggregateFixture.call(.count, 2), AggregateFixture.call(.sum, 4, filter: true),
        ]
      case .words:
        try [
          AggregateFixture.call(.countStar), AggregateFixture.call(.sum, 5), AggregateFixture.call(.avg, 3),
          AggregateFixture.call(.max, 4), AggregateFixture.call(.min, 5), AggregateFixture.call(.stddevSamp, 5),
        ]
      }
    }
  }

  @Test(arguments: windows, Calls.allCases) func agreesWithDefinition(_ windows: Windows, _ kind: Calls) throws {
    let calls = try kind.make()
    for seed in 1...2 as ClosedRange<UInt64> {
      for keys in [[1], [2, 3], []] {
        for keyCount in kind == .all ? [4] : [4, 200] {
          var random = SeededRandom(seed: seed)
          let input = rows(300, &random, keys: keyCount)
          let expected = try naive(windows, input, keys: keys, calls: calls)
          for (restoreEvery, batchMax) in [(0, 1), (0, 300), (1, 17), (3, 40)] {
            let harness = OperatorHarness(schemas: [AggregateFixture.schema], delay: 6000, restoreEvery: restoreEvery, batchMax: batchMax)
            let actual = try harness.run(input, seed: seed) {
              try WindowAggregateOperator(
                spec(windows, keys: keys, calls: calls), inputSchema: AggregateFixture.schema, context: OperatorContext(batchRows: 3))
            }
            check(actual, expected, calls, keys: keys.count, "seed \(seed), keys \(keys), restore \(restoreEvery), batches \(batchMax)")
          }
        }
      }
    }
  }

  @Test func orderBytesAreRankAndKey() throws {
    var random = SeededRandom(seed: 4)
    let harness = OperatorHarness(schemas: [AggregateFixture.schema], delay: 6000)
    let calls = [try AggregateFixture.call(.countStar)]
    let out = try harness.run(rows(200, &random), seed: 1) {
      try WindowAggregateOperator(
        spec(Self.windows[2], keys: [1], calls: calls), inputSchema: AggregateFixture.schema, context: OperatorContext())
    }
    for (a, b) in zip(out, out.dropFirst()) {
      let (x, y) = (a.order ?? [], b.order ?? [])
      #expect(x.starts(with: [128, 255]))
      #expect((a.time ?? 0) < (b.time ?? 0) || (a.time == b.time && x.lexicographicallyPrecedes(y)))
    }
  }

  /// Keys that come and go must not stay in the state.
  @Test func keysWithoutPanesAreForgotten() throws {
    let calls = [try AggregateFixture.call(.sum, 4), try AggregateFixture.call(.max, 2)]
    let subject = try WindowAggregateOperator(
      spec(Self.windows[2], keys: [1], calls: calls), inputSchema: AggregateFixture.schema, context: OperatorContext())
    var random = SeededRandom(seed: 9)
    let harness = OperatorHarness(schemas: [AggregateFixture.schema])
    var sizes: [Int] = []
    for step in 0..<50 as Range<Int64> {
      var output = OperatorOutput()
      let batch = (0..<100).map { i -> TestRow in
        var row = AggregateFixture.row(step * 10, Int64(i), keys: 1, &random)
        row.values[1] = .int(step * 1000 + Int64(i))
        return row
      }
      try subject.process(harness.batch(batch, port: 0), port: 0, into: &output)
      _ = try subject.advance(to: step * 10_000, into: &output)
      var snapshot = OperatorSnapshot()
      try subject.snapshot(into: &snapshot)
      sizes.append(try snapshot.encoded().values.reduce(0) { $0 + $1.count })
    }
    #expect(sizes[49] < sizes[3] * 2)
  }

  @Test func lagHoldsWindowsBack() throws {
    let calls = [try AggregateFixture.call(.countStar)]
    let subject = try WindowAggregateOperator(
      spec(Self.windows[0], keys: [], calls: calls, lag: 5000), inputSchema: AggregateFixture.schema, context: OperatorContext())
    var random = SeededRandom(seed: 1)
    let harness = OperatorHarness(schemas: [AggregateFixture.schema])
    var output = OperatorOutput()
    try subject.process(harness.batch([AggregateFixture.row(3, 0, keys: 1, &random)], port: 0), port: 0, into: &output)
    #expect(try subject.advance(to: 14_999, into: &output) == 9_000)
    #expect(output.batches.isEmpty)
    #expect(try subject.advance(to: 15_000, into: &output) == 19_000)
    #expect(output.batches.count == 1)
  }

  @Test func retractionsAreRefused() throws {
    let subject = try WindowAggregateOperator(
      spec(Self.windows[0], keys: [1], calls: [try AggregateFixture.call(.countStar)]), inputSchema: AggregateFixture.schema,
      context: OperatorContext())
    var random = SeededRandom(seed: 1)
    var row = AggregateFixture.row(3, 0, keys: 1, &random)
    row.weight = -1
    var harness = OperatorHarness(schemas: [AggregateFixture.schema])
    harness.usesWeights = true
    let batch = try harness.batch([row], port: 0)
    var output = OperatorOutput()
    #expect(throws: MillraceError.self) { try subject.process(batch, port: 0, into: &output) }
  }

  /// Many keys, few of them in most panes: panes change between dense and sparse on the way.
  @Test func manyKeysInFewPanes() throws {
    let calls = [
      try AggregateFixture.call(.countStar), try AggregateFixture.call(.sum, 4), try AggregateFixture.call(.max, 2),
    ]
    for (plain, windows) in [(true, Self.windows[2]), (false, Self.windows[0])] {
      let used = plain ? Array(calls.prefix(2)) : calls
      var random = SeededRandom(seed: 5)
      var input: [TestRow] = []
      // Every pane is open until the end, so keys of all panes are live together.
      for pane in 0..<10 as Range<Int64> {
        for i in 0..<(pane % 3 == 1 ? 6000 : 300) as Range<Int64> {
          var row = AggregateFixture.row(pane * 10 + i % 10, pane * 10_000 + i, keys: 1, &random)
          row.values[1] = .int(pane % 3 == 1 ? i : pane * 100_000 + i)
          input.append(row)
        }
      }
      // Panes that have become sparse get more rows, and grow dense again.
      for i in 0..<12_000 as Range<Int64> {
        var row = AggregateFixture.row(3 + i % 5, 200_000 + i, keys: 1, &random)
        row.values[1] = .int(i)
        input.append(row)
      }
      let expected = try naive(windows, input, keys: [1], calls: used)
      for restoreEvery in [0, 7] {
        let harness = OperatorHarness(
          schemas: [AggregateFixture.schema], delay: 1_000_000, restoreEvery: restoreEvery, batchMax: 4000)
        let actual = try harness.run(input, seed: 2) {
          try WindowAggregateOperator(
            spec(windows, keys: [1], calls: used), inputSchema: AggregateFixture.schema, context: OperatorContext())
        }
        check(actual, expected, used, keys: 1, "plain \(plain) \(windows) restore \(restoreEvery)")
      }
    }
  }
}
