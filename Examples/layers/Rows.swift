import MillraceStreams

/// A message as it comes.
@Row struct Message {
  var messageID: Int64
  var authorID: Int64
  var content: String
  @EventTime var sentAt: Timestamp
}

/// What the job says of it.
@Row struct Verdict {
  var messageID: Int64
  var authorID: Int64
  /// Messages of the author in the ten minutes up to this one.
  @Column("messages_10m") var messages10m: Int64
  /// The share of those that have a link.
  var linkShare: Double
  var flagged: Bool
  @EventTime var sentAt: Timestamp
}

/// When an author is flagged.
enum Rule {
  static let span = Duration.minutes(10)
  static let messagesMin: Int64 = 5
  static let linkShareMax = 0.6

  static func flags(messages: Int64, share: Double) -> Bool { messages >= messagesMin && share > linkShareMax }
}
