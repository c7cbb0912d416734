import MillraceColumns
import MillraceFormats
import MillraceTypes

/// A query's result as a boxed table.
public enum ResultText {
  /// Numbers are right-aligned; long values are cut at `widthMax` columns of a terminal.
  ///
  /// - Parameter footer: what stands under the table, with its line end; nil says how many rows there are.
  public static func table(_ batch: Batch, kinds: [String]? = nil, widthMax: Int = 60, footer: String? = nil) -> String {
    var header = batch.schema.fields.map(\.name)
    var rightAligned = batch.schema.fields.map(\.type.isNumeric)
    if kinds != nil {
      header.insert("op", at: 0)
      rightAligned.insert(false, at: 0)
    }
    var rows: [[String]] = []
    for row in 0..<batch.rowCount {
      var cells = zip(batch.columns, batch.schema.fields).map { DisplayWidth.cut(ValueText.text($0[row], $1.type), to: widthMax) }
      if let kinds { cells.insert(kinds[row], at: 0) }
      rows.append(cells)
    }
    let widths = header.indices.map { c in rows.reduce(DisplayWidth.of(header[c])) { max($0, DisplayWidth.of($1[c])) } }
    let rule = "+" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+") + "+\n"
    func line(_ cells: [String]) -> String {
      "|"
        + cells.indices.map { c in " \(DisplayWidth.padded(cells[c], to: widths[c], rightAligned: rightAligned[c])) " }
        .joined(separator: "|") + "|\n"
    }
    let count = batch.rowCount == 1 ? "1 row\n" : "\(batch.rowCount) rows\n"
    return rule + line(header) + rule + rows.map(line).joined() + (rows.isEmpty ? "" : rule) + (footer ?? count)
  }
}

extension ResultText {
  /// Lines of CSV with a header.
  public static func csv(_ batch: Batch, kinds: [String]? = nil) throws(MillraceError) -> [UInt8] {
    var options = CSVOptions()
    options.hasHeader = true
    let batch = withKinds(batch, kinds)
    return try encoded(batch, by: CSVRowEncoder(fields: batch.schema.fields, options: options))
  }

  /// One JSON object a line.
  public static func json(_ batch: Batch, kinds: [String]? = nil) throws(MillraceError) -> [UInt8] {
    let batch = withKinds(batch, kinds)
    return try encoded(batch, by: JSONRowEncoder(fields: batch.schema.fields))
  }

  private static func encoded(_ batch: Batch, by encoder: any RowEncoder) throws(MillraceError) -> [UInt8] {
    let output = TextOutput()
    try encoder.begin(into: output)
    try encoder.encode(batch, into: output)
    return Array(output.bytes)
  }

  /// The batch with the kind of each change as its first column, `op`.
  private static func withKinds(_ batch: Batch, _ kinds: [String]?) -> Batch {
    guard let kinds else { return batch }
    let builder = ColumnBuilder(.text, capacity: kinds.count)
    for kind in kinds { builder.append(kind) }
    return batch.replacing(
      schema: Schema([Field("op", .text, isNullable: false)] + batch.schema.fields), columns: [builder.finish()] + batch.columns)
  }
}
