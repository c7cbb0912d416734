import MillraceColumns
import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillraceTypes

/// Thirty features per event from sliding windows of one minute to thirty days: each event asks for its key's values as of just
/// before it, and then counts in them.
struct SlidingBenchmark {
  let name: String
  let keyCount: Int
  let rowCount: Int
  /// Event time that the stream spans, in days.
  let days: Int64
  let aim: Double?

  private static let minute: Int64 = 60_000_000
  private static let hour = 60 * minute
  private static let day = 24 * hour
  private static let events = TableDefinition(
    name: "events", schema: Schema([Field("key", .int64, isNullable: false), Field("amount", .float64), Field("item", .int64)]))

  /// What each feature computes and over how long.
  private static let calls: [(call: AggregateCall, micros: Int64)] = {
    let amount = Expression.column(1, events.schema.fields[1])
    let item = Expression.column(2, events.schema.fields[2])
    let count = AggregateCall(.countStar, [], type: .int64, isNullable: false)
    let sum = AggregateCall(.sum, [amount], type: .float64, isNullable: true)
    let average = AggregateCall(.avg, [amount], type: .float64, isNullable: true)
    let least = AggregateCall(.min, [amount], type: .float64, isNullable: true)
    let most = AggregateCall(.max, [amount], type: .float64, isNullable: true)
    let distinct = AggregateCall(.count, [item], isDistinct: true, type: .int64, isNullable: false)
    let six = [minute, 10 * minute, hour, day, 7 * day, 30 * day]
    let four = [hour, day, 7 * day, 30 * day]
    return six.map { (count, $0) } + six.map { (sum, $0) } + six.map { (average, $0) } + four.map { (least, $0) }
      + four.map { (most, $0) } + four.map { (distinct, $0) }
  }()

  private struct Stream {
    var keys: [Int] = []
    var times: [Int64] = []
    var amounts: [Double] = []
    var items: [Int64] = []
  }

  /// Some keys are busy, most are not: the square of an even draw. Amounts are quarters, so plain sums are exact.
  private func makeStream() -> Stream {
    var random = Randoms(seed: 11)
    var stream = Stream()
    let step = Int(days * Self.day) / rowCount
    for row in 0..<rowCount {
      let draw = Double(random.below(1 << 30)) / Double(1 << 30)
      stream.keys.append(Int(draw * draw * Double(keyCount)))
      stream.times.append(Int64(row * step + random.below(step)))
      stream.amounts.append(Double(random.below(100_000)) / 4 - 10_000)
      stream.items.append(Int64(random.below(500)))
    }
    return stream
  }

  func run(repetitions: Int) throws -> BenchmarkResult {
    let stream = makeStream()
    let names = ScrambledKeys(count: keyCount).names
    let batches = stride(from: 0, to: rowCount, by: batchRows).map { start -> Batch in
      let rows = start..<min(rowCount, start + batchRows)
      let schema = Self.events.schema
      var batch = Batch(
        schema: schema,
        columns: [
          .int64s(rows.map { names[stream.keys[$0]] }),
          Column(type: .float64, count: rows.count, values: .fixed(Buffer(rows.map { stream.amounts[$0] }))),
          .int64s(rows.map { stream.items[$0] }),
        ], rowCount: rows.count)
      batch.eventTimes = .int64s(rows.map { stream.times[$0] })
      batch.order = KeyEncoder.encode([.int64s(rows.map(Int64.init))], rowCount: rows.count, prefix: [128, 0])
      return batch
    }
    let asked = stride(from: 0, to: rowCount, by: 4999).map { $0 }
    let expected = asked.map { naive(stream, $0) }
    var times: [Int64] = []
    for _ in 0..<repetitions {
      let subject = try AsOfOperator(Self.join, outcomeRank: [127, 0], context: OperatorContext(batchRows: batchRows))
      var watch = Stopwatch()
      var rows = 0
      var found: [[Value]] = []
      func take(_ output: OperatorOutput) {
        for batch in output.batches {
          while found.count < asked.count, asked[found.count] < rows + batch.rowCount {
            let row = asked[found.count] - rows
            found.append((0..<Self.calls.count).map { batch.columns[4 + $0][row] })
          }
          rows += batch.rowCount
        }
      }
      for batch in batches {
        let watermark = batch.eventTimes?.pointer(Int64.self)[batch.rowCount - 1] ?? 0
        take(
          try watch.time {
            var output = OperatorOutput()
            try subject.process(batch, port: 0, into: &output)
            try subject.process(batch, port: 1, into: &output)
            _ = try subject.advance(to: watermark, into: &output)
            return output
          })
      }
      take(
        try watch.time {
          var output = OperatorOutput()
          _ = try subject.advance(to: EventTime.end, into: &output)
          return output
        })
      try requireEqual(rows, rowCount, "\(name): rows")
      for (index, row) in asked.enumerated() { try requireEqual(found[index], expected[index], "\(name): row \(row)") }
      times.append(watch.nanoseconds)
    }
    return BenchmarkResult(
      name, rows: rowCount, nanoseconds: times, aim: aim,
      note:
        "\(Self.calls.count) windows of 1 minute to 30 days, \(keyCount) keys of uneven traffic, \(days) days of event time, each event asks and enters"
    )
  }

  private static var join: AsOfJoin {
    let key = Expression.column(0, events.schema.fields[0])
    let view = FeatureViewDefinition(
      name: "features", keys: [Field("of_key", .int64)],
      branches: [
        .init(
          input: .scan(Scan(table: events)), keys: [key],
          aggregates: calls.map { WindowedAggregate(call: $0.call, frame: .lastMicros($0.micros)) })
      ],
      features: calls.enumerated().map { index, item in
        FeatureViewDefinition.Feature(
          field: Field("f\(index)", item.call.type),
          expression: Expression(.column(index), type: item.call.type, isNullable: item.call.isNullable))
      })
    return AsOfJoin(input: .scan(Scan(table: events)), view: view, keys: [key])
  }

  /// All thirty values of one row by going through every row before it.
  private func naive(_ stream: Stream, _ row: Int) -> [Value] {
    let before = (0..<row).filter { stream.keys[$0] == stream.keys[row] }
    return Self.calls.map { call, micros in
      let members = before.filter { stream.times[$0] >= stream.times[row] - micros }
      let amounts = members.map { stream.amounts[$0] }
      switch call.function {
      case .countStar: return .int(Int64(members.count))
      case .count: return .int(Int64(Set(members.map { stream.items[$0] }).count))
      case .sum: return amounts.isEmpty ? .null : .float(amounts.reduce(0, +))
      case .avg: return amounts.isEmpty ? .null : .float(amounts.reduce(0, +) / Double(amounts.count))
      case .min: return amounts.min().map { .float($0) } ?? .null
      default: return amounts.max().map { .float($0) } ?? .null
      }
    }
  }
}
