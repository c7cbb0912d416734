import MillraceStreams
import Testing

/// Operations on tables against the same in SQL, and their errors.
@Suite struct TableTests {
  struct Case: Sendable, CustomStringConvertible {
    var description: String
    var build: @Sendable (Table, Job) throws -> Table
  }

  static let cases: [Case] = [
    Case(description: "SELECT * FROM messages WHERE score > 3 AND author LIKE 'a%'") { t, _ in
      try t.filter(col("score") > 3 && col("author").like("a%"))
    },
    Case(description: "SELECT message_id + 1 AS next, UPPER(author), score / 2.5E0 FROM messages") { t, _ in
      try t.select((col("message_id") + 1).as("next"), .call("UPPER", col("author")), col("score") / 2.5)
    },
    Case(description: "SELECT *, CASE WHEN links IS NULL THEN -1 ELSE links END AS known FROM messages") { t, _ in
      try t.adding(TableExpression.when(col("links").isNull, then: -1, otherwise: col("links")).as("known"))
    },
    Case(description: "SELECT message_id, author FROM messages WHERE links IN (1, 2) AND NOT (score BETWEEN 2 AND 4)") { t, _ in
      try t.filter(col("links").in(1, 2) && !col("score").between(2, and: 4)).dropping("links", "score", "sent_at")
    },
    Case(description: "SELECT DISTINCT author FROM messages") { t, _ in try t.select(col(\Message.author)).distinct() },
    Case(
      description:
        "SELECT author, COUNT(*) AS n, SUM(links) FILTER (WHERE score > 1) AS s FROM messages GROUP BY author HAVING COUNT(*) > 3"
    ) {
      t, _ in
      try t.groupBy(col("author")).having(.count() > 3)
        .select(col("author"), TableExpression.count().as("n"), TableExpression.sum(col("links")).filter(col("score") > 1).as("s"))
    },
    Case(
      description:
        "SELECT author, window_start, COUNT(DISTINCT links) AS d FROM TABLE(HOP(TABLE messages, DESCRIPTOR(sent_at), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY author, window_start, window_end"
    ) { t, _ in
      try t.window(.hop(on: "sent_at", slide: .seconds(5), size: .seconds(10)))
        .groupBy(col("author"), col("window_start"), col("window_end"))
        .select(col("author"), col("window_start"), TableExpression.countDistinct(col("links")).as("d"))
    },
    Case(
      description:
        "SELECT author, window_end, MAX(score) FROM TABLE(SESSION(TABLE messages PARTITION BY author, DESCRIPTOR(sent_at), INTERVAL '2' SECOND)) GROUP BY author, window_start, window_end"
    ) { t, _ in
      try t.window(.session(on: "sent_at", gap: .seconds(2), partitionBy: ["author"]))
        .groupBy(col("author"), col("window_start"), col("window_end")).select(col("author"), col("window_end"), .max(col("score")))
    },
    Case(
      description:
        "SELECT message_id, author, links, score, sent_at, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY author ORDER BY score DESC) AS n FROM messages) WHERE n <= 2"
    ) { t, _ in try t.rank(partitionBy: [col("author")], orderBy: [col("score").descending], limit: 2, as: "n") },
    Case(
      description:
        "SELECT *, AVG(score) OVER (PARTITION BY author ORDER BY sent_at RANGE BETWEEN INTERVAL '4' SECOND PRECEDING AND CURRENT ROW) AS mean FROM messages"
    ) { t, _ in
      try t.adding(
        TableExpression.average(col("score")).over(partitionBy: [col("author")], orderBy: col("sent_at"), last: .seconds(4)).as("mean"))
    },
    Case(
      description:
        "SELECT a.message_id, b.score AS other_score FROM messages AS a LEFT JOIN messages AS b ON a.author = b.author AND b.sent_at BETWEEN a.sent_at - INTERVAL '500' MILLISECOND AND a.sent_at"
    ) { t, _ in
      let near = right("sent_at").between(left("sent_at") - (try .span(.milliseconds(500))), and: left("sent_at"))
      return try t.join(t, .left, on: left("author") == right("author") && near).select(
        left("message_id"), right("score").as("other_score"))
    },
    Case(description: "SELECT author FROM messages WHERE links = 1 UNION ALL SELECT author FROM messages WHERE links = 2") { t, _ in
      try t.filter(col("links") == 1).select(col("author")).union(t.filter(col("links") == 2).select(col("author")))
    },
    Case(description: "SELECT links FROM messages EXCEPT SELECT links FROM messages WHERE links <> 3") { t, _ in
      try t.select(col("links")).except(t.filter(col("links") != 3).select(col("links")))
    },
  ]

  @Test(arguments: cases) func equalsSQL(_ example: Case) throws {
    let messages = try MessageJob()
    let mode = MessageJob.modes[1]
    let mine = try messages.run(mode) { try example.build($0.table("messages"), $0) }
    let theirs = try messages.run(mode) { try $0.query(example.description) }
    #expect(mine.sorted() == theirs.sorted() && !mine.isEmpty)
  }

  @Test func errorsShowTheOperation() throws {
    let job = try MessageJob().job(MessageJob.modes[0])
    let table = try job.table("messages")
    #expect { try table.filter(col("autor") == 7) } throws: {
      "\($0)".contains("autor") && "\($0)".contains("WHERE (`autor` = 7)") && "\($0)".contains("did you mean author?")
    }
    #expect { try table.filter(col("author") + 1 > 2) } throws: { "\($0)".contains("this") }
    #expect { try table.dropping("scor") } throws: { "\($0)".contains("did you mean score?") }
    #expect { try table.window(.tumble(on: "score", size: .seconds(1))) } throws: { "\($0)".contains("TUMBLE") }
    #expect { try table.window(.tumble(on: "sent_at", size: .microseconds(1))) } throws: { "\($0)".contains("parts of a millisecond") }
    #expect { try table.insert(into: "nowhere") } throws: { "\($0)".contains("nowhere") }
    #expect { try table.union(try MessageJob().job(MessageJob.modes[0]).table("messages")) } throws: {
      "\($0)".contains("different jobs")
    }
    try table.define(as: "again")
    #expect { try table.define(as: "again") } throws: { "\($0)".contains("the name again is taken") }
  }
}
