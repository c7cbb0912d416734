import MillraceStreams

/// The job as functions over a stream of rows, with windows that slide with them.
enum SpamInStream: SpamJob {
  @Row struct Marked {
    var messageID: Int64
    var authorID: Int64
    var link: Int64
    @EventTime var sentAt: Timestamp
  }

  @Row struct Activity {
    var messageID: Int64
    var authorID: Int64
    @Column("messages_10m") var messages: Int64
    @Column("links_10m") var links: Int64
    @EventTime var sentAt: Timestamp
  }

  static func build(_ job: Job) throws {
    try job.stream("messages", of: Message.self)
      .map { Marked(messageID: $0.messageID, authorID: $0.authorID, link: $0.content.contains("http") ? 1 : 0, sentAt: $0.sentAt) }
      .keyed(by: \.authorID)
      .windowed(as: Activity.self) { w throws(MillraceError) in
        try w.count(last: Rule.span, as: "messages_10m")
        try w.sum(\.link, last: Rule.span, as: "links_10m")
      }
      .map { row in
        let share = Double(row.links) / Double(row.messages)
        return Verdict(
          messageID: row.messageID, authorID: row.authorID, messages10m: row.messages, linkShare: share,
          flagged: Rule.flags(messages: row.messages, share: share), sentAt: row.sentAt)
      }
      .insert(into: "verdicts")
  }
}
