import MillraceColumns
import MillraceTypes

/// Reads JSON lines: one object per line, blank lines passed over.
///
/// Fields may come in any order, unknown ones are ignored, a missing one is null, of repeated ones the last wins. Numbers and their
/// text are both accepted for numeric columns; `"NaN"`, `"Infinity"` and `"-Infinity"` for floats; base64 for bytes; any value,
/// as its JSON text, for text. A number out of its column's range is an error, never cut.
public final class JSONRowReader: RowReader {
  private let name: String
  private let stream: ByteStream
  private let options: JSONOptions
  private let columns: ColumnAssembler
  private let parser: JSONRowParser
  private let fieldCount: Int
  private let types: [DataType]
  private var line: Int64
  public private(set) var skippedRowCount = 0

  /// - Parameters:
  ///   - fields: the columns wanted, by name.
  ///   - name: the file's, for errors.
  public init(
    fields: [Field], options: JSONOptions = JSONOptions(), name: String, from position: FilePosition = .beginning,
    blockBytes: Int = 1 << 20, fetch: @escaping ByteFetch
  ) throws(MillraceError) {
    self.name = name
    self.options = options
    stream = ByteStream(offset: position.offset, blockBytes: blockBytes, fetch: fetch)
    line = position.line
    fieldCount = fields.count
    types = fields.map(\.type)
    columns = ColumnAssembler(.row(fields))
    parser = try JSONRowParser(fields: fields, options: options, columns: columns)
  }

  public var position: FilePosition { FilePosition(offset: stream.offset, line: line) }

  /// A batch ends early once it holds this much text, far below what Int32 offsets can address.
  private static let batchBytes = 32 << 20

  public func next(maxRows: Int) throws(MillraceError) -> DecodedRows? {
    try stream.skipByteOrderMark(name: name)
    var lines: [Int64] = []
    lines.reserveCapacity(maxRows)
    var row = 0
    let start = stream.offset
    while row < maxRows, stream.offset &- start < Int64(Self.batchBytes) {
      guard let length = try lineLength() else { break }
      let p = stream.cursor
      if !isBlank(p, length) {
        switch parser.parse(p, count: length, row: row) {
        case .ok:
          lines.append(line)
          row &+= 1
        case .unfit, .broken:
          guard options.ignoresParseErrors else { throw failure(p) }
          skippedRowCount += 1
        }
      }
      let isLast = length == stream.available
      stream.consume(isLast ? length : length &+ 1)
      line &+= 1
    }
    if row == 0 && stream.available == 0 && stream.isAtEnd { return nil }
    if row == 0 { return try next(maxRows: maxRows) }
    let whole = columns.finish(count: row)
    return DecodedRows(columns: whole.children, rowCount: row, lines: .int64s(lines))
  }

  /// Bytes up to the next line feed or the end of the file; nil when nothing is left.
  private func lineLength() throws(MillraceError) -> Int? {
    var searched = 0
    while true {
      let p = stream.cursor
      let n = stream.available
      if let found = findLineFeed(p + searched, count: n &- searched) { return searched &+ found }
      if stream.isAtEnd { return n == 0 ? nil : n }
      searched = n
      try stream.fill(name: name, line: line)
    }
  }

  private func isBlank(_ p: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    var i = 0
    while i < length {
      if !TextConversion.isBlank(p[i]) { return false }
      i &+= 1
    }
    return true
  }

  private func failure(_ start: UnsafePointer<UInt8>) -> MillraceError {
    let column = parser.failedAt.map { $0 - start + 1 } ?? 1
    let path = parser.failedPath
    let type = fieldType(path).map { " of type \($0)" } ?? ""
    return MillraceError(
      .malformedRow, path.isEmpty ? "\(parser.failure)" : "column \(path)\(type): \(parser.failure)", subject: "\(name):\(line):\(column)",
      hint: "correct the line, or set 'json.ignore-parse-errors' = 'true' to make what cannot be read null or leave it out")
  }

  private func fieldType(_ path: String) -> DataType? {
    var fields: [JSONField] = parser.root.children
    while let field = fields.popLast() {
      if field.path == path { return field.type }
      fields += field.children
    }
    return nil
  }
}

/// Position of the first line feed; nil when there is none. Reads up to 8 bytes behind the end.
@inline(__always)
func findLineFeed(_ p: UnsafePointer<UInt8>, count: Int) -> Int? {
  var i = 0
  while i < count {
    let word = UInt64(littleEndian: UnsafeRawPointer(p + i).loadUnaligned(as: UInt64.self)) ^ 0x0A0A_0A0A_0A0A_0A0A
    let found = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    if found != 0 {
      let at = i &+ found.trailingZeroBitCount >> 3
      return at < count ? at : nil
    }
    i &+= 8
  }
  return nil
}
