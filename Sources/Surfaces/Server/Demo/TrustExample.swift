import MillraceColumns
import MillraceEnvironment
import MillraceRuntime
import MillraceTypes

/// `millrace trust`: will this rating be negative? The demo's steps on who-trusts-whom ratings.
public struct TrustExample {
  static let features = [
    "g_given", "g_given_7d", "g_given_1d", "g_given_mean", "g_given_negative", "g_given_negative_7d", "g_received",
    "g_received_7d", "g_received_mean", "g_received_negative", "g_received_lowest_30d", "g_age_given", "g_since_given",
    "g_age_received", "g_since_received", "t_given", "t_given_7d", "t_given_mean", "t_given_negative", "t_received",
    "t_received_7d", "t_received_1d", "t_received_mean", "t_received_negative", "t_received_negative_7d",
    "t_received_lowest_30d", "t_received_last", "t_age_given", "t_since_given", "t_age_received", "t_since_received",
    "said_back", "said_before",
  ]

  private let environment: Environment
  private let ratings: String
  private let directory: String
  private let stage: DemoStage

  public init(environment: Environment, ratings: String, directory: String, parallelism: Int, cancellation: CancellationFlag) {
    self.environment = environment
    self.ratings = ratings
    self.directory = directory
    stage = DemoStage(environment: environment, parallelism: parallelism, cancellation: cancellation)
  }

  private func path(_ name: String) -> String { FilePath.join(directory, name) }

  /// Runs all steps; keeps everything under the directory.
  public func run() throws(MillraceError) {
    guard try environment.files.info(ratings)?.kind == .file else {
      throw MillraceError(.fileFailed, "there is no such file", subject: ratings, hint: "give a CSV of source,target,weight,timestamp")
    }
    let installation = Installation(environment)
    let trainer = try Trainer(environment: environment, cancellation: stage.cancellation)
    let sql = try installation.example("trust/features.sql")
    let folder = FilePath.folder(of: sql)
    func example(_ name: String) -> String { FilePath.join(folder, name) }

    try stage.clear(directory, keeping: "millrace trust writes here")
    stage.say("Features are defined in \(sql)\n")

    stage.heading(1, "History is the first 70% of the ratings by time")
    let liveFrom = try splitMillis()
    var values = [
      "ratings": ratings, "training": path("training"), "verdicts": path("verdicts"), "live_from_millis": String(liveFrom),
      "live_from": TimestampText.string(liveFrom, .timestamp(precision: 3)) ?? "",
    ]
    stage.say("   live from \(values["live_from"] ?? "") UTC\n")

    stage.heading(2, "Backfill: features of each rating as of its instant")
    stage.say("   \(try stage.job("backfill", files: [sql, example("backfill.sql")], values: values, rowsExpected: 35_000))\n")

    stage.heading(3, "Training: XGBoost, written as ONNX with its contract")
    var request = TrainingRequest(
      data: path("training"), label: "negative", time: "rated_at", features: Self.features, name: "negative_rating", models: path("models"),
      definitions: try stage.sha256(sql))
    request.trainFraction = 1
    let model = try trainer.train(request)
    values["model"] = model.path
    values["model_version"] = "negative_rating@\(model.version)"
    stage.say(stage.indented(try ModelStore(environment: environment, folder: path("models")).listing()))

    stage.heading(4, "Live: the same SQL over the later ratings, scored in the graph")
    let live = try stage.job(
      "live", files: [sql, example("live.sql")], values: values, rowsExpected: 35_000, checkpoints: path("checkpoints"))
    stage.say("   \(live)\n")

    stage.heading(5, "How good (\(path("verdicts")))")
    let found = try trainer.evaluate(verdicts: path("verdicts"), label: "negative", score: "score")
    stage.say(
      "   rating is negative: \(found.positives) of \(found.rows), AUC \(CurveReport.fixed(found.areaUnderROC)), average precision "
        + "\(CurveReport.fixed(found.averagePrecision)), precision at 50% recall \(CurveReport.fixed(found.precisionAtHalfRecall))\n")
  }

  /// The instant of the row at 70% by time, in milliseconds.
  private func splitMillis() throws(MillraceError) -> Int64 {
    let table =
      "CREATE TABLE r (source STRING, target STRING, weight INT, `timestamp` DOUBLE) WITH ('connector' = 'filesystem', 'path' = '\(ratings)', 'format' = 'csv', 'csv.header' = 'true');\n"
    let count = try stage.query(table + "SELECT COUNT(*) AS n FROM r;")
    guard count.rowCount == 1, case .int(let rows) = count.columns[0][0], rows >= 10 else {
      throw MillraceError(.invalidInput, "there are too few ratings to learn from", subject: ratings)
    }
    let at = try stage.query(
      table + "SELECT CAST(`timestamp` * 1E3 AS BIGINT) AS t FROM r ORDER BY t LIMIT 1 OFFSET \(rows * 7 / 10);")
    guard at.rowCount == 1, case .int(let millis) = at.columns[0][0] else {
      throw MillraceError(.invalidInput, "the ratings have no timestamps", subject: ratings)
    }
    return millis
  }
}
