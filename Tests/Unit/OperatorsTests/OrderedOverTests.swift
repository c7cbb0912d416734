import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct OrderedOverTests {
  static let schema = AggregateFixture.schema

  /// A relation of that schema: a table with or without event time, or one that retracts rows.
  private func input(timed: Bool, updating: Bool) -> LogicalPlan {
    let scan = LogicalPlan.scan(
      Scan(
        table: TableDefinition(name: "t", schema: Self.schema, watermark: timed ? .init(column: 0, delayMicros: 0) : nil)))
    guard updating else { return scan }
    return .aggregate(
      Aggregate(
        input: scan, keys: Self.schema.fields.indices.map { Self.schema.column($0) }, keyNames: Self.schema.fields.map(\.name),
        aggregates: [], names: []))
  }

  private func rows(_ count: Int, retracting: Bool, _ random: inout SeededRandom) -> [TestRow] {
    var time: Int64 = 100
    var alive: [TestRow] = []
    var result: [TestRow] = []
    for i in 0..<count {
      time += Int64.random(in: 0..<3, using: &random)
      var row = AggregateFixture.row(time, Int64(i), keys: 2, &random)
      if retracting, Int.random(in: 0..<3, using: &random) == 0, let old = alive.indices.randomElement(using: &random) {
        row.values = alive.remove(at: old).values
        row.weight = -1
      } else if retracting, Int.random(in: 0..<5, using: &random) == 0, let twin = alive.randomElement(using: &random) {
        row.values = twin.values
        alive.append(row)
      } else {
        if retracting, Int.random(in: 0..<6, using: &random) == 0 { row.weight = 2 }
        var single = row
        single.weight = 1
        for _ in 0..<row.weight { alive.append(single) }
      }
      result.append(row)
    }
    return result
  }

  private func over(_ input: LogicalPlan, _ random: inout SeededRandom, keyed: Bool? = nil) throws -> OrderedOver {
    func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
    let column = [0, 3, 4, 5, 6][pick(5)]
    let key = Sort.Key(
      expression: Self.schema.column(column), isAscending: pick(2) == 0, nullsFirst: [nil, true, false][pick(3)])
    var sortKeys = [key]
    let isSingle = pick(3) > 0
    if !isSingle { sortKeys.insert(Sort.Key(expression: Self.schema.column([2, 9][pick(2)]), isAscending: pick(2) == 0), at: pick(2)) }
    func distance() -> OrderedOver.Distance {
      switch column {
      case 0: .units(Int128(pick(20)) * 1_000_000)
      case 3: .units(Int128(pick(3)))
      case 4: .units(Int128(pick(300)))
      case 5: .float(Double(pick(16)) / 8)
      default: .units(Int128(pick(200)))
      }
    }
    func bounds(_ isRange: Bool) -> (OrderedOver.Bound, OrderedOver.Bound) {
      func distances() -> (OrderedOver.Distance, OrderedOver.Distance) {
        isRange ? (distance(), distance()) : (.rows(Int64(pick(4))), .rows(Int64(pick(4))))
      }
      let (a, b) = distances()
      let measured: [(OrderedOver.Bound, OrderedOver.Bound)] = [
        (.preceding(a), .currentRow), (.preceding(a), .following(b)), (.currentRow, .following(b)), (.preceding(a), .unboundedFollowing),
        (.unboundedPreceding, .following(b)), (.unboundedPreceding, .preceding(a)), (.preceding(a), .preceding(b)),
        (.following(a), .following(b)),
      ]
      let plain: [(OrderedOver.Bound, OrderedOver.Bound)] = [
        (.unboundedPreceding, .currentRow), (.currentRow, .currentRow), (.unboundedPreceding, .unboundedFollowing),
        (.currentRow, .unboundedFollowing),
      ]
      if isRange && !isSingle { return plain[pick(plain.count)] }
      let all = plain + measured
      return all[pick(all.count)]
    }
    func frame() -> OrderedOver.Frame {
      let isRange = pick(2) == 0
      let (start, end) = bounds(isRange)
      return OrderedOver.Frame(
        isRange: isRange, start: start, end: end, exclusion: [nil, nil, nil, .currentRow, .group, .ties][pick(6)])
    }
    var calls: [OrderedOver.Call] = []
    let aggregates = try AggregateFixture.calls().filter { ![.varPop, .stddevSamp, .approxQuantile].contains($0.function) }
    for _ in 0..<6 {
      let call = aggregates[pick(aggregates.count)]
      calls.append(
        .init(
          function: .aggregate(call.function, isDistinct: call.isDistinct), arguments: call.arguments, filter: call.filter, frame: frame(),
          type: call.type, isNullable: call.isNullable))
    }
    let value = Self.schema.column([2, 3, 6, 9][pick(4)])
    let places: [OrderedOver.Call] = [
      .init(function: .lag(Int64(pick(3))), arguments: [value], frame: .soFar, type: value.type, isNullable: true),
      .init(function: .lead(Int64(pick(3))), arguments: [value, value], frame: .soFar, type: value.type, isNullable: true),
      .init(function: .nthValue(Int64(pick(3) + 1)), arguments: [value], frame: frame(), type: value.type, isNullable: true),
      .init(function: .ntile(Int64(pick(5) + 1)), frame: .soFar, type: .int64, isNullable: false),
      .init(function: .percentRank, frame: .soFar, type: .float64, isNullable: false),
      .init(function: .cumeDist, frame: .soFar, type: .float64, isNullable: false),
    ]
    for _ in 0..<2 { calls.append(places[pick(places.count)]) }
    let isKeyed = keyed ?? (pick(3) > 0)
    return OrderedOver(
      input: input, partitionKeys: isKeyed ? [Self.schema.column(1)] : [], sortKeys: sortKeys, calls: calls,
      names: calls.indices.map { "c\($0)" })
  }

  private func copies(_ rows: some Sequence<TestRow>, updating: Bool) -> [TestRow] {
    if !updating { return Array(rows) }
    var weights: [[Value]: Int64] = [:]
    for row in rows { weights[row.values, default: 0] += row.weight }
    return weights.flatMap { values, weight in (0..<weight).map { _ in TestRow(values: values) } }
  }

  /// As whoever reads the changes of an instant takes them: by their order bytes, then their values.
  private func inOrder(_ rows: [OutputRow]) -> [OutputRow] {
    rows.enumerated().sorted { a, b in
      let (x, y) = (a.element, b.element)
      if x.time != y.time { return (x.time ?? 0) < (y.time ?? 0) }
      let (left, right) = (x.order ?? [], y.order ?? [])
      if left != right { return left.lexicographicallyPrecedes(right) }
      let (p, q) = ("\(x.values)", "\(y.values)")
      return p != q ? p < q : a.offset < b.offset
    }.map(\.element)
  }

  /// Within an instant nothing is taken away after something was added.
  private func retractsFirst(_ rows: [OutputRow]) -> Bool {
    zip(rows, rows.dropFirst()).allSatisfy { $0.time != $1.time || $0.weight <= $1.weight }
  }

  /// After every instant the changes so far add up to the result over the table so far, whatever the batches were and wherever
  /// the operator was stopped and restored.
  @Test(arguments: 1...12 as ClosedRange<UInt64>) func changesAddUpToTheTable(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let updating = seed % 3 > 0
    let over = try over(input(timed: true, updating: updating), &random)
    let input = rows(36, retracting: updating, &random)
    let naive = NaiveOrderedOver(over: over, isUpdating: updating)
    var first: [OutputRow]?
    for (restoreEvery, batchMax) in [(0, 1), (0, 60), (1, 9), (3, 25)] {
      var harness = OperatorHarness(schemas: [Self.schema], restoreEvery: restoreEvery, batchMax: batchMax)
      harness.usesWeights = true
      let out = try harness.run(input, seed: seed) { try OrderedOverOperator(over, context: OperatorContext(batchRows: 7)) }
      #expect(retractsFirst(out), "seed \(seed)")
      if let first {
        #expect(inOrder(out) == inOrder(first), "seed \(seed): the changes depend on batches or restores")
        continue
      }
      first = out
      var state: [[Value]: Int64] = [:]
      var at = 0
      for instant in Set(input.compactMap(\.time)).sorted() {
        while at < out.count, (out[at].time ?? 0) <= instant {
          state[out[at].values, default: 0] += out[at].weight
          if state[out[at].values] == 0 { state[out[at].values] = nil }
          at += 1
        }
        let expected = try naive.table(copies(input.filter { ($0.time ?? 0) <= instant }, updating: updating))
        guard state != expected else { continue }
        Issue.record("seed \(seed) instant \(instant): \(over.sortKeys) \(over.calls.map { ($0.function, $0.frame) })")
        for (row, weight) in state where expected[row] != weight { print("has", weight, row) }
        for (row, weight) in expected where state[row] != weight { print("wants", weight, row) }
        return
      }
      #expect(at == out.count)
    }
  }

  /// Rows without event time: changes batch by batch, or the final rows alone.
  @Test(arguments: 1...6 as ClosedRange<UInt64>) func finalRowsAreThoseOfTheTable(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let updating = seed % 2 > 0
    let over = try over(input(timed: false, updating: updating), &random)
    var input = rows(80, retracting: updating, &random)
    for i in input.indices { input[i].time = nil }
    if !updating { input = input.map { TestRow(values: $0.values) } }
    // Without order equal keys go by values alone.
    let expected = try NaiveOrderedOver(over: over, isUpdating: true).table(copies(input, updating: updating))
    for emission in [GroupAggregateOperator.Emission.atEnd, .perInstant, .perBatch] {
      for (restoreEvery, batchMax) in [(0, 1), (0, 100), (1, 9)] {
        var harness = OperatorHarness(schemas: [Self.schema], restoreEvery: restoreEvery, batchMax: batchMax)
        harness.usesWeights = true
        let out = try harness.run(input, seed: seed) {
          try OrderedOverOperator(over, context: OperatorContext(batchRows: 7), emission: emission)
        }
        var state: [[Value]: Int64] = [:]
        for row in out { state[row.values, default: 0] += row.weight }
        state = state.filter { $0.value != 0 }
        #expect(state == expected, "seed \(seed) \(emission) restore \(restoreEvery) batches \(batchMax)")
        if emission == .atEnd { #expect(out.allSatisfy { $0.weight == 1 }) }
      }
    }
  }

  /// LAG and trailing frames over rows in event time: each row once, with its own place in time, and little state.
  @Test func whatOnlyLooksBackOnlyInserts() throws {
    let value = Self.schema.column(4)
    let sum = try FunctionRegistry.builtIn.resolveAggregate("SUM", [value])
    let calls: [OrderedOver.Call] = [
      .init(function: .lag(2), arguments: [value], frame: .soFar, type: .int64, isNullable: true),
      .init(
        function: .aggregate(.sum, isDistinct: false), arguments: [value],
        frame: .init(isRange: false, start: .preceding(.rows(3)), end: .preceding(.rows(1))), type: sum.type, isNullable: true),
    ]
    let over = OrderedOver(
      input: input(timed: true, updating: false), partitionKeys: [Self.schema.column(1)],
      sortKeys: [Sort.Key(expression: Self.schema.column(0)), Sort.Key(expression: value, isAscending: false)], calls: calls,
      names: ["a", "b"])
    #expect(over.onlyInserts && !LogicalPlan.orderedOver(over).isUpdating && LogicalPlan.orderedOver(over).hasEventTime)
    var random = SeededRandom(seed: 5)
    let input = rows(400, retracting: false, &random)
    let expected = try NaiveOrderedOver(over: over, isUpdating: false).table(input)
    var outputs: [[OutputRow]] = []
    for (emission, restoreEvery) in [(GroupAggregateOperator.Emission.perInstant, 0), (.atEnd, 0), (.atEnd, 1)] {
      let harness = OperatorHarness(schemas: [Self.schema], restoreEvery: restoreEvery)
      let out = try harness.run(input, seed: 5) {
        try OrderedOverOperator(over, context: OperatorContext(batchRows: 7), emission: emission)
      }
      #expect(out.allSatisfy { $0.weight == 1 && $0.values[0] == .int(($0.time ?? 0) / 1000) })
      var state: [[Value]: Int64] = [:]
      for row in out { state[row.values, default: 0] += row.weight }
      #expect(state == expected)
      outputs.append(out)
    }
    #expect(outputs[0] == outputs[1] && outputs[1] == outputs[2])
  }

  @Test func rowsThatNobodyReachesAreForgotten() throws {
    let value = Self.schema.column(4)
    let over = OrderedOver(
      input: input(timed: true, updating: false), partitionKeys: [], sortKeys: [Sort.Key(expression: Self.schema.column(0))],
      calls: [.init(function: .lag(3), arguments: [value], frame: .soFar, type: .int64, isNullable: true)], names: ["a"])
    let subject = try OrderedOverOperator(over, context: OperatorContext())
    let harness = OperatorHarness(schemas: [Self.schema])
    var random = SeededRandom(seed: 1)
    var last = 0
    for step in 0..<30 as Range<Int64> {
      var output = OperatorOutput()
      let rows = (0..<1000).map { AggregateFixture.row(step * 1000 + $0, $0, keys: 3, &random) }
      try subject.process(harness.batch(rows, port: 0), port: 0, into: &output)
      _ = try subject.advance(to: (step + 1) * 1_000_000, into: &output)
      var snapshot = OperatorSnapshot()
      try subject.snapshot(into: &snapshot)
      last = try snapshot.encoded().values.reduce(0) { $0 + $1.count }
    }
    #expect(last < 20_000)
  }

  @Test func retractingWhatIsNotThereIsAnError() throws {
    var random = SeededRandom(seed: 1)
    let over = try over(input(timed: true, updating: true), &random)
    var row = AggregateFixture.row(1, 1, keys: 1, &random)
    row.weight = -1
    var harness = OperatorHarness(schemas: [Self.schema])
    harness.usesWeights = true
    #expect(throws: MillraceError.self) { try harness.run([row], seed: 1) { try OrderedOverOperator(over, context: OperatorContext()) } }
  }

  @Test func entriesStayInOrder() {
    var random = SeededRandom(seed: 3)
    var entries = OrderedEntries()
    var plain: [Int32] = []
    for step in 0..<6000 {
      if step % 5 == 4, plain.count > 3 {
        let at = Int.random(in: 0..<plain.count - 2, using: &random)
        var gone: [OrderedEntry] = []
        entries.remove(at..<at + 2, into: &gone)
        #expect(gone.map(\.row) == Array(plain[at..<at + 2]))
        plain.removeSubrange(at..<at + 2)
      } else {
        let row = Int32.random(in: 0..<100_000, using: &random)
        let at = entries.firstPosition { $0 < row }
        #expect(at == (plain.firstIndex { $0 >= row } ?? plain.count))
        let copies = Int.random(in: 1...2, using: &random)
        entries.insert(row: row, copies: copies, at: at)
        for _ in 0..<copies { plain.insert(row, at: at) }
      }
      #expect(entries.count == plain.count)
    }
    for start in stride(from: 0, to: plain.count, by: 701) {
      let range = start..<min(plain.count, start + 900)
      var copied = [OrderedEntry](repeating: OrderedEntry(row: -1, slot: -1), count: range.count)
      copied.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { entries.copy(range, into: base) } }
      #expect(copied.map(\.row) == Array(plain[range]))
      #expect(entries[start].row == plain[start])
    }
  }
}
