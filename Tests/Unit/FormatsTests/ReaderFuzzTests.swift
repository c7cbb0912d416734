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

  static let fields: [Field] = [
    Field("i", .int64), Field("s", .int8), Field("d", .float64), Field("f", .float32), Field("m", .decimal(precision: 10, scale: 3)),
    Field("t", .text), Field("b", .boolean), Field("z", .bytes), Field("at", .timestampLTZ(precision: 3)), Field("day", .date),
    Field("h", .time(precision: 0)), Field("l", .array(Field("e", .int32))),
    Field("k", .map(key: Field("k", .text, isNullable: false), value: Field("v", .array(Field("e", .text))))),
    Field("r", .row([Field("x", .int16), Field("y", .row([Field("z", .text, isNullable: false)]))])),
  ]

  /// What a reader does with bytes, in words: its rows and lines, then how it ended.
  static func outcome(_ makeReader: () throws -> any RowReader, batchRows: Int) -> [String] {
    var words: [String] = []
    do {
      let reader = try makeReader()
      while let part = try reader.next(maxRows: batchRows) {
        let rows = describe(part.columns, rows: part.rowCount)
        for i in 0..<part.rowCount { words.append("\(part.lines[i]) \(rows[i])") }
        if part.rowCount == 0 || part.rowCount > batchRows { words.append("a batch of \(part.rowCount) rows") }
      }
      words.append("end, \(reader.skippedRowCount) skipped")
    } catch { words.append("\(error)") }
    return words
  }

  static func checkJSON(_ bytes: [UInt8]) -> String? {
    for ignores in [false, true] {
      var options = JSONOptions()
      options.ignoresParseErrors = ignores
      func run(_ block: Int, _ rows: Int) -> [String] {
        outcome({ try JSONRowReader(fields: fields, options: options, name: "x", blockBytes: block, fetch: fetch(bytes)) }, batchRows: rows)
      }
      // Rows before an error are lost with their batch, so only batches of one row are compared when there may be errors.
      let whole = run(1 << 16, 1)
      if run(64, 1) != whole { return "another result from short blocks" }
      if ignores && run(100, 3) != whole { return "another result from other batches" }
      if ignores && whole.last?.hasPrefix("end") != true { return "failed although errors are ignored: \(whole.last ?? "")" }
    }
    return nil
  }

  static func checkCSV(_ bytes: [UInt8]) -> String? {
    for variant in 0..<6 {
      var options = CSVOptions()
      options.ignoresParseErrors = variant % 2 == 1
      options.escape = variant / 2 == 1 ? 92 : nil
      options.quote = variant / 2 == 2 ? nil : 34
      options.allowsComments = variant / 2 == 1
      options.hasHeader = variant == 3
      options.nullLiteral = variant / 2 == 0 ? "NULL" : nil
      func run(_ block: Int, _ rows: Int) -> [String] {
        outcome(
          {
            try CSVRowReader(
              fields: fields, wanted: Array(fields.indices), options: options, name: "x", blockBytes: block, fetch: fetch(bytes))
          }, batchRows: rows)
      }
      let whole = run(1 << 16, 1)
      if run(64, 1) != whole { return "variant \(variant): another result from short blocks" }
      if options.ignoresParseErrors {
        if run(100, 3) != whole { return "variant \(variant): another result from other batches" }
        if !options.hasHeader && whole.last?.hasPrefix("end") != true {
          return "variant \(variant): failed although errors are ignored: \(whole.last ?? "")"
        }
      }
    }
    return nil
  }

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
    try makeEncoder(fields).encode(source.batch(fields, rows: 60), into: output)
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
      if let problem = Self.checkJSON(bytes) {
        Issue.record("seed \(Self.seed), round \(round): \(problem)\n\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        return
      }
    }
  }

  @Test func brokenCSVIsHandled() throws {
    var mutator = Mutator(seed: Self.seed, corpus: try Self.corpus { try CSVRowEncoder(fields: $0) }, pieces: Self.csvPieces)
    for round in 0..<Self.rounds / 2 {
      let bytes = mutator.next()
      if let problem = Self.checkCSV(bytes) {
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
      #expect((format == "json" ? Self.checkJSON(bytes) : Self.checkCSV(bytes)) == nil, "\(file.lastPathComponent)")
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
