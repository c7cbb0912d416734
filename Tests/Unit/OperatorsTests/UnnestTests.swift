import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct UnnestTests {
  static let fields = [Field("p", .int64), Field("q", .text)]
  static let schema = Schema([
    Field("id", .int64), Field("xs", .array(Field("element", .int64))), Field("m", .map(key: Field("k", .text), value: Field("v", .int64))),
    Field("rs", .array(Field("element", .row(fields)))),
  ])

  private func rows(_ count: Int, _ random: inout SeededRandom) -> [TestRow] {
    func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
    func number() -> Value { pick(4) == 0 ? .null : .int(Int64(pick(9))) }
    func list(_ element: () -> Value) -> Value { pick(5) == 0 ? .null : .list((0..<pick(4)).map { _ in element() }) }
    return (0..<count).map { index in
      let size = pick(3)
      let row = { pick(4) == 0 ? Value.null : .row([number(), .text("r\(pick(5))")]) }
      return TestRow(
        values: [
          number(), list(number), pick(5) == 0 ? .null : .map((0..<size).map { .text("k\($0)") }, (0..<size).map { _ in number() }),
          list(row),
        ], time: Int64(index) * 1000, order: Int64(index), weight: pick(4) == 0 ? -1 : 1)
    }
  }

  private func made(_ row: TestRow, _ unnest: Unnest) -> [[Value]] {
    switch unnest.source {
    case .copies:
      guard case .int(let count) = row.values[0] else { return [] }
      return (0..<count).map { _ in [] }
    case .elements(let expression):
      guard case .column(let column) = expression.kind else { return [] }
      switch row.values[column] {
      case .list(let elements):
        return elements.map { element in
          if case .row(let fields) = element { return fields }
          return element.isNull ? unnest.columns.map { _ in .null } : [element]
        }
      case .map(let keys, let values): return zip(keys, values).map { [$0, $1] }
      default: return []
      }
    }
  }

  @Test(arguments: [0, 1, 2, 3], [false, true]) func agreesWithDefinition(_ column: Int, _ keepsUnmatched: Bool) throws {
    let input = LogicalPlan.values(ValuesRelation(schema: Self.schema, rows: []))
    let expression = Self.schema.column(column)
    let columns = Unnest.columns(of: expression.type) ?? []
    for ordinality in [nil, Field("o", .int32, isNullable: false)] {
      let unnest = Unnest(
        input: input, source: column == 0 ? .copies(expression) : .elements(expression), columns: columns, ordinality: ordinality,
        keepsUnmatched: keepsUnmatched)
      for seed in 1...3 as ClosedRange<UInt64> {
        var random = SeededRandom(seed: seed)
        let rows = rows(80, &random)
        var expected: [OutputRow] = []
        for row in rows {
          var made = made(row, unnest).enumerated().map { $1 + (ordinality == nil ? [] : [.int(Int64($0 + 1))]) }
          if made.isEmpty && keepsUnmatched { made = [Array(repeating: .null, count: columns.count + (ordinality == nil ? 0 : 1))] }
          expected += made.map { OutputRow(values: row.values + $0, time: row.time, weight: row.weight) }
        }
        for batchMax in [1, 7, 80] {
          var harness = OperatorHarness(schemas: [Self.schema], batchMax: batchMax)
          harness.usesWeights = true
          let out = try harness.run(rows, seed: seed) { try UnnestOperator(unnest, context: OperatorContext(batchRows: 3)) }
          #expect(out.map { OutputRow(values: $0.values, time: $0.time, weight: $0.weight) } == expected, "seed \(seed)")
          // What is made of one row stays in order, and no two rows have one place.
          let orders = out.map { $0.order ?? [] }
          #expect(zip(orders, orders.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) }, "seed \(seed)")
        }
      }
    }
  }
}
