import MillraceColumns
import MillraceEnvironment
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceConnectors

@Suite struct FileSourceTests {
  /// Times in milliseconds, one second of delay.
  static func events(_ options: [String: String] = [:]) -> TableDefinition {
    TableDefinition(
      name: "events", schema: Schema([Field("id", .int64), Field("at", .timestamp(precision: 3)), Field("note", .text)]),
      watermark: .init(column: 1, delayMicros: 1_000_000),
      options: ["connector": "filesystem", "path": "in", "format": "json"].merging(options) { $1 })
  }

  @Test func aRowIsLateAgainstTheClockBeforeIt() throws {
    let test = TestEnvironment()
    let seconds = [10, 11, 10, 9, 12, 10, 11, 30, 28]
    test.files.put(
      "in", seconds.enumerated().map { "{\"id\":\($0),\"at\":\"1970-01-01 00:00:\($1 < 10 ? "0" : "")\($1)\"}\n" }.joined())
    let source = try test.source(Self.events())
    let split = try source.splits()[0]
    for maxRows in [1, 2, 3, 100] {
      let result = try drain(source.open(split, from: nil), maxRows: maxRows)
      let late = result.hidden.map { $0.hasSuffix("true") }
      // Clocks before the rows: none, 9, 10, 10, 10, 11, 11, 11, 29.
      #expect(late == [false, false, false, true, false, true, false, false, true], "\(maxRows)")
      #expect(result.batchWatermarks.last == 29_000_000)
    }
  }

  @Test func orderKeysEncodeSplitAndLine() throws {
    let test = TestEnvironment()
    test.files.put("in/b.json", "{\"id\":1,\"at\":\"1970-01-01 00:00:01\"}\n\n{\"id\":2,\"at\":\"1970-01-01 00:00:02\"}\n")
    test.files.put("in/a.json", "{\"id\":0,\"at\":\"1970-01-01 00:00:01\"}\n")
    test.files.put("in/.hidden", "x")
    test.files.put("in/_SUCCESS", "x")
    test.files.put("in/deeper/c.json", "x")
    let source = try test.source(Self.events())
    #expect(try source.splits() == [SourceSplit(id: "a.json", ordinal: 0), SourceSplit(id: "b.json", ordinal: 1)])
    guard case .batch(let batch, _) = try source.open(source.splits()[1], from: nil).next(maxRows: 10) else {
      Issue.record("no batch")
      return
    }
    let expected = KeyEncoder.encode([.int64s([1, 1]), .int64s([1, 3])], rowCount: 2, prefix: [128, 0])
    #expect((0..<2).map { batch.order?[$0] } == (0..<2).map { expected[$0] })
    #expect(batch.positions?[1] == .int(3))
    let declared = try test.source(Self.events(["order.by": "note, id"]), columns: [1])
    guard case .batch(let other, _) = try declared.open(source.splits()[1], from: nil).next(maxRows: 10) else {
      Issue.record("no batch")
      return
    }
    let byColumns = KeyEncoder.encode(
      [.nulls(.text, count: 2), .int64s([1, 2]), .int64s([1, 1]), .int64s([1, 3])], rowCount: 2, prefix: [128, 0])
    #expect((0..<2).map { other.order?[$0] } == (0..<2).map { byColumns[$0] })
    #expect(other.columns.count == 1)
  }

  @Test(arguments: [1, 2, 3, 7, 50]) func restoringAtEveryPositionGivesTheSameRowsAndWatermarks(maxRows: Int) throws {
    let test = TestEnvironment()
    var generator = SeededGenerator(seed: UInt64(maxRows))
    var text = ""
    for id in 0..<120 {
      let time = Int64(id) + Int64(generator.next() % 6) - 3 + 10
      text += generator.next() % 9 == 0 ? "\n" : ""
      text +=
        generator.next() % 11 == 0 ? "broken\n" : "{\"at\":\"1970-01-01 00:0\(time / 60):\((time % 60) / 10)\(time % 10)\",\"id\":\(id)}\n"
    }
    test.files.put("in", text)
    let source = try test.source(Self.events(["json.ignore-parse-errors": "true"]))
    let split = try source.splits()[0]
    let whole = try drain(source.open(split, from: nil), maxRows: 1)
    let reader = try source.open(split, from: nil)
    var done = 0
    while true {
      let rest = try drain(source.open(split, from: reader.position), maxRows: 1)
      #expect(rest.rows == Array(whole.rows[done...]))
      #expect(rest.hidden == Array(whole.hidden[done...]))
      #expect(rest.batchWatermarks == Array(whole.batchWatermarks[done...]))
      guard case .batch(let batch, let watermark) = try reader.next(maxRows: maxRows) else { break }
      done += batch.rowCount
      #expect(watermark == whole.batchWatermarks[done - 1])
    }
    #expect(done == whole.rows.count)
    let again = try source.open(split, from: reader.position)
    #expect(again.skippedRowCount == reader.skippedRowCount)
    #expect(reader.skippedRowCount > 0)
    guard case .end = try again.next(maxRows: 1) else {
      Issue.record("a finished split went on")
      return
    }
  }

  @Test func computedColumnsMayBeTheEventTime() throws {
    let test = TestEnvironment()
    test.files.put("in.csv", "x,5\ny,7\n")
    let seconds = Expression.column(1, Field("s", .int64))
    let time = Expression(
      .cast(
        Expression(.call("TO_TIMESTAMP_LTZ", [seconds, .literal(.int(0), .int32)]), type: .timestampLTZ(precision: 3), isNullable: true),
        isTry: false), type: .timestampLTZ(precision: 3), isNullable: true)
    let table = TableDefinition(
      name: "t", schema: Schema([Field("name", .text), Field("s", .int64), Field("at", .timestampLTZ(precision: 3))]),
      computed: [nil, nil, time], watermark: .init(column: 2, delayMicros: 0),
      options: ["connector": "filesystem", "path": "in.csv", "format": "csv"])
    let source = try test.source(table, columns: [2, 0])
    let result = try drain(source.open(source.splits()[0], from: nil))
    #expect(result.rows == ["int(5000)|text(\"x\")", "int(7000)|text(\"y\")"])
    #expect(result.batchWatermarks == [7_000_000])
    #expect(table.physicalSchema.fields.map(\.name) == ["name", "s"])
  }

  func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func errorsSayWhereAndWhat() throws {
    let test = TestEnvironment()
    test.files.put("in", "{\"id\":1}\n")
    #expect(message { _ = try test.rows(Self.events()) }.hasPrefix("in:1: the event time (column at) is null"))
    #expect(try test.rows(Self.events(["json.ignore-parse-errors": "true"])) == [])
    #expect(message { _ = try test.rows(Self.events(["path": "nowhere"])) }.hasPrefix("nowhere: there is no such file or folder"))
    #expect(message { try test.registry.check(Self.events(["connector": "filesytem"])) }.contains("did you mean 'filesystem'?"))
    #expect(
      message { try test.registry.check(Self.events(["json.ignore-parse-error": "true"])) }
        .contains("did you mean 'json.ignore-parse-errors'"))
    #expect(message { try test.registry.check(Self.events(["format": "jason"])) }.contains("did you mean 'json'?"))
    #expect(message { try test.registry.check(Self.events(["csv.header": "true"])) }.contains("is for another format than 'json'"))
    #expect(message { try test.registry.check(Self.events(["json.ignore-parse-errors": "yes"])) }.contains("'true' or 'false'"))
    #expect(message { try test.registry.check(Self.events(["source.monitor-interval": "1 s"])) }.contains("not supported yet"))
    #expect(message { try test.registry.check(Self.events(["order.by": "nota"])) }.contains("did you mean 'note'?"))
    #expect(
      message {
        try test.registry.check(TableDefinition(name: "t", schema: Schema([]), options: ["connector": "filesystem", "format": "json"]))
      }
        == "table t: option 'path' is missing\n  hint: add 'path' = 'data/events.json' to WITH")
    let source = try test.source(Self.events())
    let reader = try source.open(source.splits()[0], from: nil)
    _ = reader
    var position = ByteWriter()
    position.write(UInt8(1))
    for value: Int64 in [1000, 2, 0, 0] { position.write(value) }
    position.write(UInt8(0))
    #expect(message { _ = try source.open(source.splits()[0], from: position.bytes) }.contains("shorter"))
    #expect(message { _ = try source.open(source.splits()[0], from: [1, 2]) }.contains("stored bytes end early"))
  }

  @Test func aComputedColumnThatFailsSaysBetweenWhichLines() throws {
    let test = TestEnvironment()
    test.files.put("in.csv", "1\nx\n")
    let number = Expression(.cast(.column(0, Field("t", .text)), isTry: false), type: .int64, isNullable: true)
    let table = TableDefinition(
      name: "t", schema: Schema([Field("t", .text), Field("n", .int64)]), computed: [nil, number],
      options: ["connector": "filesystem", "path": "in.csv", "format": "csv"])
    #expect(message { _ = try test.rows(table) }.hasPrefix("in.csv:1-2"))
  }

  @Test func urlsArePaths() throws {
    let test = TestEnvironment()
    test.files.put("/data/a b.json", "{\"id\":1,\"at\":\"1970-01-01 00:00:00\"}")
    #expect(try test.rows(Self.events(["path": "file:///data/a%20b.json"])).count == 1)
  }
}
