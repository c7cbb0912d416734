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
  /// Keys of 36 characters, as UUIDs are written, in place of BIGINT.
  var hasTextKeys = false

  private var schema: Schema {
    Schema([
      Field("key", hasTextKeys ? .text : .int64, isNullable: false), Field("value", .int64, isNullable: false),
      Field("at", .timestamp(precision: 6)),
    ])
  }

  /// Makes the same events each time.
  private struct Events {
    private var random = Randoms(seed: 7)
    private let keys: ScrambledKeys
    private let texts: [UInt8]?
    private let schema: Schema
    private let count: Int
    private let microsPerMillionEvents: Int
    private(set) var made = 0

    init(_ benchmark: WindowBenchmark, keys: ScrambledKeys) {
      self.keys = keys
      schema = benchmark.schema
      texts = benchmark.hasTextKeys ? keys.names.flatMap { Array(WindowBenchmark.text($0).utf8) } : nil
      count = keys.names.count
      microsPerMillionEvents = 1_000_000 * (1_000_000 / benchmark.rate)
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
        k[i] = texts == nil ? keys.names[event.key] : Int64(event.key)
        v[i] = event.value
        t[i] = event.at
      }
      var columns = zip(schema.fields, [names, values, times]).map { Column(type: $0.type, count: rows, values: .fixed($1)) }
      if let texts { columns[0] = textColumn(names, rows, texts) }
      var batch = Batch(schema: schema, columns: columns, rowCount: rows)
      batch.eventTimes = Column(type: .int64, count: rows, values: .fixed(times))
      return batch
    }

    private func textColumn(_ numbers: Buffer, _ rows: Int, _ texts: [UInt8]) -> Column {
      let offsets = Buffer((0...rows).map { Int32($0 * 36) })
      let bytes = Buffer(uninitialized: rows * 36)
      let numbers = numbers.pointer(Int64.self)
      texts.withUnsafeBytes { texts in
        for i in 0..<rows {
          let start = Int(numbers[i]) * 36
          UnsafeMutableRawBufferPointer(start: bytes.base + i * 36, count: 36).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: texts[start..<start + 36]))
        }
      }
      return Column(type: .text, count: rows, values: .variable(offsets: offsets, bytes: bytes))
    }
  }

  /// A number as 32 hexadecimal digits in five groups.
  private static func text(_ number: Int64) -> String {
    let digits = [UInt64(bitPattern: number), Randoms.scramble(UInt64(bitPattern: number))].map { word in
      String(repeating: "0", count: word.leadingZeroBitCount / 4 - (word == 0 ? 1 : 0)) + String(word, radix: 16)
    }.joined()
    var result = ""
    for (i, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(i) { result += "-" }
      result.append(digit)
    }
    return result
  }

  /// The numbers of the keys of emitted rows.
  private func numbers(_ keys: Column) throws -> [Int64] {
    guard hasTextKeys else { return Array(UnsafeBufferPointer(start: keys.pointer(Int64.self), count: keys.count)) }
    return try (0..<keys.count).map { row in
      guard case .text(let text) = keys[row], let number = UInt64(text.filter { $0 != "-" }.prefix(16), radix: 16) else {
        throw WrongAnswer("\(name): a key is no number")
      }
      return Int64(bitPattern: number)
    }
  }

  func run(repetitions: Int) throws -> BenchmarkResult {
    let keys = ScrambledKeys(count: keyCount)
    let expected = reference(keys)
    var times: [Int64] = []
    var emitted = 0
    for _ in 0..<repetitions {
      let subject = try WindowAggregateOperator(spec, inputSchema: schema, context: OperatorContext(batchRows: batchRows))
      var events = Events(self, keys: keys)
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
      note:
        "\(keyCount) \(hasTextKeys ? "keys of 36 characters" : "scrambled keys"), \(rate) events per second of event time, \(emitted) window rows out, emission included"
    )
  }

  private var spec: WindowAggregateSpec {
    let value = Expression.column(1, schema.fields[1])
    let output = Schema([
      schema.fields[0], Field("window_start", .timestamp(precision: 3)), Field("window_end", .timestamp(precision: 3)),
      Field("n", .int64, isNullable: false), Field("total", .int64),
    ])
    return WindowAggregateSpec(
      kind: slideMicros == sizeMicros
        ? .tumble(sizeMicros: sizeMicros, offsetMicros: 0) : .hop(slideMicros: slideMicros, sizeMicros: sizeMicros, offsetMicros: 0),
      keys: [.column(0, schema.fields[0])], timeColumn: 2,
      aggregates: [
        AggregateCall(.countStar, [], type: .int64, isNullable: false),
        AggregateCall(.sum, [value], type: .int64, isNullable: true),
      ],
      outputs: [.key(0), .windowStart, .windowEnd, .aggregate(0), .aggregate(1)], schema: output, rank: [128, 1])
  }

  private func check(_ batch: Batch, _ checksum: inout RowChecksum) throws {
    for column in batch.columns where column.nullCount > 0 { throw WrongAnswer("\(name): a null") }
    let keys = try numbers(batch.columns[0])
    let columns = batch.columns[1...].map { $0.pointer(Int64.self) }
    for i in 0..<batch.rowCount { checksum.add(keys[i], columns[0][i], columns[1][i], columns[2][i], columns[3][i]) }
  }

  /// Each event put into every window it is in, one by one.
  private func reference(_ keys: ScrambledKeys) -> RowChecksum {
    if sizeMicros / slideMicros > 64 { return referenceBySlides(keys) }
    var checksum = RowChecksum()
    var open: [(start: Int64, counts: [Int64], sums: [Int64])] = []
    func close(_ window: (start: Int64, counts: [Int64], sums: [Int64])) {
      for key in 0..<keyCount where window.counts[key] > 0 {
        checksum.add(
          keys.names[key], window.start / 1000, (window.start + sizeMicros) / 1000, window.counts[key], window.sums[key])
      }
    }
    var events = Events(self, keys: keys)
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

  /// As `reference`, where events are in too many windows to put them there one by one: sums of each slide, added for each window.
  private func referenceBySlides(_ keys: ScrambledKeys) -> RowChecksum {
    var slides: [(counts: [Int64], sums: [Int64])] = []
    var events = Events(self, keys: keys)
    for _ in 0..<rowCount {
      let event = events.next()
      let slide = Int(event.at / slideMicros)
      while slides.count <= slide { slides.append(([Int64](repeating: 0, count: keyCount), [Int64](repeating: 0, count: keyCount))) }
      slides[slide].counts[event.key] &+= 1
      slides[slide].sums[event.key] &+= event.value
    }
    var checksum = RowChecksum()
    let length = Int(sizeMicros / slideMicros)
    var (counts, sums) = ([Int64](repeating: 0, count: keyCount), [Int64](repeating: 0, count: keyCount))
    for first in (1 - length)..<slides.count {
      for key in 0..<keyCount {
        if first + length - 1 < slides.count {
          counts[key] &+= slides[first + length - 1].counts[key]
          sums[key] &+= slides[first + length - 1].sums[key]
        }
        if first > 0 {
          counts[key] &-= slides[first - 1].counts[key]
          sums[key] &-= slides[first - 1].sums[key]
        }
        guard counts[key] > 0 else { continue }
        let start = Int64(first) * slideMicros
        checksum.add(keys.names[key], start / 1000, (start + sizeMicros) / 1000, counts[key], sums[key])
      }
    }
    return checksum
  }
}
