import MillraceConnectors
import MillraceEnvironment
import MillracePlan
import MillraceRuntime
import MillraceServer
import MillraceStreams
import Testing

/// The rows of the tests.
@Row struct Message: Hashable {
  var messageID: Int64
  var author: String
  var links: Int32?
  var score: Double
  @EventTime var sentAt: Timestamp
}

/// A job over messages in memory, and the ways of running it.
struct MessageJob {
  static let tables = """
    CREATE TABLE messages (
      message_id BIGINT NOT NULL, author STRING NOT NULL, links INT, score DOUBLE NOT NULL, sent_at TIMESTAMP_LTZ(3) NOT NULL,
      WATERMARK FOR sent_at AS sent_at - INTERVAL '2' SECOND
    ) WITH ('connector' = 'filesystem', 'path' = '/in/messages', 'format' = 'csv');
    """

  let store = MemoryFileStore()
  let clock = ManualClock(startMicros: 1_700_000_000_000_000)

  /// Files of messages of a few authors, out of order by less than the watermark's delay.
  init(count: Int = 60, files: Int = 2, seed: UInt64 = 7) throws {
    try store.makeFolder("/in/messages")
    var random = SeededGenerator(seed: seed)
    for file in 0..<files {
      var text = ""
      for i in 0..<count {
        let id = file * count + i
        let second = 10 + i / 2 + Int.random(in: -1...0, using: &random)
        let links = i % 5 == 4 ? "" : "\(i % 4)"
        let author = ["ann", "bob", "cleo", "dan"][Int.random(in: 0..<4, using: &random)]
        text +=
          "\(id),\(author),\(links),\(Double(i) / 4),2024-01-01 00:0\(second / 60):\(second % 60 < 10 ? "0" : "")\(second % 60).\(100 + id % 7)\n"
      }
      try store.writeDurably(Array(text.utf8), to: "/in/messages/\(file).csv")
    }
  }

  /// One way of running.
  struct Mode: CustomStringConvertible, Sendable {
    var description: String
    var parallelism = 1
    var batchRows = 4096
    var mode = JobConfiguration.Mode.batch
    var crashes: Int?
    /// The parallelism after the first crash.
    var parallelismAfter: Int?
    var seed: UInt64 = 1
    var usesOptimizer = true
  }

  static let modes = [
    Mode(description: "batch"), Mode(description: "tiny batches", batchRows: 3),
    Mode(description: "two partitions", parallelism: 2, batchRows: 7), Mode(description: "three partitions", parallelism: 3, batchRows: 5),
    Mode(description: "stream", parallelism: 2, batchRows: 4, mode: .streaming),
    Mode(description: "optimiser off", batchRows: 11, usesOptimizer: false),
    Mode(description: "simulated", parallelism: 2, batchRows: 5, mode: .streaming, crashes: 0, seed: 3),
    Mode(description: "crashes", parallelism: 2, batchRows: 5, mode: .streaming, crashes: 4, seed: 5),
    Mode(
      description: "crashes and more partitions", parallelism: 1, batchRows: 3, mode: .streaming, crashes: 5, parallelismAfter: 3, seed: 9),
    Mode(description: "crashes and fewer partitions", parallelism: 3, batchRows: 4, crashes: 5, parallelismAfter: 2, seed: 11),
  ]

  func job(_ mode: Mode) throws -> Job {
    var options = SessionOptions()
    options.job.parallelism = mode.parallelism
    options.job.batchRows = mode.batchRows
    options.job.mode = mode.mode
    options.usesOptimizer = mode.usesOptimizer
    let environment = Environment(files: store, clock: clock, randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
    let job = Job("test", options: options, environment: environment)
    try job.sql(Self.tables)
    return job
  }

  /// The rows of a table with their event times as text, in the total order.
  func run(_ mode: Mode, _ build: (Job) throws -> Table) throws -> [String] {
    let job = try job(mode)
    let table = try build(job)
    let plan = JobPlan(outputs: [.init(table: nil, input: table.plan)])
    func launcher(_ parallelism: Int) -> JobLauncher {
      var configuration = JobConfiguration()
      configuration.parallelism = parallelism
      configuration.batchRows = mode.batchRows
      configuration.mode = mode.mode
      let environment = Environment(files: store, clock: clock, randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
      return JobLauncher(environment: environment, configuration: configuration, usesOptimizer: mode.usesOptimizer, connectors: .builtIn)
    }
    let first = launcher(mode.parallelism)
    let physical = try first.physicalPlan(plan)
    let builder = try first.builder(physical)
    if let crashes = mode.crashes {
      let next = try launcher(mode.parallelismAfter ?? mode.parallelism).builder(physical, collectors: builder.collectors)
      _ = try SimulatedRuntime([builder, next], seed: mode.seed, faults: .init(crashes: crashes, stepsPerCheckpoint: 12)).run()
    } else {
      _ = try EmbeddedRuntime(builder).run()
    }
    let rows = try #require(JobLauncher.rows(physical, builder.collectors))
    return (0..<rows.rowCount).map { row in
      "\(rows.row(row)) at \(rows.eventTimes.map { "\($0[row])" } ?? "-") \(rows.weights.map { "\($0[row])" } ?? "")"
    }
  }

  /// Runs in every mode; the rows are the same in all of them. Returns them.
  @discardableResult func agree(_ build: (Job) throws -> Table) throws -> [String] {
    let wanted = try run(Self.modes[0], build)
    for mode in Self.modes.dropFirst() {
      let found = try run(mode, build)
      #expect(found == wanted, "\(mode)")
    }
    return wanted
  }
}
