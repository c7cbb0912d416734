import MillraceConnectors
import MillraceEnvironment
import MillraceServer
import Testing

@testable import MillraceShell

/// What Tab offers where.
@Suite struct CompleterTests {
  private func completer() throws -> Completer {
    let environment = Environment(
      files: MemoryFileStore(), clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
    let session = Session(environment: environment, options: SessionOptions())
    _ = try session.compile(
      """
      CREATE TABLE bid (auction BIGINT, price BIGINT, `select` INT, at TIMESTAMP(3), WATERMARK FOR at AS at) WITH ('connector' = 'datagen');
      CREATE VIEW best AS SELECT auction, MAX(price) AS top FROM bid GROUP BY auction;
      """, name: "test")
    return Completer(catalog: session.catalog, connectors: session.connectors, functions: session.functionNames)
  }

  private func offers(_ before: String, _ after: String = "") throws -> [String] {
    try completer().complete(before + after, before: before).candidates
  }

  @Test func keywords() throws {
    #expect(try offers("SEL") == ["SELECT"])
    #expect(try offers("sel") == ["select"])
    #expect(try offers("SELECT 1; SHO") == ["SHOW"])
    #expect(try offers("SHOW VI") == ["VIEWS"])
    #expect(try offers("EXPLAIN AN") == ["ANALYZE"])
    #expect(try offers("SELECT price FROM bid WHE") == ["WHEN", "WHERE"])
  }

  @Test func names() throws {
    #expect(try offers("SELECT * FROM b") == ["best", "bid"])
    #expect(try offers("DESCRIBE be") == ["best"])
    #expect(try offers("INSERT INTO bi") == ["bid"])
    #expect(try offers("SELECT pri", " FROM bid").contains("price"))
    #expect(try offers("SELECT b.", " FROM bid AS b") == ["`select`", "at", "auction", "price"])
    #expect(try offers("SELECT x.to", " FROM best x JOIN bid ON TRUE") == ["top"])
    #expect(try offers("SELECT nothing.", " FROM bid") == [])
    #expect(try offers("SELECT COUN").first == "COUNT(")
  }

  @Test func options() throws {
    #expect(try offers("CREATE TABLE t (a INT) WITH ('conn") == ["connector'"])
    #expect(try offers("CREATE TABLE t (a INT) WITH ('connector' = 'da") == ["datagen'"])
    #expect(try offers("CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows-p") == ["rows-per-second'"])
    #expect(try offers("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'format' = 'c") == ["csv'"])
    #expect(try offers("SET 'sql-client.execution.res") == ["sql-client.execution.result-mode'"])
    #expect(try offers("SET 'sql-client.execution.result-mode' = 'ta") == ["table'", "tableau'"])
    #expect(try offers("SELECT 'text that is ") == [])
  }

  @Test func completeStatements() {
    for (text, isComplete) in [
      ("SELECT 1;", true), ("SELECT 1", false), ("SELECT ';", false), ("SELECT ';';", true), ("SELECT 1; -- ;", true),
      ("SELECT 1 -- ;", false),
      ("SELECT /* ; */ 1", false), ("SELECT `;`", false), (";", true), ("", false),
      ("EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1;", false), ("EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; END;", true),
      ("BEGIN STATEMENT SET; INSERT INTO t SELECT CASE WHEN TRUE THEN 1 END;", false),
      ("BEGIN STATEMENT SET; INSERT INTO t SELECT CASE WHEN TRUE THEN 1 END; END;", true), ("SELECT CASE WHEN TRUE THEN 1 END;", true),
    ] {
      #expect(StatementText.isComplete(text) == isComplete, "\(text)")
    }
    #expect(Shell.isComplete("quit") && Shell.isComplete(" \\q ") && Shell.isComplete("HELP;") && !Shell.isComplete("helper"))
  }
}
