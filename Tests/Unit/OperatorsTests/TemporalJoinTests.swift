import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct TemporalJoinTests {
  static let orders = Schema([
    Field("at", .timestamp(precision: 3), isNullable: false), Field("k", .int64), Field("x", .int64),
  ])
  static let rates = Schema([Field("k", .int64), Field("name", .text), Field("y", .int64)])

  /// - Parameter updating: the versions are a result that changes, rather than a table with a key.
  private func join(_ kind: Join.Kind, residual: Bool, updating: Bool) throws -> TemporalJoin {
    let left = LogicalPlan.scan(
      Scan(table: TableDefinition(name: "o", schema: Self.orders, watermark: .init(column: 0, delayMicros: 0))))
    let table = TableDefinition(
      name: "r", schema: Schema(Self.rates.fields + [Field("at", .timestamp(precision: 3))]), watermark: .init(column: 3, delayMicros: 0),
      primaryKey: [0])
    let scan = LogicalPlan.scan(Scan(table: table, columns: [0, 1, 2]))
    let right =
      updating
      ? LogicalPlan.rank(
        Rank(
          input: scan, function: .rowNumber, partitionKeys: [Self.rates.column(0)], sortKeys: [], limit: 1, showsNumber: false, name: "n"))
      : scan
    let isUpdating =
      updating
      ? LogicalPlan.union(
        Union(inputs: [
          right,
          .aggregate(
            Aggregate(
              input: right, keys: Self.rates.fields.indices.map { Self.rates.column($0) }, keyNames: Self.rates.fields.map(\.name),
              aggregates: [], names: [])),
        ])) : right
    var condition: Expression?
    if residual {
      condition = try FunctionRegistry.builtIn.resolve("<=", [.column(2, Self.orders.fields[2]), .column(3 + 2, Self.rates.fields[2])])
    }
    return TemporalJoin(
      join: Join(
        kind: kind, left: left, right: isUpdating, leftKeys: [Self.orders.column(1)], rightKeys: [Self.rates.column(0)],
        residual: condition), instant: .eventTime)
  }

  private func rows(_ count: Int, updating: Bool, _ random: inout SeededRandom) -> [TestRow] {
    var time: Int64 = -50
    var current: [Value: [Value]] = [:]
    var result: [TestRow] = []
    func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
    for i in 0..<count {
      time += Int64(pick(3))
      let key: Value = pick(8) == 0 ? .null : .int(Int64(pick(5)))
      let value: Value = pick(6) == 0 ? .null : .int(Int64(pick(10)))
      let order = Int64(2 * i)
      if pick(2) == 0 {
        result.append(TestRow(port: 0, values: [.int(time), key, value], time: time * 1000, order: order))
        continue
      }
      if updating, let old = current[key] {
        result.append(TestRow(port: 1, values: old, time: time * 1000, order: order, weight: -1))
        current[key] = nil
        if pick(3) == 0 { continue }
      }
      let version: [Value] = [key, .text("v\(i)"), value]
      result.append(TestRow(port: 1, values: version, time: time * 1000, order: order + 1))
      current[key] = version
    }
    return result
  }

  private func expected(_ input: [TestRow], _ kind: Join.Kind, residual: Bool) -> [OutputRow] {
    var current: [Value: [Value]] = [:]
    var result: [OutputRow] = []
    // The versions of an instant come before its orders.
    let sorted = input.enumerated().sorted { a, b in
      (a.element.time ?? 0, 1 - a.element.port, a.offset) < (b.element.time ?? 0, 1 - b.element.port, b.offset)
    }
    for (_, row) in sorted {
      let key = row.values[row.port == 0 ? 1 : 0]
      if row.port == 1 {
        if row.weight > 0 { current[key] = row.values } else if current[key] == row.values { current[key] = nil }
        continue
      }
      var match = key.isNull ? nil : current[key]
      if residual, let found = match {
        if case .int(let x) = row.values[2], case .int(let y) = found[2], x <= y { match = found } else { match = nil }
      }
      if match == nil && kind == .inner { continue }
      result.append(OutputRow(values: row.values + (match ?? [.null, .null, .null]), time: row.time))
    }
    return result
  }

  @Test(arguments: [Join.Kind.inner, .left], 1...8 as ClosedRange<UInt64>)
  func everyRowSeesTheVersionOfItsInstant(_ kind: Join.Kind, _ seed: UInt64) throws {
    for (residual, updating) in [(false, false), (true, false), (false, true), (true, true)] {
      var random = SeededRandom(seed: seed)
      let input = rows(150, updating: updating, &random)
      let wanted = expected(input, kind, residual: residual)
      for (restoreEvery, batchMax) in [(0, 1), (0, 200), (1, 9), (3, 40)] {
        var harness = OperatorHarness(schemas: [Self.orders, Self.rates], restoreEvery: restoreEvery, batchMax: batchMax)
        harness.usesWeights = true
        let out = try harness.run(input, seed: seed) {
          try TemporalJoinOperator(join(kind, residual: residual, updating: updating), context: OperatorContext(batchRows: 7))
        }
        let plain = out.map { OutputRow(values: $0.values, time: $0.time, weight: $0.weight) }
        #expect(plain == wanted, "seed \(seed) \(kind) residual \(residual) updating \(updating) restore \(restoreEvery)")
        #expect(out.allSatisfy { $0.order?.prefix(2) == [128, 0] }, "rows keep their own place in the total order")
      }
    }
  }

  @Test func onlyCurrentVersionsAreKept() throws {
    let subject = try TemporalJoinOperator(join(.inner, residual: false, updating: false), context: OperatorContext())
    let harness = OperatorHarness(schemas: [Self.orders, Self.rates])
    var sizes: [Int] = []
    for step in 0..<30 as Range<Int64> {
      var output = OperatorOutput()
      let rows = (0..<1000).map { i in
        TestRow(port: 1, values: [.int(Int64(i) % 20), .text("rate"), .int(step)], time: step * 1000 + Int64(i), order: Int64(i))
      }
      try subject.process(harness.batch(rows, port: 1), port: 1, into: &output)
      _ = try subject.advance(to: (step + 1) * 1000, into: &output)
      var snapshot = OperatorSnapshot()
      try subject.snapshot(into: &snapshot)
      sizes.append(try snapshot.encoded().values.reduce(0) { $0 + $1.count })
    }
    #expect(sizes[29] <= sizes[1])
  }

  @Test func leftRowsMayNotBeRetracted() throws {
    var harness = OperatorHarness(schemas: [Self.orders, Self.rates])
    harness.usesWeights = true
    let row = TestRow(port: 0, values: [.int(1), .int(1), .int(1)], time: 1000, order: 1, weight: -1)
    #expect(throws: MillraceError.self) {
      try harness.run([row], seed: 1) {
        try TemporalJoinOperator(join(.inner, residual: false, updating: false), context: OperatorContext())
      }
    }
  }

  // MARK: lookups

  private func dimension(_ rows: [[Value]]) throws -> Batch {
    Batch(
      schema: Self.rates,
      columns: try Self.rates.fields.indices.map { c in try Column(type: Self.rates.fields[c].type, rows.map { $0[c] }) },
      rowCount: rows.count)
  }

  @Test(arguments: [Join.Kind.inner, .left], [true, false]) func lookupAgreesWithDefinition(_ kind: Join.Kind, _ unique: Bool) throws {
    for seed in 1...4 as ClosedRange<UInt64> {
      for (keyed, residual) in [(true, false), (true, true), (false, true), (false, false)] {
        var random = SeededRandom(seed: seed)
        func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
        let table: [[Value]] = (0..<12).map { i in
          [unique ? (i == 5 ? .null : .int(Int64(i))) : .int(Int64(pick(4))), .text("d\(i)"), pick(5) == 0 ? .null : .int(Int64(pick(10)))]
        }
        var input: [TestRow] = []
        for i in 0..<120 {
          let key: Value = pick(8) == 0 ? .null : .int(Int64(pick(15)))
          input.append(
            TestRow(
              values: [.int(Int64(i)), key, pick(6) == 0 ? .null : .int(Int64(pick(10)))], time: Int64(i) * 1000, order: Int64(i),
              weight: pick(9) == 0 ? -1 : 1))
        }
        var wanted: [OutputRow] = []
        for row in input {
          let found = table.filter { version in
            if keyed && (row.values[1].isNull || version[0] != row.values[1]) { return false }
            guard residual else { return true }
            guard case .int(let x) = row.values[2], case .int(let y) = version[2] else { return false }
            return x <= y
          }
          for version in found { wanted.append(OutputRow(values: row.values + version, time: row.time, weight: row.weight)) }
          if found.isEmpty, kind == .left {
            wanted.append(OutputRow(values: row.values + [.null, .null, .null], time: row.time, weight: row.weight))
          }
        }
        var plan = try join(kind, residual: residual, updating: false)
        plan.instant = .processingTime
        if !keyed { (plan.join.leftKeys, plan.join.rightKeys) = ([], []) }
        for batchMax in [1, 150] {
          var harness = OperatorHarness(schemas: [Self.orders], batchMax: batchMax)
          harness.usesWeights = true
          let out = try harness.run(input, seed: seed) {
            try LookupJoinOperator(plan, rows: try dimension(table), context: OperatorContext(batchRows: 7))
          }
          #expect(
            out.map { OutputRow(values: $0.values, time: $0.time, weight: $0.weight) } == wanted,
            "seed \(seed) \(kind) keyed \(keyed) residual \(residual)")
        }
      }
    }
  }
}
