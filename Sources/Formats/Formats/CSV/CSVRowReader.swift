import MillraceColumns
import MillraceTypes

/// Reads CSV after RFC 4180: quoted fields may hold delimiters, doubled quotes and line ends; lines end with LF or CRLF.
///
/// A line has as many fields as the table has stored columns. An unquoted field that is the null literal is null; an empty unquoted
/// one is null unless the column is text, where it is the empty text. Arrays, maps and rows are JSON inside the field, bytes are
/// base64. Blank lines are passed over unless there is only one column. A header is skipped; one that has the same names in another
/// order is an error, because columns go by position.
public final class CSVRowReader: RowReader {
  private final class Slot {
    let column: ColumnAssembler
    let field: Field
    let isText: Bool
    /// Parses nested values.
    let json: JSONRowParser?

    init(column: ColumnAssembler, field: Field, json: JSONRowParser? = nil) {
      self.column = column
      self.field = field
      self.json = json
      isText = field.type == .text
    }
  }

  private let name: String
  private let stream: ByteStream
  private let options: CSVOptions
  private let columnNames: [String]
  /// Per field of the line: its column, or nil when nobody wants it.
  private var slots: [Slot?]
  /// `slots` without reference counting.
  private var borrowed: [Unmanaged<Slot>?] = []
  private let wanted: [Int]
  private var scanner: CSVRecordScanner
  private let nullLiteral: [UInt8]?
  private var scratch: [UInt8] = []
  private var line: Int64
  private var needsHeader: Bool
  public private(set) var skippedRowCount = 0

  /// - Parameters:
  ///   - fields: every column of the file, in order.
  ///   - wanted: positions in `fields` of the columns to produce, in order, each once.
  public init(
    fields: [Field], wanted: [Int], options: CSVOptions = CSVOptions(), name: String, from position: FilePosition = .beginning,
    blockBytes: Int = 1 << 20, fetch: @escaping ByteFetch
  ) throws(MillraceError) {
    self.name = name
    self.options = options
    self.wanted = wanted
    columnNames = fields.map(\.name)
    stream = ByteStream(offset: position.offset, blockBytes: blockBytes, fetch: fetch)
    line = position.line
    needsHeader = options.hasHeader && position.offset == 0
    scanner = CSVRecordScanner(options)
    nullLiteral = options.nullLiteral.map { Array($0.utf8) }
    slots = Array(repeating: nil, count: fields.count)
    var json = JSONOptions()
    json.timestampStyle = options.timestampStyle
    for index in wanted {
      let field = fields[index]
      switch field.type {
      case .null: throw MillraceError.notSupported("a column of type NULL in CSV", subject: "column \(field.name)")
      case .array, .map, .row:
        let holder = ColumnAssembler(.row([field]))
        slots[index] = Slot(
          column: holder.children[0], field: field, json: try JSONRowParser(fields: [field], options: json, columns: holder))
      default: slots[index] = Slot(column: ColumnAssembler(field.type), field: field)
      }
    }
    borrowed = slots.map { $0.map(Unmanaged.passUnretained) }
  }

  public var position: FilePosition { FilePosition(offset: stream.offset, line: line) }

  private static let batchBytes = 32 << 20

  public func next(maxRows: Int) throws(MillraceError) -> DecodedRows? {
    try stream.skipByteOrderMark(name: name)
    if needsHeader {
      needsHeader = false
      try readHeader()
    }
    var lines: [Int64] = []
    lines.reserveCapacity(maxRows)
    var row = 0
    let start = stream.offset
    while row < maxRows, row == 0 || stream.offset &- start < Int64(Self.batchBytes) {
      guard let record = try nextRecord() else { break }
      let p = stream.cursor
      if record.isData {
        if let problem = convert(p, row: row) {
          guard options.ignoresParseErrors else { throw problem }
          skippedRowCount += 1
        } else {
          lines.append(line)
          row &+= 1
        }
      }
      stream.consume(record.length)
      line &+= record.lines
    }
    if row == 0 { return nil }
    return DecodedRows(
      columns: wanted.compactMap { slots[$0]?.column.finish(count: row) }, rowCount: row, lines: .int64s(lines))
  }

  private func readHeader() throws(MillraceError) {
    var found = try nextRecord()
    while let record = found, !record.isData {
      stream.consume(record.length)
      line &+= record.lines
      found = try nextRecord()
    }
    guard let record = found else { return }
    var names: [String] = []
    for field in scanner.fields {
      let text = plainText(stream.cursor, field)
      names.append(String(decoding: text, as: UTF8.self))
    }
    stream.consume(record.length)
    line &+= record.lines
    if names != columnNames && names.sorted() == columnNames.sorted() {
      throw MillraceError(
        .malformedRow, "the header names the table's columns in another order: \(names.joined(separator: ", "))", subject: "\(name):1",
        hint: "declare the columns in the order of the file: CSV columns go by position")
    }
  }

  /// The next record's extent, its fields being in `scanner`; nil at the end of the file.
  private func nextRecord() throws(MillraceError) -> (length: Int, lines: Int64, isData: Bool)? {
    while true {
      let p = stream.cursor
      let n = stream.available
      if n == 0 {
        if stream.isAtEnd { return nil }
        try stream.fill(name: name, line: line)
        continue
      }
      if options.allowsComments && p[0] == 35 {
        if let found = findLineFeed(p, count: n) { return (found + 1, 1, false) }
        if stream.isAtEnd { return (n, 1, false) }
        try stream.fill(name: name, line: line)
        continue
      }
      switch scanner.scan(p, count: n, isAtEnd: stream.isAtEnd) {
      case .record(let length, let lines):
        let isBlank = scanner.fields.count == 1 && scanner.fields[0].count == 0 && !scanner.fields[0].isQuoted
        return (length, lines, !isBlank || slots.count == 1)
      case .needsMore: try stream.fill(name: name, line: line)
      case .bad(let problem, let at):
        guard options.ignoresParseErrors else { throw failure(problem, at: at, p) }
        // Whatever began here is given up; reading goes on behind its first line.
        let found = findLineFeed(p, count: n)
        if found == nil && !stream.isAtEnd {
          try stream.fill(name: name, line: line)
          continue
        }
        skippedRowCount += 1
        return (found.map { $0 + 1 } ?? n, 1, false)
      }
    }
  }

  private func failure(_ problem: String, at offset: Int, _ p: UnsafePointer<UInt8>) -> MillraceError {
    var row = line
    var lineStart = 0
    for i in 0..<min(offset, stream.available) where p[i] == 10 {
      row &+= 1
      lineStart = i + 1
    }
    return MillraceError(
      .malformedRow, problem, subject: "\(name):\(row):\(offset - lineStart + 1)",
      hint: "correct the line, or set 'csv.ignore-parse-errors' = 'true' to make what cannot be read null or leave it out")
  }

  private func failure(_ problem: StaticString, at offset: Int, _ p: UnsafePointer<UInt8>) -> MillraceError {
    failure("\(problem)", at: offset, p)
  }

  /// Sets the row's columns from the scanned fields; returns what is wrong, if anything.
  private func convert(_ p: UnsafePointer<UInt8>, row: Int) -> MillraceError? {
    let fields = scanner.fields
    // As Flink: when errors are ignored a short line gets nulls, one that is too long is left out.
    guard fields.count == slots.count || (options.ignoresParseErrors && fields.count < slots.count) else {
      return failure("the line has \(fields.count) fields but the table has \(slots.count) columns", at: 0, p)
    }
    for index in wanted {
      guard let slot = borrowed[index] else { continue }
      guard index < fields.count else {
        guard let missing = slots[index], missing.field.isNullable else {
          return failure("the line ends before a column that is NOT NULL", at: 0, p)
        }
        missing.column.setNull(at: row)
        continue
      }
      let field = fields[index]
      let problem = slot._withUnsafeGuaranteedRef { convert(p, field, $0, row) }
      if let problem { return problem }
    }
    return nil
  }

  @inline(__always)
  private func convert(_ p: UnsafePointer<UInt8>, _ field: CSVRecordScanner.FieldSpan, _ slot: Slot, _ row: Int) -> MillraceError? {
    if isNull(p, field, slot.isText) {
      guard slot.field.isNullable else {
        return failure("column \(slot.field.name) is NOT NULL but the field is empty", at: field.start, p)
      }
      slot.column.setNull(at: row)
    } else if !set(p, field, slot, row) {
      guard options.ignoresParseErrors && slot.field.isNullable else {
        let problem = slot.isText ? "not valid UTF-8, or longer than \(slot.field.type) takes" : "no value of type \(slot.field.type)"
        return failure("column \(slot.field.name): the field is \(problem)", at: field.start, p)
      }
      slot.column.setNull(at: row)
    }
    return nil
  }

  @inline(__always)
  private func isNull(_ p: UnsafePointer<UInt8>, _ field: CSVRecordScanner.FieldSpan, _ isText: Bool) -> Bool {
    if field.isQuoted { return false }
    if let nullLiteral, field.count == nullLiteral.count {
      var isEqual = true
      for i in 0..<field.count where p[field.start &+ i] != nullLiteral[i] { isEqual = false }
      if isEqual { return true }
    }
    return field.count == 0 && !isText
  }

  private func set(_ p: UnsafePointer<UInt8>, _ field: CSVRecordScanner.FieldSpan, _ slot: Slot, _ row: Int) -> Bool {
    if let json = slot.json {
      // Copied, so that a line feed or the text behind the field cannot be taken for a part of it.
      scratch = plainText(p, field)
      let count = scratch.count
      scratch.append(contentsOf: [0, 0, 0, 0, 0, 0, 0, 0, 0])
      return scratch.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return false }
        return json.parseValue(base, count: count, row: row, field: json.root.children[0]) == .ok
      }
    }
    if !field.hasEscapes {
      return TextConversion.set(
        p + field.start, count: field.count, isASCII: false, style: options.timestampStyle, in: slot.column, at: row)
    }
    scratch = plainText(p, field)
    let count = scratch.count
    scratch.append(0)
    return scratch.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return false }
      return TextConversion.set(base, count: count, isASCII: false, style: options.timestampStyle, in: slot.column, at: row)
    }
  }

  /// The field without doubled quotes and escapes.
  private func plainText(_ p: UnsafePointer<UInt8>, _ field: CSVRecordScanner.FieldSpan) -> [UInt8] {
    let source = UnsafeBufferPointer(start: p + field.start, count: field.count)
    guard field.hasEscapes else { return Array(source) }
    var out: [UInt8] = []
    out.reserveCapacity(source.count)
    var i = 0
    while i < source.count {
      let byte = source[i]
      if byte == options.escape || (field.isQuoted && byte == options.quote) { i += 1 }
      if i < source.count { out.append(source[i]) }
      i += 1
    }
    return out
  }
}
