import Foundation
import Testing

/// Every query file in every mode; `MILLRACE_QUERIES=join` runs those whose names hold the text.
@Suite struct QueryTests {
  static let files: [QueryFile] = {
    guard let part = ProcessInfo.processInfo.environment["MILLRACE_QUERIES"] else { return QueryFile.all }
    return QueryFile.all.filter { $0.name.contains(part) }
  }()

  @Test(arguments: files, QueryMode.allCases)
  func givesItsRows(_ file: QueryFile, _ mode: QueryMode) throws {
    if mode == .crashes || mode == .rescaled {
      for seed in 1...6 { try check(file, mode, seed: UInt64(seed)) }
    } else {
      try check(file, mode, seed: 1)
    }
  }

  @Test func casesAreFound() { #expect(QueryFile.all.count >= 10) }

  private func check(_ file: QueryFile, _ mode: QueryMode, seed: UInt64) throws {
    do {
      let found = try file.run(mode, seed: seed)
      guard let rows = file.rows else {
        Issue.record("\(file.name): wanted an error, got \(found)")
        return
      }
      let lines = file.isOrdered ? found : found.sorted()
      #expect(lines == rows, "\(file.name), \(mode), seed \(seed)")
    } catch {
      guard let wanted = file.error else { throw error }
      #expect("\(error)".contains(wanted), "\(file.name): \(error)")
    }
  }
}
