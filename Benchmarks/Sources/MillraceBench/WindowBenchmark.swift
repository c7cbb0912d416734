import MillraceColumns
import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillraceTypes

/// COUNT(*) and SUM(value) per key and window, events in event-time order, a watermark after each batch.
struct WindowBenchmark {
  let name: String
  let keyCount: Int
  let sizeMicros: Int64
  let slideMicros: Int64
  let aim: Double?
  /// Events to a second of event time.
  let rate: Int
  let rowCount: Int

  private static let schema = Schema([Field("key", .int64), Field("value", .int64), Field("at", .timestamp(precision: 6))])

  /// Makes the same events each time.
  private struct Events {
    private var random = Randoms(seed: 7)
    private let keys: ScrambledKeys
    private let count: Int
    private let microsPerMillionEvents: Int
    private(set) var made = 0

    init(keys: ScrambledKeys, rate: Int) {
      self.keys = keys
      count = keys.names.count
      microsPerMillionEvents = 1_000_000 * (1_000_000 / rate)
    }

    @inline(__always) mutating func next() -> (key: Int, value: Int64, at: Int64) {
      let at = Int64(made &* microsPerMillionEvents / 1_000_000)
      made &+= 1
      let bits = random.next()
      let key = Int(bits.multipliedFullWidth(by: UInt64(count)).high)
      return (key, Int64(bits & 1023) &- 500, at)
    }

    mutating func batch(_ rows: Int) -> Batch {
      let names = Buffer(uninitialized: rows * 8)
      let values = Buffer(uninitialized: rows * 8)
      let times = Buffer(uninitialized: rows * 8)
      let (k, v, t) = (names.pointer(Int64.self), values.pointer(Int64.self), times.pointer(Int64.self))
      for i in 0..<rows {
        let event = next()
        k[i] = keys.names[event.key]
        v[i] = event.value
        t[i] = event.at
      }
      let schema = WindowBenchmark.schema
      let columns = zip(schema.fields, [names, values, times]).map { Column(type: $0.type, count: rows, values: .fixed($1)) }
      var batch = Batch(schema: schema, columns: columns, rowCount: rows)
      batch.eventTimes = Column(type: .int64, count: rows, values: .fixed(times))
      return batch
    }
  }

  func run(repetitions: Int) throws -> BenchmarkResult {
    let keys = ScrambledKeys(count: keyCount)
    let expected = reference(keys)
    var times: [Int64] = []
    var emitted = 0
    for _ in 0..<repetitions {
      let subject = try WindowAggregateOperator(spec, inputSchema: Self.schema, context: OperatorContext(batchRows: batchRows))
      var events = Events(keys: keys, rate: rate)
      var watch = Stopwatch()
      var found = RowChecksum()
      while events.made < rowCount {
        let batch = events.batch(min(batchRows, rowCount - events.made))
        let watermark = batch.columns[2].pointer(Int64.self)[batch.rowCount - 1]
        let output = try watch.time {
          var output = OperatorOutput()
          try subject.process(batch, port: 0, into: &output)
          _ = try subject.advance(to: watermark, into: &output)
          return output
        }
        for batch in output.batches { try check(batch, &found) }
      }
      let output = try watch.time {
        var output = OperatorOutput()
        _ = try subject.advance(to: EventTime.end, into: &output)
        return output
      }
      for batch in output.batches { try check(batch, &found) }
      try requireEqual(found, expected, name)
      emitted = found.rows
      times.append(watch.nanoseconds)
    }
    return BenchmarkResult(
      name, rows: rowCount, nanoseconds: times, aim: aim,
      note: "\(keyCount) scrambled keys, \(rate) events per second of event time, \(emitted) window rows out, emission included")
  }

  private var spec: WindowAggregateSpec {
    let value = Expression.column(1, Self.schema.fields[1])
    let output = Schema([
      Field("key", .int64), Field("window_start", .timestamp(precision: 3)), Field("window_end", .timestamp(precision: 3)),
      Field("n", .int64, isNullable: false), Field("total", .int64),
    ])
    return WindowAggregateSpec(
      kind: slideMicros == sizeMicros
        ? .tumble(sizeMicros: sizeMicros, offsetMicros: 0) : .hop(slideMicros: slideMicros, sizeMicros: sizeMicros, offsetMicros: 0),
      keys: [.column(0, Field("key", .int64, isNullable: false))], timeColumn: 2,
      aggregates: [
        AggregateCall(.countStar, [], type: .int64, isNullable: false),
        AggregateCall(.sum, [value], type: .int64, isNullable: true),
      ],
      outputs: [.key(0), .windowStart, .windowEnd, .aggregate(0), .aggregate(1)], schema: output, rank: [128, 1])
  }

  private func check(_ batch: Batch, _ checksum: inout RowChecksum) throws {
    for column in batch.columns where column.nullCount > 0 { throw WrongAnswer("\(name): a null") }
    let columns = batch.columns.map { $0.pointer(Int64.self) }
    for i in 0..<batch.rowCount { checksum.add(columns[0][i], columns[1][i], columns[2][i], columns[3][i], columns[4][i]) }
  }

  /// Each event put into every window it is in, one by one.
  private func reference(_ keys: ScrambledKeys) -> RowChecksum {
    var checksum = RowChecksum()
    var open: [(start: Int64, counts: [Int64], sums: [Int64])] = []
    func close(_ window: (start: Int64, counts: [Int64], sums: [Int64])) {
      for key in 0..<keyCount where window.counts[key] > 0 {
        checksum.add(
          keys.names[key], window.start / 1000, (window.start + sizeMicros) / 1000, window.counts[key], window.sums[key])
      }
    }
    var events = Events(keys: keys, rate: rate)
    var next = slideMicros - sizeMicros
    for _ in 0..<rowCount {
      let event = events.next()
      while next <= event.at {
        open.append((next, [Int64](repeating: 0, count: keyCount), [Int64](repeating: 0, count: keyCount)))
        next += slideMicros
      }
      while let first = open.first, first.start + sizeMicros <= event.at { close(open.removeFirst()) }
      for index in open.indices {
        open[index].counts[event.key] &+= 1
        open[index].sums[event.key] &+= event.value
      }
    }
    for window in open { close(window) }
    return checksum
  }
}
