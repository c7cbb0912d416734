import Foundation
import Testing

/// What goes wrong ends with a sentence, a status that is not zero, and nothing that looks whole but is not.
@Suite(.needsProgram) struct FailureTests {
  private static let copy = """
    CREATE TABLE t (a INT, b STRING) WITH ('connector' = 'filesystem', 'path' = 'in.json', 'format' = 'json');
    CREATE TABLE o (a INT, b STRING) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');
    INSERT INTO o SELECT a, b FROM t WHERE a > 5
    """

  private func writeRows(_ program: Program) throws {
    try program.write("in.json", (0..<2000).map { "{\"a\":\($0),\"b\":\"row number \($0)\"}\n" }.joined())
  }

  @Test func commandLine() throws {
    let program = try Program()
    defer { program.remove() }
    try program.write("empty.sql", "")
    let cases: [([String], String)] = [
      (["rum", "x.sql"], "did you mean 'run'?"),
      (["run", "--paralelism", "2", "x.sql"], "'--parallelism'"),
      (["run", "--parallelism", "0", "empty.sql"], "--parallelism"),
      (["run", "--batch-rows", "99999999999", "empty.sql"], "--batch-rows"),
      (["run", "--checkpoint-interval", "soon", "empty.sql"], "'10 s'"),
      (["run", "nothing.sql"], "no such file"),
      (["run", "."], "it is a folder"),
      (["sql", "-e", "SELECT ${x} AS a", "-D", "y=1"], "-D x=VALUE"),
      (["sql", "-e", "SELECT 1 AS a", "-D", "parallelism.defalt=1"], "did you mean 'parallelism.default'"),
      (["sql", "--restore", "-e", Self.copy], "--checkpoint-dir"),
      (["sql", "-e", "CREATE TABLE t (a INT) WITH ('connector' = 'datagen'); SELECT * FROM t"], "never end"),
      (["trust", "--data", "nothing.csv"], "nothing.csv"),
      (["models"], "millrace train"),
    ]
    for (arguments, words) in cases {
      let outcome = try program.run(arguments)
      #expect(outcome.status != 0 && outcome.error.contains(words), "\(arguments): \(outcome.status) \(outcome.error)")
    }
  }

  @Test func malformedRow() throws {
    let program = try Program()
    defer { program.remove() }
    try program.write("in.json", (0..<9000).map { $0 == 8000 ? "{\"a\":\n" : "{\"a\":\($0),\"b\":\"x\"}\n" }.joined())
    let outcome = try program.run(["sql", "-e", Self.copy])
    #expect(outcome.status == 1)
    #expect(outcome.error.contains("in.json:8001:"))
    #expect(program.names("out").isEmpty)
  }

  @Test func missingLibrary() throws {
    let program = try Program()
    defer { program.remove() }
    try writeRows(program)
    let sql = Self.copy.replacingOccurrences(of: "'out', 'format' = 'json'", with: "'out', 'format' = 'parquet'")
    let outcome = try program.run(["sql", "-e", sql], variables: ["MILLRACE_HOME": program.folder.path, "MILLRACE_ARROW": ""])
    #expect(outcome.status == 1)
    #expect(outcome.error.contains("make setup"))
  }

  @Test func fullDisk() throws {
    let program = try Program()
    defer { program.remove() }
    try writeRows(program)
    try program.write("job.sql", Self.copy)
    // A limit on file sizes fails the same calls as a full disk does, without a file system of its own.
    let sink = try program.shell("trap '' XFSZ; ulimit -f 4; exec \"$0\" run job.sql")
    #expect(sink.status == 1 && sink.error.contains("too large"), "\(sink.error)")
    #expect(program.names("out").isEmpty)
    try program.write("print.sql", Self.copy.replacingOccurrences(of: "'filesystem', 'path' = 'out', 'format' = 'json'", with: "'print'"))
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let print = try program.shell("exec \"$0\" run print.sql > /dev/full")
    #expect(print.status == 1 && print.error.contains("the disk is full"), "\(print.error)")
  }

  @Test func damagedCheckpoints() throws {
    let program = try Program()
    defer { program.remove() }
    try writeRows(program)
    func run(_ options: [String], _ sql: String = Self.copy) throws -> Program.Outcome {
      try program.run(["sql", "--checkpoint-dir", "chk", "-e", sql] + options)
    }
    #expect(try run([]).status == 0)
    let rows = try program.rows("out").lines
    #expect(rows.count == 1994)
    let checkpoint = try #require(program.names("chk").last)
    func refuses(_ words: String, _ sql: String = Self.copy, _ options: [String] = ["--restore"]) throws {
      let outcome = try run(options, sql)
      #expect(outcome.status == 1 && outcome.error.contains(words), "\(outcome.status) \(outcome.error)")
      #expect(try program.rows("out").lines == rows)
    }
    // A fresh start must not mix with what the folder holds, nor a job whose expressions have changed go on from it.
    try refuses("of an earlier run", Self.copy, [])
    try refuses("another plan", Self.copy.replacingOccurrences(of: "a > 5", with: "a > 6"))

    // The end of a job has no operator state: all of it is in the manifest.
    #expect(program.names("chk/\(checkpoint)") == ["manifest"])
    let state = program.folder.appending(path: "chk/\(checkpoint)/manifest")
    let bytes = try Data(contentsOf: state)
    for (position, words) in [(0, "not a checkpoint manifest"), (bytes.count / 2, "damaged"), (bytes.count - 1, "damaged")] {
      var damaged = bytes
      damaged[position] ^= 0x10
      try damaged.write(to: state)
      try refuses(words)
    }
    try bytes.dropLast(3).write(to: state)
    try refuses("damaged")
    try bytes.write(to: state)
    #expect(try run(["--restore"]).status == 0)
    #expect(try program.rows("out").lines == rows)
    let newest = try #require(program.names("chk").last)
    try Data().write(to: program.folder.appending(path: "chk/\(newest)/manifest"))
    try refuses("not a checkpoint manifest")
  }
}
