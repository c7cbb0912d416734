import Foundation
import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceSQL

func testSession() throws -> SQLSession {
  var session = SQLSession()
  _ = try session.compile(testCatalog, name: "catalog.sql")
  return session
}

/// The plan of one query over the test catalog.
func plan(_ text: String) throws -> LogicalPlan {
  var session = try testSession()
  guard case .query(let job)? = try session.compile(text).last?.kind else { throw MillraceError(.invalidInput, "not a query") }
  return job.outputs[0].input
}

struct BinderTests {
  @Test func columnsAndTypes() throws {
    let query = try plan(
      """
      SELECT rating, r.price * 2 AS double_price, 0.9, 1e3, 3000000000, rating > 3 AND note LIKE 'a%', CAST(rating AS STRING),
        CASE WHEN rating > 0 THEN 'good' END, ts - INTERVAL '1' HOUR, day, TIMESTAMP '2024-01-31 10:00:00.5', -9223372036854775808
      FROM ratings AS r WHERE rated IS NOT NULL
      """)
    #expect(
      query.schema.fields.map { "\($0.name) \($0.type)\($0.isNullable ? "" : " NOT NULL")" } == [
        "rating INT", "double_price DECIMAL(21, 2)", "EXPR$2 DECIMAL(2, 1) NOT NULL", "EXPR$3 DOUBLE NOT NULL",
        "EXPR$4 BIGINT NOT NULL", "EXPR$5 BOOLEAN", "EXPR$6 STRING", "EXPR$7 STRING", "EXPR$8 TIMESTAMP_LTZ(3)", "day DATE",
        "EXPR$10 TIMESTAMP(1) NOT NULL", "EXPR$11 BIGINT NOT NULL",
      ])
    guard case .project(let project) = query, case .filter(let filter) = project.input, case .scan = filter.input else {
      Issue.record("\(query)")
      return
    }
    #expect(filter.predicate.referencedColumns == [1])
    #expect(project.expressions[10].kind == .literal(.int(1_706_695_200_500)))
  }

  @Test func starsAndRepeatedNames() throws {
    let query = try plan("SELECT *, n.*, r.rating FROM ratings r JOIN names n ON r.rater = n.id")
    #expect(
      query.schema.fields.map(\.name) == [
        "rater", "rated", "rating", "note", "price", "ts", "day", "id", "name", "id0", "name0", "rating0",
      ])
    let using = try plan("SELECT * FROM clicks JOIN shows USING (who, page)")
    #expect(using.schema.fields.map(\.name) == ["who", "page", "at", "at0"])
  }

  @Test func featureViewDefinition() throws {
    let view = try #require(try testSession().catalog.featureViews["account"])
    #expect(view.keys == [Field("account", .int64)])
    #expect(view.branches.count == 2)
    #expect(view.branches[0].keys[0].kind == .column(0))
    #expect(view.branches[1].keys[0].kind == .column(1))
    #expect(view.branches[0].filter != nil)
    #expect(view.branches[0].aggregates.map(\.call.function) == [.countStar, .avg, .sum, .countStar])
    #expect(
      view.branches[0].aggregates.map(\.frame) == [.lastMicros(604_800_000_000), .lastMicros(2_592_000_000_000), .unbounded, .unbounded])
    #expect(view.branches[1].aggregates.map(\.frame) == [.lastRows(20)])
    #expect(view.branches[1].aggregates[0].call.isDistinct)
    #expect(view.features.map(\.field.name) == ["given_7d", "mean_30d", "share", "raters"])
    #expect(view.features[1].defaultValue == .literal(.float(0), .float64))
    #expect(view.features[1].field.isNullable == false)
    #expect(view.features[3].expression.kind == .column(4))
    #expect(view.features[2].expression.referencedColumns == [2, 3])
  }

  @Test func featureViewIsAskedAsOfARow() throws {
    let query = try plan(
      """
      SELECT r.rated, a.given_7d, b.raters
      FROM ratings AS r
      LEFT JOIN account FOR SYSTEM_TIME AS OF r.ts AS a ON a.account = r.rated
      JOIN account FOR SYSTEM_TIME AS OF r.ts + INTERVAL '1' MINUTE AS b ON r.rater = b.account
      """)
    guard case .project(let project) = query, case .asOf(let second) = project.input, case .asOf(let first) = second.input else {
      Issue.record("\(query)")
      return
    }
    #expect(first.keys.map(\.kind) == [.column(1)])
    #expect(first.shiftMicros == 0)
    #expect(second.keys.map(\.kind) == [.column(0)])
    #expect(second.shiftMicros == 60_000_000)
    #expect(project.expressions.map(\.kind) == [.column(1), .column(8), .column(16)])
  }

  @Test func intervalJoins() throws {
    func interval(_ text: String) throws -> Join? {
      var node = try plan(text)
      while let next = node.inputs.first {
        if case .join(let join) = node { return join }
        node = next
      }
      return nil
    }
    let expected = Join.Interval(leftTime: 2, rightTime: 2, lowerMicros: -5_000_000, upperMicros: 60_000_000)
    for text in [
      """
      SELECT s.page FROM shows s LEFT JOIN clicks c ON c.who = s.who AND s.page <> c.page
        AND c.at BETWEEN s.at - INTERVAL '5' SECOND AND s.at + INTERVAL '1' MINUTE
      """,
      """
      SELECT s.page FROM shows s JOIN clicks c ON c.who = s.who
        WHERE s.page <> c.page AND s.at <= c.at + INTERVAL '5' SECOND AND c.at <= s.at + INTERVAL '1' MINUTE
      """,
      """
      SELECT s.page FROM shows s, clicks c
        WHERE c.who = s.who AND s.at >= c.at - INTERVAL '60' SECOND AND c.at + INTERVAL '5' SECOND >= s.at AND s.page <> c.page
      """,
    ] {
      let join = try #require(try interval(text))
      #expect(join.interval == expected)
      #expect(join.leftKeys.map(\.kind) == [.column(0)])
      #expect(join.rightKeys.map(\.kind) == [.column(0)])
      #expect(join.residual?.referencedColumns == [1, 4])
    }
    // A condition on one side stays a filter.
    guard
      case .project(let project) = try plan("SELECT 1 FROM shows s JOIN clicks c ON c.who = s.who WHERE s.page = 'a' AND c.page < s.page"),
      case .filter(let filter) = project.input, case .join(let join) = filter.input
    else {
      Issue.record("no filter above the join")
      return
    }
    #expect(filter.predicate.referencedColumns == [1])
    #expect(join.residual?.referencedColumns == [1, 4])
    let plain = try #require(try interval("SELECT 1 FROM shows s JOIN clicks c ON c.who + 1 = s.who AND c.at = s.at AND c.at > s.at"))
    // `=` gives both bounds; the interval is then empty, but it is still one.
    #expect(plain.interval?.lowerMicros == 1)
    #expect(plain.interval?.upperMicros == 0)
    let bounded = try #require(try interval("SELECT 1 FROM names a FULL JOIN names b ON a.id = b.id AND a.name < b.name"))
    #expect(bounded.interval == nil)
    #expect(bounded.kind == .full)
    #expect(bounded.residual != nil)
  }

  @Test func windowAggregatesStandOnTheirWindow() throws {
    for text in [
      """
      SELECT window_start, window_end, page, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(at), INTERVAL '1' MINUTE))
      WHERE who > 0 GROUP BY window_start, window_end, page HAVING COUNT(*) > 1
      """,
      """
      SELECT window_start, window_end, page, COUNT(*) AS n
      FROM (SELECT page, window_end, window_start FROM HOP(DATA => TABLE clicks, TIMECOL => DESCRIPTOR(at),
              SLIDE => INTERVAL '1' MINUTE, SIZE => INTERVAL '5' MINUTE) WHERE who > 0) AS w
      WHERE window_start > TIMESTAMP '2024-01-01 00:00:00' GROUP BY window_start, window_end, page
      """,
    ] {
      var node = try plan(text)
      var aggregate: Aggregate?
      while aggregate == nil, let next = node.inputs.first {
        if case .aggregate(let found) = node { aggregate = found }
        node = next
      }
      let found = try #require(aggregate)
      let window = try #require(found.windowInput)
      #expect(found.keys.map(\.kind) == [.column(3), .column(4), .column(1)])
      guard case .filter(let filter) = window.input else {
        Issue.record("no filter below the window")
        continue
      }
      #expect(filter.predicate.referencedColumns == [0])
    }
  }

  @Test func groupingAndOrder() throws {
    let query = try plan(
      "SELECT page, SUM(who) + 1 AS total FROM clicks GROUP BY page, UPPER(page) HAVING MAX(who) > 2 "
        + "ORDER BY total DESC, UPPER(page) LIMIT 3"
    )
    #expect(query.schema.fields.map(\.name) == ["page", "total"])
    guard case .project(let last) = query, case .sort(let sort) = last.input, case .project(let first) = sort.input,
      case .filter(let having) = first.input, case .aggregate(let aggregate) = having.input
    else {
      Issue.record("\(query)")
      return
    }
    #expect(aggregate.keys.count == 2)
    #expect(aggregate.aggregates.map(\.function) == [.sum, .max])
    #expect(sort.keys.map(\.isAscending) == [false, true])
    #expect(sort.keys.map(\.expression.kind) == [.column(1), .column(2)])
    #expect(sort.limit == 3)
    #expect(having.predicate.referencedColumns == [3])
  }

  @Test func overWindowsShareANode() throws {
    let query = try plan(
      """
      SELECT who, COUNT(*) OVER w AS n, SUM(who) OVER (w ROWS 3 PRECEDING) AS s,
        MAX(page) OVER (PARTITION BY page ORDER BY at RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) AS m
      FROM clicks WINDOW w AS (PARTITION BY who ORDER BY at)
      """)
    guard case .project(let project) = query, case .over(let second) = project.input, case .over(let first) = second.input else {
      Issue.record("\(query)")
      return
    }
    #expect(first.calls.map(\.frame) == [Over.Frame(start: .unbounded, isRange: true), Over.Frame(start: .rows(3), isRange: false)])
    #expect(second.calls.map(\.frame) == [Over.Frame(start: .micros(86_400_000_000), isRange: true, excludesCurrentRow: true)])
    #expect(project.expressions.map(\.kind) == [.column(0), .column(3), .column(4), .column(5)])
  }

  @Test func predictAndInsert() throws {
    var session = try testSession()
    let bound = try session.compile(
      """
      CREATE VIEW scored AS SELECT rater, score FROM ML_PREDICT(
        (SELECT r.*, a.given_7d FROM ratings r LEFT JOIN account FOR SYSTEM_TIME AS OF r.ts AS a ON a.account = r.rater),
        MODEL spam, DESCRIPTOR(rating, given_7d));
      EXECUTE STATEMENT SET BEGIN
        INSERT INTO out_table SELECT rater, score, 'x' FROM scored;
        INSERT INTO out_table (label, id) SELECT note, rating FROM ratings;
      END;
      EXPLAIN SELECT * FROM scored;
      SET 'a' = 'b'; SHOW TABLES; DESCRIBE account;
      """)
    guard case .insert(let job) = bound[1].kind, case .project(let first) = job.outputs[0].input,
      case .project(let select) = first.input, case .project(let view) = select.input, case .predict(let predict) = view.input,
      case .project(let named) = job.outputs[1].input
    else {
      Issue.record("\(bound[1])")
      return
    }
    #expect(first.names == ["id", "score", "label"])
    #expect(predict.arguments.map(\.type) == [.float64, .int64])
    #expect(named.schema.fields.map(\.type) == [.int64, .float64, .text])
    #expect(named.expressions[1] == .null(.float64))
    guard case .explain = bound[2].kind, case .set("a", "b") = bound[3].kind, case .show(let names) = bound[4].kind,
      case .describe("account", let schema) = bound[5].kind
    else {
      Issue.record("\(bound)")
      return
    }
    #expect(names.contains("scored"))
    #expect(schema.fields.count == 5)
  }

  @Test func valuesUnionAndConstants() throws {
    #expect(try plan("SELECT 1 AS a, 'x' AS b").schema.fields.map(\.name) == ["a", "b"])
    let union = try plan("SELECT who, page FROM clicks UNION ALL SELECT rating, note FROM ratings UNION ALL VALUES (1, 'a')")
    guard case .union(let node) = union else {
      Issue.record("\(union)")
      return
    }
    #expect(node.inputs.count == 3)
    #expect(node.inputs.allSatisfy { $0.schema.fields.map(\.type) == [.int64, .text] })
    guard case .values(let values) = try plan("VALUES (1, NULL), (2.5, 'x')") else { return }
    #expect(values.schema.fields.map(\.type) == [.decimal(precision: 11, scale: 1), .text])
    #expect(try plan("WITH a (x) AS (SELECT who FROM clicks), b AS (SELECT x + 1 AS y FROM a) SELECT y FROM b").schema.count == 1)
    #expect(try plan("SELECT DISTINCT page FROM clicks ORDER BY page").schema.count == 1)
  }

  @Test func examplesCompile() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../Examples")
    let values = [
      "live_from": "2024-01-01 00:00:00", "live_from_millis": "1700000000000",
    ]
    var seen = 0
    for example in ["chat", "trust"] {
      for job in [["features", "backfill"], ["features", "live"], ["features", "check"], ["judge"]] {
        var session = SQLSession()
        for part in job {
          let file = folder.appendingPathComponent("\(example)/\(part).sql")
          guard var text = try? String(contentsOf: file, encoding: .utf8) else { continue }
          for (key, value) in values { text = text.replacingOccurrences(of: "${\(key)}", with: value) }
          do { _ = try session.compile(text, name: file.lastPathComponent) } catch { Issue.record("\(error)") }
          seen += 1
        }
      }
    }
    #expect(seen >= 7)
  }
}
