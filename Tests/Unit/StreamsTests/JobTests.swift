import MillraceEnvironment
import MillraceServer
import MillraceStreams
import Testing

/// One job across the layers, both ways, and how it runs.
@Suite struct JobTests {
  @Row struct Flag: Hashable {
    var author: String
    var messages: Int64
  }

  /// SQL makes a view, Swift reads it, a function flags, a table groups, SQL reads that and feeds a file.
  private func build(_ job: Job) throws {
    try job.sql(
      """
      CREATE VIEW linked AS SELECT message_id, author, links, score, sent_at FROM messages WHERE links > 0;
      CREATE TABLE flagged (author STRING, messages BIGINT, bonus BIGINT) WITH ('connector' = 'filesystem', 'path' = '/out/flagged', 'format' = 'csv');
      """)
    try job.stream("linked", of: Message.self)
      .filter { $0.score > 2 }
      .asTable()
      .window(.tumble(on: "sent_at", size: .seconds(20)))
      .groupBy(col("window_start"), col("window_end"), col("author"))
      .select(col("author"), TableExpression.count().as("messages"))
      .asStream(of: Flag.self)
      .map { Flag(author: $0.author + "!", messages: $0.messages * 10) }
      .asTable()
      .define(as: "flags")
    try job.sql("INSERT INTO flagged SELECT author, messages, messages + 1 FROM flags WHERE messages > 10;")
    try job.table("flags").filter(col("messages") <= 10).adding(.literal(0).as("bonus")).insert(into: "flagged")
  }

  private func lines(_ store: MemoryFileStore) throws -> [String] {
    try store.list("/out/flagged").sorted().flatMap {
      String(decoding: try store.readAll("/out/flagged/" + $0), as: UTF8.self).split(separator: "\n").map(String.init)
    }.sorted()
  }

  @Test func crossesTheLayersBothWays() async throws {
    var wanted: [String]?
    for mode in MessageJob.modes where mode.crashes == nil {
      let messages = try MessageJob()
      let job = try messages.job(mode)
      try build(job)
      let result = try await job.run()
      #expect(result.rowsRead == 120)
      let found = try lines(messages.store)
      #expect(found.count == 8 && found.contains { $0.hasPrefix("ann!,") }, "\(found)")
      #expect(found == wanted ?? found, "\(mode)")
      wanted = wanted ?? found
    }
  }

  /// A job with functions takes checkpoints and goes on from them; another function is another job.
  @Test func checkpointsOfFunctions() async throws {
    let messages = try MessageJob()
    func job(_ restore: JobConfiguration.Restore, _ id: String) throws -> Job {
      var options = SessionOptions()
      options.job.mode = .streaming
      options.job.checkpointDirectory = "/checkpoints"
      options.job.restore = restore
      let environment = Environment(
        files: messages.store, clock: messages.clock, randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
      let job = Job("test", options: options, environment: environment)
      try job.sql(MessageJob.tables)
      try job.sql(
        "CREATE TABLE out (author STRING, messages BIGINT) WITH ('connector' = 'filesystem', 'path' = '/out/counts', 'format' = 'csv')")
      try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: id) { Counter() }.insert(into: "out")
      return job
    }
    try await job(.none, "counter").run()
    func written() throws -> Int {
      try messages.store.list("/out/counts").reduce(0) { $0 + (try messages.store.readAll("/out/counts/" + $1)).count { $0 == 10 } }
    }
    #expect(try written() == 120)
    let result = try await job(.latest, "counter").run()
    #expect(result.restoredFrom != nil)
    #expect(try written() == 120)
    await #expect { try await job(.latest, "another").run() } throws: { "\($0)".contains("another plan") }
  }

  final class Counter: KeyedProcessFunction {
    let count = ValueState("count", default: Int64(0))
    func process(_ message: Message.View, _ context: KeyedContext<String, Flag>) throws {
      count.value += 1
      try context.emit(Flag(author: context.key, messages: count.value))
    }
  }

  @Test func collectsRows() async throws {
    let job = try MessageJob().job(MessageJob.modes[0])
    let flags = try await job.query("SELECT author, COUNT(*) AS messages FROM messages GROUP BY author").asStream(of: Flag.self).collect()
    #expect(flags.count == 4 && flags.reduce(0) { $0 + $1.messages } == 120)
    let batch = try await job.table("messages").select(.count()).collect()
    #expect(batch.rowCount == 1)
  }

  @Test func whatIsWrongIsSaid() async throws {
    let job = try MessageJob().job(MessageJob.modes[0])
    await #expect { try await job.run() } throws: { "\($0)".contains("the job feeds no table") }
    #expect { try job.sql("SELECT 1") } throws: { "\($0)".contains("only definitions, SET and INSERT INTO") }
    #expect { try job.table("mesages") } throws: { "\($0)".contains("did you mean messages?") }
    #expect { try job.stream("messages", of: WrongName.self) } throws: { "\($0)".contains("there is no column autor for it") }
    #expect { try job.stream("messages", of: WrongType.self) } throws: {
      "\($0)".contains("column author has type STRING, the property type BIGINT")
    }
    #expect { try job.query("SELECT author, sent_at + INTERVAL '1' DAY AS other FROM messages").asStream(of: WrongTime.self) } throws: {
      "\($0)".contains("is not the event time of the rows")
    }
  }

  @Row struct WrongName { var autor: String }
  @Row struct WrongType { var author: Int64 }
  @Row struct WrongTime {
    var author: String
    @Column("other") @EventTime var at: Timestamp
  }

  /// A null where the property is not optional names the property.
  @Test func nullsAreNotInvented() throws {
    let messages = try MessageJob()
    #expect {
      try messages.run(MessageJob.modes[0]) { job in
        try job.stream("messages", of: Links.self).map(id: "doubling") { Links(links: $0.links * 2) }.asTable()
      }
    } throws: {
      "\($0)".contains("function doubling") && "\($0)".contains("Links.links")
        && "\($0)".contains("a null came where the property is not optional")
    }
  }

  @Row struct Links { var links: Int32 }
}
