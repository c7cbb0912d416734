import Foundation
import Testing

@testable import MillraceSQL

/// Error texts as users see them: each case in Tests/Golden/Errors/sql is a query and the errors it gives.
///
/// A file holds cases of `-- name`, the SQL, a line `----`, and the rendered errors. Set MILLRACE_GOLDEN=update to rewrite the
/// expected texts.
struct ErrorTextTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../Golden/Errors/sql").standardizedFileURL

  @Test(arguments: ["parser.txt", "binder.txt"]) func errorsReadAsRecorded(_ file: String) throws {
    let url = Self.folder.appendingPathComponent(file)
    let text = try String(contentsOf: url, encoding: .utf8)
    var updated = ""
    var count = 0
    for block in text.components(separatedBy: "\n====\n") {
      let parts = block.components(separatedBy: "\n----\n")
      let sql = parts[0].trimmingCharacters(in: .newlines)
      if sql.isEmpty { continue }
      let expected = parts.count > 1 ? parts[1].trimmingCharacters(in: .newlines) : ""
      let given = file == "parser.txt" ? parserErrors(sql) : try binderErrors(sql)
      #expect(given == expected || ProcessInfo.processInfo.environment["MILLRACE_GOLDEN"] == "update")
      updated += "\(sql)\n----\n\(given)\n====\n"
      count += 1
    }
    #expect(count > 20)
    if ProcessInfo.processInfo.environment["MILLRACE_GOLDEN"] == "update" {
      try updated.write(to: url, atomically: true, encoding: .utf8)
    }
  }

  private func parserErrors(_ sql: String) -> String {
    let source = SQLSource(sql, name: "job.sql")
    return source.render(Parser.parse(source).diagnostics)
  }

  private func binderErrors(_ sql: String) throws -> String {
    var session = try testSession()
    do {
      _ = try session.compile(sql, name: "job.sql")
      return "no error"
    } catch { return "\(error)" }
  }
}
