import MillraceTypes

/// Windows of time over a column of a table: its event time, or a time derived from it.
public struct TableWindow: Sendable {
  private let function: String
  private let time: String
  private let spans: [Duration]
  private let offset: Duration
  private let keys: [String]

  /// One after the other, each row in one.
  public static func tumble(on time: String, size: Duration, offset: Duration = .zero) -> TableWindow {
    TableWindow(function: "TUMBLE", time: time, spans: [size], offset: offset, keys: [])
  }

  /// Of a size, one beginning every `slide`.
  public static func hop(on time: String, slide: Duration, size: Duration, offset: Duration = .zero) -> TableWindow {
    TableWindow(function: "HOP", time: time, spans: [slide, size], offset: offset, keys: [])
  }

  /// Growing by `step` from one beginning, until `size`.
  public static func cumulate(on time: String, step: Duration, size: Duration, offset: Duration = .zero) -> TableWindow {
    TableWindow(function: "CUMULATE", time: time, spans: [step, size], offset: offset, keys: [])
  }

  /// As long as rows of equal keys come within `gap` of each other.
  public static func session(on time: String, gap: Duration, partitionBy keys: [String] = []) -> TableWindow {
    TableWindow(function: "SESSION", time: time, spans: [gap], offset: .zero, keys: keys)
  }

  var text: String {
    get throws(MillraceError) {
      var parts = ["TABLE \(SQLText.this)" + (keys.isEmpty ? "" : " PARTITION BY (\(keys.map(SQLText.name).joined(separator: ", ")))")]
      parts.append("DESCRIPTOR(\(SQLText.name(time)))")
      for span in spans { parts.append(try SQLText.interval(span)) }
      if offset != .zero { parts.append(try SQLText.interval(offset)) }
      return "\(function)(\(parts.joined(separator: ", ")))"
    }
  }
}
