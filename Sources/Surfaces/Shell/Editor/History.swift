/// What was typed before, the oldest first.
public struct History: Sendable, Equatable {
  public static let countMax = 2000
  public private(set) var entries: [String] = []

  public init(_ entries: [String] = []) { for entry in entries { add(entry) } }

  /// Adds an entry, unless it says what the last one said.
  public mutating func add(_ entry: String) {
    guard !entry.isEmpty, entry != entries.last else { return }
    entries.append(entry)
    if entries.count > Self.countMax { entries.removeFirst(entries.count - Self.countMax) }
  }

  /// The newest entry before `index` that contains a text, whatever the case.
  func search(_ text: String, before index: Int) -> Int? {
    let wanted = text.lowercased()
    return entries[..<min(index, entries.count)].lastIndex { $0.lowercased().contains(wanted) }
  }

  // MARK: as a file

  /// An entry a line; line ends and backslashes inside are escaped.
  public init(decoding text: String) {
    for line in text.split(separator: "\n") {
      var entry = ""
      var isEscaped = false
      for character in line {
        if isEscaped {
          entry.append(character == "n" ? "\n" : character)
          isEscaped = false
        } else if character == "\\" {
          isEscaped = true
        } else {
          entry.append(character)
        }
      }
      add(entry)
    }
  }

  public var encoded: String {
    entries.map { entry in
      entry.reduce(into: "") { text, character in
        if character == "\\" { text += "\\\\" } else if character.isNewline { text += "\\n" } else { text.append(character) }
      } + "\n"
    }.joined()
  }

  /// Whether an entry may be written down: not when it could hold a secret.
  static func mayKeep(_ entry: String) -> Bool {
    let text = entry.lowercased()
    return !["password", "secret", "token"].contains { text.contains($0) }
  }
}
