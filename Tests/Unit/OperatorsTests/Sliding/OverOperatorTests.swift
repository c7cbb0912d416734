import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct OverOperatorTests {
  static let table = TableDefinition.test(
    "t", [Field("k", .int64), Field("x", .float64), Field("s", .text), Field("at", .timestamp(precision: 6))])

  static func column(_ index: Int) -> Expression { .column(index, table.schema.fields[index]) }

  static let frames: [Over.Frame] = [
    .init(start: .unbounded, isRange: true), .init(start: .unbounded, isRange: false),
    .init(start: .micros(0), isRange: true), .init(start: .micros(50), isRange: true),
    .init(start: .rows(0), isRange: false), .init(start: .rows(5), isRange: false),
    .init(start: .unbounded, isRange: true, excludesCurrentRow: true), .init(start: .unbounded, isRange: false, excludesCurrentRow: true),
    .init(start: .micros(50), isRange: true, excludesCurrentRow: true), .init(start: .rows(5), isRange: false, excludesCurrentRow: true),
    .init(start: .rows(0), isRange: false, excludesCurrentRow: true),
  ]

  static let aggregates: [AggregateCall] = [
    AggregateCall(.countStar, [], type: .int64, isNullable: false),
    AggregateCall(.sum, [column(1)], type: .float64, isNullable: true),
    AggregateCall(.stddevPop, [column(1)], type: .float64, isNullable: true),
    AggregateCall(.min, [column(2)], type: .text, isNullable: true),
    AggregateCall(.count, [column(2)], isDistinct: true, type: .int64, isNullable: false),
    AggregateCall(.firstValue, [column(2)], type: .text, isNullable: true),
    AggregateCall(.lastValue, [column(1)], type: .float64, isNullable: true),
  ]

  static func rows(seed: UInt64, count: Int) -> [OrderedRow] {
    var random = SeededRandom(seed: seed)
    var time: Int64 = 1000
    return (0..<Int64(count)).map { position in
      time += [0, 0, 2, 5, 30].randomElement(using: &random) ?? 0
      let x: Value = Int.random(in: 0..<5, using: &random) == 0 ? .null : .float(0.1 * Double(Int.random(in: -9...9, using: &random)))
      let s: Value = [.text("a"), .text("b"), .text(""), .null].randomElement(using: &random) ?? .null
      let key: Value = Int.random(in: 0..<9, using: &random) == 0 ? .null : .int(Int64.random(in: 0..<3, using: &random))
      return OrderedRow(time: time, rank: [128, 0], position: position, values: [key, x, s, .int(time)])
    }
  }

  static func naive(_ rows: [OrderedRow], _ calls: [Over.Call], partitioned: Bool) -> [[Value]] {
    rows.enumerated().map { index, row in
      let same = rows.enumerated().filter { !partitioned || $0.element.values[0] == row.values[0] }
      return row.values
        + calls.map { call in
          let frame = call.frame
          var upTo = same.filter { frame.isRange ? $0.element.time <= row.time : $0.offset <= index }
          if case .rows(let n) = frame.start { upTo = upTo.suffix(n + 1) }
          if case .micros(let length) = frame.start { upTo = upTo.filter { $0.element.time >= row.time - length } }
          if frame.excludesCurrentRow { upTo.removeAll { $0.offset == index } }
          return NaiveWindows.value(
            SlidingCall(call: call.call, window: .unbounded), upTo.map { .init(time: $0.element.time, values: $0.element.values) },
            now: row.time)
        }
    }
  }

  @Test(arguments: UInt64(1)...8) func agreesWithNaive(_ seed: UInt64) throws {
    let rows = Self.rows(seed: seed, count: 160)
    let partitioned = seed % 4 != 0
    var calls = Self.aggregates.flatMap { call in Self.frames.map { Over.Call(call: call, frame: $0) } }
    var random = SeededRandom(seed: seed)
    calls.shuffle(using: &random)
    let over = Over(
      input: .scan(Scan(table: Self.table)), partitionKeys: partitioned ? [Self.column(0)] : [], timeColumn: 3, calls: calls,
      names: calls.indices.map { "a\($0)" })
    let feed = OperatorFeed(ports: [rows], schemas: [Self.table.schema], keys: [partitioned ? [0] : []]) {
      try OverOperator(over, context: $0)
    }
    let expected = Self.naive(rows, calls, partitioned: partitioned)
    let lives: [[Int]] = partitioned ? [[1], [1, 1, 1, 1], [2, 1, 3]] : [[1], [1, 1, 1, 1]]
    for (life, parallelisms) in lives.enumerated() {
      let actual = try feed.run(seed: seed &+ UInt64(life), parallelisms: parallelisms, batchRows: [4096, 1, 7][life])
      #expect(actual.count == expected.count)
      for (row, (a, e)) in zip(actual, expected).enumerated() {
        #expect(Array(a.values[..<4]) == Array(e[..<4]))
        for (index, call) in calls.enumerated() where !NaiveWindows.agrees(a.values[4 + index], e[4 + index], call.call) {
          Issue.record(
            """
            seed \(seed), \(parallelisms), row \(row): \(call.call.function.rawValue) over \(call.frame) is \(a.values[4 + index]), \
            not \(e[4 + index])
            """
          )
          return
        }
      }
    }
  }
}
