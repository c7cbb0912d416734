import MillraceStreams

/// The job as operations on tables.
enum SpamInTable: SpamJob {
  static func build(_ job: Job) throws {
    let author = [col(\Message.authorID)]
    let time = col(\Message.sentAt)
    let hasLink = TableExpression.when(col(\Message.content).like("%http%"), then: 1, otherwise: 0)
    try job.table("messages")
      .adding(
        TableExpression.count().over(partitionBy: author, orderBy: time, last: Rule.span).as("messages_10m"),
        TableExpression.sum(hasLink).over(partitionBy: author, orderBy: time, last: Rule.span).as("links_10m")
      )
      .adding((col("links_10m").cast(to: .float64) / col("messages_10m")).as("link_share"))
      .select(
        col("message_id"), col("author_id"), col("messages_10m"), col("link_share"),
        (col("messages_10m") >= .literal(Rule.messagesMin) && col("link_share") > .literal(Rule.linkShareMax)).as("flagged"), time
      )
      .insert(into: "verdicts")
  }
}
