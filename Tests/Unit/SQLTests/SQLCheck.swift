import MillracePlan
import MillraceSQL
import MillraceTypes

/// A few tables, a feature view and a model that the tests below query.
let testCatalog = """
  CREATE TABLE ratings (
    rater BIGINT NOT NULL, rated BIGINT, rating INT, note STRING, price DECIMAL(10, 2), ts TIMESTAMP_LTZ(3),
    day AS CAST(ts AS DATE),
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
  ) WITH ('connector' = 'filesystem', 'path' = 'r.csv', 'format' = 'csv');
  CREATE TABLE clicks (who BIGINT, page STRING, at TIMESTAMP(3), WATERMARK FOR at AS at) WITH ('connector' = 'datagen');
  CREATE TABLE shows (who BIGINT, page STRING, at TIMESTAMP(3), WATERMARK FOR at AS at) WITH ('connector' = 'datagen');
  CREATE TABLE names (id BIGINT, name STRING) WITH ('connector' = 'filesystem');
  CREATE TABLE out_table (id BIGINT, score DOUBLE, label STRING) WITH ('connector' = 'print');
  CREATE FEATURE VIEW account KEYED BY (account) AS
    SELECT COUNT(*) OVER LAST '7' DAY AS given_7d, AVG(CAST(rating AS DOUBLE)) OVER LAST '30' DAY DEFAULT 0.0 AS mean_30d,
           SUM(CASE WHEN rating > 0 THEN 1 ELSE 0 END) OVER UNBOUNDED / COUNT(*) OVER UNBOUNDED AS share
    FROM ratings WHERE rating <> 0 KEY (rater)
    ALSO
    SELECT COUNT(DISTINCT rater) OVER LAST 20 ROWS AS raters FROM ratings KEY (rated);
  CREATE MODEL spam INPUT (a DOUBLE, b BIGINT) OUTPUT (score DOUBLE) WITH ('provider' = 'onnx', 'model' = 'm');
  """

/// What must hold of the lexer, parser and binder over any text, for the seeded tests here and the coverage-guided fuzzer in Fuzz/, which
/// compiles this file too: no trap, no hang, and every diagnostic says something about a place in the text.
enum SQLCheck {
  private static let catalogSession: SQLSession = {
    var session = SQLSession()
    _ = try? session.compile(testCatalog)
    return session
  }()

  /// What is wrong with how a text was compiled, or nil.
  static func compile(_ text: String) -> String? {
    var session = catalogSession
    do {
      for statement in try session.compile(text) {
        guard case .query(let job) = statement.kind else { continue }
        for output in job.outputs where output.input.schema.fields.isEmpty { return "a query without columns" }
      }
      return nil
    } catch {
      if error.diagnostics.isEmpty || error.description.isEmpty { return "a failure without a reason" }
      return places(error.diagnostics, in: text)
    }
  }

  static func places(_ diagnostics: [SQLDiagnostic], in text: String) -> String? {
    let count = text.utf8.count
    for diagnostic in diagnostics {
      let span = diagnostic.span
      if span.byteOffset < 0 || span.byteCount < 0 || span.byteOffset + span.byteCount > count { return "a span outside the text" }
      if span.line < 1 || span.column < 1 { return "a place before the text" }
      if diagnostic.message.isEmpty { return "an empty message" }
    }
    return nil
  }
}
