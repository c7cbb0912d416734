import MillraceColumns
import MillraceEnvironment
import MillraceRuntime
import MillraceServer
import MillraceTypes
import Testing

@testable import MillraceShell

/// A result as it changes.
@Suite struct LiveResultTests {
  private static let schema = Schema([Field("k", .text), Field("n", .int64)])

  private func batch(_ rows: [(String, Int64, Int64)]) -> Batch {
    let keys = ColumnBuilder(.text, capacity: rows.count)
    for row in rows { keys.append(row.0) }
    var batch = Batch(schema: Self.schema, columns: [keys.finish(), .int64s(rows.map(\.1))], rowCount: rows.count)
    if rows.contains(where: { $0.2 != 1 }) { batch.weights = .int64s(rows.map(\.2)) }
    return batch
  }

  private func rows(_ live: LiveResult, last: Int = 100) throws -> [String] {
    try LiveTable.cells(live.view(last: last).last, Self.schema).map { $0.joined(separator: " ") }
  }

  @Test func changesInPlace() throws {
    let live = LiveResult(schema: Self.schema, rowsMax: 100)
    live.add(batch([("a", 1, 1), ("b", 1, 1), ("c", 1, 1)]))
    live.add(batch([("b", 1, -1), ("b", 2, 1), ("d", 1, 1), ("a", 1, -1)]))
    #expect(try rows(live) == ["b 2", "c 1", "d 1"])
    #expect(live.view(last: 2).rowCount == 3)
    #expect(try rows(live, last: 2) == ["c 1", "d 1"])
    // Copies of one row.
    live.add(batch([("x", 9, 2), ("x", 9, -1)]))
    #expect(try rows(live).filter { $0 == "x 9" }.count == 1)
  }

  @Test func retractionBeforeItsInsertion() throws {
    let live = LiveResult(schema: Self.schema, rowsMax: 100)
    live.add(batch([("a", 1, -1)]))
    live.add(batch([("b", 1, 1), ("a", 1, 1)]))
    #expect(try rows(live) == ["b 1"])
  }

  @Test func keepsSoManyRows() throws {
    let live = LiveResult(schema: Self.schema, rowsMax: 10)
    for i in 0..<100 { live.add(batch([("r", Int64(i), 1)])) }
    #expect(try rows(live) == (90..<100).map { "r \($0)" })
    // What was dropped may go unheard.
    live.add(batch([("r", 5, -1), ("r", 95, -1)]))
    #expect(live.view(last: 100).rowCount == 9)
    #expect(live.view(last: 0).dropped == 90)
  }

  /// Against a plain count of rows, through many random changes.
  @Test(arguments: [1, 2, 3] as [UInt64]) func agreesWithCounting(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let live = LiveResult(schema: Self.schema, rowsMax: 1_000_000)
    var counts: [String: Int] = [:]
    for _ in 0..<300 {
      var changes: [(String, Int64, Int64)] = []
      for _ in 0..<Int.random(in: 1...40, using: &random) {
        let key = "k\(Int.random(in: 0..<5, using: &random))"
        let n = Int64.random(in: 0..<40, using: &random)
        let held = counts["\(key) \(n)"] ?? 0
        let weight: Int64 = held > 0 && Bool.random(using: &random) ? -1 : 1
        changes.append((key, n, weight))
        counts["\(key) \(n)"] = held + Int(weight)
      }
      live.add(batch(changes))
    }
    var found: [String: Int] = [:]
    for row in try rows(live, last: .max) { found[row, default: 0] += 1 }
    #expect(found == counts.filter { $0.value > 0 })
    #expect(live.view(last: 0).rowCount == counts.values.reduce(0, +))
  }

  @Test func tableFitsTheTerminal() throws {
    let live = LiveResult(schema: Self.schema, rowsMax: 100)
    live.add(batch([("日本", 1, 1), ("b", 12345, 1)]))
    var table = LiveTable(schema: Self.schema)
    #expect(
      try table.lines(live.view(last: 1), width: 80) == [
        "+------+-------+", "| k    |     n |", "+------+-------+", "  ... 1 row above", "| b    | 12345 |", "+------+-------+",
      ])
    // Wide characters stand in their columns, and lines are cut.
    #expect(try table.lines(live.view(last: 2), width: 80)[3] == "| 日本 |     1 |")
    #expect(try table.lines(live.view(last: 2), width: 9).allSatisfy { DisplayWidth.of($0) <= 9 })
  }

  @Test func changelog() {
    let console = BufferedConsole()
    let writer = ChangelogWriter(console: console, schema: Self.schema)
    writer.begin()
    writer.write(batch([("a", 1, 1), ("a", 1, -1), ("a", 2, 1), ("b", 7, -1)]))
    writer.end()
    let lines = console.output.split(separator: "\n").map(String.init)
    #expect(lines[1].hasPrefix("| op | k"))
    #expect(lines[3...6].map { String($0.prefix(8)) } == ["| +I | a", "| -U | a", "| +U | a", "| -D | b"])
    #expect(writer.changes == 4)
  }

  @Test func progress() {
    var progress = ProgressText()
    var statistics = JobStatistics()
    statistics.watermark = 1_700_000_000_000_000
    _ = progress.line(statistics, nowMicros: 0)
    statistics.elapsedNanos = 1_000_000_000
    statistics.rowsRead = 12_000
    #expect(
      progress.line(statistics, nowMicros: 1_700_000_002_500_000)
        == "12,000 events, 12,000/s, 1.000 s, watermark 2023-11-14 22:13:20.000 (2.500 s behind)")
  }
}
