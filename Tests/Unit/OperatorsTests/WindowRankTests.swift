import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

/// Rankings within windows against sorting the rows of each partition of each window.
@Suite struct WindowRankTests {
  private static let boundary = DataType.timestamp(precision: 3)
  private static let input = LogicalPlan.window(
    WindowTable(
      input: .scan(
        Scan(
          table: TableDefinition(
            name: "t", schema: Schema([Field("at", boundary, isNullable: false), Field("k", .int64), Field("x", .int64)]),
            watermark: .init(column: 0, delayMicros: 0), ordinal: 0))), kind: .tumble(sizeMicros: 10_000, offsetMicros: 0), timeColumn: 0))

  private func rank(_ function: Rank.Function, limit: Int?, ascending: Bool) -> Rank {
    let schema = Self.input.schema
    return Rank(
      input: Self.input, function: function, partitionKeys: [schema.column(4), schema.column(1), schema.column(3)],
      sortKeys: [.init(expression: schema.column(2), isAscending: ascending)], limit: limit, name: "n")
  }

  private func rows(_ count: Int, _ random: inout SeededRandom) -> [TestRow] {
    func pick(_ n: Int) -> Int64 { Int64.random(in: 0..<Int64(n), using: &random) }
    var time: Int64 = -60
    return (0..<count).map { i in
      time += pick(2)
      let at = time - pick(4)
      let start = at - ((at % 10) + 10) % 10
      return TestRow(
        values: [
          .int(at), pick(6) == 0 ? .null : .int(pick(3)), pick(6) == 0 ? .null : .int(pick(7)), .int(start), .int(start + 10),
          .int(start + 9),
        ], time: at * 1000, order: Int64(i))
    }
  }

  private func naive(_ rank: Rank, _ rows: [TestRow]) -> [String] {
    func sortValue(_ row: TestRow) -> Int64 {
      guard case .int(let x) = row.values[2] else { return .min }
      return x
    }
    let ascending = rank.sortKeys[0].isAscending
    var result: [String] = []
    for (_, group) in Dictionary(grouping: rows, by: { [$0.values[1], $0.values[3]] }) {
      let sorted = group.sorted { a, b in
        let (x, y) = (sortValue(a), sortValue(b))
        if x != y { return ascending ? x < y : x > y }
        return (a.time ?? 0, a.order) < (b.time ?? 0, b.order)
      }
      for (place, row) in sorted.enumerated() {
        let smaller = sorted.map(sortValue).filter { ascending ? $0 < sortValue(row) : $0 > sortValue(row) }
        let number =
          switch rank.function {
          case .rowNumber: place + 1
          case .rank: smaller.count + 1
          case .denseRank: Set(smaller).count + 1
          }
        guard number <= rank.limit ?? .max, case .int(let time) = row.values[5] else { continue }
        result.append("\(time * 1000) \(row.values + [.int(Int64(number))])")
      }
    }
    return result.sorted()
  }

  @Test(arguments: [Rank.Function.rowNumber, .rank, .denseRank], [1, 3, nil] as [Int?])
  func agreesWithDefinition(_ function: Rank.Function, _ limit: Int?) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let rank = rank(function, limit: limit, ascending: seed % 2 == 0)
      #expect(rank.window?.kind == .tumble(sizeMicros: 10_000, offsetMicros: 0))
      var random = SeededRandom(seed: seed)
      let input = rows(250, &random)
      let expected = naive(rank, input)
      for (restoreEvery, batchMax) in [(0, 1), (0, 250), (1, 9), (3, 40)] {
        let harness = OperatorHarness(schemas: [Self.input.schema], delay: 4000, restoreEvery: restoreEvery, batchMax: batchMax)
        let actual = try harness.run(input, seed: seed) { try WindowRankOperator(rank, context: OperatorContext(batchRows: 5)) }
        #expect(actual.map { "\($0.time ?? 0) \($0.values)" }.sorted() == expected, "seed \(seed), restore \(restoreEvery)")
        for (a, b) in zip(actual, actual.dropFirst()) where a.time == b.time {
          #expect((a.order ?? []).lexicographicallyPrecedes(b.order ?? []))
        }
      }
    }
  }

  /// Of a window of many rows no more are held than may come out, give or take.
  @Test func rowsBeyondTheLimitAreLeftOut() throws {
    let subject = try WindowRankOperator(rank(.rowNumber, limit: 2, ascending: true), context: OperatorContext())
    let harness = OperatorHarness(schemas: [Self.input.schema])
    var output = OperatorOutput()
    for round in 0..<40 as Range<Int64> {
      let batch = (0..<2000).map { i in
        TestRow(
          values: [.int(1), .int(Int64(i % 5)), .int(1_000_000 - round * 2000 - Int64(i)), .int(0), .int(10), .int(9)], time: 1000,
          order: round * 2000 + Int64(i))
      }
      try subject.process(harness.batch(batch, port: 0), port: 0, into: &output)
    }
    var snapshot = OperatorSnapshot()
    try subject.snapshot(into: &snapshot)
    #expect(try snapshot.encoded().values.reduce(0) { $0 + $1.count } < 3_000_000)
    _ = try subject.advance(to: .end, into: &output)
    let found = output.batches.flatMap { batch in (0..<batch.rowCount).map { batch.row($0)[2] } }
    #expect(Set(found) == Set((920_001...920_010).map { .int($0) }))
  }
}
