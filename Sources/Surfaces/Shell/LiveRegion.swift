/// The last lines of a terminal's output, painted over again and again.
struct LiveRegion {
  private let terminal: any Terminal
  private var lineCount = 0

  init(_ terminal: any Terminal) { self.terminal = terminal }

  /// Lines must fit the terminal's width.
  mutating func paint(_ lines: [String]) {
    terminal.write("\u{1B}[?25l" + start + lines.joined(separator: "\n") + "\u{1B}[?25h")
    lineCount = lines.count
  }

  /// What was painted stays; output goes on under it.
  mutating func leave() {
    if lineCount > 0 { terminal.write("\n") }
    lineCount = 0
  }

  /// What was painted goes away.
  mutating func clear() {
    if lineCount > 0 { terminal.write(start) }
    lineCount = 0
  }

  private var start: String {
    guard lineCount > 0 else { return "" }
    return (lineCount > 1 ? "\u{1B}[\(lineCount - 1)A" : "") + "\r\u{1B}[J"
  }
}
