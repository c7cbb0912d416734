import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

/// Joins of windows against nested loops over the rows of each window.
@Suite struct WindowJoinTests {
  private static let boundary = DataType.timestamp(precision: 3)
  /// k, x, window_start, window_end
  private static let schema = Schema([
    Field("k", .int64), Field("x", .int64), Field("window_start", boundary, isNullable: false),
    Field("window_end", boundary, isNullable: false),
  ])

  private func join(_ kind: Join.Kind, _ window: WindowTable.Kind, keys: Int, residual: Bool) throws -> Join {
    let table = LogicalPlan.scan(Scan(table: TableDefinition(name: "t", schema: Self.schema, ordinal: 0)))
    let key = Array([Self.schema.column(0)].prefix(keys))
    let condition = try FunctionRegistry.builtIn.resolve(
      "<=", [.column(1, Self.schema.fields[1]), .column(5, Self.schema.fields[1])])
    return Join(
      kind: kind, left: table, right: table, leftKeys: key, rightKeys: key,
      window: .init(kind: window, leftStart: 2, leftEnd: 3, rightStart: 2, rightEnd: 3, lagMicros: 0),
      residual: residual ? condition : nil)
  }

  /// Rows of hopping windows of 10 ms every 5, in no order within the delay, or of sessions of any length.
  private func rows(_ count: Int, sessions: Bool, _ random: inout SeededRandom) -> [TestRow] {
    func pick(_ n: Int) -> Int64 { Int64.random(in: 0..<Int64(n), using: &random) }
    var time: Int64 = -60
    return (0..<count).map { i in
      time += pick(3)
      let end = sessions ? (time / 6 + 2) * 6 - 6 * pick(2) + 6 : (time / 5 + 4) * 5 - 5 * pick(2)
      let start = sessions ? end - 14 - 3 * pick(2) : end - 10
      return TestRow(
        port: Int(pick(2)), values: [pick(8) == 0 ? .null : .int(pick(4)), pick(8) == 0 ? .null : .int(pick(9)), .int(start), .int(end)],
        time: min(time, end - 1) * 1000, order: Int64(i))
    }
  }

  private func naive(_ join: Join, _ rows: [TestRow], _ hasKey: Bool, _ hasResidual: Bool) -> [String] {
    let sides = [0, 1].map { port in rows.filter { $0.port == port } }
    func matches(_ l: TestRow, _ r: TestRow) -> Bool {
      guard l.values[2] == r.values[2], l.values[3] == r.values[3] else { return false }
      if hasKey && (l.values[0] != r.values[0] || l.values[0].isNull) { return false }
      if hasResidual {
        guard case .int(let x) = l.values[1], case .int(let y) = r.values[1], x <= y else { return false }
      }
      return true
    }
    func line(_ values: [Value], _ row: TestRow) -> String {
      guard case .int(let end) = row.values[3] else { return "" }
      return "\(end * 1000 - 1000) \(values)"
    }
    let nulls = [Value](repeating: .null, count: 4)
    var result: [String] = []
    for l in sides[0] {
      let found = sides[1].filter { matches(l, $0) }
      switch join.kind {
      case .semi: if !found.isEmpty { result.append(line(l.values, l)) }
      case .anti: if found.isEmpty { result.append(line(l.values, l)) }
      default:
        result += found.map { line(l.values + $0.values, l) }
        if found.isEmpty && (join.kind == .left || join.kind == .full) { result.append(line(l.values + nulls, l)) }
      }
    }
    if join.kind == .right || join.kind == .full {
      for r in sides[1] where !sides[0].contains(where: { matches($0, r) }) { result.append(line(nulls + r.values, r)) }
    }
    return result.sorted()
  }

  @Test(arguments: [Join.Kind.inner, .left, .right, .full, .semi, .anti], [false, true])
  func agreesWithDefinition(_ kind: Join.Kind, _ sessions: Bool) throws {
    let window: WindowTable.Kind =
      sessions ? .session(gapMicros: 10_000) : .hop(slideMicros: 5_000, sizeMicros: 10_000, offsetMicros: 0)
    for seed in 1...4 as ClosedRange<UInt64> {
      for (hasKey, hasResidual) in [(true, false), (true, true), (false, true)] {
        let join = try join(kind, window, keys: hasKey ? 1 : 0, residual: hasResidual)
        var random = SeededRandom(seed: seed)
        let input = rows(200, sessions: sessions, &random)
        let expected = naive(join, input, hasKey, hasResidual)
        #expect(expected.count > 2)
        var first: [OutputRow]?
        for (restoreEvery, batchMax) in [(0, 1), (0, 200), (1, 9), (3, 40)] {
          let harness = OperatorHarness(
            schemas: [Self.schema, Self.schema], delay: 3000, restoreEvery: restoreEvery, batchMax: batchMax)
          let actual = try harness.run(input, seed: seed) { try WindowJoinOperator(join, context: OperatorContext(batchRows: 5)) }
          #expect(
            actual.map { "\($0.time ?? 0) \($0.values)" }.sorted() == expected, "seed \(seed), key \(hasKey), restore \(restoreEvery)")
          // However rows were cut, they come in one order.
          #expect(actual == first ?? actual)
          first = actual
          for (a, b) in zip(actual, actual.dropFirst()) {
            let (x, y) = (a.order ?? [], b.order ?? [])
            #expect((a.time ?? 0) < (b.time ?? 0) || (a.time == b.time && x.lexicographicallyPrecedes(y)))
          }
        }
      }
    }
  }

  @Test func rowsOfWindowsThatAreOverAreForgotten() throws {
    let rows = WindowRows(schema: Self.schema, stepMicros: 5000)
    var random = SeededRandom(seed: 2)
    let harness = OperatorHarness(schemas: [Self.schema])
    for round in 0..<300 as Range<Int64> {
      let part = (0..<1000).map { i in
        var row = self.rows(1, sessions: false, &random)[0]
        row.values[1] = .int(round * 1000 + Int64(i))
        return row
      }
      // The last row of each round waits for a window far ahead.
      let ends = (0..<1000).map { $0 == 999 ? 10_000_000 : round * 5000 }
      try ends.withUnsafeBufferPointer { ends in
        if let base = ends.baseAddress { rows.append(try harness.batch(part, port: 0), ends: base) }
      }
      #expect(rows.take(through: round * 5000).rowCount == 999)
    }
    #expect(rows.rowCount < 80_000)
    let rest = rows.take(through: .max)
    #expect(rest.rowCount == 300)
    #expect(Set((0..<rest.rowCount).map { rest.row($0)[1] }) == Set((0..<300).map { .int($0 * 1000 + 999) }))
  }
}
