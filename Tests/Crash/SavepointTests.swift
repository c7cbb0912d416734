import Foundation
import Testing

/// A job that was stopped with a savepoint goes on from it: at another parallelism, and with a text that has changed where that leaves the
/// meaning of its state alone.
@Suite(.serialized, .needsProgram) struct SavepointTests {
  private func writeEvents(_ program: Program) throws {
    var state: UInt64 = 7
    var text = ""
    for row in 0..<2400 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let random = state >> 33
      text += "{\"id\":\(row),\"k\":\(random % 23),\"v\":\(random % 1000),\"at\":\"2024-01-01 00:\(10 + row / 60):\(10 + row % 50).000\"}\n"
    }
    try program.write("in.json", text)
  }

  private func tables(_ out: String, pace: Int?) -> String {
    let rate = pace.map { ", 'source.rows-per-second' = '\($0)'" } ?? ""
    let sink = "WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '\(out)/"
    return """
      CREATE TABLE ev (id BIGINT, k INT, v BIGINT, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '1' MINUTE)
      WITH ('connector' = 'filesystem', 'path' = 'in.json', 'format' = 'json'\(rate));
      CREATE TABLE a (k INT, n BIGINT, s BIGINT, w TIMESTAMP(3)) \(sink)a');
      CREATE TABLE b (id BIGINT, k INT) \(sink)b');
      CREATE TABLE c (k INT, n BIGINT) WITH ('connector' = 'hash', 'path' = '\(out)/c');

      """
  }

  private func text(_ statements: String..., pace: Int?, out: String = "out") -> String {
    tables(out, pace: pace) + "EXECUTE STATEMENT SET BEGIN\n" + statements.map { $0 + ";\n" }.joined() + "END;"
  }

  private func windows(_ aggregates: String = "COUNT(*), SUM(v)", minutes: Int = 10) -> String {
    """
    INSERT INTO a SELECT k, \(aggregates), window_start
    FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(at), INTERVAL '\(minutes)' MINUTE)) GROUP BY k, window_start, window_end
    """
  }
  private let counts = "INSERT INTO c SELECT k, COUNT(*) FROM ev GROUP BY k"

  /// Runs the first text until a savepoint; returns its folder.
  private func stop(_ program: Program, _ sql: String, parallelism: Int) throws -> String {
    try program.write("first.sql", sql)
    let outcome = try program.run(
      ["run", "first.sql", "--savepoint", "sp", "--parallelism", "\(parallelism)"], signal: SIGTERM, afterMillis: 900)
    try #require(outcome.status == 0, "\(outcome.status) \(outcome.error)")
    let line = try #require(outcome.error.split(separator: "\n").first { $0.hasPrefix("savepoint ") }, "\(outcome.error)")
    #expect(outcome.error.contains("stopped: "))
    return String(line.dropFirst("savepoint ".count))
  }

  @Test(arguments: [(1, 3), (2, 1)])
  func goesOnWithAnotherText(_ before: Int, _ after: Int) throws {
    let program = try Program()
    defer { program.remove() }
    try writeEvents(program)
    try program.write("reference.sql", text(windows(), counts, pace: nil, out: "reference"))
    let reference = try program.run(["run", "reference.sql", "--streaming"])
    try #require(reference.status == 0, "\(reference.error)")

    let savepoint = try stop(program, text(windows(), counts, pace: 1500), parallelism: before)
    // A renamed projection over the same grouping, and another INSERT that reads one more column of the table.
    let renamed = """
      INSERT INTO a SELECT kk, cnt, total, w FROM (SELECT k AS kk, COUNT(*) AS cnt, SUM(v) AS total, window_start AS w
      FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(at), INTERVAL '10' MINUTE)) GROUP BY k, window_start, window_end)
      """
    try program.write("second.sql", text(renamed, counts, "INSERT INTO b SELECT id, k FROM ev", pace: nil))
    let outcome = try program.run(
      ["run", "second.sql", "--from-savepoint", savepoint, "--parallelism", "\(after)", "--checkpoint-dir", "chk"])
    try #require(outcome.status == 0, "\(outcome.error)")
    #expect(try program.rows("out/a").lines == program.rows("reference/a").lines)
    #expect(try program.rows("out/a").hidden == 0)
    #expect(try hash(program, "out/c") == hash(program, "reference/c"))
    let since = try program.rows("out/b").lines.count
    #expect(since > 0 && since < 2400, "the new INSERT has \(since) rows: those since the savepoint")
  }

  /// Rows and the hash of a folded table, parts added up.
  private func hash(_ program: Program, _ folder: String) throws -> [UInt64] {
    var sums: [UInt64] = [0, 0, 0]
    for line in try program.rows(folder).lines {
      guard let part = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let rows = part["rows"] as? Int, let text = part["hash"] as? String
      else { continue }
      sums[0] &+= UInt64(bitPattern: Int64(rows))
      sums[1] &+= UInt64(text.prefix(16), radix: 16) ?? 0
      sums[2] &+= UInt64(text.dropFirst(16), radix: 16) ?? 0
    }
    #expect(sums != [0, 0, 0])
    return sums
  }

  @Test func refusesWhatItCannotGoOnFrom() throws {
    let program = try Program()
    defer { program.remove() }
    try writeEvents(program)
    let savepoint = try stop(program, text(windows(), counts, pace: 1500), parallelism: 1)
    func outcome(_ sql: String, _ options: String...) throws -> Program.Outcome {
      try program.write("second.sql", sql)
      return try program.run(["run", "second.sql", "--from-savepoint", savepoint] + options)
    }
    let other = try outcome(text(windows(minutes: 5), counts, pace: nil))
    #expect(other.status == 1 && other.error.contains("nothing in this job takes the state of window-aggregate"), "\(other.error)")
    #expect(other.error.contains("--allow-non-restored-state"))
    let more = try outcome(text(windows("COUNT(*), MAX(v)"), counts, pace: nil))
    #expect(more.status == 1 && more.error.contains("other columns or aggregates"), "\(more.error)")
    let left = try outcome(text(windows(minutes: 5), counts, pace: nil), "--allow-non-restored-state")
    #expect(left.status == 0, "\(left.error)")
    let nothing = try program.run(["run", "second.sql", "--from-savepoint", "sp"])
    #expect(nothing.status == 1 && nothing.error.contains("no complete checkpoint here"), "\(nothing.error)")
  }

  @Test func missingAndDamagedIncrements() throws {
    let program = try Program()
    defer { program.remove() }
    try writeEvents(program)
    try program.write("first.sql", text(counts, pace: 1500))
    let killed = try program.run(
      ["run", "first.sql", "--checkpoint-dir", "chk", "--checkpoint-interval", "60 ms"], signal: SIGKILL, afterMillis: 1100)
    try #require(killed.status == SIGKILL, "\(killed.error)")
    // The state of an earlier checkpoint, kept because later ones lie over it.
    let bases = program.names("chk").filter { program.names("chk/\($0)") == ["state"] }
    let base = try #require(bases.first, "\(program.names("chk"))")
    let file = program.folder.appending(path: "chk/\(base)/state")
    let bytes = try Data(contentsOf: file)
    func restore() throws -> Program.Outcome { try program.run(["run", "first.sql", "--checkpoint-dir", "chk", "--restore"]) }
    func refuses(_ words: String) throws {
      let outcome = try restore()
      #expect(outcome.status == 1 && outcome.error.contains(words), "\(outcome.status) \(outcome.error)")
      #expect(outcome.error.contains("--restore-from"))
    }
    try FileManager.default.removeItem(at: file)
    try refuses("is missing")
    var damaged = bytes
    damaged[bytes.count / 2] ^= 1
    try damaged.write(to: file)
    try refuses("does not match its manifest")
    try bytes.dropLast(1).write(to: file)
    try refuses("does not match its manifest")
    try bytes.write(to: file)
    let whole = try restore()
    #expect(whole.status == 0, "\(whole.error)")
  }
}
