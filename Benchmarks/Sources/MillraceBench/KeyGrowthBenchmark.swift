import MillraceColumns
import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillraceTypes

/// COUNT(*) and SUM(value) per key without windows, keys at random: what an update costs as the keys become many, and the memory of a key.
struct KeyGrowthBenchmark {
  let name: String
  let keyCount: Int
  let rowCount: Int

  private var schema: Schema { Schema([Field("key", .int64, isNullable: false), Field("value", .int64, isNullable: false)]) }

  private struct Events {
    private var random = Randoms(seed: 11)
    private let keys: ScrambledKeys
    private let schema: Schema
    private(set) var made = 0

    init(_ keys: ScrambledKeys, schema: Schema) { (self.keys, self.schema) = (keys, schema) }

    @inline(__always) mutating func next() -> (key: Int, value: Int64) {
      made &+= 1
      let bits = random.next()
      return (Int(bits.multipliedFullWidth(by: UInt64(keys.names.count)).high), Int64(bits & 1023) &- 500)
    }

    mutating func batch(_ rows: Int) -> Batch {
      let (names, values) = (Buffer(uninitialized: rows * 8), Buffer(uninitialized: rows * 8))
      let (k, v) = (names.pointer(Int64.self), values.pointer(Int64.self))
      for i in 0..<rows {
        let event = next()
        k[i] = keys.names[event.key]
        v[i] = event.value
      }
      return Batch(
        schema: schema, columns: zip(schema.fields, [names, values]).map { Column(type: $0.type, count: rows, values: .fixed($1)) },
        rowCount: rows)
    }
  }

  func run(repetitions: Int) throws -> BenchmarkResult {
    let keys = ScrambledKeys(count: keyCount)
    let expected = reference(keys)
    var times: [Int64] = []
    var bytes = 0
    for _ in 0..<repetitions {
      let before = StateMemory.use.inMemory
      let scan = LogicalPlan.scan(Scan(table: TableDefinition(name: "events", schema: schema)))
      let subject = try GroupAggregateOperator(
        Aggregate(
          input: scan, keys: [.column(0, schema.fields[0])], keyNames: ["key"],
          aggregates: [
            AggregateCall(.countStar, [], type: .int64, isNullable: false),
            AggregateCall(.sum, [.column(1, schema.fields[1])], type: .int64, isNullable: true),
          ], names: ["n", "total"]), context: OperatorContext(batchRows: batchRows), emission: .atEnd)
      var events = Events(keys, schema: schema)
      var watch = Stopwatch()
      while events.made < rowCount {
        let batch = events.batch(min(batchRows, rowCount - events.made))
        try watch.time {
          var output = OperatorOutput()
          try subject.process(batch, port: 0, into: &output)
        }
      }
      bytes = StateMemory.use.inMemory - before
      var output = OperatorOutput()
      _ = try subject.advance(to: EventTime.end, into: &output)
      var found = RowChecksum()
      for batch in output.batches {
        let columns = batch.columns.map { $0.pointer(Int64.self) }
        for i in 0..<batch.rowCount { found.add(columns[0][i], columns[1][i], columns[2][i], 0, 0) }
      }
      try requireEqual(found, expected, name)
      times.append(watch.nanoseconds)
    }
    let memory = bytes == 0 ? "" : ", \(bytes / keyCount) bytes of memory per key, room to grow included"
    return BenchmarkResult(
      name, rows: rowCount, nanoseconds: times, note: "\(keyCount) scrambled keys at random, emission at the end left out\(memory)")
  }

  private func reference(_ keys: ScrambledKeys) -> RowChecksum {
    var (counts, sums) = ([Int64](repeating: 0, count: keyCount), [Int64](repeating: 0, count: keyCount))
    var events = Events(keys, schema: schema)
    for _ in 0..<rowCount {
      let event = events.next()
      counts[event.key] &+= 1
      sums[event.key] &+= event.value
    }
    var checksum = RowChecksum()
    for key in 0..<keyCount where counts[key] > 0 { checksum.add(keys.names[key], counts[key], sums[key], 0, 0) }
    return checksum
  }
}
