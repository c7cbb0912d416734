import MillraceStreams
import Testing

/// Rows into columns and back, into bytes and back.
@Suite struct RowTests {
  @Row struct Inner: Hashable {
    var name: String?
    var sizes: [Int16]
  }

  @Row struct Everything: Hashable {
    var a: Int8
    var b: Int16
    var c: Int32
    var d: Int64
    var e: Int
    var f: Float
    var g: Double
    var h: Bool
    var i: String
    var j: Int64?
    var k: Bool?
    var l: String?
    var m: [Double]
    var n: [String?]?
    var inner: Inner
    var maybe: Inner?
    var inners: [Inner]
    @EventTime var at: Timestamp
    var computed: Int { e + 1 }
    static let constant = 7
  }

  private static func some(_ i: Int) -> Everything {
    let inner = Inner(name: i % 3 == 0 ? nil : "n\(i)", sizes: (0..<(i % 4)).map { Int16($0 * i) })
    return Everything(
      a: Int8(i % 100), b: Int16(-i), c: Int32(i * 3), d: Int64(i) << 40, e: -i, f: Float(i) / 3, g: Double(i) / 7, h: i % 2 == 0,
      i: "text \(i) ü", j: i % 2 == 0 ? nil : Int64(i), k: i % 5 == 0 ? nil : i % 3 == 0, l: i % 4 == 0 ? nil : "",
      m: (0..<(i % 3)).map { Double($0) }, n: i % 6 == 0 ? nil : [nil, "\(i)"], inner: inner, maybe: i % 7 == 0 ? nil : inner,
      inners: [Inner](repeating: inner, count: i % 3), at: Timestamp(micros: Int64(i) * 1_000_003))
  }

  private static func batch(_ rows: [Everything]) -> Batch {
    let builders = Everything.builders()
    for row in rows { Everything.append(row, to: builders, at: 0) }
    return Batch(schema: Everything.schema, columns: builders.map { $0.finish() }, rowCount: rows.count)
  }

  @Test func columnsGiveBackWhatWentIn() throws {
    let rows = (0..<60).map(Self.some)
    let batch = Self.batch(rows)
    let columns = try Everything.Columns(batch.columns, at: 0, within: nil)
    for (i, row) in rows.enumerated() {
      #expect(columns[i] == row)
      #expect(columns.view(at: i).row == row)
      #expect(columns.view(at: i).i == row.i && columns.view(at: i).maybe == row.maybe)
    }
    withExtendedLifetime(batch) {}
  }

  @Test func bytesGiveBackWhatWentIn() throws {
    for i in 0..<60 {
      var writer = ByteWriter()
      Self.some(i).encode(into: &writer)
      var reader = ByteReader(writer.bytes)
      #expect(try Everything(decoding: &reader) == Self.some(i))
      #expect(reader.isAtEnd)
      // Bytes that end early are an error.
      var short = ByteReader(Array(writer.bytes.dropLast()))
      #expect(throws: MillraceError.self) { try Everything(decoding: &short) }
    }
  }

  @Test func fieldsSayTypesAndNulls() {
    let fields = Everything.fields
    #expect(fields.map(\.name).prefix(3) == ["a", "b", "c"] && fields.count == 18)
    #expect(fields[9] == Field("j", .int64) && fields[3] == Field("d", .int64, isNullable: false))
    #expect(fields[17] == Field("at", .timestampLTZ(precision: 6), isNullable: false))
    #expect(Everything.eventTimeField == 17 && Inner.eventTimeField == nil)
    #expect(Everything.field(of: \Everything.inner) == 14 && Everything.field(of: \Everything.computed) == nil)
  }

  @Test func fillersAreThere() throws {
    let builders = Everything.builders()
    Everything.appendFiller(to: builders, at: 0)
    let batch = Batch(schema: Everything.schema, columns: builders.map { $0.finish() }, rowCount: 1)
    let row = try Everything.Columns(batch.columns, at: 0, within: nil)[0]
    #expect(row.a == 0 && row.i == "" && row.j == nil && row.maybe == nil && row.inner.sizes == [] && row.m == [])
    withExtendedLifetime(batch) {}
  }

  @Test func otherColumnsAreRefused() throws {
    #expect { try Inner.Columns([.int64s([1])], at: 0, within: nil) } throws: {
      "\($0)".contains("Inner.name") && "\($0)".contains("a column of BIGINT is read as STRING")
    }
    #expect { try Inner.Columns([.nulls(.text, count: 1), .nulls(.array(Field("x", .int16)), count: 1)], at: 0, within: nil) } throws: {
      "\($0)".contains("Inner.sizes") && "\($0)".contains("not optional")
    }
    #expect { try Inner.Columns([], at: 0, within: nil) } throws: { "\($0)".contains("there is no column for it") }
  }

  @Test func timestamps() throws {
    let time = try #require(Timestamp("2024-01-01 00:00:01.5"))
    #expect("\(time)".hasPrefix("2024-01-01 00:00:01.5"))
    #expect(time + .minutes(1) - time == .seconds(60))
    #expect(time.floored(to: .seconds(1)) == Timestamp("2024-01-01 00:00:01"))
    #expect(Timestamp(micros: -1).floored(to: .seconds(1)).micros == -1_000_000)
    #expect(Timestamp(micros: .max) + .days(1) == Timestamp(micros: .max))
    #expect(Timestamp("soon") == nil)
  }
}
