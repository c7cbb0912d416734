import Foundation
import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceFormats

/// JSON and CSV readers over broken bytes: nothing may trap or hang, what comes out may not depend on how the bytes are served or cut
/// into batches, and with errors ignored nothing may fail. Cases that once failed are kept in Fuzz/FailCases and replayed here.
///
/// `MILLRACE_FUZZ_SEED` and `MILLRACE_FUZZ_ROUNDS` choose another run.
@Suite struct ReaderFuzzTests {
  static let seed = ProcessInfo.processInfo.environment["MILLRACE_FUZZ_SEED"].flatMap(UInt64.init) ?? 20_240_611
  static let rounds = ProcessInfo.processInfo.environment["MILLRACE_FUZZ_ROUNDS"].flatMap(Int.init) ?? 3_000

  struct Mutator {
    var random: TestRandom
    let corpus: [UInt8]
    let pieces: [[UInt8]]

    init(seed: UInt64, corpus: [UInt8], pieces: [String]) {
      random = TestRandom(seed: seed)
      self.corpus = corpus
      self.pieces = pieces.map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0], [13], [0xEF, 0xBB, 0xBF]]
    }

    mutating func next() -> [UInt8] {
      var bytes: [UInt8]
      if random.below(6) == 0 {
        bytes = (0..<random.below(30)).flatMap { _ in pieces[random.below(pieces.count)] }
      } else {
        let start = random.below(4) == 0 ? random.below(corpus.count) : lineStart(random.below(corpus.count))
        bytes = Array(corpus[start..<min(corpus.count, start + 1 + random.below(1500))])
      }
      for _ in 0..<random.below(5) where !bytes.isEmpty {
        let at = random.below(bytes.count)
        switch random.below(6) {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.remove(at: at)
        case 2, 3: bytes.insert(contentsOf: pieces[random.below(pieces.count)], at: at)
        case 4: bytes.removeSubrange(at..<min(bytes.count, at + random.below(20)))
        default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + random.below(40))], at: at)
        }
      }
      return bytes
    }

    private func lineStart(_ at: Int) -> Int { (corpus[..<at].lastIndex(of: 10) ?? -1) + 1 }
  }

  static func corpus(_ makeEncoder: ([Field]) throws -> any RowEncoder) throws -> [UInt8] {
    var source = RandomRows(seed: 5)
    let output = TextOutput()
    try makeEncoder(ReaderCheck.fields).encode(source.batch(ReaderCheck.fields, rows: 60), into: output)
    return Array(output.bytes)
  }

  static let jsonPieces = [
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", " ", "null", "true", "false", "1", "-", "1e5", "0.5", "1e9", "1e999", "-0", "\"i\":",
    "\"l\":[",
    "\"k\":{", "\"r\":{\"y\":{", "\"t\":", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "\"2020-01-01T00:00:00Z\"", "é", "{}",
    "9223372036854775808",
  ]

  static let csvPieces = [
    ",", "\"", "\"\"", "\n", "\r\n", "\\", "#", "NULL", "1", "-5", "x", "1e400", "2020-01-01 00:00:00", "true", "AAA=", "[1,2]",
    "\"[1,2]\"", "\"{\"\"a\"\":[]}\"", ",,,,,,,,,,,,,", "é",
  ]

  @Test func brokenJSONIsHandled() throws {
    var mutator = Mutator(seed: Self.seed, corpus: try Self.corpus { try JSONRowEncoder(fields: $0) }, pieces: Self.jsonPieces)
    for round in 0..<Self.rounds {
      let bytes = mutator.next()
      if let problem = ReaderCheck.json(bytes) {
        Issue.record("seed \(Self.seed), round \(round): \(problem)\n\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        return
      }
    }
  }

  @Test func brokenCSVIsHandled() throws {
    var mutator = Mutator(seed: Self.seed, corpus: try Self.corpus { try CSVRowEncoder(fields: $0) }, pieces: Self.csvPieces)
    for round in 0..<Self.rounds / 2 {
      let bytes = mutator.next()
      if let problem = ReaderCheck.csv(bytes) {
        Issue.record("seed \(Self.seed), round \(round): \(problem)\n\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        return
      }
    }
  }

  @Test(arguments: ["json", "csv"]) func knownCasesAreHandled(format: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../Fuzz/FailCases/\(format)")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil).sorted { $0.path < $1.path }
    #expect(!files.isEmpty)
    for file in files {
      let bytes = [UInt8](try Data(contentsOf: file))
      #expect((format == "json" ? ReaderCheck.json(bytes) : ReaderCheck.csv(bytes)) == nil, "\(file.lastPathComponent)")
    }
  }

  /// One line of ASCII: we take it as a JSON object exactly when Foundation does.
  @Test func syntaxAgreesWithFoundation() throws {
    let corpus = try Self.corpus { try JSONRowEncoder(fields: $0) }.filter { $0 < 0x80 }
    var mutator = Mutator(seed: Self.seed &+ 1, corpus: corpus, pieces: Self.jsonPieces.filter { $0.utf8.allSatisfy { $0 < 0x80 } })
    var agreed = (yes: 0, no: 0)
    for round in 0..<Self.rounds {
      var bytes = mutator.next().filter { $0 < 0x80 && $0 != 0 }
      if let end = bytes.firstIndex(of: 10) { bytes = Array(bytes[..<end]) }
      // Foundation refuses lone surrogates, which become U+FFFD here, and numbers that do not fit its own types; it takes a comma
      // before a closing bracket.
      let text = String(decoding: bytes, as: UTF8.self)
      if text.contains("\\u") || text.range(of: "[0-9][eE][+-]?[0-9]{2}", options: .regularExpression) != nil { continue }
      if text.range(of: ",[ \\t\\r]*[}\\]]", options: .regularExpression) != nil { continue }
      if text.allSatisfy({ $0 == " " || $0 == "\r" || $0 == "\t" }) { continue }
      let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes))) is [String: Any]
      let ours = (try? readAll(JSONRowReader(fields: [], name: "x", fetch: fetch(bytes))).rows.count) == 1
      if ours { agreed.yes += 1 } else { agreed.no += 1 }
      if ours != theirs {
        Issue.record("seed \(Self.seed), round \(round): we \(ours ? "take" : "refuse") \(text.debugDescription)")
        return
      }
    }
    #expect(agreed.yes > 50 && agreed.no > 50)
  }
}
