import Foundation
import Testing

/// The shell in a real terminal: what is typed, what is shown, what Ctrl-C does.
@Suite(.serialized, .needsProgram) struct ShellTests {
  private static let prompt = "millrace> "

  /// One program's folder, and a shell in a terminal with its history there.
  private func shell(_ program: Program, _ arguments: [String] = []) throws -> PseudoTerminal {
    let terminal = try PseudoTerminal(
      try #require(Program.path), ["sql"] + arguments, variables: ["MILLRACE_HISTORY": program.folder.appending(path: "history").path])
    try terminal.expect(Self.prompt)
    return terminal
  }

  @Test func session() throws {
    let program = try Program()
    defer { program.remove() }
    let terminal = try shell(program)
    func run(_ statement: String, _ expected: String...) throws {
      try terminal.send(statement + "\r")
      for text in expected { try terminal.expect(text) }
      try terminal.expect(Self.prompt)
    }
    try run(
      "CREATE TABLE bid (auction BIGINT, price BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1000',\r"
        + "'fields.auction.min' = '1', 'fields.auction.max' = '3');", "created table bid")
    // A word by Tab, then a bounded query.
    try terminal.send("SEL\t")
    try terminal.expect("SELECT ")
    try terminal.send("COUNT(*) AS n FROM b\t")
    try terminal.expect("FROM bid ")
    try run(";", "| 1000 |", "1 row in")
    // A query without an end, its result in place, until Ctrl-C.
    try run("CREATE TABLE g (a INT) WITH ('connector' = 'datagen', 'rows-per-second' = '300');", "created table g")
    try terminal.send("SELECT COUNT(*) AS n FROM g;\r")
    try terminal.expect("(Ctrl-C stops)")
    try terminal.expect("(Ctrl-C stops)")
    try terminal.send("\u{03}")
    try terminal.expect("1 row, stopped")
    try terminal.expect(Self.prompt)
    // The shell goes on.
    try run("SELECT 40 + 2 AS answer;", "|     42 |")
    try run("SELECT a FROM g LIMIT 5;", "5 rows |")
    try run("DESCRIBE bid;", "price", "BIGINT")
    try run("EXPLAIN ANALYZE SELECT auction, COUNT(*) FROM bid GROUP BY auction;", "rows 1,000 in, 3 out", "state 3 keys")
    try run("SHOW JOBS;", "| query | stopped")
    // Every change as a line.
    try run("SET 'sql-client.execution.result-mode' = 'changelog';", "changelog")
    try terminal.send("SELECT COUNT(*) AS n FROM g;\r")
    for kind in ["| +I |", "| -U |", "| +U |"] { try terminal.expect(kind) }
    try terminal.send("\u{03}")
    try terminal.expect(", stopped")
    try terminal.expect(Self.prompt)
    // A job, stopped too.
    try run("CREATE TABLE nowhere (a INT) WITH ('connector' = 'blackhole');", "created table")
    try terminal.send("INSERT INTO nowhere SELECT a FROM g;\r")
    try terminal.expect("INSERT INTO nowhere: ")
    try terminal.expect("/s")
    try terminal.send("\u{03}")
    try terminal.expect("INSERT INTO nowhere stopped: ")
    try terminal.expect(Self.prompt)
    try run(
      "CREATE TABLE files (a INT) WITH ('connector' = 'filesystem', 'path' = '\(program.folder.path)/files', 'format' = 'csv');",
      "created table")
    try terminal.send("INSERT INTO files SELECT a FROM g;\r")
    try terminal.expect("note: the input has no end")
    try terminal.expect("INSERT INTO files: ")
    try terminal.send("\u{03}")
    try terminal.expect("INSERT INTO files stopped: ")
    try terminal.expect(Self.prompt)
    // A mistake, its place, and the history.
    try run("SELEC 1;", "shell:1:1: error:")
    try terminal.send("\u{1B}[A")
    try terminal.expect("SELEC 1;")
    try terminal.send("\u{03}")
    try terminal.expect(Self.prompt)
    try terminal.send("\u{12}answ")
    try terminal.expect("(search 'answ') SELECT 40 + 2 AS answer;")
    try terminal.send("\r")
    try terminal.expect("|     42 |")
    try terminal.expect(Self.prompt)
    try terminal.send("\\q\r")
    #expect(try terminal.wait() == 0)
    let history = try String(contentsOf: program.folder.appending(path: "history"), encoding: .utf8)
    #expect(history.contains("SELECT 40 + 2 AS answer;\n") && history.contains("'number-of-rows' = '1000',\\n"))
  }

  @Test func leaving() throws {
    let program = try Program()
    defer { program.remove() }
    try program.write("tables.sql", "CREATE VIEW v AS SELECT 7 AS seven;")
    let terminal = try shell(program, ["-i", program.folder.appending(path: "tables.sql").path])
    // Ctrl-C at a prompt drops the line and does no more; wide characters and history of another shell.
    try terminal.send("SELECT nonsense\u{03}")
    try terminal.expect("^C")
    try terminal.expect(Self.prompt)
    try terminal.send("SELECT seven, '日本' AS j FROM v;\r")
    try terminal.expect("| 日本 |")
    try terminal.expect(Self.prompt)
    try terminal.send("\u{04}")
    #expect(try terminal.wait() == 0)
    let other = try shell(program)
    try other.send("\u{1B}[A")
    try other.expect("SELECT seven, '日本' AS j FROM v;")
    try other.send("\u{15}quit\r")
    #expect(try other.wait() == 0)
  }

  @Test func withoutATerminal() throws {
    let program = try Program()
    defer { program.remove() }
    let outcome = try program.shell(
      "printf 'CREATE VIEW v AS SELECT 1 AS a;\\nSELECT a + 1 AS b FROM v;' | \"$0\" sql --output csv --stats json")
    #expect(outcome.status == 0 && outcome.output == "b\n2\n", "\(outcome)")
    #expect(outcome.error.contains("\"rows_read\":1,"), "\(outcome.error)")
    #expect(try program.shell("echo 'SELEC 1' | \"$0\" sql").error.contains("<standard input>:1:1: error:"))
  }
}
