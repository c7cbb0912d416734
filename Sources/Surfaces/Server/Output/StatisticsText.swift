import MillraceOperators
import MillracePlan
import MillraceRuntime
import MillraceTypes

/// How `--stats` writes what operators did.
public enum StatisticsFormat: String, Sendable, CaseIterable {
  case text
  case json
}

/// What the operators of a job did, for people and for programs.
public enum StatisticsText {
  /// A line per operator, then the job.
  public static func table(_ statistics: JobStatistics) -> String {
    var rows = [["operator", "rows in", "rows out", "CPU ms", "CPU %"]]
    if statistics.measuresState { rows[0] += ["keys", "state", "keys max", "state max"] }
    rows[0].append("watermark")
    for part in statistics.operators {
      var row = [
        "[\(part.node)] \(part.operatorID)", grouped(part.rowsIn), grouped(part.rowsOut), millis(part.cpuNanos),
        percent(part.cpuNanos, of: statistics.cpuNanos),
      ]
      if statistics.measuresState {
        row += [
          grouped(Int64(part.state.keys)), bytes(part.state.bytes), grouped(Int64(part.stateMax.keys)), bytes(part.stateMax.bytes),
        ]
      }
      row.append(watermark(part.watermark))
      rows.append(row)
    }
    let widths = rows[0].indices.map { column in rows.reduce(0) { max($0, $1[column].count) } }
    let lines = rows.map { row in
      row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        // Names and watermarks to the left, numbers to the right.
        if column == row.count - 1 { return row[column] }
        return column == 0 ? row[column] + padding : padding + row[column]
      }.joined(separator: "  ")
    }
    return lines.joined(separator: "\n") + "\n" + summary(statistics) + "\n"
  }

  /// `1,000 rows read in 1.20 s (833 rows/s), CPU 1.10 s, 3 late`
  public static func summary(_ statistics: JobStatistics) -> String {
    let seconds = Double(statistics.elapsedNanos) / 1e9
    let rate = seconds > 0 ? " (\(grouped(Int64(Double(statistics.rowsRead) / seconds))) rows/s)" : ""
    let late = statistics.operators.reduce(0) { $0 + $1.lateRows }
    return "\(grouped(statistics.rowsRead)) rows read in \(duration(statistics.elapsedNanos))\(rate), CPU \(duration(statistics.cpuNanos))"
      + (late > 0 ? ", \(grouped(late)) late rows left out" : "")
  }

  /// What stands under each node of the plan in EXPLAIN ANALYZE.
  static func notes(_ statistics: JobStatistics) -> [Int: [String]] {
    var notes: [Int: [String]] = [:]
    for part in statistics.operators {
      var line = "rows \(grouped(part.rowsIn)) in, \(grouped(part.rowsOut)) out; CPU \(millis(part.cpuNanos)) ms"
      line += " (\(percent(part.cpuNanos, of: statistics.cpuNanos)))"
      if part.lateRows > 0 { line += "; \(grouped(part.lateRows)) late rows left out" }
      line += "; watermark \(watermark(part.watermark))"
      notes[part.node] = [line]
      guard part.stateMax != .none else { continue }
      notes[part.node]?.append("state \(size(part.state)); at most \(size(part.stateMax))")
    }
    return notes
  }

  /// One JSON object on one line. Times in milliseconds, sizes in bytes, watermarks in milliseconds since 1970, null before the first
  /// and after the last.
  public static func json(_ statistics: JobStatistics) -> String {
    func decimal(_ nanos: Int64) -> String { "\(Double(nanos / 1000) / 1000)" }
    let operators = statistics.operators.map { part -> String in
      var members: [(String, String)] = [
        ("node", "\(part.node)"), ("operator", quoted(part.operatorID)), ("rows_in", "\(part.rowsIn)"), ("rows_out", "\(part.rowsOut)"),
        ("late_rows", "\(part.lateRows)"), ("cpu_ms", decimal(part.cpuNanos)),
      ]
      if statistics.measuresState {
        members += [
          ("keys", "\(part.state.keys)"), ("state_bytes", "\(part.state.bytes)"), ("keys_max", "\(part.stateMax.keys)"),
          ("state_bytes_max", "\(part.stateMax.bytes)"),
        ]
      }
      let isInside = part.watermark != .end && part.watermark != .beginning
      members.append(("watermark_ms", isInside ? "\(part.watermark.floorMillis)" : "null"))
      return object(members)
    }
    return object([
      ("rows_read", "\(statistics.rowsRead)"), ("elapsed_ms", decimal(statistics.elapsedNanos)), ("cpu_ms", decimal(statistics.cpuNanos)),
      ("operators", "[\(operators.joined(separator: ","))]"),
    ])
  }

  private static func object(_ members: [(String, String)]) -> String {
    "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 32: result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  // MARK: numbers

  /// `12,345,678`
  public static func grouped(_ number: Int64) -> String {
    let digits = String(number.magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
      result.append(digit)
    }
    return number < 0 ? "-" + result : result
  }

  /// `532 B`, `1.2 KiB`, `340.0 MiB`
  public static func bytes(_ count: Int) -> String {
    guard count >= 1024 else { return "\(count) B" }
    var value = Double(count) / 1024
    var unit = 0
    let units = ["KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 && unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return fixed(value, 1) + " " + units[unit]
  }

  /// `0.123 s`, `12.3 s`, `5 min 3 s`
  public static func duration(_ nanos: Int64) -> String {
    let seconds = Double(nanos) / 1e9
    if seconds < 10 { return fixed(seconds, 3) + " s" }
    if seconds < 120 { return fixed(seconds, 1) + " s" }
    return "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
  }

  /// `2024-01-01 00:00:10.000`; `-` before the first one, `end` after the last row.
  public static func watermark(_ time: EventTime) -> String {
    if time == .end { return "end" }
    if time == .beginning { return "-" }
    return TimestampText.string(time.floorMillis, .timestamp(precision: 3)) ?? "\(time)"
  }

  private static func size(_ size: StateSize) -> String {
    (size.keys > 0 ? "\(grouped(Int64(size.keys))) keys, " : "") + bytes(size.bytes)
  }

  private static func millis(_ nanos: Int64) -> String { fixed(Double(nanos) / 1e6, 1) }

  private static func percent(_ part: Int64, of all: Int64) -> String {
    all > 0 ? fixed(min(100, Double(part) * 100 / Double(all)), 1) + "%" : "-"
  }

  /// A number of at least zero with so many digits after the point.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    let factor = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
    let scaled = Int64((value * factor).rounded())
    guard digits > 0 else { return "\(scaled)" }
    let rest = String(scaled % Int64(factor))
    return "\(scaled / Int64(factor))." + String(repeating: "0", count: digits - rest.count) + rest
  }
}

extension Int64 {
  /// Microseconds to milliseconds, rounded down.
  fileprivate var floorMillis: Int64 {
    let (quotient, rest) = quotientAndRemainder(dividingBy: 1000)
    return rest < 0 ? quotient - 1 : quotient
  }
}
