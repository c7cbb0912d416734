import Foundation

/// The Swift sources of the repository, found from where this file lies.
struct SourceTree: Sendable {
  struct File: Sendable {
    /// From the repository's root, e.g. `Sources/Engine/Operators/State/KeyIndex.swift`.
    var path: String
    var lines: [String]
    /// The same lines without comments and without the insides of string literals.
    var code: [String]

    init(path: String, text: String) {
      self.path = path
      lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      code = CodeText.strip(text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The folder that is a target: `Engine/Operators` of the path above.
    var room: String { path.split(separator: "/").dropFirst().prefix(2).joined(separator: "/") }

    /// Names of imported modules and the lines they stand on.
    var imports: [(module: String, line: Int)] {
      code.enumerated().compactMap { index, line in
        var words = line.split(separator: " ").map(String.init)
        let modifiers: Set<String> = [
          "public", "package", "internal", "fileprivate", "private", "@_exported", "@preconcurrency", "@testable",
        ]
        while let first = words.first, modifiers.contains(first) { words.removeFirst() }
        guard words.first == "import", words.count > 1 else { return nil }
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        let name = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
        return (String(name.split(separator: ".")[0]), index + 1)
      }
    }
  }

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  let files: [File]

  static func file(_ path: String) throws -> File {
    File(path: path, text: try String(contentsOfFile: root.appending(path: path).path(), encoding: .utf8))
  }

  init(folder: String = "Sources") throws {
    let start = Self.root.appending(path: folder).path()
    var found: [File] = []
    let names = FileManager.default.enumerator(atPath: start)?.compactMap { $0 as? String } ?? []
    for name in names.sorted() where name.hasSuffix(".swift") {
      found.append(File(path: folder + "/" + name, text: try String(contentsOfFile: start + "/" + name, encoding: .utf8)))
    }
    files = found
  }
}

/// Swift text without what is not code.
enum CodeText {
  /// Blanks out comments and the insides of string literals; lines stay lines.
  static func strip(_ text: String) -> String {
    var out: [UInt8] = []
    let bytes = Array(text.utf8)
    var i = 0
    func starts(_ word: StaticString) -> Bool {
      guard i + word.utf8CodeUnitCount <= bytes.count else { return false }
      for k in 0..<word.utf8CodeUnitCount where bytes[i + k] != word.utf8Start[k] { return false }
      return true
    }
    func skip(to end: StaticString, escapes: Bool) {
      while i < bytes.count && !starts(end) {
        if escapes && bytes[i] == UInt8(ascii: "\\") { i += 1 }
        if i < bytes.count {
          if bytes[i] == UInt8(ascii: "\n") { out.append(bytes[i]) }
          i += 1
        }
      }
      i += end.utf8CodeUnitCount
    }
    while i < bytes.count {
      if starts("//") {
        while i < bytes.count && bytes[i] != UInt8(ascii: "\n") { i += 1 }
      } else if starts("/*") {
        skip(to: "*/", escapes: false)
      } else if starts("\"\"\"") {
        i += 3
        skip(to: "\"\"\"", escapes: true)
        out.append(contentsOf: Array("\"\"".utf8))
      } else if bytes[i] == UInt8(ascii: "\"") {
        i += 1
        skip(to: "\"", escapes: true)
        out.append(contentsOf: Array("\"\"".utf8))
      } else {
        out.append(bytes[i])
        i += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Whether a line of code uses `word` as a word of its own (not as part of a longer name, nor as a member of something).
  static func uses(_ word: String, in line: String) -> Bool {
    var rest = line[...]
    while let range = rest.range(of: word) {
      let before = range.lowerBound == line.startIndex ? " " : line[line.index(before: range.lowerBound)]
      let isWordStart = !(before.isLetter || before.isNumber || before == "_" || before == ".")
      let after = range.upperBound == line.endIndex ? " " : line[range.upperBound]
      let last = word.last ?? " "
      let isWordEnd = !(last.isLetter || last.isNumber) || !(after.isLetter || after.isNumber || after == "_")
      if isWordStart && isWordEnd { return true }
      rest = rest[range.upperBound...]
    }
    return false
  }
}
