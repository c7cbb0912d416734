import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceTypes

/// Reading the Nexmark source: every column of every event, with the hidden columns that the engine adds.
struct NexmarkBenchmark {
  let name: String
  /// The value of option `nexmark.table`.
  let table: String
  /// Option `out-of-order.max`.
  var disorder = "0 ms"
  private static let eventCount = 2_000_000

  func run(repetitions: Int) throws -> BenchmarkResult {
    try check()
    var times: [Int64] = []
    var textBytes: Int64 = 0
    for _ in 0..<repetitions {
      let reader = try open(Self.eventCount)
      var watch = Stopwatch()
      var rows = 0
      textBytes = 0
      while true {
        let event = try watch.time { try reader.next(maxRows: batchRows) }
        guard case .batch(let batch, _) = event else { break }
        rows += batch.rowCount
        for column in batch.columns { textBytes += Self.textBytes(column) }
      }
      try requireEqual(rows, Self.eventCount / 50 * (table == "bid" ? 46 : 50), "\(name): rows")
      times.append(watch.nanoseconds)
    }
    return BenchmarkResult(
      name, rows: Self.eventCount, nanoseconds: times, aim: 70,
      note: "table \(table), all columns, \(textBytes / Int64(Self.eventCount)) bytes of text per event, disorder \(disorder)")
  }

  /// A long read in batches gives the rows that single reads from everywhere give.
  private func check() throws {
    let whole = try open(2000)
    var rows: [[Value]] = []
    while case .batch(let batch, _) = try whole.next(maxRows: 700) { rows += (0..<batch.rowCount).map(batch.row) }
    let single = try open(2000)
    for (index, row) in rows.enumerated() {
      guard case .batch(let batch, _) = try single.next(maxRows: 1) else { throw WrongAnswer("\(name): row \(index) is missing") }
      try requireEqual(batch.row(0), row, "\(name): row \(index)")
    }
  }

  private func open(_ events: Int) throws -> any SourceReader {
    let environment = Environment(
      files: MemoryFileStore(), clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
    let time = Field("dateTime", .timestamp(precision: 3))
    func texts(_ names: [String]) -> [Field] { names.map { Field($0, .text) } }
    func numbers(_ names: [String]) -> [Field] { names.map { Field($0, .int64) } }
    let person = numbers(["id"]) + texts(["name", "emailAddress", "creditCard", "city", "state"]) + [time] + texts(["extra"])
    let auction =
      numbers(["id"]) + texts(["itemName", "description"]) + numbers(["initialBid", "reserve"])
      + [time, Field("expires", .timestamp(precision: 3))] + numbers(["seller", "category"]) + texts(["extra"])
    let bid = numbers(["auction", "bidder", "price"]) + texts(["channel", "url"]) + [time] + texts(["extra"])
    let fields =
      table == "bid"
      ? bid
      : [
        Field("event_type", .int32), Field("person", .row(person)), Field("auction", .row(auction)), Field("bid", .row(bid)),
      ]
    let definition = TableDefinition(
      name: table, schema: Schema(fields), watermark: table == "bid" ? .init(column: 5, delayMicros: 4_000_000) : nil,
      options: [
        "connector": "nexmark", "nexmark.table": table, "events.num": "\(events)", "out-of-order.max": disorder, "seed": "42",
      ])
    let source = try ConnectorRegistry.builtIn.source(SourceRequest(table: definition, environment: environment))
    return try source.open(try source.splits()[0], from: nil)
  }

  private static func textBytes(_ column: Column) -> Int64 {
    switch column.values {
    case .variable: Int64(column.variable.offsets[column.count])
    case .fields(let children): children.reduce(0) { $0 + textBytes($1) }
    default: 0
    }
  }
}
