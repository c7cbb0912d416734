import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceConnectors

@Suite struct HashSinkTests {
  private static let fields = [
    Field("a", .int64), Field("t", .text), Field("d", .decimal(precision: 23, scale: 3)), Field("f", .float64), Field("b", .boolean),
    Field("s", .int16),
  ]
  private let table = TableDefinition(name: "out", schema: Schema(fields), options: ["connector": "hash", "path": "/out"])

  private func row(_ i: Int64) -> [Value] {
    [
      .int(i * 7 - 3), i % 5 == 0 ? .null : .text(String(repeating: "ab\u{e9}", count: Int(i % 9)) + "\(i)"), .decimal(Int128(i) * -91),
      .float(Double(i) / 3), .bool(i % 2 == 0), i % 7 == 0 ? .null : .int(i % 100 - 50),
    ]
  }

  private func hash(_ rows: [[Value]], _ weights: [Int64]? = nil) throws -> RowHash {
    var hash = RowHash()
    var batch = try batch(table, rows)
    batch.weights = weights.map { .int64s($0) }
    hash.add(batch)
    return hash
  }

  /// The definition, word by word, for one row.
  private func naive(_ row: [Value]) -> (UInt64, UInt64) {
    let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    var h: UInt64 = 0x243F_6A88_85A3_08D3
    func take(_ word: UInt64) {
      let x = (h ^ word) &* factor
      h = x ^ (x >> 32)
    }
    for value in row {
      switch value {
      case .null:
        let x = (h ^ 0x6E75_6C6C) &* 0xC2B2_AE3D_27D4_EB4F
        h = x ^ (x >> 32)
      case .int(let v): take(UInt64(bitPattern: v))
      case .bool(let v): take(v ? 1 : 0)
      case .float(let v): take(v.isNaN ? 0x7FF8_0000_0000_0000 : v == 0 ? 0 : v.bitPattern)
      case .decimal(let v):
        take(UInt64(truncatingIfNeeded: v))
        take(UInt64(truncatingIfNeeded: v >> 64))
      case .text(let v):
        var bytes = Array(v.utf8)
        let count = bytes.count
        while bytes.count % 8 != 7 { bytes.append(0) }
        bytes.append(UInt8(truncatingIfNeeded: count))
        for start in stride(from: 0, to: bytes.count, by: 8) {
          take((0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) })
        }
      default: Issue.record("no such value here")
      }
    }
    func mix(_ value: UInt64) -> UInt64 {
      var z = value
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    return (mix(h), mix(h &+ factor))
  }

  @Test func isTheSumOfItsRowsAsDefined() throws {
    let rows = (0..<60).map { row($0) }
    var (first, second): (UInt64, UInt64) = (0, 0)
    for row in rows {
      let (a, b) = naive(row)
      first &+= a
      second &+= b
    }
    let found = try hash(rows)
    #expect(found.first == first && found.second == second && found.rowCount == 60)
    #expect(
      try hash([[.int(1), .text(""), .null, .float(-0.0), .null, .null]]) == hash([[.int(1), .text(""), .null, .float(0), .null, .null]]))
  }

  @Test func doesNotDependOnOrderCutsOrHistory() throws {
    let rows = (0..<40).map { row($0) }
    let whole = try hash(rows)
    var parts = try hash(Array(rows[25...].reversed()))
    parts.add(try hash(Array(rows[..<25])))
    #expect(parts == whole)
    let history = try hash(rows + [row(99), row(99)], Array(repeating: 1, count: 40) + [2, -2])
    #expect(history.text == whole.text && history.rowCount == 40 && history.changeCount == 42)
    var others: Set<String> = [whole.text]
    for i in 0..<40 {
      var changed = rows
      changed[i][Int(i) % 6] = changed[i][Int(i) % 6] == .null ? row(1)[Int(i) % 6] : .null
      others.insert(try hash(changed).text)
    }
    #expect(others.count == 41)
    #expect(
      try hash([[.int(1), .text("ab"), .null, .null, .null, .null]]) != hash([[.int(1), .text("ab\0"), .null, .null, .null, .null]]))
  }

  @Test func survivesARestoreAndWritesItsResult() throws {
    let test = TestEnvironment()
    let rows = (0..<10).map { row($0) }
    let first = try test.sink(table)
    try first.open(restoring: nil)
    try first.write(batch(table, Array(rows[..<4])))
    let saved = try first.prepareCheckpoint(1)
    try first.write(batch(table, Array(rows[4...])))
    first.abort()
    let second = try test.sink(table)
    try second.open(restoring: [saved])
    try second.write(batch(table, Array(rows[4...])))
    try second.finish()
    let text = String(decoding: try test.files.readAll("/out/part-0-0.json"), as: UTF8.self)
    #expect(text == "{\"rows\":10,\"changes\":10,\"hash\":\"\(try hash(rows).text)\"}\n")
  }

  @Test func nestedColumnsAreRefused() {
    var nested = table
    nested.schema.fields[0] = Field("a", .array(Field("e", .int32)))
    #expect { try TestEnvironment().registry.check(nested) } throws: { "\($0)".contains("not supported yet") }
  }
}
