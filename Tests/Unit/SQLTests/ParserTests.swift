import Foundation
import MillraceTypes
import Testing

@testable import MillraceSQL

struct ParserTests {
  static let corpus = [
    """
    CREATE TABLE ratings (
      rater BIGINT NOT NULL COMMENT 'who', rated BIGINT, rating INT, ts TIMESTAMP_LTZ(3),
      day AS CAST(ts AS DATE), tags ARRAY<STRING NOT NULL>, attrs MAP<STRING, INT>, r ROW<a INT, `b c` DECIMAL(10, 2)>,
      PRIMARY KEY (rater, rated) NOT ENFORCED,
      WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
    ) COMMENT 'x' PARTITIONED BY (day) WITH ('connector' = 'filesystem', 'path' = 'it''s', 'format' = 'csv');
    """,
    "CREATE TEMPORARY VIEW IF NOT EXISTS v (a, b) AS SELECT 1, 2",
    "CREATE MODEL m INPUT (a DOUBLE, b FLOAT) OUTPUT (score DOUBLE) WITH ('provider' = 'onnx', 'model' = 'm.onnx')",
    "DROP TABLE IF EXISTS t; DROP TEMPORARY VIEW v; DROP MODEL m; DROP FEATURE VIEW f",
    "SET 'a.b' = 'c'; SET; RESET 'a.b'; RESET; SHOW TABLES; SHOW VIEWS; SHOW MODELS; SHOW FUNCTIONS; DESCRIBE t; DESC db.t",
    "INSERT INTO t (a, b) SELECT a, b FROM s; INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT * FROM t; INSERT INTO b SELECT * FROM t; END",
    "BEGIN STATEMENT SET; INSERT INTO a SELECT * FROM t; INSERT INTO b SELECT * FROM t; END;",
    "EXPLAIN PLAN FOR SELECT 1; EXPLAIN INSERT INTO t SELECT 1; EXPLAIN STATEMENT_SET_TABLE",
    """
    WITH a AS (SELECT 1 AS x), b (y) AS (SELECT x FROM a)
    SELECT DISTINCT a.*, *, t.x + 1 AS x1, t.y y1, `t`.`select`, t.r.f.g, t.arr[1].f, m['k']
    FROM a JOIN b ON a.x = b.y LEFT OUTER JOIN c USING (x, y) CROSS JOIN d, e AS e1 (p, q), (SELECT * FROM f) g,
      LATERAL (SELECT 1) AS h, UNNEST(t.arr) WITH ORDINALITY AS u (v, n), (VALUES (1, 2), (3, 4)) AS w (a, b)
    WHERE x IN (1, 2) AND y NOT IN (SELECT y FROM b) OR EXISTS (SELECT 1) AND NOT x IS NOT NULL
    GROUP BY x, y HAVING COUNT(*) > 1 WINDOW w1 AS (PARTITION BY a ORDER BY ts), w2 AS (w1 ROWS 3 PRECEDING)
    ORDER BY x DESC NULLS LAST, y ASC LIMIT 10 OFFSET 5 ROWS
    """,
    "SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 EXCEPT (SELECT 4 ORDER BY 1 LIMIT 1) FETCH FIRST 3 ROWS ONLY",
    "SELECT * FROM r LEFT JOIN account FOR SYSTEM_TIME AS OF r.ts AS a ON a.account = r.rated "
      + "JOIN c FOR SYSTEM_TIME AS OF r.ts ON c.k = r.k",
    "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' MINUTES, INTERVAL '1' MINUTE))",
    "SELECT * FROM HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' MINUTE, SIZE => INTERVAL '10' MINUTE) AS h",
    "SELECT * FROM SESSION(TABLE t PARTITION BY (a, b) ORDER BY ts, DESCRIPTOR(ts), INTERVAL '5' MINUTE)",
    "SELECT * FROM ML_PREDICT(TABLE f, MODEL m, DESCRIPTOR(a, b)); SELECT * FROM TABLE(ML_PREDICT(TABLE f, MODEL m, DESCRIPTOR(a)))",
    """
    SELECT COUNT(DISTINCT x) FILTER (WHERE y > 0), SUM(x) OVER w, LAST_VALUE(x) IGNORE NULLS OVER (w ORDER BY ts),
      AVG(x) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '7' DAY PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW),
      MAX(x) OVER (ORDER BY ts ROWS BETWEEN 5 PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE NO OTHERS)
    FROM t WINDOW w AS (PARTITION BY k ORDER BY ts)
    """,
    """
    SELECT 1, -1, 1.5, .5, 1., 1e3, 1.5E-3, 'a''b', TRUE, false, UNKNOWN, NULL, DATE '2020-01-01', TIME '10:00:00',
      TIMESTAMP '2020-01-01 00:00:00.123', INTERVAL '10' SECOND, INTERVAL '1-2' YEAR TO MONTH,
      INTERVAL -'1 02:03:04.5' DAY TO SECOND,
      INTERVAL '02:03' HOUR(2) TO MINUTE, INTERVAL '1.5' SECOND(3, 2), X'0Aff', CURRENT_TIMESTAMP,
      ARRAY[1, 2], MAP['a', 1], ROW(1, 2), (1, 2)
    """,
    """
    SELECT a + b * c - d / e % f || g, a <> b, a != b, a IS NOT DISTINCT FROM b, a BETWEEN SYMMETRIC 1 AND 2, a NOT BETWEEN 1 AND 2 AND b,
      a NOT LIKE 'x%' ESCAPE '!', a SIMILAR TO 'x', NOT a IS TRUE, a IS NOT UNKNOWN, CASE WHEN a THEN 1 ELSE 2 END, CASE a WHEN 1 THEN 2 END,
      CAST(a AS DECIMAL(10, 2)), TRY_CAST(a AS TIMESTAMP(3) WITH LOCAL TIME ZONE), EXTRACT(DAY FROM ts), FLOOR(x), FLOOR(ts TO HOUR),
      CEIL(ts TO DAY), TRIM(BOTH 'x' FROM y), TRIM(LEADING FROM y), TRIM(y), SUBSTRING(x FROM 1 FOR 2), SUBSTRING(x, 1), POSITION('a' IN b),
      OVERLAY(a PLACING b FROM 1 FOR 2), TIMESTAMPADD(DAY, 1, ts), TIMESTAMPDIFF(SECOND, a, b), LEFT(a, 1), IF(a, b, c), user, date, value
    FROM t
    """,
    """
    CREATE TEMPORARY FEATURE VIEW account KEYED BY (account) AS
      SELECT COUNT(*) OVER LAST '7' DAY AS given_7d,
             AVG(rating) OVER LAST INTERVAL '30' DAY DEFAULT 0.0 AS mean_30d,
             SUM(CASE WHEN x THEN 1 ELSE 0 END) OVER UNBOUNDED / COUNT(*) OVER UNBOUNDED AS share,
             AVG(len) FILTER (WHERE len > 0) OVER LAST 20 ROWS AS mean_len
      FROM ratings WHERE rating > 0 KEY (rater)
      ALSO
      SELECT COUNT(DISTINCT rater) OVER LAST '7' DAY raters_7d FROM (SELECT * FROM ratings) AS r KEY (rated);
    """,
    "TABLE t; (SELECT 1) UNION (SELECT 2) ORDER BY 1; VALUES 1, 2",
  ]

  @Test(arguments: corpus.indices) func corpusParses(_ index: Int) {
    let source = SQLSource(Self.corpus[index])
    let script = Parser.parse(source)
    let failures = script.diagnostics.filter { !$0.text.hasPrefix("STATEMENT_SET") }
    #expect(failures.isEmpty, "\(source.render(failures))")
  }

  @Test func spansPointIntoTheSource() throws {
    let source = SQLSource("SELECT a,\n  b + c AS d\nFROM t")
    let script = Parser.parse(source)
    guard case .query(let query) = script.statements[0].kind, case .select(let select) = query.body,
      case .expression(let sum) = select.items[1].kind
    else {
      Issue.record("not a select")
      return
    }
    #expect(sum.span == SourceSpan(line: 2, column: 3, byteOffset: 12, byteCount: 5))
    #expect(source.excerpt(sum.span) == "b + c")
    #expect(select.items[1].alias?.text == "d")
  }

  @Test func operatorsBindAsInCalcite() {
    #expect(shape("a + b || c") == "(a + (b || c))")
    #expect(shape("a = b IS NULL") == "((a = b) IS null)")
    #expect(shape("NOT a = b AND c OR d") == "(((NOT (a = b)) AND c) OR d)")
    #expect(shape("a - b - c") == "((a - b) - c)")
    #expect(shape("-a * b") == "((- a) * b)")
    #expect(shape("a BETWEEN b + 1 AND c AND d") == "((a BETWEEN (b + 1) AND c) AND d)")
    #expect(shape("a < b = c") == "((a < b) = c)")
  }

  @Test func intervals() {
    #expect(interval("INTERVAL '1 02:03:04.5' DAY TO SECOND") == .millis(93_784_500))
    #expect(interval("INTERVAL '-1-2' YEAR TO MONTH") == .months(-14))
    #expect(interval("INTERVAL -'10' SECOND") == .millis(-10_000))
    #expect(interval("INTERVAL '2' WEEK") == .millis(1_209_600_000))
    #expect(interval("INTERVAL '99999999999999999999' DAY") == nil)
    #expect(interval("INTERVAL '9999999999999999' DAY") == nil)
    #expect(interval("INTERVAL '1:2' DAY TO HOUR") == nil)
    #expect(interval("INTERVAL '1.5' DAY") == nil)
  }

  @Test func deepNestingIsAnErrorOnASmallStack() throws {
    let pieces: [(String, String)] = [
      ("(", ")"), ("NOT ", ""), ("- ", ""), ("a + ", ""), ("a[", "]"), ("f(", ")"), ("CASE WHEN ", " THEN 1 END"), ("CAST(", " AS INT)"),
      ("(SELECT ", ")"), ("a = ", ""), ("a IN (SELECT ", ")"), ("EXISTS (SELECT 1 WHERE ", ")"), ("ARRAY[", "]"), ("a.", ""),
    ]
    let froms: [(String, String)] = [
      ("(", ")"), ("(SELECT * FROM ", ") AS x"), ("t JOIN ", " ON TRUE"), ("TABLE(F(TABLE ", "))"), ("t, ", ""),
    ]
    let types: [(String, String)] = [("ARRAY<", ">"), ("ROW<a ", ">"), ("MAP<INT, ", ">")]
    var texts: [String] = []
    for (open, close) in pieces {
      for depth in [15, 250, 20_000] {
        texts.append("SELECT " + String(repeating: open, count: depth) + "b" + String(repeating: close, count: depth) + " FROM t")
        texts.append("SELECT " + String(repeating: open, count: depth))
      }
    }
    for (open, close) in froms {
      for depth in [15, 250, 20_000] {
        texts.append("SELECT * FROM " + String(repeating: open, count: depth) + "t" + String(repeating: close, count: depth))
      }
    }
    for (open, close) in types {
      texts.append("CREATE TABLE t (a " + String(repeating: open, count: 20_000) + "INT" + String(repeating: close, count: 20_000) + ")")
    }
    for join in [" UNION ALL ", " INTERSECT "] { texts.append(Array(repeating: "SELECT 1", count: 10_000).joined(separator: join)) }
    let depths = [10, 15, 20, 31, 40, 62, 63, 64, 100, 126, 127, 128]
    for depth in depths {
      for (open, core, close) in [
        ("(", "1", ")"), ("NOT ", "TRUE", ""), ("- ", "1", ""), ("1 + ", "1", ""), ("ABS(", "1", ")"), ("", "1", " * 2"),
        ("CASE WHEN ", "TRUE", " THEN TRUE END"), ("CASE WHEN TRUE THEN ", "1", " END"), ("CAST(", "1", " AS INT)"), ("ARRAY[", "1", "]"),
        ("COALESCE(1, ", "1", ")"), ("1 BETWEEN 0 AND ", "1", ""), ("ROW(1, ", "1", ")"),
      ] {
        texts.append("SELECT " + String(repeating: open, count: depth) + core + String(repeating: close, count: depth))
      }
      for (open, close) in [
        ("(SELECT * FROM ", ")"), ("(SELECT who FROM ", " WHERE who > 0 GROUP BY who) AS x"),
        ("(SELECT DISTINCT * FROM ", " ORDER BY 1) AS x"),
        ("clicks CROSS JOIN ", ""), ("(SELECT 1 UNION ALL SELECT 1 FROM ", ")"),
      ] {
        texts.append("SELECT * FROM " + String(repeating: open, count: depth) + "clicks" + String(repeating: close, count: depth))
      }
    }
    texts.append(
      "CREATE VIEW v0 AS SELECT who + 1 AS who FROM clicks;"
        + (1...300).map { "CREATE VIEW v\($0) AS SELECT who + 1 AS who FROM v\($0 - 1) WHERE who > 0;" }.joined())
    texts.append("SELECT a" + String(repeating: " AND a", count: 20_000) + ", b" + String(repeating: " OR b", count: 20_000))
    let all = texts
    let catalog = try testSession()
    let parsed = onSmallStack { () -> [Int] in
      all.map { (text) -> Int in
        // Binding recurses over the same tree, and must be as safe.
        var session = catalog
        do throws(SQLFailure) { return try session.compile(text).count } catch { return error.diagnostics.count }
      }
    }
    #expect(parsed?.count == all.count)
    // A long AND chain is flat and therefore fine.
    #expect(!Parser.parse(SQLSource(all[all.count - 1])).hasErrors)
    #expect(Parser.parse(SQLSource(all[0])).hasErrors == false)
    #expect(Parser.parse(SQLSource(all[4])).diagnostics[0].message.contains("nested too deeply"))
  }
}

/// Runs on a thread with a stack of 1 MB.
func onSmallStack<T: Sendable>(_ body: @escaping @Sendable () -> T) -> T? {
  let box = ResultBox<T>()
  let done = DispatchSemaphore(value: 0)
  let thread = Thread {
    box.value = body()
    done.signal()
  }
  thread.stackSize = 1 << 20
  thread.start()
  done.wait()
  return box.value
}

/// Written by the thread before it signals, read after: the semaphore orders the two.
private final class ResultBox<T>: @unchecked Sendable { var value: T? }

private func interval(_ text: String) -> SQLInterval? {
  guard case .query(let query)? = Parser.parse(SQLSource("SELECT " + text)).statements.first?.kind, case .select(let select) = query.body,
    case .expression(let expression)? = select.items.first?.kind, case .literal(.interval(let value)) = expression.kind
  else { return nil }
  return value
}

private func shape(_ text: String) -> String {
  guard case .query(let query)? = Parser.parse(SQLSource("SELECT " + text)).statements.first?.kind, case .select(let select) = query.body,
    case .expression(let expression)? = select.items.first?.kind
  else { return "?" }
  return shape(expression)
}

private func shape(_ e: SQLExpression) -> String {
  switch e.kind {
  case .name(let parts): parts.map(\.text).joined(separator: ".")
  case .literal(.exact(let text, _)): text
  case .unary(let o, let x): "(\(o == .not ? "NOT" : o == .minus ? "-" : "+") \(shape(x)))"
  case .binary(let o, let l, let r): "(\(shape(l)) \(o.rawValue) \(shape(r)))"
  case .logical(let and, let terms): "(" + terms.map(shape).joined(separator: and ? " AND " : " OR ") + ")"
  case .isTest(let x, let test, let negated): "(\(shape(x)) IS \(negated ? "NOT " : "")\(test))"
  case .between(let x, let l, let h, _, _): "(\(shape(x)) BETWEEN \(shape(l)) AND \(shape(h)))"
  default: "?"
  }
}
