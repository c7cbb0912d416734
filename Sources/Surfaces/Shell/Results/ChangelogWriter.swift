import MillraceColumns
import MillraceEnvironment
import MillraceServer
import MillraceTypes
import Synchronization

/// Writes every change of a running query as a line with its kind: `+I`, `-U`, `+U`, `-D`. Columns are as wide as their types ask for,
/// as the rows to come are not known.
final class ChangelogWriter: Sendable {
  private let console: any Console
  private let schema: Schema
  private let widths: [Int]
  private let counted = Mutex<Int64>(0)

  init(console: any Console, schema: Schema) {
    self.console = console
    self.schema = schema
    widths = schema.fields.map { max(DisplayWidth.of($0.name), Self.width($0.type)) }
  }

  var changes: Int64 { counted.withLock { $0 } }

  private static func width(_ type: DataType) -> Int {
    switch type {
    case .boolean: 5
    case .int8: 4
    case .int16: 6
    case .int32: 11
    case .int64: 20
    case .float32: 15
    case .float64: 22
    case .decimal(let precision, _): precision + 2
    case .date: 10
    case .time: 12
    case .timestamp, .timestampLTZ: 23
    default: 30
    }
  }

  private var rule: String { "+----+" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+") + "+\n" }

  private func line(_ kind: String, _ cells: [String]) -> String {
    let padded = cells.indices.map { c in
      let cell = DisplayWidth.cut(cells[c], to: widths[c])
      return " \(DisplayWidth.padded(cell, to: widths[c], rightAligned: schema.fields[c].type.isNumeric)) "
    }
    return "| \(kind) |" + padded.joined(separator: "|") + "|\n"
  }

  func begin() { console.write(rule + line("op", schema.fields.map(\.name)) + rule) }
  func end() { console.write(rule) }

  func write(_ batch: Batch) {
    let kinds = Changelog.kinds(batch)
    var text = ""
    for row in 0..<batch.rowCount {
      let cells = zip(batch.columns, schema.fields).map { ValueText.text($0[row], $1.type) }
      let copies = batch.weights?.pointer(Int64.self)[row].magnitude ?? 1
      for _ in 0..<copies { text += line(kinds[row], cells) }
    }
    withExtendedLifetime(batch) {}
    let all = text
    counted.withLock { count in
      count += Int64(batch.rowCount)
      console.write(all)
    }
  }
}
