import MillraceRuntime

extension JobResult {
  /// One JSON object on one line; sizes in bytes, times in milliseconds.
  public var json: String {
    let late = lateRows.values.reduce(0, +)
    let members: [(String, String)] = [
      ("rows_read", "\(rowsRead)"), ("late_rows", "\(late)"), ("checkpoints", "\(checkpointsCompleted)"),
      ("state_bytes_max", "\(stateBytesMax)"), ("checkpoint_ms_max", "\(checkpointMicrosMax / 1000)"),
      ("checkpoint_bytes_written", "\(checkpointBytesWritten)"), ("checkpoint_pause_ms", "\(checkpointPauseMicros / 1000)"),
      ("spilled_bytes_max", "\(spilledBytesMax)"), ("savepoint", savepoint.map(Self.quoted) ?? "null"),
      ("restored_from", restoredFrom.map { "\($0)" } ?? "null"),
    ]
    return "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 32: result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
