import MillraceColumns
import MillraceTypes

/// Writes CSV after RFC 4180, lines ended by LF.
///
/// Fields are quoted when they hold the delimiter, a quote or a line end, are empty text, or would read as the null literal or a
/// comment. A null is the null literal, or nothing; so text that is null and text that is empty can only be told apart by readers that
/// look at the quotes, or with a null literal. Arrays, maps and rows are JSON, bytes base64, floats the shortest text that reads back.
public final class CSVRowEncoder: RowEncoder {
  private let options: CSVOptions
  private let fields: [Field]
  private let nullLiteral: [UInt8]
  private let cell = TextOutput(capacity: 256)
  private let json: JSONOptions

  public init(fields: [Field], options: CSVOptions = CSVOptions()) throws(MillraceError) {
    self.options = options
    self.fields = fields
    nullLiteral = Array((options.nullLiteral ?? "").utf8)
    var json = JSONOptions()
    json.timestampStyle = options.timestampStyle
    self.json = json
    // Says no to what JSON cannot hold inside nested columns.
    _ = try JSONRowEncoder(fields: fields)
  }

  public func begin(into output: TextOutput) throws(MillraceError) {
    guard options.hasHeader else { return }
    for (index, field) in fields.enumerated() {
      if index > 0 { output.append(options.delimiter) }
      cell.removeAll()
      cell.append(field.name)
      try writeCell(quoted: needsQuotes(isFirst: index == 0), to: output, field)
    }
    output.append(10)
  }

  public func encode(_ batch: Batch, into output: TextOutput) throws(MillraceError) {
    guard batch.columns.count == fields.count else {
      throw MillraceError(.invalidInput, "\(batch.columns.count) columns were given to a writer of \(fields.count)")
    }
    let style = options.timestampStyle ?? .sql
    let cells = batch.columns.map(CellSource.init)
    for row in 0..<batch.rowCount {
      for index in cells.indices {
        if index > 0 { output.append(options.delimiter) }
        if cells[index].isNull(row) {
          nullLiteral.withUnsafeBufferPointer { if let p = $0.baseAddress { output.append(p, count: $0.count) } }
          continue
        }
        cell.removeAll()
        switch cells[index].kind {
        case .text: if let (start, count) = cells[index].slice(row) { cell.append(start, count: count) }
        case .nested: JSONRowEncoder.append(batch.columns[index], row, json, to: cell)
        default: cells[index].append(row, style, to: cell)
        }
        try writeCell(quoted: needsQuotes(isFirst: index == 0), to: output, fields[index])
      }
      output.append(10)
    }
    withExtendedLifetime(batch) {}
  }

  private func needsQuotes(isFirst: Bool) -> Bool {
    let bytes = cell.bytes
    if bytes.isEmpty { return true }
    if let quote = options.quote, bytes[0] == quote { return true }
    if isFirst && bytes[0] == 35 && options.allowsComments { return true }
    if options.nullLiteral != nil && bytes.elementsEqual(nullLiteral) { return true }
    for byte in bytes where byte == options.delimiter || byte == 10 || byte == 13 || byte == options.escape { return true }
    return false
  }

  private func writeCell(quoted: Bool, to output: TextOutput, _ field: Field) throws(MillraceError) {
    let bytes = cell.bytes
    guard quoted, let quote = options.quote else {
      if quoted && !bytes.isEmpty {
        throw MillraceError(
          .invalidInput, "column \(field.name): a value cannot be written without quotes", subject: field.name,
          hint: "leave 'csv.disable-quote-character' out")
      }
      if let base = bytes.baseAddress { output.append(base.assumingMemoryBound(to: UInt8.self), count: bytes.count) }
      return
    }
    output.append(quote)
    for byte in bytes {
      if byte == quote { output.append(quote) }
      if byte == options.escape, let escape = options.escape { output.append(escape) }
      output.append(byte)
    }
    output.append(quote)
  }
}
