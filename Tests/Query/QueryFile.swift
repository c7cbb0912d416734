import Foundation

/// A story in a file: input files, one SQL script whose last statement is a query, and the rows (or the error) it must give.
///
/// Sections begin with a line `=== `: `file PATH`, `sql`, `rows`, `rows ordered`, `error`. Lines above the first section are prose.
struct QueryFile: Sendable, CustomStringConvertible {
  var name: String
  var files: [(path: String, content: String)] = []
  var sql = ""
  /// CSV lines, sorted unless `isOrdered`.
  var rows: [String]?
  var isOrdered = false
  var error: String?

  var description: String { name }

  init(name: String, files: [(path: String, content: String)], sql: String) {
    self.name = name
    self.files = files
    self.sql = sql
  }

  init(name: String, text: String) throws {
    self.name = name
    var section = ""
    var lines: [String] = []
    func finish() {
      let body = lines.joined(separator: "\n")
      let words = section.split(separator: " ").map(String.init)
      switch words.first {
      case "file": files.append((words[1], body + (body.isEmpty ? "" : "\n")))
      case "sql": sql = body
      case "rows":
        isOrdered = words.count > 1
        let found = lines.filter { !$0.isEmpty }
        rows = isOrdered ? found : found.sorted()
      case "error": error = body.trimmingCharacters(in: .whitespacesAndNewlines)
      default: break
      }
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      if line.hasPrefix("=== ") {
        finish()
        section = String(line.dropFirst(4))
        lines = []
      } else {
        lines.append(line)
      }
    }
    if lines.last == "" { lines.removeLast() }
    finish()
    guard !sql.isEmpty, rows != nil || error != nil else { throw QueryFileProblem(name: name) }
  }

  /// Every case beside this source file.
  static let all: [QueryFile] = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.sorted() ?? []
    return names.filter { $0.hasSuffix(".query") }.compactMap { name in
      guard let text = try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8) else { return nil }
      return try? QueryFile(name: name, text: text)
    }
  }()
}

struct QueryFileProblem: Error {
  var name: String
}
