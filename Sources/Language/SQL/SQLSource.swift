import MillraceTypes

/// A SQL text and the name it is shown under (a file path, or e.g. `<command line>`).
public struct SQLSource: Sendable {
  public let name: String
  public let text: String
  let bytes: [UInt8]

  public init(_ text: String, name: String = "<sql>") {
    self.name = name
    self.text = text
    self.bytes = Array(text.utf8)
  }

  /// The text that a span covers, at most 60 bytes of it and only its first line.
  func excerpt(_ span: SourceSpan) -> String {
    let start = min(max(span.byteOffset, 0), bytes.count)
    var end = min(start + max(span.byteCount, 0), bytes.count)
    if let newline = bytes[start..<end].firstIndex(of: UInt8(ascii: "\n")) { end = newline }
    if end - start <= 60 { return String(decoding: bytes[start..<end], as: UTF8.self) }
    var cut = start + 57
    while cut > start, bytes[cut] & 0xC0 == 0x80 { cut -= 1 }
    return String(decoding: bytes[start..<cut], as: UTF8.self) + "..."
  }

  /// Renders diagnostics for a terminal: location, message, the source line, a caret line and the hint.
  public func render(_ diagnostics: [SQLDiagnostic]) -> String {
    diagnostics.map(render).joined(separator: "\n")
  }

  /// Renders one diagnostic; the last line does not end in a newline.
  public func render(_ diagnostic: SQLDiagnostic) -> String {
    let span = diagnostic.span
    var out = "\(name):\(span.line):\(span.column): \(diagnostic.severity.rawValue): \(diagnostic.message)"
    let offset = min(max(span.byteOffset, 0), bytes.count)
    var start = offset
    while start > 0, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
    var end = offset
    while end < bytes.count, bytes[end] != UInt8(ascii: "\n"), bytes[end] != UInt8(ascii: "\r") { end += 1 }
    // A very long line is shown as a window around the place.
    var windowStart = max(start, offset - 80)
    while windowStart < offset, bytes[windowStart] & 0xC0 == 0x80 { windowStart += 1 }
    var windowEnd = min(end, offset + 120)
    while windowEnd > offset, windowEnd < bytes.count, bytes[windowEnd] & 0xC0 == 0x80 { windowEnd -= 1 }
    if windowEnd > windowStart {
      let lead = windowStart > start ? "..." : ""
      let before = lead + displayed(windowStart..<min(offset, windowEnd))
      let marked = displayed(min(offset, windowEnd)..<min(windowEnd, offset + max(span.byteCount, 0)))
      let line = lead + displayed(windowStart..<windowEnd) + (windowEnd < end ? "..." : "")
      let carets = String(repeating: "^", count: max(1, marked.unicodeScalars.count))
      out += "\n  \(line)\n  \(String(repeating: " ", count: before.unicodeScalars.count))\(carets)"
    }
    if let hint = diagnostic.hint { out += "\n  hint: \(hint)" }
    return out
  }

  /// Tabs and control characters as one blank, so that the caret stands under its text.
  private func displayed(_ range: Range<Int>) -> String {
    guard !range.isEmpty else { return "" }
    return String(decoding: bytes[range].map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
  }
}
