import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceConnectors

@Suite struct DatagenTests {
  func table(_ fields: [Field], _ options: [String: String], watermark: TableDefinition.Watermark? = nil) -> TableDefinition {
    TableDefinition(
      name: "gen", schema: Schema(fields), watermark: watermark, options: ["connector": "datagen"].merging(options) { $1 })
  }

  @Test func rowsFollowFromTheSeedHoweverTheyAreRead() throws {
    let test = TestEnvironment()
    let nested = DataType.row([Field("x", .int32), Field("y", .array(Field("e", .text)))])
    let fields = [
      Field("n", .int64), Field("k", .int32), Field("d", .float64), Field("t", .text), Field("at", .timestamp(precision: 3)),
      Field("m", .decimal(precision: 10, scale: 2)), Field("r", nested), Field("b", .boolean),
    ]
    let gen = table(
      fields,
      [
        "number-of-rows": "50", "seed": "7", "start-time": "2026-01-01 00:00:00", "rows-per-second": "10", "fields.n.kind": "sequence",
        "fields.n.start": "5", "fields.n.end": "1000", "fields.k.min": "-3", "fields.k.max": "3", "fields.d.min": "1", "fields.d.max": "2",
        "fields.t.length": "8", "fields.t.null-rate": "0.3", "fields.at.max-past": "500 ms", "fields.m.max": "100",
      ], watermark: .init(column: 4, delayMicros: 200_000))
    let source = try test.source(gen)
    #expect(source.isBounded)
    #expect(source.rowsPerSecond == 10)
    let split = try source.splits()[0]
    let whole = try drain(source.open(split, from: nil), maxRows: 1)
    #expect(whole.rows.count == 50)
    #expect(whole.rows[0].hasPrefix("int(5)|int("))
    #expect(whole.hidden.contains { $0.hasSuffix("true") })
    let nulls = whole.rows.filter { $0.contains("|null|") }.count
    #expect(nulls > 3 && nulls < 30)
    let reader = try source.open(split, from: nil)
    var done = 0
    while true {
      let rest = try drain(source.open(split, from: reader.position), maxRows: 1)
      #expect(rest.rows == Array(whole.rows[done...]) && rest.hidden == Array(whole.hidden[done...]))
      guard case .batch(let batch, _) = try reader.next(maxRows: 7) else { break }
      done += batch.rowCount
      for row in 0..<batch.rowCount {
        guard case .int(let k) = batch.columns[1][row], case .float(let d) = batch.columns[2][row] else { continue }
        #expect(k >= -3 && k <= 3 && d >= 1 && d < 2)
      }
    }
    var other = gen
    other.options["seed"] = "8"
    #expect(try test.rows(other) != whole.rows)
  }

  @Test func withoutAnEndItIsUnboundedAndPaced() throws {
    let test = TestEnvironment()
    let source = try test.source(table([Field("n", .int64)], [:]))
    #expect(!source.isBounded)
    #expect(source.rowsPerSecond == 10_000)
    let bounded = try test.source(table([Field("n", .int64)], ["number-of-rows": "3"]))
    #expect(bounded.rowsPerSecond == nil)
  }

  @Test func wrongOptionsAreNamed() {
    let test = TestEnvironment()
    func message(_ options: [String: String]) -> String {
      do {
        try test.registry.check(table([Field("n", .int64)], options))
        return ""
      } catch { return "\(error)" }
    }
    #expect(message(["fields.n.kynd": "sequence"]).contains("did you mean 'fields.n.kind'"))
    #expect(message(["fields.m.kind": "sequence"]).contains("unknown option"))
    #expect(message(["fields.n.kind": "sequence"]).contains("lacks its start or end"))
    #expect(message(["fields.n.min": "5", "fields.n.max": "4"]).contains("above the maximum"))
  }
}

@Suite struct PrintTests {
  @Test func rowsLookLikeFlinks() throws {
    let test = TestEnvironment()
    let table = TableDefinition(
      name: "out",
      schema: Schema([
        Field("a", .int32), Field("b", .text), Field("c", .timestamp(precision: 3)), Field("d", .float64),
        Field("e", .timestampLTZ(precision: 3)),
        Field("f", .decimal(precision: 5, scale: 2)), Field("g", .map(key: Field("k", .text), value: Field("v", .bytes))),
      ]), options: ["connector": "print", "print-identifier": "x"])
    let sink = try test.sink(table)
    var rows = try batch(
      table,
      [
        [
          .int(1), .text("a\nb"), .int(1_769_860_800_000), .float(0.1), .int(1_769_860_801_500), .decimal(-5),
          .map([.text("k")], [.bytes([0, 255])]),
        ],
        Array(repeating: .null, count: 7),
      ])
    rows.weights = .int64s([1, -2])
    try sink.write(rows)
    try sink.finish()
    let nulls = "x> -D[null, null, null, null, null, null, null]\n"
    #expect(
      test.console.output == "x> +I[1, a\nb, 2026-01-31T12:00, 0.1, 2026-01-31T12:00:01.500Z, -0.05, {k=x'00ff'}]\n" + nulls + nulls)
  }

  @Test func theyCannotBeRead() {
    let test = TestEnvironment()
    for connector in ["print", "blackhole"] {
      let error = #expect(throws: MillraceError.self) {
        _ = try test.source(TableDefinition(name: "t", schema: Schema([]), options: ["connector": connector]))
      }
      #expect(error?.message == "connector '\(connector)' can only be written to")
    }
  }
}
