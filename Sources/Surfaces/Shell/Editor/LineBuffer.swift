/// Text that is being edited, with a place in it. May have several lines.
struct LineBuffer: Sendable, Equatable {
  private(set) var characters: [Character] = []
  /// From 0 to `characters.count`.
  private(set) var cursor = 0

  init() {}

  /// The cursor is at the end.
  init(_ text: String) {
    characters = Array(text)
    cursor = characters.count
  }

  var text: String { String(characters) }
  var textBeforeCursor: String { String(characters[..<cursor]) }
  var isEmpty: Bool { characters.isEmpty }

  /// Where the line of the cursor begins and ends.
  var lineStart: Int { (characters[..<cursor].lastIndex(of: "\n") ?? -1) + 1 }
  var lineEnd: Int { characters[cursor...].firstIndex(of: "\n") ?? characters.count }
  var isOnFirstLine: Bool { lineStart == 0 }
  var isOnLastLine: Bool { lineEnd == characters.count }

  mutating func insert(_ text: String) {
    // Marks join the character before them, so the text is cut into characters anew.
    let before = String(characters[..<cursor]) + text
    let rest = characters[cursor...]
    let whole = Array(before)
    characters = whole + rest
    cursor = whole.count
  }

  /// Removes what lies between two places and returns it; the cursor is there then.
  @discardableResult mutating func remove(_ range: Range<Int>) -> String {
    let removed = String(characters[range])
    characters.removeSubrange(range)
    cursor = range.lowerBound
    return removed
  }

  mutating func move(to place: Int) { cursor = min(max(0, place), characters.count) }
  mutating func move(by distance: Int) { move(to: cursor + distance) }

  /// The same column of the line above or below, as far as that goes.
  mutating func moveLine(by direction: Int) {
    let column = cursor - lineStart
    if direction < 0 {
      guard !isOnFirstLine else { return }
      let end = lineStart - 1
      let start = (characters[..<end].lastIndex(of: "\n") ?? -1) + 1
      cursor = min(start + column, end)
    } else {
      guard !isOnLastLine else { return }
      let start = lineEnd + 1
      let end = characters[start...].firstIndex(of: "\n") ?? characters.count
      cursor = min(start + column, end)
    }
  }

  private static func isPartOfWord(_ character: Character) -> Bool { character.isLetter || character.isNumber || character == "_" }

  /// Where the word before the cursor begins, and where the one behind it ends.
  var wordStart: Int {
    var at = cursor
    while at > 0, !Self.isPartOfWord(characters[at - 1]) { at -= 1 }
    while at > 0, Self.isPartOfWord(characters[at - 1]) { at -= 1 }
    return at
  }
  var wordEnd: Int {
    var at = cursor
    while at < characters.count, !Self.isPartOfWord(characters[at]) { at += 1 }
    while at < characters.count, Self.isPartOfWord(characters[at]) { at += 1 }
    return at
  }
  /// As Ctrl-W has it: back to the white space before the word.
  var blankStart: Int {
    var at = cursor
    while at > 0, characters[at - 1].isWhitespace { at -= 1 }
    while at > 0, !characters[at - 1].isWhitespace { at -= 1 }
    return at
  }
}
