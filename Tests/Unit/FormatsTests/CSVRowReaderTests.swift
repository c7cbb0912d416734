import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceFormats

@Suite struct CSVRowReaderTests {
  let ab = [Field("a", .int64), Field("b", .text)]

  func reader(_ text: String, _ fields: [Field], blockBytes: Int = 1 << 16, _ change: (inout CSVOptions) -> Void = { _ in }) throws
    -> CSVRowReader
  {
    var options = CSVOptions()
    change(&options)
    return try CSVRowReader(
      fields: fields, wanted: Array(fields.indices), options: options, name: "in.csv", blockBytes: blockBytes,
      fetch: fetch(Array(text.utf8)))
  }

  func read(_ text: String, _ fields: [Field], _ change: (inout CSVOptions) -> Void = { _ in }) throws -> [String] {
    try readAll(reader(text, fields, change)).rows
  }

  func error(_ text: String, _ fields: [Field], _ change: (inout CSVOptions) -> Void = { _ in }) -> String? {
    do {
      _ = try read(text, fields, change)
      return nil
    } catch let error as MillraceError {
      return "\(error.subject ?? ""): \(error.message)"
    } catch { return "\(error)" }
  }

  @Test func quotesAndLineEnds() throws {
    #expect(
      try read("1,x\r\n2,\"a,\"\"b\"\"\nc\"\r\n\n 3 ,\n,\"\"", ab)
        == ["int(1)|text(\"x\")", "int(2)|\(Value.text("a,\"b\"\nc"))", "int(3)|text(\"\")", "null|text(\"\")"])
    #expect(try readAll(reader("1,\"x\ny\"\n2,z\n", ab)).lines == [1, 3])
  }

  @Test func options() throws {
    #expect(try read("1|x,y\n", ab) { $0.delimiter = 124 } == ["int(1)|text(\"x,y\")"])
    #expect(try read("# a\n1,x\n#b", ab) { $0.allowsComments = true } == ["int(1)|text(\"x\")"])
    #expect(try read("NULL,NULL\n1,\"NULL\"", ab) { $0.nullLiteral = "NULL" } == ["null|null", "int(1)|text(\"NULL\")"])
    #expect(try read("1,\"x\n", ab) { $0.quote = nil } == ["int(1)|\(Value.text("\"x"))"])
    #expect(try read("1,a\\,b\n2,\\\\\n", ab) { $0.escape = 92 } == ["int(1)|text(\"a,b\")", "int(2)|\(Value.text("\\"))"])
    #expect(try read("a,b\n1,x", ab) { $0.hasHeader = true } == ["int(1)|text(\"x\")"])
    #expect(try read("other,names\n1,x", ab) { $0.hasHeader = true } == ["int(1)|text(\"x\")"])
    #expect(error("b,a\n1,x", ab) { $0.hasHeader = true }?.contains("in another order") == true)
  }

  @Test func malformedLinesNameFileAndLine() {
    #expect(error("1,x\n2", ab) == "in.csv:2:1: the line has 1 fields but the table has 2 columns")
    #expect(error("1,x\n2,y,z", ab) == "in.csv:2:1: the line has 3 fields but the table has 2 columns")
    #expect(error("1,x\nq,y", ab) == "in.csv:2:1: column a: the field is no value of type BIGINT")
    #expect(error("1,\"x\ny\n", ab) == "in.csv:1:3: a quote that is not closed")
    #expect(error("1,\"x\ny\"z\n", ab) == "in.csv:2:3: text behind a closing quote")
    #expect(error("99999999999999999999,x", ab) != nil)
    #expect(error(",x", [Field("a", .int64, isNullable: false), ab[1]]) == "in.csv:1:1: column a is NOT NULL but the field is empty")
  }

  @Test func ignoringErrors() throws {
    // As in Flink, a short line gets nulls and one that is too long is left out.
    let r = try reader("q,y\n1\n2,\"z\"z\n3,w\n3,w,w\n4,\"open\n5,v\n", ab) { $0.ignoresParseErrors = true }
    #expect(try readAll(r).rows == ["null|text(\"y\")", "int(1)|null", "int(3)|text(\"w\")", "int(5)|text(\"v\")"])
    #expect(r.skippedRowCount == 3)
  }

  @Test func onlyWantedColumnsAreConverted() throws {
    let r = try CSVRowReader(
      fields: [Field("a", .int64), Field("b", .int64), Field("c", .text)], wanted: [2, 0], name: "x", fetch: fetch(Array("1,junk,z".utf8)))
    #expect(try readAll(r).rows == ["text(\"z\")|int(1)"])
  }

  @Test(arguments: 0..<60) func writtenRowsReadBackEqual(seed: Int) throws {
    var source = RandomRows(seed: UInt64(seed) + 1)
    let fields = source.fields(count: 1 + source.random.below(6))
    let batch = try source.batch(fields, rows: source.random.below(60))
    var options = CSVOptions()
    options.nullLiteral = ["NULL", "\\N", "null"][source.random.below(3)]
    options.delimiter = [44, 59, 9, 124][source.random.below(4)]
    options.hasHeader = source.random.below(2) == 0
    options.escape = source.random.below(3) == 0 ? 92 : nil
    options.allowsComments = source.random.below(2) == 0
    if options.nullLiteral == "\\N" { options.escape = nil }
    let output = TextOutput(capacity: 64)
    let encoder = try CSVRowEncoder(fields: fields, options: options)
    try encoder.begin(into: output)
    try encoder.encode(batch, into: output)
    let bytes = Array(output.bytes)
    func open(_ position: FilePosition) throws -> CSVRowReader {
      try CSVRowReader(
        fields: fields, wanted: Array(fields.indices), options: options, name: "x", from: position, blockBytes: 64 + seed * 3,
        fetch: fetch(bytes))
    }
    let expected = describe(batch.columns, rows: batch.rowCount)
    #expect(try readAll(open(.beginning), batchRows: 1 + source.random.below(20)).rows == expected, "seed \(seed)")
    let reader = try open(.beginning)
    var done = 0
    while let part = try reader.next(maxRows: 1 + source.random.below(9)) {
      done += part.rowCount
      #expect(try readAll(open(reader.position)).rows == Array(expected[done...]), "seed \(seed)")
    }
  }
}
