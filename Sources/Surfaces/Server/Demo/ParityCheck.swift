import MillraceColumns
import MillraceTypes

/// Compares feature values that a stream computed with those of a backfill, bit for bit.
struct ParityCheck: CustomStringConvertible {
  var rowsCompared = 0
  /// Rows that only one side has, or has more often than the other.
  var rowsMissing = 0
  var valuesCompared = 0
  var bitsDifferent = 0
  /// The first few differences, for the reader.
  var examples: [String] = []

  /// Reads both folders of JSON lines and compares the columns of the rows with equal keys.
  static func compare(
    _ stage: DemoStage, live: String, backfill: String, key: String, columns: [(name: String, type: String)]
  ) throws(MillraceError) -> ParityCheck {
    func read(_ path: String) throws(MillraceError) -> Batch {
      let fields = ["\(key) BIGINT"] + columns.map { "\($0.name) \($0.type)" }
      return try stage.query(
        "CREATE TABLE t (\(fields.joined(separator: ", "))) WITH ('connector' = 'filesystem', 'path' = '\(path)', 'format' = 'json');"
          + "\nSELECT * FROM t ORDER BY \(key);")
    }
    return compare(try read(live), try read(backfill))
  }

  /// Both sides sorted by their first column, a BIGINT key.
  static func compare(_ live: Batch, _ backfill: Batch) -> ParityCheck {
    var result = ParityCheck()
    let a = live.columns[0].pointer(Int64.self)
    let b = backfill.columns[0].pointer(Int64.self)
    var (i, j) = (0, 0)
    while i < live.rowCount || j < backfill.rowCount {
      if j == backfill.rowCount || (i < live.rowCount && a[i] < b[j]) {
        result.note("row \(a[i]) is missing in the backfill")
        result.rowsMissing += 1
        i += 1
      } else if i == live.rowCount || b[j] < a[i] {
        result.note("row \(b[j]) is missing live")
        result.rowsMissing += 1
        j += 1
      } else {
        result.rowsCompared += 1
        for c in 1..<live.columns.count {
          result.valuesCompared += 1
          let (x, y) = (bits(live.columns[c], i), bits(backfill.columns[c], j))
          guard x != y else { continue }
          let different = x.flatMap { x in y.map { (x ^ $0).nonzeroBitCount } } ?? 64
          result.bitsDifferent += different
          let (left, right) = (live.columns[c][i], backfill.columns[c][j])
          result.note("row \(a[i]), \(live.schema.fields[c].name): live \(left), backfill \(right)")
        }
        i += 1
        j += 1
      }
    }
    withExtendedLifetime((live, backfill)) {}
    return result
  }

  private mutating func note(_ text: String) { if examples.count < 5 { examples.append(text) } }

  /// The value's bits; nil for null.
  private static func bits(_ column: Column, _ row: Int) -> UInt64? {
    switch column[row] {
    case .null: nil
    case .int(let v): UInt64(bitPattern: v)
    case .float(let v): v.bitPattern
    case .bool(let v): v ? 1 : 0
    default: 0
    }
  }

  var description: String {
    let verdict = bitsDifferent == 0 && rowsMissing == 0 ? "equal" : "NOT EQUAL"
    return
      "\(verdict): \(rowsCompared) rows, \(valuesCompared) values compared, \(bitsDifferent) bits different, \(rowsMissing) rows missing"
      + examples.map { "\n     \($0)" }.joined()
  }
}
