import MillraceServer

/// What the editor shows: rows that fit the terminal, and where the cursor stands in them.
public struct EditorScreen: Sendable, Equatable {
  public var rows: [String]
  public var cursorRow: Int
  public var cursorColumn: Int

  /// Lays out text behind a prompt; each line after the first stands behind `continuation`. Lines that are too long go on in
  /// the next row.
  ///
  /// - Parameters:
  ///   - below: lines under the text.
  ///   - height: more rows than this are not shown; those around the cursor are.
  static func layOut(
    prompt: String, continuation: String, _ buffer: LineBuffer, below: [String] = [], width: Int, height: Int
  ) -> EditorScreen {
    let width = max(8, width)
    var rows: [String] = []
    var row = prompt
    var column = DisplayWidth.of(prompt)
    var place = (row: 0, column: column)
    for (index, character) in buffer.characters.enumerated() {
      let size = character == "\n" ? 0 : DisplayWidth.of(character)
      if column + size > width {
        rows.append(row)
        (row, column) = ("", 0)
      }
      if index == buffer.cursor { place = (rows.count, column) }
      if character == "\n" {
        rows.append(row)
        row = continuation
        column = DisplayWidth.of(continuation)
      } else {
        row.append(character)
        column += size
      }
    }
    if column >= width {
      rows.append(row)
      (row, column) = ("", 0)
    }
    if buffer.cursor == buffer.characters.count { place = (rows.count, column) }
    if place.column >= width { place = (place.row + 1, 0) }
    rows.append(row)
    let room = max(1, height)
    if rows.count > room {
      let start = min(max(0, place.row - room + 1), rows.count - room)
      rows = Array(rows[start..<(start + room)])
      place.row -= start
    }
    rows += below.prefix(room - rows.count).map { DisplayWidth.cut($0, to: width - 1) }
    return EditorScreen(rows: rows, cursorRow: place.row, cursorColumn: place.column)
  }
}

/// Paints screens over each other.
struct ScreenPainter {
  private var cursorRow = 0

  /// Terminal text that replaces the screen painted before.
  mutating func paint(_ screen: EditorScreen) -> String {
    var text = start + screen.rows.joined(separator: "\r\n")
    let up = screen.rows.count - 1 - screen.cursorRow
    if up > 0 { text += "\u{1B}[\(up)A" }
    text += "\r"
    if screen.cursorColumn > 0 { text += "\u{1B}[\(screen.cursorColumn)C" }
    cursorRow = screen.cursorRow
    return text
  }

  /// Leaves the screen as it is; what follows begins in the line under it.
  mutating func leave(_ screen: EditorScreen) -> String {
    let text = start + screen.rows.joined(separator: "\r\n") + "\r\n"
    cursorRow = 0
    return text
  }

  /// Nothing of the last screen is there any more.
  mutating func forget() { cursorRow = 0 }

  /// To the first row, and clear from there.
  private var start: String { (cursorRow > 0 ? "\u{1B}[\(cursorRow)A" : "") + "\r\u{1B}[J" }
}
