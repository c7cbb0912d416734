import Foundation
import MillraceTypes
import Testing

@testable import MillraceSQL

/// Lexer, parser and binder over broken text: nothing may trap, hang or exhaust a stack of 1 MB, and every place that is
/// reported must lie in the text. A case that once failed is kept in Fuzz/FailCases/sql and replayed here.
struct FuzzTests {
  @Test func randomTextIsHandled() {
    let seed = ProcessInfo.processInfo.environment["MILLRACE_FUZZ_SEED"].flatMap(UInt64.init) ?? 20_240_611
    let rounds = ProcessInfo.processInfo.environment["MILLRACE_FUZZ_ROUNDS"].flatMap(Int.init) ?? 4_000
    let failure = onSmallStack { () -> String? in
      var fuzzer = SQLFuzzer(seed: seed, corpus: ParserTests.corpus + SQLFuzzer.queries)
      for round in 0..<rounds {
        let text = fuzzer.next()
        if let problem = SQLFuzzer.check(text) { return "seed \(seed), round \(round): \(problem) in:\n\(text)" }
      }
      return nil
    }
    #expect(failure == .some(nil), "\(failure.flatMap { $0 } ?? "")")
  }

  @Test func knownCasesAreHandled() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../Fuzz/FailCases/sql")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil).sorted { $0.path < $1.path }
    #expect(!files.isEmpty)
    for file in files {
      let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
      let problem = onSmallStack { SQLFuzzer.check(text) }
      #expect(problem == .some(nil), "\(file.lastPathComponent)")
    }
  }

  @Test func timeIsLinear() {
    func seconds(_ text: String) -> Double {
      let start = ContinuousClock().now
      _ = Parser.parse(SQLSource(text))
      let passed = ContinuousClock().now - start
      return Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
    }
    for unit in ["SELECT a + 1 FROM t;", "(", "'", "SELECT (", "a.", "t JOIN ", "*/ /*", "`", "SELECT f(a, (b, ", "CASE WHEN "] {
      let passed = seconds("SELECT " + String(repeating: unit, count: 40_000))
      #expect(passed < 10, "\(unit): \(passed) s")
    }
  }
}

/// Makes token soup and mutations of a corpus from a seed.
struct SQLFuzzer {
  /// Queries over the test catalog, so that mutations reach deep into the binder.
  static let queries = [
    "SELECT r.rated, a.given_7d FROM ratings AS r LEFT JOIN account FOR SYSTEM_TIME AS OF r.ts AS a ON a.account = r.rated",
    "SELECT s.page FROM shows s JOIN clicks c ON c.who = s.who AND c.at BETWEEN s.at - INTERVAL '5' SECOND AND s.at",
    "SELECT page, SUM(who) + 1 AS total FROM clicks GROUP BY page, UPPER(page) HAVING MAX(who) > 2 ORDER BY total DESC LIMIT 3",
    "SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(at), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end",
    "SELECT who, COUNT(*) OVER w AS n, SUM(who) OVER (w ROWS 3 PRECEDING) FROM clicks WINDOW w AS (PARTITION BY who ORDER BY at)",
    "INSERT INTO out_table SELECT a, score, 'x' "
      + "FROM ML_PREDICT((SELECT rater AS a, rating AS b FROM ratings), MODEL spam, DESCRIPTOR(a, b))",
    "SELECT CASE WHEN rating > 1 THEN price ELSE 2 END, CAST(note AS INT), EXTRACT(DAY FROM ts), note LIKE 'a%' "
      + "FROM ratings WHERE ts IS NOT NULL",
    "CREATE FEATURE VIEW f KEYED BY (who) AS SELECT COUNT(*) OVER LAST '1' DAY AS n, MAX(at) OVER UNBOUNDED AS m FROM clicks WHERE who > 0",
    "WITH a (x) AS (SELECT who FROM clicks) SELECT x FROM a UNION ALL VALUES (1), (2) ORDER BY 1 LIMIT 1",
  ]

  private var state: UInt64
  private let corpus: [[UInt8]]
  private static let words =
    Keyword.allCases.map(\.rawValue) + [
      "a", "b", "t", "ts", "`x`", "1", "2.5", "1e3", "'s'", "X'0A'", "(", ")", "[", "]", ",", ";", ".", "+", "-", "*", "/", "%", "||", "=",
      "<>", "<", "<=", ">", "=>", "::", "--", "/*", "*/", "'", "`", "\"", "\n", "é", "0x", "@", "INTERVAL '1' DAY", "COUNT(*)", "OVER LAST",
      "OVER (", "FROM t", "SELECT", "SELECT *", "FROM", "WHERE", "TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))", "u",
      "score",
    ]

  init(seed: UInt64, corpus: [String]) {
    state = seed
    self.corpus = corpus.map { Array($0.utf8) }
  }

  /// SplitMix64.
  private mutating func random(_ bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((z ^ (z >> 31)) % UInt64(max(bound, 1)))
  }

  mutating func next() -> String {
    if random(3) == 0 {
      let count = 1 + random(60)
      return (0..<count).map { _ in Self.words[random(Self.words.count)] }.joined(separator: random(8) == 0 ? "" : " ")
    }
    var bytes = corpus[random(corpus.count)]
    for _ in 0...random(6) {
      guard !bytes.isEmpty else { break }
      let at = random(bytes.count)
      let length = min(random(24), bytes.count - at)
      switch random(6) {
      case 0: bytes.removeSubrange(at..<(at + length))
      case 1: bytes.insert(contentsOf: bytes[at..<(at + length)], at: random(bytes.count))
      case 2: bytes[at] = UInt8(truncatingIfNeeded: random(256))
      case 3: bytes.insert(contentsOf: " \(Self.words[random(Self.words.count)]) ".utf8, at: at)
      case 4:
        let other = corpus[random(corpus.count)]
        let from = random(other.count)
        bytes.insert(contentsOf: other[from..<min(other.count, from + random(60))], at: at)
      default: bytes.removeSubrange(at...)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What is wrong with how a text was handled, or nil.
  static func check(_ text: String) -> String? {
    let source = SQLSource(text)
    let script = Parser.parse(source)
    if let problem = SQLCheck.places(script.diagnostics, in: text) { return problem }
    if source.render(script.diagnostics).isEmpty != script.diagnostics.isEmpty { return "a lost rendering" }
    if let problem = SQLCheck.compile(text) { return problem }
    for statement in script.statements where statement.hasErrors && script.diagnostics.isEmpty { return "an unexplained error" }
    return nil
  }
}
