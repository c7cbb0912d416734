import MillraceColumns
import MillraceFormats
import MillraceTypes

/// What must hold of a reader over any bytes, for the seeded tests here and the coverage-guided fuzzers in Fuzz/, which compile this
/// file too: no trap, no hang; what comes out depends neither on how the bytes are served nor on how rows are cut into batches, and with
/// errors ignored nothing fails.
enum ReaderCheck {
  static let fields: [Field] = [
    Field("i", .int64), Field("s", .int8), Field("d", .float64), Field("f", .float32), Field("m", .decimal(precision: 10, scale: 3)),
    Field("t", .text), Field("b", .boolean), Field("z", .bytes), Field("at", .timestampLTZ(precision: 3)), Field("day", .date),
    Field("h", .time(precision: 0)), Field("l", .array(Field("e", .int32))),
    Field("k", .map(key: Field("k", .text, isNullable: false), value: Field("v", .array(Field("e", .text))))),
    Field("r", .row([Field("x", .int16), Field("y", .row([Field("z", .text, isNullable: false)]))])),
  ]

  /// What a reader does with bytes, in words: its rows and lines, then how it ended.
  static func outcome(_ makeReader: () throws -> any RowReader, batchRows: Int) -> [String] {
    var words: [String] = []
    do {
      let reader = try makeReader()
      while let part = try reader.next(maxRows: batchRows) {
        let rows = describe(part.columns, rows: part.rowCount)
        for i in 0..<part.rowCount { words.append("\(part.lines[i]) \(rows[i])") }
        if part.rowCount == 0 || part.rowCount > batchRows { words.append("a batch of \(part.rowCount) rows") }
      }
      words.append("end, \(reader.skippedRowCount) skipped")
    } catch { words.append("\(error)") }
    return words
  }

  static func json(_ bytes: [UInt8]) -> String? {
    for ignores in [false, true] {
      var options = JSONOptions()
      options.ignoresParseErrors = ignores
      func run(_ block: Int, _ rows: Int) -> [String] {
        outcome({ try JSONRowReader(fields: fields, options: options, name: "x", blockBytes: block, fetch: fetch(bytes)) }, batchRows: rows)
      }
      // Rows before an error are lost with their batch, so only batches of one row are compared when there may be errors.
      let whole = run(1 << 16, 1)
      if run(64, 1) != whole { return "another result from short blocks" }
      if ignores && run(100, 3) != whole { return "another result from other batches" }
      if ignores && whole.last?.hasPrefix("end") != true { return "failed although errors are ignored: \(whole.last ?? "")" }
    }
    return nil
  }

  static func csv(_ bytes: [UInt8]) -> String? {
    for variant in 0..<6 {
      var options = CSVOptions()
      options.ignoresParseErrors = variant % 2 == 1
      options.escape = variant / 2 == 1 ? 92 : nil
      options.quote = variant / 2 == 2 ? nil : 34
      options.allowsComments = variant / 2 == 1
      options.hasHeader = variant == 3
      options.nullLiteral = variant / 2 == 0 ? "NULL" : nil
      func run(_ block: Int, _ rows: Int) -> [String] {
        outcome(
          {
            try CSVRowReader(
              fields: fields, wanted: Array(fields.indices), options: options, name: "x", blockBytes: block, fetch: fetch(bytes))
          }, batchRows: rows)
      }
      let whole = run(1 << 16, 1)
      if run(64, 1) != whole { return "variant \(variant): another result from short blocks" }
      if options.ignoresParseErrors {
        if run(100, 3) != whole { return "variant \(variant): another result from other batches" }
        if !options.hasHeader && whole.last?.hasPrefix("end") != true {
          return "variant \(variant): failed although errors are ignored: \(whole.last ?? "")"
        }
      }
    }
    return nil
  }
}

/// Rows in words: unlike `Value` itself it finds NaN equal to NaN and -0.0 unlike 0.0.
func describe(_ columns: [Column], rows: Int) -> [String] {
  (0..<rows).map { row in columns.map { "\($0[row])" }.joined(separator: "|") }
}

/// Serves bytes, counting calls; short blocks make records straddle windows.
func fetch(_ bytes: [UInt8]) -> ByteFetch {
  { (buffer: UnsafeMutableRawBufferPointer, offset: Int64) throws(MillraceError) -> Int in
    guard offset < bytes.count else { return 0 }
    let end = min(bytes.count, Int(offset) + buffer.count)
    buffer.copyBytes(from: bytes[Int(offset)..<end])
    return end - Int(offset)
  }
}
