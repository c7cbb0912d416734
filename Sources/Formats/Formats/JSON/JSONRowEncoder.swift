import MillraceColumns
import MillraceTypes

/// Writes JSON lines: one object per row, fields in the order of the columns.
///
/// Floats are the shortest text that reads back as the same value; NaN and the infinities, which JSON has no numbers for, are the
/// strings "NaN", "Infinity" and "-Infinity", which `JSONRowReader` reads back. Decimals are plain numbers with all digits of
/// their scale, bytes are base64, a map is an object, nulls are `null`. Intervals are numbers of months or milliseconds.
public final class JSONRowEncoder: RowEncoder {
  private let options: JSONOptions
  /// `"name":` of all fields, one behind the other, with a last byte that is never written.
  private var keyBytes: [UInt8] = []
  private var keyStarts = [0]
  private let fields: [Field]

  public init(fields: [Field], options: JSONOptions = JSONOptions()) throws(MillraceError) {
    self.options = options
    self.fields = fields
    for field in fields {
      try Self.check(field.type, field.name)
      keyBytes += Self.key(field.name)
      keyStarts.append(keyBytes.count)
    }
    keyBytes.append(0)
  }

  private static func key(_ name: String) -> [UInt8] {
    let output = TextOutput(capacity: 64)
    var name = name
    name.withUTF8 { if let p = $0.baseAddress { append(string: p, count: $0.count, to: output) } else { output.append("\"\"") } }
    output.append(58)
    return Array(output.bytes)
  }

  private static func check(_ type: DataType, _ name: String) throws(MillraceError) {
    switch type {
    case .array(let element): try check(element.type, name)
    case .row(let fields): for field in fields { try check(field.type, name) }
    case .map(let key, let value):
      guard key.type == .text else {
        throw MillraceError.notSupported(
          "MAP with keys of type \(key.type) in JSON", subject: "column \(name)", hint: "use MAP<STRING, ...>: JSON field names are text")
      }
      try check(value.type, name)
    default: break
    }
  }

  public func begin(into output: TextOutput) throws(MillraceError) {}

  public func encode(_ batch: Batch, into output: TextOutput) throws(MillraceError) {
    guard batch.columns.count == fields.count else {
      throw MillraceError(.invalidInput, "\(batch.columns.count) columns were given to a writer of \(fields.count)")
    }
    let style = options.timestampStyle ?? .sql
    let cells = batch.columns.map(CellSource.init)
    withExtendedLifetime(batch) {
      keyBytes.withUnsafeBufferPointer { keys in
        cells.withUnsafeBufferPointer { cells in
          for row in 0..<batch.rowCount { append(row, cells, keys, batch, style, to: output) }
        }
      }
    }
  }

  @inline(__always)
  private func append(
    _ row: Int, _ cells: UnsafeBufferPointer<CellSource>, _ keys: UnsafeBufferPointer<UInt8>, _ batch: Batch, _ style: TimestampStyle,
    to output: TextOutput
  ) {
    guard let keyBase = keys.baseAddress else { return }
    output.append(123)
    var isFirst = true
    for index in cells.indices {
      let isNull = cells[index].isNull(row)
      if isNull && options.omitsNullFields { continue }
      if !isFirst { output.append(44) }
      isFirst = false
      output.append(keyBase + keyStarts[index], count: keyStarts[index &+ 1] &- keyStarts[index])
      if isNull {
        output.append("null")
        continue
      }
      switch cells[index].kind {
      case .text: if let (start, count) = cells[index].slice(row) { Self.append(string: start, count: count, to: output) }
      case .nested: Self.append(batch.columns[index], row, options, to: output)
      default:
        let isQuoted = cells[index].isQuotedInJSON(row)
        if isQuoted { output.append(34) }
        cells[index].append(row, style, to: output)
        if isQuoted { output.append(34) }
      }
    }
    output.append(125)
    output.append(10)
  }

  /// Appends one value as JSON.
  static func append(_ column: Column, _ row: Int, _ options: JSONOptions, to output: TextOutput) {
    if column.isNull(row) { return output.append("null") }
    switch column.values {
    case .list(let offsetBuffer, let children):
      let offsets = offsetBuffer.pointer(Int32.self)
      let isMap = children.count == 2
      output.append(isMap ? 123 : 91)
      for i in Int(offsets[row])..<Int(offsets[row + 1]) {
        if i > Int(offsets[row]) { output.append(44) }
        if isMap {
          append(children[0], i, options, to: output)
          output.append(58)
        }
        append(children[children.count - 1], i, options, to: output)
      }
      output.append(isMap ? 125 : 93)
    case .fields(let children):
      guard case .row(let fields) = column.type else { return output.append("null") }
      output.append(123)
      var isFirst = true
      for (field, child) in zip(fields, children) {
        if options.omitsNullFields && child.isNull(row) { continue }
        if !isFirst { output.append(44) }
        isFirst = false
        var name = field.name
        name.withUTF8 { if let p = $0.baseAddress { append(string: p, count: $0.count, to: output) } else { output.append("\"\"") } }
        output.append(58)
        append(child, row, options, to: output)
      }
      output.append(125)
    default:
      let cell = CellSource(column)
      if cell.kind == .text {
        if let (start, count) = cell.slice(row) { append(string: start, count: count, to: output) }
        return
      }
      let isQuoted = cell.isQuotedInJSON(row)
      if isQuoted { output.append(34) }
      cell.append(row, options.timestampStyle ?? .sql, to: output)
      if isQuoted { output.append(34) }
    }
  }

  private static let hex = Array("0123456789abcdef".utf8)

  /// A JSON string: quotes, backslashes and control characters are escaped, everything else stands as it is.
  static func append(string p: UnsafePointer<UInt8>, count: Int, to output: TextOutput) {
    output.append(34)
    var start = 0
    var i = 0
    while i < count {
      // Most text has nothing to escape: look at eight bytes at a time.
      if i &+ 8 <= count {
        let word = UInt64(littleEndian: UnsafeRawPointer(p + i).loadUnaligned(as: UInt64.self))
        let quote = word ^ 0x2222_2222_2222_2222
        let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
        let ones: UInt64 = 0x0101_0101_0101_0101
        let found =
          (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash) | ((word &- 0x2020_2020_2020_2020) & ~word)) & 0x8080_8080_8080_8080
        if found == 0 {
          i &+= 8
          continue
        }
      }
      let byte = p[i]
      if byte >= 32 && byte != 34 && byte != 92 {
        i &+= 1
        continue
      }
      output.append(p + start, count: i &- start)
      switch byte {
      case 34: output.append("\\\"")
      case 92: output.append("\\\\")
      case 10: output.append("\\n")
      case 13: output.append("\\r")
      case 9: output.append("\\t")
      default:
        output.append("\\u00")
        output.append(hex[Int(byte >> 4)])
        output.append(hex[Int(byte & 15)])
      }
      i &+= 1
      start = i
    }
    output.append(p + start, count: count &- start)
    output.append(34)
  }
}
