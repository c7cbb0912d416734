import MillraceStreams
import Testing

/// Functions of single rows, unions, joins and windows of streams.
@Suite struct DataStreamTests {
  @Row struct Shout: Hashable {
    var author: String
    var words: [String]
    var links: Int32?
    @EventTime var at: Timestamp
  }

  @Row struct Word: Hashable {
    var author: String
    var word: String
  }

  @Test func filterAndMap() throws {
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self)
        .filter { $0.links ?? 0 > 1 }
        .map { Shout(author: $0.author.uppercased(), words: [$0.author, "\($0.messageID)"], links: $0.links, at: $0.sentAt) }
        .asTable()
    }
    #expect(rows.count > 20)
    #expect(rows.allSatisfy { row in ["ANN", "BOB", "CLEO", "DAN"].contains { row.hasPrefix("[MillraceColumns.Value.text(\"\($0)\"") } })
  }

  @Test func flatMapKeepsItsOrder() throws {
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self)
        .flatMap { message in (0..<Int(message.links ?? 0)).map { Word(author: message.author, word: "w\($0)") } }
        .asTable()
    }
    #expect(rows.count > 60)
  }

  @Test func compactMapAndUnion() throws {
    let rows = try MessageJob().agree { job in
      let messages = try job.stream("messages", of: Message.self)
      let few = try messages.compactMap { $0.links == nil ? Word(author: $0.author, word: "none") : nil }
      return try few.union(messages.map { Word(author: $0.author, word: "any") }).asTable()
    }
    #expect(rows.count == 120 + 24)
  }

  // MARK: windows

  @Row struct Tally: Hashable {
    var start: Timestamp
    var end: Timestamp
    var author: String
    var messages: Int64
    var score: Double
  }

  @Row struct Sum {
    var count: Int64
    var score: Double
  }

  private func windowed(_ job: Job, _ window: WindowAssigner) throws -> Table {
    try job.stream("messages", of: Message.self).keyed(by: \.author).windowed(window).aggregate(
      id: "tally", initial: Sum(count: 0, score: 0),
      add: {
        $0.count += 1
        $0.score += $1.score
      }, merge: { Sum(count: $0.count + $1.count, score: $0.score + $1.score) },
      result: { Tally(start: $1.start, end: $1.end, author: $0, messages: $2.count, score: $2.score) }
    ).asTable()
  }

  /// Windows by closures equal those of SQL; their scores are quarters, so any order of adding is exact.
  @Test(arguments: [
    ("TUMBLE(TABLE messages, DESCRIPTOR(sent_at), INTERVAL '10' SECOND)", WindowAssigner.tumble(.seconds(10))),
    ("HOP(TABLE messages, DESCRIPTOR(sent_at), INTERVAL '3' SECOND, INTERVAL '9' SECOND)", .hop(.seconds(9), every: .seconds(3))),
    ("SESSION(TABLE messages PARTITION BY author, DESCRIPTOR(sent_at), INTERVAL '2' SECOND)", .session(gap: .seconds(2))),
  ]) func windowsEqualThoseOfSQL(_ function: String, _ window: WindowAssigner) throws {
    let messages = try MessageJob()
    let mine = try messages.agree { try windowed($0, window) }
    let theirs = try messages.run(MessageJob.modes[0]) { job in
      try job.query(
        """
        SELECT CAST(window_start AS TIMESTAMP_LTZ(6)), CAST(window_end AS TIMESTAMP_LTZ(6)), author, COUNT(*), SUM(score)
        FROM TABLE(\(function)) GROUP BY window_start, window_end, author
        """)
    }
    // Event times differ: the last microsecond of the window here (a session's end), the last millisecond in SQL.
    func values(_ rows: [String]) -> [String] { rows.map { String($0.prefix { $0 != "]" }) }.sorted() }
    #expect(values(mine) == values(theirs))
    #expect(mine.count > 10)
  }

  @Test func sessionsNeedAMerge() throws {
    let job = try MessageJob().job(MessageJob.modes[0])
    let stream = try job.stream("messages", of: Message.self).keyed(by: \.author).windowed(.session(gap: .seconds(2)))
    #expect {
      try stream.aggregate(id: "x", initial: 0, add: { n, _ in n += 1 }, result: { Word(author: $0, word: "\($2)") })
    } throws: {
      "\($0)".contains("give `merge:` as well")
    }
    #expect { try job.stream("messages", of: Message.self).keyed(by: \.author).windowed(.tumble(.zero)) } throws: {
      "\($0)".contains("above zero")
    }
  }

  @Row struct Activity: Hashable {
    var messageID: Int64
    @Column("messages_10s") var messages: Int64
    @Column("score_10s") var score: Double
    @EventTime var sentAt: Timestamp
  }

  @Test func slidingFeatures() throws {
    let messages = try MessageJob()
    let mine = try messages.agree { job in
      try job.stream("messages", of: Message.self).keyed(by: \.author).windowed(as: Activity.self) { w throws(MillraceError) in
        try w.count(last: .seconds(10), as: "messages_10s")
        try w.sum(\.score, last: .seconds(10), as: "score_10s")
      }.asTable()
    }
    #expect(mine.count == 120)
  }

  // MARK: joins

  @Row struct Pair: Hashable {
    var first: Int64
    var second: Int64
    var author: String
    @EventTime var at: Timestamp
  }

  @Test func joinsOfStreams() throws {
    let messages = try MessageJob()
    let mine = try messages.agree { job in
      let all = try job.stream("messages", of: Message.self)
      return try all.filter { $0.links == 1 }.joined(with: all, on: \.author, equals: \.author, before: .seconds(1), after: .seconds(3)) {
        Pair(first: $0.messageID, second: $1.messageID, author: $1.author, at: max($0.sentAt, $1.sentAt))
      }.asTable()
    }
    let theirs = try messages.run(MessageJob.modes[0]) { job in
      try job.query(
        """
        SELECT a.message_id, b.message_id, a.author FROM (SELECT * FROM messages WHERE links = 1) AS a JOIN messages AS b
        ON a.author = b.author AND b.sent_at BETWEEN a.sent_at - INTERVAL '1' SECOND AND a.sent_at + INTERVAL '3' SECOND
        """)
    }
    #expect(mine.count == theirs.count && mine.count > 20)
  }
}
