import MillraceEnvironment
import MillraceServer
import Testing

/// Statements that define, change and show tables, and those that write, run as a script.
@Suite struct StatementTests {
  private static let base = """
    CREATE TABLE t (k STRING, n BIGINT, twice AS n * 2, four AS twice * 2, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '5' SECOND)
    WITH ('connector' = 'filesystem', 'path' = '/in/t.csv', 'format' = 'csv');

    """

  private func console(_ sql: String) throws -> (text: String, files: MemoryFileStore) {
    let store = MemoryFileStore()
    try store.makeFolder("/in")
    try store.writeDurably(Array("ann,1,2024-01-01 00:00:01\nbob,4,2024-01-01 00:00:02\n".utf8), to: "/in/t.csv")
    try store.writeDurably(Array("zoe;9;2024-01-01 00:00:09\n".utf8), to: "/in/u.csv")
    let console = BufferedConsole()
    let environment = Environment(files: store, clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: console)
    try Session(environment: environment, options: SessionOptions()).run(
      text: Self.base + sql, name: "test", output: .csv, changelog: false)
    return (console.output, store)
  }

  private func output(_ sql: String) throws -> String { try console(sql).text }

  @Test func computedColumnsOfComputedColumns() throws {
    #expect(try output("SELECT k, twice, four FROM t") == "k,twice,four\nann,2,4\nbob,8,16\n")
  }

  @Test func optionsOfAQuery() throws {
    let text = try output("SELECT k, four FROM t /*+ OPTIONS('path' = '/in/u.csv', 'csv.field-delimiter' = ';') */ AS x WHERE n > 1")
    #expect(text == "k,four\nzoe,36\n")
    // Advice to a planner changes nothing.
    #expect(try output("SELECT /*+ BROADCAST(t), STATE_TTL('t' = '1d') */ k FROM t") == "k\nann\nbob\n")
    // And /* */ stays a comment.
    #expect(try output("SELECT /* + */ k /**/ FROM t") == "k\nann\nbob\n")
  }

  @Test func tablesLikeOthers() throws {
    let text = try output(
      """
      CREATE TABLE u (extra AS n + 1) WITH ('path' = '/in/u.csv', 'csv.field-delimiter' = ';') LIKE t;
      CREATE TABLE v (WATERMARK FOR at AS at) LIKE t (EXCLUDING GENERATED OVERWRITING WATERMARKS);
      SELECT k, four, extra FROM u UNION ALL SELECT k, n, 0 FROM v
      """)
    #expect(text.split(separator: "\n").dropFirst().sorted() == ["ann,1,0", "bob,4,0", "zoe,36,10"])
  }

  @Test func tablesOfQueries() throws {
    let text = try output(
      """
      CREATE TABLE s (PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '/out', 'format' = 'csv')
      AS SELECT k, n + 1 AS m FROM t WHERE n IN (SELECT MAX(n) FROM t);
      SELECT * FROM s
      """)
    #expect(text == "k,m\nbob,5\n")
  }

  @Test func insertIntoAPartition() throws {
    let text = try output(
      """
      CREATE TABLE s (day STRING, k STRING, n BIGINT) PARTITIONED BY (day)
      WITH ('connector' = 'filesystem', 'path' = '/out', 'format' = 'csv');
      INSERT INTO s /*+ OPTIONS('path' = '/other') */ PARTITION (day = 'monday') (n, k) WITH w AS (SELECT n, k FROM t) SELECT * FROM w;
      SELECT * FROM s /*+ OPTIONS('path' = '/other') */
      """)
    #expect(text == "day,k,n\nmonday,ann,1\nmonday,bob,4\n")
  }

  @Test func changesOfTablesAndViews() throws {
    let text = try output(
      """
      CREATE VIEW v AS SELECT k FROM t;
      ALTER TABLE t SET ('path' = '/in/u.csv', 'csv.field-delimiter' = ';');
      ALTER TABLE t RENAME TO r;
      ALTER VIEW v RENAME TO w;
      SELECT k FROM w UNION ALL SELECT k FROM r
      """)
    // A view keeps the table it was made of.
    #expect(text.split(separator: "\n").dropFirst().sorted() == ["ann", "bob", "zoe"])
    #expect(
      try output("CREATE VIEW v AS SELECT k FROM t; ALTER VIEW v AS SELECT n FROM t; SELECT * FROM v") == "n\n1\n4\n")
  }

  @Test func whatTablesAre() throws {
    let text = try output("CREATE VIEW v (a) AS SELECT n FROM t WHERE k <> 'x'; SHOW CREATE TABLE t; SHOW CREATE VIEW v")
    for line in [
      "`four` AS `n` * 2 * 2", "`k` STRING", "WATERMARK FOR `at` AS `at` - INTERVAL '5' SECOND", "'path' = '/in/t.csv'",
      "CREATE VIEW `v` (`a`) AS", "SELECT n FROM t WHERE k <> 'x'",
    ] where !text.contains(line) {
      Issue.record("\(line) is missing in\n\(text)")
    }
    #expect(try output("USE default_database; USE CATALOG default_catalog; SHOW CURRENT DATABASE").contains("default_database"))
    #expect(try output("SHOW COLUMNS FROM t").contains("BIGINT"))
  }
}
