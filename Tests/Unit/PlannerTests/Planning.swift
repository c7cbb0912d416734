import MillraceExpressions
import MillracePlan
import MillraceSQL
import MillraceTypes

@testable import MillracePlanner

/// SQL text to plans, for tests.
enum Planning {
  static let tables = """
    CREATE TABLE bids (
      auction BIGINT, bidder BIGINT, price BIGINT NOT NULL, channel STRING, url STRING, at TIMESTAMP(3),
      WATERMARK FOR at AS at - INTERVAL '4' SECOND
    ) WITH ('connector' = 'test');
    CREATE TABLE auctions (
      id BIGINT, seller BIGINT, category INT, reserve DECIMAL(10, 2), opened TIMESTAMP(3),
      WATERMARK FOR opened AS opened - INTERVAL '4' SECOND
    ) WITH ('connector' = 'test');
    CREATE TABLE people (id BIGINT, name STRING, city STRING, double_id AS id * 2) WITH ('connector' = 'test');
    CREATE FEATURE VIEW bidder_view KEYED BY (bidder) AS
    SELECT COUNT(*) OVER LAST '1' HOUR AS bids_1h, SUM(price) OVER LAST '1' DAY AS spent_1d, AVG(price) OVER LAST '1' DAY AS mean_1d
    FROM bids WHERE price > 0;
    """

  static func job(_ sql: String) throws -> JobPlan {
    var session = SQLSession()
    for statement in try session.compile(tables + sql) {
      switch statement.kind {
      case .query(let job), .insert(let job): return job
      default: continue
      }
    }
    throw MillraceError(.invalidSQL, "no query in \(sql)")
  }

  /// The optimised plan as text.
  static func optimized(_ sql: String, without disabled: Set<String> = []) throws -> String {
    LogicalPlanText.explain(try Optimizer(disabledRules: disabled).optimize(job(sql)), notes: false)
  }
}
