import MillraceColumns
import MillraceExpressions
import MillraceTypes
import Testing

@testable import MillraceOperators

/// A filter with a projection over fields of ROW columns.
@Suite struct FieldReadsTests {
  static let inner = Field("in", .row([Field("x", .int64), Field("t", .text)]))
  static let fields = [Field("n", .int64), Field("s", .text), Field("f", .boolean), inner]
  static let schema = Schema([Field("k", .int64), Field("r", .row(fields)), Field("q", .row(fields))])

  private func value(_ type: DataType, _ random: inout SeededRandom) -> Value {
    if Int.random(in: 0..<4, using: &random) == 0 { return .null }
    let pick = Int64.random(in: -5...5, using: &random)
    switch type {
    case .row(let fields): return .row(fields.map { value($0.type, &random) })
    case .text: return .text(String(repeating: "t", count: Int(pick + 5)))
    case .boolean: return .bool(pick > 0)
    default: return .int(pick)
    }
  }

  private func batch(_ count: Int, hasNulls: Bool, _ random: inout SeededRandom) throws -> Batch {
    var columns: [Column] = []
    for field in Self.schema.fields {
      var values: [Value] = []
      for _ in 0..<count {
        var value = value(field.type, &random)
        while value == .null, !hasNulls { value = self.value(field.type, &random) }
        values.append(value)
      }
      columns.append(try Column(type: field.type, values))
    }
    var batch = Batch(schema: Self.schema, columns: columns, rowCount: count)
    batch.positions = .int64s((0..<Int64(count)).map { $0 })
    return batch
  }

  private func field(_ base: Expression, _ index: Int) -> Expression {
    guard case .row(let fields) = base.type else { return base }
    return Expression(.field(base, index), type: fields[index].type, isNullable: true)
  }

  @Test func agreesWithComputingEveryRow() throws {
    let (k, r, q) = (Self.schema.column(0), Self.schema.column(1), Self.schema.column(2))
    let sum = Expression(.call("+", [field(r, 0), field(field(q, 3), 0)]), type: .int64, isNullable: true)
    let lists: [[Expression]] = [
      [field(r, 0), field(r, 1)], [field(field(r, 3), 1), field(field(r, 3), 0), field(q, 2), k], [r, field(r, 0)], [sum, field(q, 3)],
      [k], [.literal(.int(7), .int64)],
    ]
    for seed in 1...20 as ClosedRange<UInt64> {
      var random = SeededRandom(seed: seed)
      let input = try batch(Int.random(in: 1...90, using: &random), hasNulls: seed % 3 != 0, &random)
      for expressions in lists {
        let output = Schema(expressions.enumerated().map { Field("c\($0)", $1.type) })
        let every = try FilterProjectOperator(predicate: nil, expressions: expressions, inputSchema: Self.schema, outputSchema: output)
        var all = OperatorOutput()
        try every.process(input, port: 0, into: &all)
        for limit in [-9, 0, 3, 9] as [Int64] {
          let predicate = Expression(.call(">", [k, .literal(.int(limit), .int64)]), type: .boolean, isNullable: true)
          let expected = (0..<input.rowCount).filter { row in
            if case .int(let value) = input.columns[0][row] { value > limit } else { false }
          }
          let some = try FilterProjectOperator(
            predicate: predicate, expressions: expressions, inputSchema: Self.schema, outputSchema: output)
          var found = OperatorOutput()
          try some.process(input, port: 0, into: &found)
          let rows = found.batches.flatMap { batch in (0..<batch.rowCount).map(batch.row) }
          #expect(rows == expected.map { all.batches[0].row($0) })
          let positions = found.batches.flatMap { batch in (0..<batch.rowCount).map { batch.positions?[$0] ?? .null } }
          #expect(positions == expected.map { .int(Int64($0)) })
        }
      }
    }
  }

  @Test func aColumnOfNullsHasNullFields() throws {
    let r = Self.schema.column(1)
    let expressions = [field(r, 0), field(field(r, 3), 1)]
    let output = Schema([Field("a", .int64), Field("b", .text)])
    let columns = [
      Column.int64s([1, 2, 3]), Column(type: r.type, count: 3, values: .none), Column(type: r.type, count: 3, values: .none),
    ]
    let input = Batch(schema: Self.schema, columns: columns, rowCount: 3)
    for limit in [0, 1] as [Int64] {
      let predicate = Expression(
        .call(">", [Self.schema.column(0), .literal(.int(limit), .int64)]), type: .boolean, isNullable: true)
      let subject = try FilterProjectOperator(
        predicate: predicate, expressions: expressions, inputSchema: Self.schema, outputSchema: output)
      var found = OperatorOutput()
      try subject.process(input, port: 0, into: &found)
      #expect(found.batches[0].rowCount == 3 - Int(limit) && found.batches[0].row(0) == [.null, .null])
    }
  }
}
