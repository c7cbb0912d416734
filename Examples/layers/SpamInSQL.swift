import MillraceStreams

/// The job in SQL.
enum SpamInSQL: SpamJob {
  static func build(_ job: Job) throws {
    try job.sql(
      """
      INSERT INTO verdicts
      SELECT message_id, author_id, messages_10m, link_share, messages_10m >= 5 AND link_share > 0.6E0, sent_at
      FROM (
        SELECT *, CAST(links_10m AS DOUBLE) / messages_10m AS link_share
        FROM (
          SELECT message_id, author_id, sent_at,
            COUNT(*) OVER (PARTITION BY author_id ORDER BY sent_at RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW)
              AS messages_10m,
            SUM(CASE WHEN content LIKE '%http%' THEN 1 ELSE 0 END)
              OVER (PARTITION BY author_id ORDER BY sent_at RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW)
              AS links_10m
          FROM messages));
      """)
  }
}
