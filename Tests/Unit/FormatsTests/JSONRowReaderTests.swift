import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceFormats

@Suite struct JSONRowReaderTests {
  func read(_ text: String, _ fields: [Field], _ change: (inout JSONOptions) -> Void = { _ in }) throws -> [String] {
    var options = JSONOptions()
    change(&options)
    return try readAll(JSONRowReader(fields: fields, options: options, name: "in.json", fetch: fetch(Array(text.utf8)))).rows
  }

  func error(_ text: String, _ fields: [Field], _ change: (inout JSONOptions) -> Void = { _ in }) -> String? {
    do {
      _ = try read(text, fields, change)
      return nil
    } catch let error as MillraceError {
      return "\(error.subject ?? ""): \(error.message)"
    } catch { return "\(error)" }
  }

  let ab = [Field("a", .int64), Field("b", .text)]

  @Test func fieldsComeInAnyOrder() throws {
    let rows = try read("{\"b\":\"x\",\"a\":1}\n{\"a\":2}\n\n{\"c\":[1,{\"d\":\"}\"}],\"a\":3,\"b\":null}\n{}", ab)
    #expect(rows == ["int(1)|text(\"x\")", "int(2)|null", "int(3)|null", "null|null"])
  }

  @Test func theLastOfRepeatedFieldsWins() throws {
    #expect(try read(#"{"b":"first","a":1,"b":"second","a":null}"#, ab) == ["null|text(\"second\")"])
    let nested = [Field("r", .row([Field("x", .int32), Field("y", .text)])), Field("l", .array(Field("e", .int32)))]
    #expect(
      try read(#"{"r":{"x":1,"y":"p"},"l":[1,2,3],"r":{"y":"q"},"l":[9]}"# + "\n" + #"{"l":[4]}"#, nested) == [
        "row([MillraceColumns.Value.null, MillraceColumns.Value.text(\"q\")])|list([MillraceColumns.Value.int(9)])",
        "null|list([MillraceColumns.Value.int(4)])",
      ])
  }

  @Test func escapes() throws {
    #expect(
      try read(#"{"b":"\"\\\/\b\f\n\r\t\u00e9\u6f22\ud83d\ude00\ud800x"}"#, [ab[1]])
        == ["\(Value.text("\"\\/\u{8}\u{c}\n\r\té漢😀\u{FFFD}x"))"])
    #expect(try read(#"{"\u0062":"x","\u0061":7}"#, ab) == ["int(7)|text(\"x\")"])
  }

  @Test func numbers() throws {
    let n = [Field("i", .int32), Field("d", .float64), Field("m", .decimal(precision: 10, scale: 2))]
    #expect(
      try read(
        #"{"i":1e3,"d":1.5E-3,"m":12.345}"# + "\n" + #"{"i":"-12","d":"Infinity","m":"1e2"}"# + "\n" + #"{"i":10.0,"d":-0,"m":-0.005}"#, n)
        == ["int(1000)|float(0.0015)|decimal(1235)", "int(-12)|float(inf)|decimal(10000)", "int(10)|float(-0.0)|decimal(-1)"])
    for bad in ["2147483648", "-2147483649", "1.5", "1e10", "true", "[1]", "\"x\"", "99999999999999999999"] {
      #expect(error("{\"i\":\(bad)}", n)?.hasPrefix("in.json:1:6: column i of type INT: ") == true, "\(bad)")
    }
    for bad in ["01", "+1", ".5", "1.", "1e", "-", "1x", "tru", "NaN"] {
      #expect(error("{\"i\":\(bad)}", n) != nil, "\(bad)")
      #expect(error("{\"unknown\":\(bad)}", n) != nil, "\(bad)")
    }
    #expect(error(#"{"d":1e400}"#, n) != nil)
    #expect(error(#"{"m":123456789}"#, n) != nil)
    let long = [Field("i", .int64)]
    #expect(try read(#"{"i":9223372036854775807}"#, long) == ["int(9223372036854775807)"])
    #expect(try read(#"{"i":-9223372036854775808}"#, long) == ["int(-9223372036854775808)"])
    #expect(error(#"{"i":9223372036854775808}"#, long) != nil)
    #expect(error(#"{"i":-9223372036854775809}"#, long) != nil)
  }

  @Test func timestampsInBothForms() throws {
    let t = [Field("t", .timestampLTZ(precision: 3))]
    for text in ["2020-01-02 03:04:05.678", "2020-01-02T03:04:05.678Z", "2020-01-02 03:04:05.6789Z", "2020-01-02T05:04:05.678+02:00"] {
      #expect(try read("{\"t\":\"\(text)\"}", t) == ["int(1577934245678)"], "\(text)")
    }
    #expect(error(#"{"t":"2020-01-02T03:04:05Z"}"#, t) { $0.timestampStyle = .sql } != nil)
    #expect(error(#"{"t":"2020-01-02 03:04:05"}"#, t) { $0.timestampStyle = .iso8601 } != nil)
    #expect(error(#"{"t":1577934245678}"#, t)?.contains("text in quotes was expected") == true)
  }

  @Test func whatTextTakes() throws {
    #expect(
      try read(#"{"b": 1.50}"# + "\n" + #"{"b":true}"# + "\n" + #"{"b":{"x": [1]}}"#, [ab[1]])
        == ["text(\"1.50\")", "text(\"true\")", "\(Value.text("{\"x\": [1]}"))"])
  }

  @Test func malformedLinesNameFileLineAndColumn() {
    #expect(error("{\"a\":1}\n{\"a\":1,}", ab) == "in.json:2:8: a field name in quotes was expected")
    #expect(error("{\"a\":1", ab) == "in.json:1:7: ',' or '}' was expected")
    #expect(error("[1]", ab) == "in.json:1:1: a JSON object was expected")
    #expect(error("{\"a\":1} x", ab) == "in.json:1:9: something follows the JSON object")
    #expect(error("{\"b\":\"x", ab) == "in.json:1:8: a string that does not end")
    #expect(error("{\"b\":\"\\q\"}", ab) == "in.json:1:7: an unknown escape")
    #expect(error("{\"b\":\"a\u{1}\"}", ab) == "in.json:1:8: a control character in a string")
    #expect(error("{\"z\":" + String(repeating: "[", count: 100_000), ab)?.contains("nested too deeply") == true)
    #expect(error("{}", ab) { $0.failsOnMissingField = true } == "in.json:1:2: column a of type BIGINT: the field is missing")
    #expect(
      error("{}", [Field("a", .int64, isNullable: false)])
        == "in.json:1:2: column a of type BIGINT: the column is NOT NULL but the field is missing")
  }

  @Test func invalidUTF8IsAnError() {
    let bytes = Array("{\"b\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8)
    #expect(throws: MillraceError.self) {
      try readAll(JSONRowReader(fields: [Field("b", .text)], name: "x", fetch: fetch(bytes)))
    }
  }

  @Test func ignoringErrorsMakesNullsAndLeavesLinesOut() throws {
    var options = JSONOptions()
    options.ignoresParseErrors = true
    let text = "{\"a\":\"x\",\"b\":\"ok\"}\nnonsense\n{\"a\":[1,2],\"b\":\"y\"}\n{\"a\":3"
    let reader = try JSONRowReader(fields: ab, options: options, name: "x", fetch: fetch(Array(text.utf8)))
    let result = try readAll(reader)
    #expect(result.rows == ["null|text(\"ok\")", "null|text(\"y\")"])
    #expect(result.lines == [1, 3])
    #expect(reader.skippedRowCount == 2)
    let strict = try JSONRowReader(
      fields: [Field("a", .int64, isNullable: false)], options: options, name: "x", fetch: fetch(Array("{\"a\":\"x\"}\n{\"a\":1}".utf8)))
    #expect(try readAll(strict).rows == ["int(1)"])
  }

  @Test func byteOrderMarkAndCarriageReturns() throws {
    #expect(try read("\u{FEFF}{\"a\":1}\r\n{\"a\":2}\r\n", [ab[0]]) == ["int(1)", "int(2)"])
  }

  @Test func mapsKeepTheLastOfEqualKeys() throws {
    let m = [Field("m", .map(key: Field("k", .text, isNullable: false), value: Field("v", .int32)))]
    #expect(
      try read(#"{"m":{"a":1,"b":2,"\u0061":3}}"#, m) == [
        "map([MillraceColumns.Value.text(\"a\"), MillraceColumns.Value.text(\"b\")], [MillraceColumns.Value.int(3), MillraceColumns.Value.int(2)])"
      ])
  }

  @Test(arguments: 0..<60) func writtenRowsReadBackEqual(seed: Int) throws {
    var source = RandomRows(seed: UInt64(seed) + 1)
    let fields = source.fields(count: 1 + source.random.below(6))
    let batch = try source.batch(fields, rows: source.random.below(60))
    var options = JSONOptions()
    options.timestampStyle = [nil, .sql, .iso8601][source.random.below(3)]
    options.omitsNullFields = source.random.below(2) == 0
    let output = TextOutput(capacity: 64)
    try JSONRowEncoder(fields: fields, options: options).encode(batch, into: output)
    let bytes = Array(output.bytes)
    let reader = try JSONRowReader(
      fields: fields, options: options, name: "x", blockBytes: 64 + source.random.below(200), fetch: fetch(bytes))
    let result = try readAll(reader, batchRows: 1 + source.random.below(20))
    #expect(result.rows == describe(batch.columns, rows: batch.rowCount), "seed \(seed)")
    #expect(result.lines == (0..<batch.rowCount).map { Int64($0 + 1) }, "seed \(seed)")
  }

  @Test(arguments: 0..<20) func readingOnFromEveryPositionGivesTheRest(seed: Int) throws {
    var source = RandomRows(seed: UInt64(seed) + 1000)
    let fields = source.fields(count: 3)
    let batch = try source.batch(fields, rows: 25)
    let output = TextOutput()
    try JSONRowEncoder(fields: fields).encode(batch, into: output)
    let bytes = Array(output.bytes)
    let whole = try readAll(JSONRowReader(fields: fields, name: "x", fetch: fetch(bytes)))
    let reader = try JSONRowReader(fields: fields, name: "x", blockBytes: 100, fetch: fetch(bytes))
    var done = 0
    while true {
      let rest = try readAll(JSONRowReader(fields: fields, name: "x", from: reader.position, fetch: fetch(bytes)))
      #expect(rest.rows == Array(whole.rows[done...]), "seed \(seed)")
      #expect(rest.lines == Array(whole.lines[done...]), "seed \(seed)")
      guard let part = try reader.next(maxRows: 1 + source.random.below(4)) else { break }
      done += part.rowCount
    }
    #expect(done == 25)
  }
}
