import CMillraceArrow
import MillraceTypes
import Testing

@testable import MillraceColumns

@Suite struct ArrowTests {
  static let fields: [Field] = [
    Field("n", .null), Field("b", .boolean), Field("i8", .int8), Field("i16", .int16), Field("i32", .int32), Field("i64", .int64),
    Field("f", .float32), Field("d", .float64), Field("m", .decimal(precision: 38, scale: 4)), Field("t", .text), Field("z", .bytes),
    Field("day", .date), Field("t3", .time(precision: 3)), Field("t6", .time(precision: 6)), Field("t9", .time(precision: 9)),
    Field("s3", .timestamp(precision: 3)), Field("s6", .timestampLTZ(precision: 6)), Field("s9", .timestamp(precision: 9)),
    Field("l", .array(Field("element", .text))),
    Field("k", .map(key: Field("key", .text, isNullable: false), value: Field("value", .array(Field("element", .int32))))),
    Field("r", .row([Field("x", .int64), Field("y", .row([Field("z", .text)]))])),
  ]

  static let row: [Value] = [
    .null, .bool(true), .int(-8), .int(-16), .int(-32), .int(.min), .float(1.5), .float(.infinity), .decimal(-123_456_789_012_345_678_901),
    .text("é"), .bytes([0, 255]), .int(-1), .int(86_399_999), .int(86_399_999_999), .int(1), .int(-1), .int(1_700_000_000_000_000),
    .int(1_700_000_000_000_000_000), .list([.text("a"), .null, .text("")]), .map([.text("p"), .text("q")], [.list([.int(1)]), .null]),
    .row([.int(3), .row([.text("deep")])]),
  ]

  static func batch(rows: Int) throws -> Batch {
    var columns: [Column] = []
    for (index, field) in fields.enumerated() {
      columns.append(try Column(type: field.type, (0..<rows).map { $0 % 3 == 1 ? .null : row[index] }))
    }
    return Batch(schema: Schema(fields), columns: columns, rowCount: rows)
  }

  static func describe(_ columns: [Column], _ rows: Int) -> [String] {
    (0..<rows).map { row in columns.map { "\($0[row])" }.joined(separator: "|") }
  }

  @Test(arguments: [0, 1, 2, 9, 100]) func everyTypeGoesOutAndComesBack(rows: Int) throws {
    let batch = try Self.batch(rows: rows)
    let schema = ArrowExport.schema(Self.fields)
    let array = ArrowExport.array(batch)
    #expect(array.length == rows)
    let back = try ArrowImport.columns(array, schema, as: Self.fields, name: "x")
    #expect(Self.describe(back, rows) == Self.describe(batch.columns, rows))
    // The copies stand on their own.
    array.release()
    #expect(Self.describe(back, rows) == Self.describe(batch.columns, rows))
    #expect(try ArrowImport.fields(schema).map(\.type) == Self.fields.map(\.type))
  }

  @Test func offsetsSelectRows() throws {
    let batch = try Self.batch(rows: 40)
    let schema = ArrowExport.schema(Self.fields)
    for (offset, length) in [(0, 40), (1, 9), (7, 33), (39, 1), (40, 0)] {
      let array = ArrowExport.array(batch)
      array.content.pointee.offset = Int64(offset)
      array.content.pointee.length = Int64(length)
      let back = try ArrowImport.columns(array, schema, as: Self.fields, name: "x")
      #expect(Self.describe(back, length) == Array(Self.describe(batch.columns, 40)[offset..<(offset + length)]))
    }
  }

  /// Exports a column under one type and imports it under another.
  func convert(_ values: [Value], from: DataType, to: DataType) throws -> [Value] {
    let column = try Column(type: from, values)
    let field = Field("c", from)
    let array = ArrowExport.array(Batch(schema: Schema([field]), columns: [column], rowCount: values.count))
    let back = try ArrowImport.columns(array, ArrowExport.schema([field]), as: [Field("c", to)], name: "x")
    return (0..<values.count).map { back[0][$0] }
  }

  @Test func convertsWithinAKind() throws {
    #expect(try convert([.int(5), .null, .int(-7)], from: .int64, to: .int8) == [.int(5), .null, .int(-7)])
    #expect(throws: MillraceError.self) { try convert([.int(200)], from: .int64, to: .int8) }
    #expect(
      try convert([.int(-1), .int(1_999)], from: .timestamp(precision: 3), to: .timestampLTZ(precision: 6)) == [
        .int(-1000), .int(1_999_000),
      ])
    #expect(
      try convert([.int(-1), .int(1_999_999)], from: .timestamp(precision: 6), to: .timestamp(precision: 3)) == [.int(-1), .int(1999)])
    #expect(
      try convert([.decimal(15)], from: .decimal(precision: 4, scale: 1), to: .decimal(precision: 10, scale: 3)) == [.decimal(1500)])
    #expect(throws: MillraceError.self) {
      try convert([.decimal(9999)], from: .decimal(precision: 4, scale: 1), to: .decimal(precision: 4, scale: 2))
    }
    #expect(try convert([.int(3)], from: .int32, to: .decimal(precision: 5, scale: 2)) == [.decimal(300)])
    #expect(try convert([.float(0.5)], from: .float32, to: .float64) == [.float(0.5)])
    let error = #expect(throws: MillraceError.self) { try convert([.int(3)], from: .int64, to: .text) }
    #expect(error?.message == "column c is declared STRING but the data holds BIGINT")
  }

  @Test func dictionariesAreExpanded() throws {
    let indices = try Column(type: .int8, [.int(1), .null, .int(0), .int(1)])
    let field = Field("c", .int8)
    let array = ArrowExport.array(Batch(schema: Schema([field]), columns: [indices], rowCount: 4))
    let schema = ArrowExport.schema([field])
    let words = try Column(type: .text, [.text("zero"), .text("one")])
    let wordArray = ArrowExport.array(Batch(schema: Schema([Field("w", .text)]), columns: [words], rowCount: 2))
    let wordSchema = ArrowExport.schema([Field("w", .text)])
    // Borrowed for the test; the holders above stay their owners.
    array.content.pointee.children?[0]?.pointee.dictionary = wordArray.content.pointee.children?[0]
    schema.content.pointee.children?[0]?.pointee.dictionary = wordSchema.content.pointee.children?[0]
    let back = try ArrowImport.columns(array, schema, as: [Field("c", .text)], name: "x")
    #expect((0..<4).map { back[0][$0] } == [.text("one"), .null, .text("zero"), .text("one")])
    withExtendedLifetime((wordArray, wordSchema)) {}
  }

  @Test func nullsInANotNullColumnAreAnError() throws {
    let column = try Column(type: .int64, [.null])
    let field = Field("c", .int64)
    let array = ArrowExport.array(Batch(schema: Schema([field]), columns: [column], rowCount: 1))
    #expect(throws: MillraceError.self) {
      try ArrowImport.columns(array, ArrowExport.schema([field]), as: [Field("c", .int64, isNullable: false)], name: "x")
    }
  }
}
