import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct GroupAggregateTests {
  /// An input that is (or is not) known to retract rows.
  private func input(updating: Bool) -> LogicalPlan {
    let table = TableDefinition(
      name: "t", schema: AggregateFixture.schema, watermark: .init(column: 0, delayMicros: 0))
    let scan = LogicalPlan.scan(Scan(table: table))
    guard updating else { return scan }
    // Grouping by every column keeps the schema and makes the relation updating.
    let fields = AggregateFixture.schema.fields
    return .aggregate(
      Aggregate(
        input: scan, keys: fields.indices.map { AggregateFixture.schema.column($0) }, keyNames: fields.map(\.name), aggregates: [],
        names: []))
  }

  private func aggregate(keys: [Int], calls: [AggregateCall], updating: Bool) -> Aggregate {
    Aggregate(
      input: input(updating: updating), keys: keys.map { AggregateFixture.schema.column($0) },
      keyNames: keys.map { AggregateFixture.schema.fields[$0].name }, aggregates: calls, names: calls.indices.map { "a\($0)" })
  }

  /// Rows in disorder, some of them taken back later.
  private func rows(_ count: Int, retracting: Bool, timed: Bool, _ random: inout SeededRandom) -> [TestRow] {
    var time: Int64 = -50
    var alive: [TestRow] = []
    var result: [TestRow] = []
    for i in 0..<count {
      time += Int64.random(in: 0..<3, using: &random)
      var row = AggregateFixture.row(time, Int64(i), keys: 4, &random)
      if retracting && Int.random(in: 0..<3, using: &random) == 0, let old = alive.indices.randomElement(using: &random) {
        // The retraction carries the time of its cause.
        row.values = alive.remove(at: old).values
        row.weight = -1
      } else {
        alive.append(row)
      }
      if !timed { row.time = nil }
      result.append(row)
    }
    if timed {
      // Local disorder that keeps each time within reach of the watermark's delay.
      for i in stride(from: 0, to: result.count - 3, by: 3) where Int.random(in: 0..<2, using: &random) == 0 {
        result.swapAt(i, i + 2)
      }
    }
    return result
  }

  private func key(_ row: TestRow, _ keys: [Int]) -> [Value] { keys.map { row.values[$0] } }

  private func encoded(_ key: [Value], _ keys: [Int]) throws -> [UInt8] {
    let columns = try keys.indices.map { try Column(type: AggregateFixture.schema.fields[keys[$0]].type, [key[$0]]) }
    guard case .bytes(let bytes) = KeyEncoder.encode(columns, rowCount: 1)[0] else { return [] }
    return bytes
  }

  /// The changelog from the definition: after each instant, every touched key's row before and after.
  private func naive(_ input: [TestRow], keys: [Int], calls: [AggregateCall]) throws -> [OutputRow] {
    var groups: [[Value]: [TestRow]] = [:]
    var result: [OutputRow] = []
    for instant in Set(input.compactMap(\.time)).sorted() {
      let rows = input.filter { $0.time == instant }.sorted { $0.order < $1.order }
      let touched = try Set(rows.map { key($0, keys) }).sorted { try encoded($0, keys).lexicographicallyPrecedes(encoded($1, keys)) }
      for touchedKey in touched {
        func current() throws -> [Value]? {
          guard let group = groups[touchedKey] else { return nil }
          if !keys.isEmpty && group.reduce(0, { $0 + $1.weight }) == 0 { return nil }
          return try calls.map { try NaiveAggregate.value($0, group) }
        }
        let before = try current()
        groups[touchedKey, default: []] += rows.filter { key($0, keys) == touchedKey }
        let after = try current()
        if before == after { continue }
        if let before { result.append(OutputRow(values: touchedKey + before, time: instant, weight: -1)) }
        if let after { result.append(OutputRow(values: touchedKey + after, time: instant)) }
      }
    }
    return result
  }

  private func check(_ actual: [OutputRow], _ expected: [OutputRow], _ calls: [AggregateCall], _ keys: Int, _ label: String) {
    #expect(actual.count == expected.count, "\(label)")
    for (a, e) in zip(actual, expected) {
      let agree = calls.indices.filter { !NaiveAggregate.agree(calls[$0], a.values[keys + $0], e.values[keys + $0]) }
      if a.weight != e.weight || a.time != e.time || a.values.prefix(keys) != e.values.prefix(keys) || !agree.isEmpty {
        Issue.record("\(label): \(a) is not \(e); wrong: \(agree.map { calls[$0].function })")
        return
      }
    }
  }

  @Test(arguments: [false, true]) func changelogAgreesWithDefinition(_ retracting: Bool) throws {
    // Variances are compared with a tolerance, which "no change" cannot be.
    let calls = try AggregateFixture.calls(retracting: retracting).filter {
      ![.varPop, .stddevSamp, .approxQuantile].contains($0.function)
    }
    for seed in 1...2 as ClosedRange<UInt64> {
      for keys in [[1], [2, 3], []] {
        var random = SeededRandom(seed: seed)
        let input = rows(150, retracting: retracting, timed: true, &random)
        let expected = try naive(input, keys: keys, calls: calls)
        for (restoreEvery, batchMax) in [(0, 1), (0, 150), (1, 17), (3, 40)] {
          var harness = OperatorHarness(schemas: [AggregateFixture.schema], restoreEvery: restoreEvery, batchMax: batchMax)
          harness.usesWeights = retracting
          let actual = try harness.run(input, seed: seed) {
            try GroupAggregateOperator(
              aggregate(keys: keys, calls: calls, updating: retracting), context: OperatorContext(batchRows: 7))
          }
          check(actual, expected, calls, keys.count, "seed \(seed), keys \(keys), restore \(restoreEvery), batches \(batchMax)")
        }
      }
    }
  }

  @Test(arguments: [false, true]) func finalRowsWithoutEventTime(_ retracting: Bool) throws {
    let calls = try AggregateFixture.calls(retracting: true)
    for seed in 1...2 as ClosedRange<UInt64> {
      for keys in [[1], [2, 3], []] {
        var random = SeededRandom(seed: seed)
        let input = rows(150, retracting: retracting, timed: false, &random)
        var expected: [OutputRow] = []
        let groups = Dictionary(grouping: input) { key($0, keys) }
        for groupKey in try groups.keys.sorted(by: { try encoded($0, keys).lexicographicallyPrecedes(encoded($1, keys)) }) {
          let group = groups[groupKey] ?? []
          if !keys.isEmpty && group.reduce(0, { $0 + $1.weight }) == 0 { continue }
          expected.append(OutputRow(values: groupKey + (try calls.map { try NaiveAggregate.value($0, group) })))
        }
        for restoreEvery in [0, 1, 3] {
          var harness = OperatorHarness(schemas: [AggregateFixture.schema], restoreEvery: restoreEvery)
          harness.usesWeights = retracting
          let actual = try harness.run(input, seed: seed) {
            try GroupAggregateOperator(aggregate(keys: keys, calls: calls, updating: retracting), context: OperatorContext(batchRows: 2))
          }
          check(actual, expected, calls, keys.count, "seed \(seed), keys \(keys), restore \(restoreEvery)")
        }
      }
    }
  }

  @Test func changesPerBatchFoldToTheSameTable() throws {
    let calls = try AggregateFixture.calls(retracting: true).filter { ![.varPop, .stddevSamp, .approxQuantile].contains($0.function) }
    var random = SeededRandom(seed: 2)
    let input = rows(200, retracting: true, timed: false, &random)
    func fold(_ rows: [OutputRow]) -> [[Value]: Int64] {
      var table: [[Value]: Int64] = [:]
      for row in rows { table[row.values, default: 0] += row.weight }
      return table.filter { $0.value != 0 }
    }
    var harness = OperatorHarness(schemas: [AggregateFixture.schema], restoreEvery: 2)
    harness.usesWeights = true
    let plan = aggregate(keys: [1], calls: calls, updating: true)
    let perBatch = try harness.run(input, seed: 3) { try GroupAggregateOperator(plan, context: OperatorContext(), emission: .perBatch) }
    let atEnd = try harness.run(input, seed: 4) { try GroupAggregateOperator(plan, context: OperatorContext(), emission: .atEnd) }
    #expect(fold(perBatch) == fold(atEnd))
    #expect(perBatch.contains { $0.weight < 0 })
  }

  @Test func emptyInput() throws {
    let calls = [try AggregateFixture.call(.countStar), try AggregateFixture.call(.sum, 4), try AggregateFixture.call(.max, 2)]
    let harness = OperatorHarness(schemas: [AggregateFixture.schema], restoreEvery: 1)
    for emission in [GroupAggregateOperator.Emission.perInstant, .atEnd, .perBatch] {
      let global = try harness.run([], seed: 1) {
        try GroupAggregateOperator(aggregate(keys: [], calls: calls, updating: false), context: OperatorContext(), emission: emission)
      }
      #expect(global.map(\.values) == [[.int(0), .null, .null]])
      let other = try harness.run([], seed: 1) {
        try GroupAggregateOperator(
          aggregate(keys: [], calls: calls, updating: false), context: OperatorContext(partition: 1, parallelism: 2), emission: emission)
      }
      #expect(other.isEmpty)
      let keyed = try harness.run([], seed: 1) {
        try GroupAggregateOperator(aggregate(keys: [1], calls: calls, updating: false), context: OperatorContext(), emission: emission)
      }
      #expect(keyed.isEmpty)
    }
  }

  @Test func selectDistinct() throws {
    var random = SeededRandom(seed: 6)
    let input = rows(100, retracting: false, timed: true, &random)
    let harness = OperatorHarness(schemas: [AggregateFixture.schema])
    let out = try harness.run(input, seed: 1) {
      try GroupAggregateOperator(aggregate(keys: [2, 9], calls: [], updating: false), context: OperatorContext())
    }
    #expect(out.count == Set(input.map { key($0, [2, 9]) }).count)
    #expect(Set(out.map(\.values)).count == out.count)
    #expect(out.allSatisfy { $0.weight == 1 })
  }

  @Test func manyDistinctValuesApproximately() throws {
    let call = try AggregateFixture.call(.approxCountDistinct, 4)
    let layout = AggregateLayout(calls: [call], retracts: false)
    for count in [100, 257, 5_000, 100_000] as [Int64] {
      let parts = try (0..<3).map { _ in try AggregateTable(layout) }
      for table in parts { table.grow(to: 1) }
      for (i, table) in parts.enumerated() {
        let values = (0..<count).filter { i == 2 || $0 % 2 == Int64(i) }.map { $0 &* 0x9E37_79B9 }
        try table.update(
          [Int32](repeating: 0, count: values.count), values.count, AggregateArguments(arguments: [.int64s(values)], filters: [nil]),
          weights: nil, times: nil, order: nil
        )
      }
      // Two halves merged are the whole, to the last bit.
      try parts[0].merge([0], from: parts[1], [0])
      guard case .int(let estimate) = try parts[0].results([0])[0][0] else { continue }
      #expect(try parts[2].results([0])[0][0] == .int(estimate))
      if count <= 256 { #expect(abs(estimate - count) <= 2, "\(estimate) for \(count)") }
      #expect(abs(Double(estimate) / Double(count) - 1) < 0.05)
    }
  }

  @Test func sumsThatOverflow() throws {
    // DECIMAL sums pass 38 digits on the way and come back; one that stays there is null.
    let nines = (0..<38).reduce(Int128(0)) { n, _ in n * 10 + 9 }
    let field = Field("d", .decimal(precision: 38, scale: 0))
    let call = try FunctionRegistry.builtIn.resolveAggregate("SUM", [.column(0, field)])
    func sum(_ values: [Int128]) throws -> Value {
      let table = try AggregateTable(AggregateLayout(calls: [call], retracts: false))
      table.grow(to: 1)
      let column = try Column(type: field.type, values.map { .decimal($0) })
      try table.update(
        [Int32](repeating: 0, count: values.count), values.count, AggregateArguments(arguments: [column], filters: [nil]), weights: nil,
        times: nil, order: nil
      )
      return try table.results([0])[0][0]
    }
    #expect(try sum([nines, nines, nines, -nines, -nines]) == .decimal(nines))
    #expect(try sum([-nines, -nines, nines]) == .decimal(-nines))
    #expect(try sum([nines, 1]) == .null)
    #expect(try sum([-nines, -nines, -nines, -nines]) == .null)
  }
}
