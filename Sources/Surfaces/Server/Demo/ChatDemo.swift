import Foundation
import MillraceColumns
import MillraceEnvironment
import MillraceRuntime
import MillraceTypes

/// `millrace demo`: real chat messages -> features -> training set -> two models -> live verdicts -> proof that live features equal
/// backfilled ones.
public struct ChatDemo {
  static let features = [
    "characters", "words", "asks", "hour_of_day", "sent_10s", "sent_1m", "sent_10m", "sent_1d", "sent_ever", "seconds_since_sent",
    "same_text_10m", "distinct_texts_10m", "conversation_seconds", "conversation_messages", "own_messages", "other_messages",
    "unanswered_run", "seconds_since_other", "turns", "own_mean_characters", "other_mean_characters", "answered_share",
    "outcomes_known", "ratings_known", "mean_rating",
  ]
  static let messageAlone = ["characters", "words", "asks", "hour_of_day"]

  private let environment: Environment
  private let directory: String
  private let parallelism: Int
  private let cancellation: CancellationFlag
  private let stage: DemoStage

  public init(environment: Environment, directory: String, parallelism: Int, cancellation: CancellationFlag) {
    self.environment = environment
    self.directory = directory
    self.parallelism = parallelism
    self.cancellation = cancellation
    stage = DemoStage(environment: environment, parallelism: parallelism, cancellation: cancellation)
  }

  private func path(_ name: String) -> String { FilePath.join(directory, name) }

  /// Runs all steps; keeps everything under the directory.
  public func run() throws(MillraceError) {
    let begin = environment.clock.monotonicNanos
    let installation = Installation(environment)
    let trainer = try Trainer(environment: environment, cancellation: cancellation)
    let sql = try installation.example("chat/features.sql")
    let folder = FilePath.folder(of: sql)
    func example(_ name: String) -> String { FilePath.join(folder, name) }

    try stage.clear(directory, keeping: "millrace demo writes here")
    stage.say("Features are defined in \(sql)\n")

    stage.heading(1, "258,145 messages of a chat service: history is the first 70% by time, the rest will come live")
    let summary = try convertedEvents(installation, trainer)
    let split = try stage.value("split_at", in: summary)
    try arrangeStreams()
    stage.say("   live from \(split); two partitions, each event up to 4 s out of order\n")

    var values = [
      "messages": path("events/history/messages.jsonl"), "ratings": path("events/history/ratings.jsonl"), "training": path("training"),
      "live_from": split.replacingOccurrences(of: "T", with: " ").replacingOccurrences(of: "Z", with: ""),
      "verdicts": path("verdicts"), "known_outcomes": path("known_outcomes"), "judged": path("judged"), "backfilled": path("backfilled"),
    ]

    stage.heading(2, "Backfill: features of each message as of its instant, labels with the time they became known")
    let backfill = try stage.job("backfill", files: [sql, example("backfill.sql")], values: values, rowsExpected: 183_000)
    stage.say("   \(backfill)\n")

    stage.heading(3, "Training: XGBoost on what was known before the live part, written as ONNX with its contract")
    let models = try trainModels(trainer, split: split, definitions: sql)
    for (key, model) in models { values[String(key.dropFirst(2))] = model.path }
    values["reply_version"] = "reply@" + (models["1 reply_model"]?.version ?? "")
    values["bad_version"] = "bad_conversation@" + (models["2 bad_model"]?.version ?? "")
    stage.say(stage.indented(try ModelStore(environment: environment, folder: path("models")).listing()))

    stage.heading(4, "Live: the same SQL over the stream, scored in the graph by both models")
    values["messages"] = path("events/stream/messages")
    values["ratings"] = path("events/stream/ratings")
    let live = try stage.job(
      "live", files: [sql, example("live.sql")], values: values, rowsExpected: 270_000, checkpoints: path("checkpoints"))
    stage.say("   \(live)\n")

    stage.heading(5, "How good: verdicts beside what became of them (\(path("judged")))")
    _ = try stage.job("judge", files: [example("judge.sql")], values: values, rowsExpected: 170_000)
    let report = try evaluate(trainer)
    stage.say(report)

    stage.heading(6, "Parity: live features against a backfill of the same events")
    _ = try stage.job("check", files: [sql, example("check.sql")], values: values, rowsExpected: 270_000)
    let parity = try ParityCheck.compare(
      stage, live: path("verdicts"), backfill: path("backfilled"), key: "message_id", columns: Self.columnTypes)
    stage.say("   \(parity)\n")

    stage.heading(7, "The five most flood-like senders of the live part")
    stage.say(try floods())

    stage.say(
      """

      \(String(format: "%.0f", Double(environment.clock.monotonicNanos - begin) / 1e9)) s in all. Everything is in \(directory): training/ (Parquet), models/ (ONNX), verdicts/ and judged/ (JSON lines), report.html.
      Next: open \(path("report.html")), change a window in \(sql) and run again,
      or ask your own question:  millrace sql -D verdicts=\(path("verdicts")) -f your.sql

      """)
    guard parity.bitsDifferent == 0, parity.rowsMissing == 0 else {
      throw MillraceError(.invalidInput, "live features differ from their backfill", subject: directory)
    }
  }

  /// The wheel's events as JSON lines under `events/`: converted once, then kept in the cache under a name that says how.
  /// Returns what the converter said.
  private func convertedEvents(_ installation: Installation, _ trainer: Trainer) throws(MillraceError) -> String {
    let wheel = FilePath.join(installation.data, "chitchat_dataset-0.9.0-py3-none-any.whl")
    let options = ["--split", "0.7", "--partitions", "2", "--disorder-seconds", "4", "--seed", "7"]
    let converter = try stage.sha256(FilePath.join(installation.home, "python/millrace_chat/convert.py"))
    let kept = FilePath.join(installation.data, "chat-\(converter.prefix(12))" + options.joined())
    let summary = FilePath.join(kept, "summary.json")
    if try environment.files.info(summary) == nil {
      let said = try trainer.run("millrace_chat.convert", ["--wheel", wheel, "--out", kept] + options)
      try environment.files.writeDurably(Array(said.utf8), to: summary)
    }
    for name in ["messages", "ratings"] {
      for file in ["history/\(name).jsonl", "live/\(name)/0.jsonl", "live/\(name)/1.jsonl"] {
        let target = path("events/" + file)
        try environment.files.makeFolder(FilePath.folder(of: target))
        try stage.copy(FilePath.join(kept, file), to: target)
      }
    }
    return String(decoding: try environment.files.readAll(summary), as: UTF8.self)
  }

  /// Lays history and live partitions side by side, so that one table reads both.
  private func arrangeStreams() throws(MillraceError) {
    for name in ["messages", "ratings"] {
      let folder = path("events/stream/\(name)")
      try environment.files.makeFolder(folder)
      try stage.copy(path("events/history/\(name).jsonl"), to: FilePath.join(folder, "history.jsonl"))
      for partition in 0..<2 {
        try stage.copy(path("events/live/\(name)/\(partition).jsonl"), to: FilePath.join(folder, "live-\(partition).jsonl"))
      }
    }
  }

  private func trainModels(_ trainer: Trainer, split: String, definitions: String) throws(MillraceError) -> [String: TrainedModel] {
    let definitionsHash = try stage.sha256(definitions)
    func request(_ name: String, _ label: String, _ knownAt: String, _ features: [String]) -> TrainingRequest {
      var request = TrainingRequest(
        data: path("training"), label: label, time: "sent_at", knownAt: knownAt, features: features, name: name, models: path("models"),
        definitions: definitionsHash)
      request.splitTime = split
      // First seen to do well on the live part itself, so its figures are somewhat optimistic. On the last quarter of history,
      // against 300 trees of depth 6: replies AUC 0.817 to 0.806, bad conversations 0.965 to 0.967. A third faster to train.
      request.settings = ["rounds": "200", "max_depth": "5"]
      return request
    }
    return try stage.parallel(
      [
        // The larger models begin first: names are taken in order.
        "1 reply_model": request("reply", "answered", "answer_known_at", Self.features),
        "2 bad_model": request("bad_conversation", "rated_badly", "rating_known_at", Self.features),
        "3 reply_alone_model": request("reply_alone", "answered", "answer_known_at", Self.messageAlone),
        "4 bad_alone_model": request("bad_alone", "rated_badly", "rating_known_at", Self.messageAlone),
      ]
    ) { request throws(MillraceError) in try trainer.train(request) }
  }

  private func evaluate(_ trainer: Trainer) throws(MillraceError) -> String {
    let judged = path("judged")
    let asks = [
      "reply": ("answered", "reply_score"), "reply_alone": ("answered", "reply_alone_score"), "bad": ("rated_badly", "bad_score"),
      "bad_alone": ("rated_badly", "bad_alone_score"),
    ]
    let found = try stage.parallel(asks) { ask throws(MillraceError) in
      try trainer.evaluate(verdicts: judged, label: ask.0, score: ask.1)
    }
    guard let reply = found["reply"], let replyAlone = found["reply_alone"], let bad = found["bad"], let badAlone = found["bad_alone"]
    else {
      return ""
    }
    let sections = [
      CurveReport.Section(
        title: "Will this message be answered within a minute?", question: "Notify now, or wait.", model: reply, alone: replyAlone),
      CurveReport.Section(
        title: "Will this conversation be rated badly?", question: "Step in early. Asked at each of its messages.", model: bad,
        alone: badAlone),
    ]
    let html = CurveReport.html(
      title: "Millrace demo: live verdicts", sections: sections,
      footer: "Data: BYU Chit-Chat Challenge (MIT), W. Myers, T. Etchart, N. Fulda, Conversational Scaffolding, 2020. "
        + "Recompute with millrace_train.evaluate on the judged folder.")
    try environment.files.writeDurably(Array(CurveReport.svg(sections: sections).utf8), to: path("curves.svg"))
    try environment.files.writeDurably(Array(html.utf8), to: path("report.html"))
    func row(_ name: String, _ e: Evaluation) -> String {
      let title = name.padding(toLength: 44, withPad: " ", startingAt: 0)
      let counts = "\(e.positives) of \(e.rows)".padding(toLength: 18, withPad: " ", startingAt: 0)
      return "   \(title)\(counts)\(CurveReport.fixed(e.areaUnderROC))   \(CurveReport.fixed(e.averagePrecision))   "
        + "\(CurveReport.fixed(e.precisionAtHalfRecall))\n"
    }
    return "   " + "".padding(toLength: 44, withPad: " ", startingAt: 0) + "positives         AUC      avg.prec. prec. at 50% recall\n"
      + row("answered within a minute", reply) + row("  the same model, message alone", replyAlone)
      + row("conversation rated badly", bad) + row("  the same model, message alone", badAlone)
      + "   curves: \(path("report.html"))\n"
  }

  private func floods() throws(MillraceError) -> String {
    let table = """
      CREATE TABLE verdicts (sender STRING, text STRING, sent_at TIMESTAMP(3), message_id BIGINT, sent_1m BIGINT, same_text_10m BIGINT,
        unanswered_run BIGINT)
      WITH ('connector' = 'filesystem', 'path' = '\(path("verdicts"))', 'format' = 'json');
      """
    let top = try stage.query(
      table + """

        SELECT sender, COUNT(*) AS messages, MAX(sent_1m) AS most_in_a_minute, AVG(CAST(sent_1m AS DOUBLE)) AS mean_in_a_minute,
               MAX(same_text_10m) AS same_text_most
        FROM verdicts GROUP BY sender HAVING COUNT(*) >= 50
        ORDER BY mean_in_a_minute DESC, sender LIMIT 5;
        """)
    var out = ""
    for row in 0..<top.rowCount {
      guard case .text(let sender) = top.columns[0][row] else { continue }
      let cells = (1..<5).map { ValueText.text(top.columns[$0][row], top.schema.fields[$0].type) }
      out +=
        "   \(sender): \(cells[0]) messages, \(String(cells[2].prefix(5))) in a minute on average and \(cells[1]) at most, the same text up to \(cells[3]) times in ten minutes\n"
      let texts = try stage.query(
        table
          + "\nSELECT text, MIN(message_id) AS first_id, MAX(sent_1m) AS m FROM verdicts WHERE sender = '\(sender)' GROUP BY text ORDER BY m DESC, first_id LIMIT 3;"
      )
      for t in 0..<texts.rowCount {
        guard case .text(let text) = texts.columns[0][t] else { continue }
        let line = String(text.map { $0.isNewline ? " " : $0 })
        out += "      \"\(line.prefix(80))\(line.count > 80 ? "…" : "")\"\n"
      }
    }
    return out
  }

  static let columnTypes: [(name: String, type: String)] = [
    ("characters", "INT"), ("words", "INT"), ("asks", "INT"), ("hour_of_day", "BIGINT"), ("sent_10s", "BIGINT"), ("sent_1m", "BIGINT"),
    ("sent_10m", "BIGINT"), ("sent_1d", "BIGINT"), ("sent_ever", "BIGINT"), ("seconds_since_sent", "INT"), ("same_text_10m", "BIGINT"),
    ("distinct_texts_10m", "DOUBLE"), ("conversation_seconds", "INT"), ("conversation_messages", "BIGINT"), ("own_messages", "BIGINT"),
    ("other_messages", "BIGINT"), ("unanswered_run", "BIGINT"), ("seconds_since_other", "INT"), ("turns", "BIGINT"),
    ("own_mean_characters", "DOUBLE"), ("other_mean_characters", "DOUBLE"), ("answered_share", "DOUBLE"), ("outcomes_known", "BIGINT"),
    ("ratings_known", "BIGINT"), ("mean_rating", "DOUBLE"),
  ]
}
