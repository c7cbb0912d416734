import MillraceEnvironment
import MillraceServer
import Testing

/// `millrace sql --changelog`: every change with its kind, in the order of event time or, without one, of arrival.
@Suite struct ChangelogTests {
  private func changelog(_ sql: String, file: String) throws -> String {
    let store = MemoryFileStore()
    try store.makeFolder("/in")
    try store.writeDurably(Array(file.utf8), to: "/in/t.csv")
    let console = BufferedConsole()
    let environment = Environment(files: store, clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: console)
    let session = Session(environment: environment, options: SessionOptions())
    try session.run(text: sql, name: "test", output: .csv, changelog: true)
    return console.output
  }

  @Test func byEventTime() throws {
    let text = try changelog(
      """
      CREATE TABLE t (who STRING, n BIGINT, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '5' SECOND)
      WITH ('connector' = 'filesystem', 'path' = '/in/t.csv', 'format' = 'csv');
      SELECT who, SUM(n) AS s FROM t GROUP BY who;
      """, file: "ann,1,2024-01-01 00:00:03\nann,2,2024-01-01 00:00:01\nbob,4,2024-01-01 00:00:02\n")
    #expect(text == "op,who,s\n+I,ann,2\n+I,bob,4\n-U,ann,2\n+U,ann,3\n")
  }

  @Test func byArrival() throws {
    let text = try changelog(
      """
      CREATE TABLE t (who STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '/in/t.csv', 'format' = 'csv');
      SELECT who, SUM(n) AS s FROM t GROUP BY who;
      """, file: "ann,1\nbob,4\nann,2\n")
    // One batch: the changes within it consolidate.
    #expect(text == "op,who,s\n+I,ann,3\n+I,bob,4\n")
  }
}
