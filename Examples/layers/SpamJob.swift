import MillraceStreams

/// One of the ways of writing the job.
protocol SpamJob {
  /// Adds to a job what feeds `verdicts` from `messages`.
  static func build(_ job: Job) throws
}

/// The four of them, over one file of messages.
struct SpamJobs {
  static let all: [(name: String, job: any (SpamJob & SendableMetatype).Type)] = [
    ("sql", SpamInSQL.self), ("table", SpamInTable.self), ("stream", SpamInStream.self), ("process", SpamInProcess.self),
  ]

  var environment: Environment
  /// Holds `messages.csv` and a folder of verdicts per way.
  var folder: String
  var options = SessionOptions()

  /// Writes the input.
  func writeMessages(count: Int) throws {
    try environment.files.makeFolder(folder)
    try environment.files.writeDurably(MessagesFile.bytes(count: count), to: folder + "/messages.csv")
  }

  /// Runs one way and returns the lines it wrote, in the order of the files.
  func run(_ name: String, _ way: any SpamJob.Type) async throws -> [String] {
    let job = Job(name, options: options, environment: environment)
    try job.sql(
      """
      CREATE TABLE messages (
        message_id BIGINT NOT NULL, author_id BIGINT NOT NULL, content STRING NOT NULL, sent_at TIMESTAMP_LTZ(3) NOT NULL,
        WATERMARK FOR sent_at AS sent_at - INTERVAL '10' SECOND
      ) WITH ('connector' = 'filesystem', 'path' = '\(folder)/messages.csv', 'format' = 'csv');

      CREATE TABLE verdicts (
        message_id BIGINT, author_id BIGINT, messages_10m BIGINT, link_share DOUBLE, flagged BOOLEAN, sent_at TIMESTAMP_LTZ(3)
      ) WITH ('connector' = 'filesystem', 'path' = '\(folder)/\(name)', 'format' = 'csv');
      """)
    try way.build(job)
    try await job.run()
    var lines: [String] = []
    for file in try environment.files.list("\(folder)/\(name)").sorted() {
      let bytes = try environment.files.readAll("\(folder)/\(name)/\(file)")
      lines += String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    return lines
  }
}
