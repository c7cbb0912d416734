import Foundation
import Testing

/// A job that is killed and restored again and again, at any parallelism, writes what an undisturbed one writes.
@Suite(.serialized, .needsProgram) struct ExactlyOnceTests {
  /// Three files, out of order, some rows too late for the watermark.
  private func writeEvents(_ program: Program, rows: Int, seed: UInt64) throws {
    var state = seed
    func next(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    for file in 0..<3 {
      var text = ""
      for row in 0..<(rows / 3) {
        let late: UInt64 = next(50) == 0 ? 20 : 0
        let second = UInt64(row) + 100 + next(3) - late
        let time = String(format: "2024-01-01 %02d:%02d:%02d.%03d", second / 3600, second / 60 % 60, second % 60, next(1000))
        text += "{\"id\":\(row * 3 + file),\"k\":\(next(40)),\"v\":0.\(next(1_000_000)),\"at\":\"\(time)\"}\n"
      }
      try program.write("in/\(file).json", text)
    }
  }

  /// Two INSERTs into one table, a window aggregate and late rows.
  private func job(_ out: String, pace: Int?) -> String {
    let rate = pace.map { "'source.rows-per-second' = '\($0)'," } ?? ""
    return """
      CREATE TABLE ev (id BIGINT, k INT, v DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '2' SECOND)
      WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json', \(rate) 'late-rows.path' = '\(out)/late');
      CREATE TABLE a (id BIGINT, k INT, v DOUBLE, s DOUBLE) WITH ('connector' = 'filesystem', 'path' = '\(out)/a', 'format' = 'csv');
      CREATE TABLE b (w TIMESTAMP(3), k INT, n BIGINT, s DOUBLE)
      WITH ('connector' = 'filesystem', 'path' = '\(out)/b', 'format' = 'json');
      EXECUTE STATEMENT SET BEGIN
      INSERT INTO a SELECT id, k, v,
        SUM(v) OVER (PARTITION BY k ORDER BY at RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW) FROM ev;
      INSERT INTO a SELECT id + 1000000, k, v, 0.0 FROM ev WHERE k < 5;
      INSERT INTO b SELECT window_start, k, COUNT(*), SUM(v)
        FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(at), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k;
      END;
      """
  }

  private static let folders = ["a", "b", "late"]

  @Test(arguments: [1, 2] as [UInt64])
  func killedAndRestored(_ seed: UInt64) throws {
    let program = try Program()
    defer { program.remove() }
    try writeEvents(program, rows: 3000, seed: seed)
    try program.write("reference.sql", job("reference", pace: nil))
    let undisturbed = try program.run(["run", "reference.sql"])
    try #require(undisturbed.status == 0, "\(undisturbed.error)")
    let wanted = try Self.folders.map { try program.rows("reference/\($0)").lines }
    #expect(wanted.allSatisfy { !$0.isEmpty })

    try program.write("live.sql", job("live", pace: 1000))
    var random = SystemRandomNumberGenerator()
    var log = "seed \(seed):"
    func live(_ signal: Int32?, afterMillis: Int) throws -> Program.Outcome {
      let parallelism = Int.random(in: 1...3, using: &random)
      let batch = [1, 13, 4096].randomElement(using: &random) ?? 1
      log += " \(signal.map { "\($0) after \(afterMillis) ms" } ?? "to the end") at parallelism \(parallelism), batch \(batch);"
      return try program.run(
        [
          "run", "live.sql", "--checkpoint-dir", "chk", "--checkpoint-interval", "40 ms", "--restore", "--parallelism", "\(parallelism)",
          "--batch-rows", "\(batch)",
        ], signal: signal, afterMillis: afterMillis)
    }
    for signal in [SIGKILL, SIGTERM, SIGKILL, SIGINT, SIGKILL] {
      let outcome = try live(signal, afterMillis: Int.random(in: 50...500, using: &random))
      #expect(outcome.status == 0 || signal == SIGKILL || outcome.status == 128 + signal, "\(log) \(outcome.error)")
    }
    let last = try live(nil, afterMillis: 0)
    try #require(last.status == 0, "\(log) \(last.error)")
    func check(_ when: String) throws {
      for (folder, lines) in zip(Self.folders, wanted) {
        let found = try program.rows("live/\(folder)")
        #expect(found.lines == lines, "\(when), \(folder): \(found.lines.count) rows for \(lines.count); \(log)")
        #expect(found.hidden == 0, "\(when), \(folder): unfinished files stayed; \(log)")
      }
    }
    try check("restored")
    // A job that has ended is restored to its end.
    #expect(try live(nil, afterMillis: 0).status == 0)
    try check("restored after its end")
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func stopsCleanly(_ signal: Int32) throws {
    let program = try Program()
    defer { program.remove() }
    let outcome = try program.run(
      [
        "sql", "-e",
        """
        CREATE TABLE g (a INT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000');
        CREATE TABLE o (a INT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');
        INSERT INTO o SELECT a FROM g
        """,
      ], signal: signal, afterMillis: 600)
    #expect(outcome.status == 128 + signal)
    #expect(outcome.error.contains("stopped"))
    #expect(program.names("out").isEmpty)
  }
}
