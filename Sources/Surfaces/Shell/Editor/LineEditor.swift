/// The line editor as a machine: keys in, screens out. It knows no terminal.
///
/// Enter ends the input when it is complete (for SQL: when it ends with `;`) and begins a new line otherwise. Up and Down go
/// through the lines, and beyond the first and the last of them through the history.
public struct LineEditor: Sendable {
  public enum Outcome: Sendable, Equatable {
    case editing
    /// The text is complete.
    case submitted(String)
    /// Ctrl-C: what was typed is dropped.
    case cancelled
    /// Ctrl-D with nothing typed.
    case ended
    /// Ctrl-L
    case clearScreen
  }

  /// What Tab may put in place of the end of the text before the cursor.
  public struct Completion: Sendable, Equatable {
    /// Characters before the cursor that are replaced.
    public var replaces: Int
    public var candidates: [String]
    public init(replaces: Int, candidates: [String]) {
      self.replaces = replaces
      self.candidates = candidates
    }
  }

  /// Ctrl-R.
  private struct Search: Equatable {
    var text = ""
    var found: Int?
    /// What was there before.
    var original: LineBuffer
  }

  public let prompt: String
  public let continuation: String
  public private(set) var history: History
  private var buffer = LineBuffer()
  /// The history entry that is shown; the number of entries when it is what is being typed, which `draft` keeps.
  private var position = 0
  private var draft = LineBuffer()
  private var killed = ""
  private var menu: [String] = []
  private var search: Search?

  public init(prompt: String, continuation: String, history: History = History()) {
    self.prompt = prompt
    self.continuation = continuation
    self.history = history
    position = history.entries.count
  }

  public var text: String { buffer.text }

  /// - Parameters:
  ///   - isComplete: whether Enter ends the input.
  ///   - complete: given the whole text and the part of it before the cursor.
  public mutating func handle(
    _ key: Key, isComplete: (String) -> Bool, complete: (_ text: String, _ before: String) -> Completion
  ) -> Outcome {
    if search != nil, let outcome = handleInSearch(key) { return outcome }
    menu = []
    switch key {
    case .character(let character): buffer.insert(String(character))
    case .paste(let text): buffer.insert(Self.cleaned(text))
    case .enter: return enter(isComplete)
    case .tab: self.complete(complete(buffer.text, buffer.textBeforeCursor))
    case .backspace: if buffer.cursor > 0 { buffer.remove(buffer.cursor - 1..<buffer.cursor) }
    case .delete: deleteForward()
    case .left: buffer.move(by: -1)
    case .right: buffer.move(by: 1)
    case .wordLeft: buffer.move(to: buffer.wordStart)
    case .wordRight: buffer.move(to: buffer.wordEnd)
    case .home: buffer.move(to: buffer.lineStart)
    case .end: buffer.move(to: buffer.lineEnd)
    case .up: up()
    case .down: down()
    case .escape: break
    case .control(let letter): return control(letter)
    case .alt("d"): kill(buffer.cursor..<buffer.wordEnd)
    case .alt: break
    }
    return .editing
  }

  private mutating func control(_ letter: Character) -> Outcome {
    switch letter {
    case "a": buffer.move(to: buffer.lineStart)
    case "b": buffer.move(by: -1)
    case "c":
      reset()
      return .cancelled
    case "d":
      if buffer.isEmpty { return .ended }
      deleteForward()
    case "e": buffer.move(to: buffer.lineEnd)
    case "f": buffer.move(by: 1)
    case "k": kill(buffer.cursor..<max(buffer.lineEnd, min(buffer.cursor + 1, buffer.characters.count)))
    case "l": return .clearScreen
    case "n": down()
    case "p": up()
    case "r": search = Search(original: buffer)
    case "u": kill(buffer.lineStart..<buffer.cursor)
    case "w": kill(buffer.blankStart..<buffer.cursor)
    case "y": buffer.insert(killed)
    default: break
    }
    return .editing
  }

  private mutating func enter(_ isComplete: (String) -> Bool) -> Outcome {
    let text = buffer.text
    guard text.allSatisfy(\.isWhitespace) || isComplete(text) else {
      buffer.insert("\n")
      return .editing
    }
    if !text.allSatisfy(\.isWhitespace) { history.add(text) }
    reset()
    return .submitted(text)
  }

  private mutating func reset() {
    buffer = LineBuffer()
    draft = buffer
    position = history.entries.count
    menu = []
    search = nil
  }

  private mutating func kill(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    killed = buffer.remove(range)
  }

  private mutating func deleteForward() {
    if buffer.cursor < buffer.characters.count { buffer.remove(buffer.cursor..<buffer.cursor + 1) }
  }

  /// Line ends as they are here, tabs as spaces, no other control characters.
  private static func cleaned(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      if character.isNewline {
        result.append("\n")
      } else if character == "\t" {
        result += "  "
      } else if let scalar = character.unicodeScalars.first, scalar.value >= 32, scalar.value != 127 {
        result.append(character)
      }
    }
  }

  // MARK: history

  private mutating func up() {
    guard buffer.isOnFirstLine else { return buffer.moveLine(by: -1) }
    show(position - 1)
  }

  private mutating func down() {
    guard buffer.isOnLastLine else { return buffer.moveLine(by: 1) }
    show(position + 1)
  }

  private mutating func show(_ wanted: Int) {
    guard (0...history.entries.count).contains(wanted) else { return }
    if position == history.entries.count { draft = buffer }
    position = wanted
    buffer = wanted == history.entries.count ? draft : LineBuffer(history.entries[wanted])
  }

  /// nil when the search is over and the key counts as any other.
  private mutating func handleInSearch(_ key: Key) -> Outcome? {
    guard var current = search else { return nil }
    switch key {
    case .character(let character):
      current.text.append(character)
      current.found = history.search(current.text, before: (current.found ?? history.entries.count - 1) + 1)
    case .backspace:
      if !current.text.isEmpty { current.text.removeLast() }
      current.found = current.text.isEmpty ? nil : history.search(current.text, before: history.entries.count)
    case .control("r"):
      if let older = history.search(current.text, before: current.found ?? history.entries.count) { current.found = older }
    case .escape, .control("g"), .control("c"):
      buffer = current.original
      search = nil
      return .editing
    default:
      search = nil
      return nil
    }
    search = current
    if let found = current.found {
      position = found
      buffer = LineBuffer(history.entries[found])
    }
    return .editing
  }

  // MARK: completion

  private mutating func complete(_ completion: Completion) {
    let candidates = completion.candidates
    guard let first = candidates.first else { return }
    let start = max(0, buffer.cursor - completion.replaces)
    if candidates.count == 1 {
      let isAtEnd = buffer.cursor == buffer.characters.count
      buffer.remove(start..<buffer.cursor)
      let opens = first.hasSuffix("(") || first.hasSuffix("'") || first.hasSuffix(".")
      buffer.insert(first + (isAtEnd && !opens ? " " : ""))
      return
    }
    let common = candidates.dropFirst().reduce(first) { prefix, other in
      String(zip(prefix, other).prefix { $0.0.lowercased() == $0.1.lowercased() }.map(\.0))
    }
    if common.count > completion.replaces {
      buffer.remove(start..<buffer.cursor)
      buffer.insert(common)
    }
    menu = candidates
  }

  /// Candidates in columns.
  private func menuLines(width: Int) -> [String] {
    guard let longest = menu.map(\.count).max() else { return [] }
    let perLine = max(1, (width - 1) / (longest + 2))
    var lines: [String] = []
    for start in stride(from: 0, to: menu.count, by: perLine) {
      let cells = menu[start..<min(menu.count, start + perLine)]
      let line = cells.dropLast().map { $0 + String(repeating: " ", count: longest + 2 - $0.count) }.joined() + (cells.last ?? "")
      lines.append(line)
      if lines.count == 8 && start + perLine < menu.count {
        lines.append("... \(menu.count - start - perLine) more")
        break
      }
    }
    return lines
  }

  // MARK: screens

  public func screen(width: Int, height: Int) -> EditorScreen {
    guard let search else {
      return .layOut(
        prompt: prompt, continuation: continuation, buffer, below: menuLines(width: width), width: width, height: height - 1)
    }
    let failed = search.found == nil && !search.text.isEmpty ? "no " : ""
    return .layOut(
      prompt: "(\(failed)search '\(search.text)') ", continuation: continuation, buffer, width: width, height: height - 1)
  }
}
