import MillraceColumns
import MillraceOperators
import MillraceServer
import MillraceTypes

/// A live result as lines of a terminal.
struct LiveTable {
  let schema: Schema
  /// Columns never become narrower while the query runs, so that they stand still.
  private var widths: [Int]
  private static let cellMax = 40

  init(schema: Schema) {
    self.schema = schema
    widths = schema.fields.map { max(DisplayWidth.of($0.name), 4) }
  }

  /// A boxed table, cut to a width.
  mutating func lines(_ view: LiveResult.View, width: Int) throws(MillraceError) -> [String] {
    let cells = try Self.cells(view.last, schema)
    for row in cells { for (c, cell) in row.enumerated() { widths[c] = max(widths[c], DisplayWidth.of(cell)) } }
    let rule = "+" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+") + "+"
    var lines = [rule, line(schema.fields.map(\.name)), rule]
    if view.rowCount > cells.count {
      let above = view.rowCount - cells.count
      lines.append("  ... \(StatisticsText.grouped(Int64(above))) row\(above == 1 ? "" : "s") above")
    }
    lines += cells.map(line)
    lines.append(rule)
    return lines.map { DisplayWidth.cut($0, to: width) }
  }

  private func line(_ cells: [String]) -> String {
    let padded = cells.indices.map { c in
      " \(DisplayWidth.padded(cells[c], to: widths[c], rightAligned: schema.fields[c].type.isNumeric)) "
    }
    return "|" + padded.joined(separator: "|") + "|"
  }

  static func cells(_ rows: [[UInt8]], _ schema: Schema) throws(MillraceError) -> [[String]] {
    var offsets: [Int32] = [0]
    var bytes: [UInt8] = []
    for row in rows {
      bytes += row
      offsets.append(Int32(truncatingIfNeeded: bytes.count))
    }
    let encoded = Column(type: .bytes, count: rows.count, values: .variable(offsets: Buffer(offsets), bytes: Buffer(bytes)))
    let columns = try KeyDecoder.columns(encoded, types: schema.fields.map(\.type))
    return rows.indices.map { row in
      zip(columns, schema.fields).map { DisplayWidth.cut(ValueText.text($0[row], $1.type), to: cellMax) }
    }
  }
}
