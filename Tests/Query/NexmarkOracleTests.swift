import MillraceServer
import Testing

/// The Nexmark queries against results that other engines agree on, row by row.
@Suite(.enabled(if: NexmarkOracle.isPresent, "the Nexmark data set is not beside this checkout (../shared/nexmark)"))
struct NexmarkOracleTests {
  enum Mode: String, CaseIterable, Sendable { case batch, stream }

  static let queries = (0...22).filter { $0 != 12 }.map { "q\($0)" }

  /// Queries that do not give their rows yet, and why. An entry that begins to pass fails the test: take it out.
  static let expectedFailures: [String: String] = [:]

  @Test(arguments: queries, Mode.allCases)
  func inOrder(_ query: String, _ mode: Mode) throws { try check(query, .inOrder, mode) }

  @Test(arguments: queries)
  func outOfOrder(_ query: String) throws { try check(query, .outOfOrder, .stream) }

  private func check(_ query: String, _ arrival: NexmarkOracle.Arrival, _ mode: Mode) throws {
    let oracle = try #require(NexmarkOracle.found, "the data set cannot be unpacked: is zstd installed?")
    let problem: String?
    do {
      let rows = try oracle.rows(query, arrival) { options in
        options.job.mode = mode == .batch ? .batch : .streaming
        options.job.parallelism = mode == .batch ? 1 : 2
      }
      problem = Self.difference(rows, try oracle.expected(query))
    } catch {
      problem = "\(error)"
    }
    switch (problem, Self.expectedFailures[query]) {
    case (nil, nil): break
    case (nil, let reason?): Issue.record("\(query) gives its rows now: take it out of expectedFailures (\(reason))")
    case (let problem?, nil): Issue.record("\(query), \(arrival), \(mode): \(problem)")
    case (_?, _?): break
    }
  }

  /// nil when equal; both are sorted.
  private static func difference(_ rows: [String], _ expected: [String]) -> String? {
    if rows == expected { return nil }
    let (found, wanted) = (Set(rows), Set(expected))
    let extra = rows.filter { !wanted.contains($0) }
    let missing = expected.filter { !found.contains($0) }
    return "\(rows.count) rows, expected \(expected.count); \(extra.count) wrong, such as \(extra.prefix(3)); \(missing.count) missing, "
      + "such as \(missing.prefix(3))"
  }
}
