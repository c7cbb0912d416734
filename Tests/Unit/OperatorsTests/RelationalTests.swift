import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct RelationalTests {
  static let schema = Schema([Field("a", .int64), Field("b", .text), Field("c", .float64)])

  private func rows(_ count: Int, _ random: inout SeededRandom) -> [TestRow] {
    (0..<count).map { i in
      func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
      return TestRow(
        values: [
          pick(5) == 0 ? .null : .int(Int64(pick(6)) - 3), pick(5) == 0 ? .null : .text(["", "a", "ab", "b\0", "b"][pick(5)]),
          pick(5) == 0 ? .null : .float([-1.5, 0, 2, .infinity][pick(4)]),
        ], order: Int64(i))
    }
  }

  /// Nulls are low unless placed.
  private func precedes(_ x: [Value], _ y: [Value], _ keys: [(column: Int, ascending: Bool, nullsFirst: Bool)]) -> Bool? {
    for key in keys {
      let (a, b) = (x[key.column], y[key.column])
      if a == b { continue }
      if a.isNull { return key.nullsFirst }
      if b.isNull { return !key.nullsFirst }
      let less: Bool
      switch (a, b) {
      case (.int(let p), .int(let q)): less = p < q
      case (.float(let p), .float(let q)): less = p < q
      case (.text(let p), .text(let q)): less = Array(p.utf8).lexicographicallyPrecedes(Array(q.utf8))
      default: less = false
      }
      return less == key.ascending
    }
    return nil
  }

  @Test func sortAgreesWithDefinition() throws {
    let keyLists: [[(column: Int, ascending: Bool, nullsFirst: Bool)]] = [
      [(0, true, true), (1, false, false)], [(1, true, false)], [(2, false, true), (0, true, true)], [],
    ]
    for seed in 1...10 as ClosedRange<UInt64> {
      for keys in keyLists {
        for (limit, offset) in [(nil, 0), (5, 0), (7, 11), (0, 0), (1000, 90)] as [(Int?, Int)] {
          var random = SeededRandom(seed: seed)
          let input = rows(100, &random)
          let sort = Sort(
            input: .values(ValuesRelation(schema: Self.schema, rows: [])),
            keys: keys.map { .init(expression: Self.schema.column($0.column), isAscending: $0.ascending, nullsFirst: $0.nullsFirst) },
            limit: limit, offset: offset)
          // Ties go by all values.
          let all = keys + [0, 1, 2].map { ($0, true, true) }
          let sorted = input.map(\.values).sorted { precedes($0, $1, all) ?? false }
          let expected = Array(sorted.dropFirst(offset).prefix(limit ?? .max))
          for (restoreEvery, batchMax) in [(0, 100), (1, 13), (0, 1)] {
            let harness = OperatorHarness(schemas: [Self.schema], restoreEvery: restoreEvery, batchMax: batchMax)
            let out = try harness.run(input, seed: seed) { try SortLimitOperator(sort, context: OperatorContext(batchRows: 8)) }
            #expect(out.map(\.values) == expected, "seed \(seed) keys \(keys) limit \(limit as Int?) offset \(offset)")
          }
        }
      }
    }
  }

  @Test func sortCancelsRetractions() throws {
    let sort = Sort(input: .values(ValuesRelation(schema: Self.schema, rows: [])), keys: [.init(expression: Self.schema.column(0))])
    func row(_ a: Int64, _ weight: Int64) -> TestRow { TestRow(values: [.int(a), .null, .null], weight: weight) }
    var harness = OperatorHarness(schemas: [Self.schema])
    harness.usesWeights = true
    let out = try harness.run([row(3, 1), row(1, 2), row(3, -1), row(2, 1), row(1, -1), row(5, 3), row(2, -1)], seed: 1) {
      try SortLimitOperator(sort, context: OperatorContext())
    }
    #expect(out.map { $0.values[0] } == [.int(1), .int(5), .int(5), .int(5)])
    #expect(throws: MillraceError.self) {
      _ = try harness.run([row(3, -1)], seed: 1) { try SortLimitOperator(sort, context: OperatorContext()) }
    }
  }

  @Test func limitHoldsFewRows() throws {
    let sort = Sort(
      input: .values(ValuesRelation(schema: Self.schema, rows: [])), keys: [.init(expression: Self.schema.column(0), isAscending: false)],
      limit: 3)
    let subject = try SortLimitOperator(sort, context: OperatorContext())
    var output = OperatorOutput()
    for step in 0..<40 as Range<Int64> {
      let values = (0..<4000).map { (step * 4000 + $0) &* 7919 % 160_000 }
      try subject.process(
        Batch(
          schema: Self.schema, columns: [.int64s(values), .nulls(.text, count: 4000), .nulls(.float64, count: 4000)], rowCount: 4000),
        port: 0, into: &output)
      var snapshot = OperatorSnapshot()
      try subject.snapshot(into: &snapshot)
      #expect((try snapshot.encoded()[0]?.count ?? 0) < 3_000_000)
    }
    _ = try subject.advance(to: .end, into: &output)
    #expect(output.batches.count == 1)
    #expect(output.batches[0].rowCount == 3)
    #expect((0..<3).map { output.batches[0].columns[0][$0] } == [.int(159_999), .int(159_998), .int(159_997)])
  }

  @Test func filterAndProject() throws {
    let registry = FunctionRegistry.builtIn
    let a = Self.schema.column(0)
    let predicate = try registry.resolve(
      "AND",
      [
        try registry.resolve(">", [a, .literal(.int(-2), .int64)]), try registry.resolve("IS NOT NULL", [Self.schema.column(1)]),
      ])
    let doubled = try registry.resolve("*", [a, .literal(.int(2), .int64)])
    var random = SeededRandom(seed: 3)
    let input = rows(300, &random).map { row -> TestRow in
      var timed = row
      timed.time = row.order * 1000
      return timed
    }
    let schema = Schema([Field("b", .text), Field("d", .int64)])
    let kept = input.filter { row in
      guard case .int(let v) = row.values[0] else { return false }
      return v > -2 && !row.values[1].isNull
    }
    for batchMax in [1, 50, 300] {
      let harness = OperatorHarness(schemas: [Self.schema], batchMax: batchMax)
      let projected = try harness.run(input, seed: 5) {
        try FilterProjectOperator(
          predicate: predicate, expressions: [Self.schema.column(1), doubled], inputSchema: Self.schema, outputSchema: schema)
      }
      #expect(
        projected.map(\.values)
          == kept.map { row in
            if case .int(let v) = row.values[0] { [row.values[1], .int(2 * v)] } else { [] }
          })
      #expect(projected.map(\.time) == kept.map(\.time))
      let filtered = try harness.run(input, seed: 5) {
        try FilterProjectOperator(predicate: predicate, expressions: nil, inputSchema: Self.schema, outputSchema: Self.schema)
      }
      #expect(filtered.map(\.values) == kept.map(\.values))
      let all = try harness.run(input, seed: 5) {
        try FilterProjectOperator(
          predicate: nil, expressions: [doubled], inputSchema: Self.schema, outputSchema: Schema([schema.fields[1]]))
      }
      #expect(all.count == 300)
    }
  }

  @Test func windowAssignment() throws {
    let schema = Schema([Field("at", .timestamp(precision: 3), isNullable: false)])
    let input = LogicalPlan.values(ValuesRelation(schema: schema, rows: []))
    for (kind, size, slide, offset) in [
      (WindowTable.Kind.tumble(sizeMicros: 10_000, offsetMicros: 0), 10, 10, 0),
      (.hop(slideMicros: 3_000, sizeMicros: 7_000, offsetMicros: 1_000), 7, 3, 1),
      (.hop(slideMicros: 5_000, sizeMicros: 2_000, offsetMicros: 0), 2, 5, 0),
    ] as [(WindowTable.Kind, Int64, Int64, Int64)] {
      let window = WindowTable(input: input, kind: kind, timeColumn: 0)
      let times = Array(-25...25 as ClosedRange<Int64>)
      var expected: [[Value]] = []
      for time in times {
        for start in (time - size + 1)...time where (start - offset) % slide == 0 {
          expected.append([.int(time), .int(start), .int(start + size), .int(start + size - 1)])
        }
      }
      let harness = OperatorHarness(schemas: [schema])
      let out = try harness.run(times.map { TestRow(values: [.int($0)], time: $0 * 1000, order: $0) }, seed: 1) {
        try WindowAssignOperator(window, context: OperatorContext(batchRows: 4))
      }
      #expect(out.map(\.values) == expected)
      #expect(Set(out.compactMap(\.order)).count == out.count)
      #expect(out.allSatisfy { row in if case .int(let t) = row.values[0] { row.time == t * 1000 } else { false } })
    }
  }
}
