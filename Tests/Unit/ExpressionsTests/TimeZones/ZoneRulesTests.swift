import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

@Suite struct ZoneRulesTests {
  /// A file of version 2: changes with their offsets, and a rule for what follows.
  static func file(first: Int32, _ changes: [(time: Int64, offset: Int32)], rule: String) -> [UInt8] {
    func big(_ value: Int64, _ width: Int) -> [UInt8] {
      (0..<width).map { UInt8(truncatingIfNeeded: value >> Int64(8 * (width - 1 - $0))) }
    }
    func header(_ times: Int, _ types: Int, _ characters: Int) -> [UInt8] {
      Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + [0, 0, 0, times, types, characters].flatMap { big(Int64($0), 4) }
    }
    let offsets = [first] + changes.map(\.offset)
    var bytes = header(0, 1, 4) + big(0, 4) + [0, 0] + Array("XXX\0".utf8)
    bytes += header(changes.count, offsets.count, 4)
    for change in changes { bytes += big(change.time, 8) }
    for i in changes.indices { bytes.append(UInt8(i + 1)) }
    for offset in offsets { bytes += big(Int64(offset), 4) + [0, 0] }
    return bytes + Array("XXX\0".utf8) + Array("\n\(rule)\n".utf8)
  }

  static let berlin = file(
    first: 3208, [(-2_422_054_408, 3600), (1_711_846_800, 7200)], rule: "CET-1CEST,M3.5.0,M10.5.0/3")
  static let files: ZoneFiles = { name throws(MillraceError) in
    switch name {
    case "Europe/Berlin": berlin
    case "America/Los_Angeles": file(first: -28_378, [(-2_717_640_000, -28_800)], rule: "PST8PDT,M3.2.0,M11.1.0")
    case "Asia/Tokyo": file(first: 33_539, [(-2_587_712_400, 32_400)], rule: "JST-9")
    case "Australia/Sydney": file(first: 36_292, [(-2_364_113_092, 36_000)], rule: "AEST-10AEDT,M10.1.0,M4.1.0/3")
    case "Damaged/Zone": [1, 2, 3]
    default: nil
    }
  }

  private func seconds(_ text: String) -> Int64 {
    var text = text
    return text.withUTF8 { TimestampText.parseTimestamp(UnsafeRawBufferPointer($0), unit: .millis)?.ticks ?? 0 } / 1000
  }

  @Test func summerAndWinter() throws {
    let berlin = try #require(ZoneRules(Self.berlin))
    for (instant, offset) in [
      ("1800-01-01 00:00:00", 3208), ("2024-01-15 12:00:00", 3600), ("2024-03-31 00:59:59", 3600), ("2024-03-31 01:00:00", 7200),
      ("2024-10-27 00:59:59", 7200), ("2024-10-27 01:00:00", 3600), ("2023-07-01 00:00:00", 3600), ("2025-03-30 01:00:00", 7200),
      ("2100-07-01 00:00:00", 7200), ("2100-12-24 00:00:00", 3600), ("2999-03-31 01:00:00", 7200), ("9999-07-01 00:00:00", 7200),
    ] as [(String, Int64)] { #expect(berlin.offset(at: seconds(instant)) == offset, "\(instant)") }
    let sydney = try #require(ZoneRules(try Self.files("Australia/Sydney") ?? []))
    #expect(sydney.offset(at: seconds("2024-01-15 00:00:00")) == 39_600)
    #expect(sydney.offset(at: seconds("2024-07-15 00:00:00")) == 36_000)
  }

  @Test func gapsAndOverlaps() throws {
    let berlin = try #require(ZoneRules(Self.berlin))
    // 02:30 does not exist on 2024-03-31 and becomes 03:30; on 2024-10-27 it comes twice, the first counts.
    #expect(berlin.instant(ofLocal: seconds("2024-03-31 02:30:00")) == seconds("2024-03-31 01:30:00"))
    #expect(berlin.instant(ofLocal: seconds("2024-03-31 01:59:59")) == seconds("2024-03-31 00:59:59"))
    #expect(berlin.instant(ofLocal: seconds("2024-03-31 03:00:00")) == seconds("2024-03-31 01:00:00"))
    #expect(berlin.instant(ofLocal: seconds("2024-10-27 02:30:00")) == seconds("2024-10-27 00:30:00"))
    #expect(berlin.instant(ofLocal: seconds("2024-10-27 03:00:00")) == seconds("2024-10-27 02:00:00"))
    #expect(berlin.instant(ofLocal: seconds("2024-02-29 12:00:00")) == seconds("2024-02-29 11:00:00"))
  }

  /// Every instant leads to a local time and back, but for the second turn of an hour that comes twice.
  @Test func thereAndBack() throws {
    var random = SeededRandom(11)
    let berlin = try #require(ZoneRules(Self.berlin))
    for _ in 0..<5000 {
      let instant = Int64.random(in: -3_000_000_000...200_000_000_000, using: &random)
      let back = berlin.instant(ofLocal: instant + berlin.offset(at: instant))
      #expect(back == instant || (instant - back == 3600 && berlin.offset(at: back) == 7200), "\(instant)")
    }
  }

  @Test(
    arguments: [
      ("UTC", 0), ("Z", 0), ("GMT0", 0), ("+02:00", 7200), ("-0830", -30_600), ("UTC+8", 28_800), ("GMT-08:00", -28_800),
      ("+01:30:15", 5415),
    ] as [(String, Int64)])
  func fixedOffsets(_ name: String, _ seconds: Int64) { #expect(TimeZoneName.fixedOffset(name) == seconds) }

  @Test func unknownZonesAreNamed() throws {
    var registry = FunctionRegistry(zoneFiles: Self.files)
    for name in ["Europe/Berlim", "../secret", "/etc/passwd", "+25:00", ""] {
      let error = #expect(throws: MillraceError.self) { try registry.setTimeZone(name) }
      #expect(error?.message == "there is no time zone '\(name)'")
    }
    let damaged = #expect(throws: MillraceError.self) { try registry.setTimeZone("Damaged/Zone") }
    #expect(damaged?.message == "the file of the time zone 'Damaged/Zone' is not valid")
  }

  @Test func convertTZ() throws {
    let registry = FunctionRegistry(zoneFiles: Self.files)
    func convert(_ text: String, _ from: String, _ to: String) throws -> String {
      try Evaluating.sql(registry.resolve("CONVERT_TZ", [Evaluating.text(text), Evaluating.text(from), Evaluating.text(to)]))
    }
    #expect(try convert("1970-01-01 00:00:00", "UTC", "America/Los_Angeles") == "'1969-12-31 16:00:00'")
    #expect(try convert("2024-07-01 12:00:00", "Europe/Berlin", "Asia/Tokyo") == "'2024-07-01 19:00:00'")
    #expect(try convert("2024-02-29 23:30:00", "GMT-08:00", "UTC") == "'2024-03-01 07:30:00'")
    #expect(try convert("nonsense", "UTC", "UTC") == "NULL")
    #expect(throws: MillraceError.self) { try convert("1970-01-01 00:00:00", "UTC", "Mars/Olympus") }
    let zoned = try registry.resolve(
      "TO_TIMESTAMP_LTZ", [Evaluating.text("01.07.2024 00:30"), Evaluating.text("dd.MM.yyyy HH:mm"), Evaluating.text("Europe/Berlin")])
    #expect(try Evaluating.sql(zoned) == "TIMESTAMP_LTZ '2024-06-30 22:30:00.000'")
  }

  /// The examples of Flink's UNIX_TIMESTAMP and FROM_UNIXTIME, and what reads an instant as a local time.
  @Test func sessionTimeZone() throws {
    var registry = FunctionRegistry(zoneFiles: Self.files)
    try registry.setTimeZone("Europe/Berlin")
    func sql(_ name: String, _ arguments: Expression...) throws -> String { try Evaluating.sql(registry.resolve(name, arguments)) }
    let text = Evaluating.text
    #expect(try sql("UNIX_TIMESTAMP", text("1970-01-01 08:00:01.001"), text("yyyy-MM-dd HH:mm:ss.SSS")) == "25201")
    #expect(try sql("UNIX_TIMESTAMP", text("nonsense")) == "-9223372036854775808")
    #expect(try sql("UNIX_TIMESTAMP", .null(.text)) == "NULL")
    #expect(try sql("FROM_UNIXTIME", Evaluating.int(44)) == "'1970-01-01 01:00:44'")
    // 2024-06-30 22:30 in UTC is 00:30 of the next day in Berlin.
    let type = DataType.timestampLTZ(precision: 3)
    let instant = Expression.literal(.int(seconds("2024-06-30 22:30:00") * 1000), type)
    #expect(try sql("HOUR", instant) == "0")
    #expect(try sql("EXTRACT", text("EPOCH"), instant) == "\(seconds("2024-06-30 22:30:00"))")
    #expect(try sql("DATE_FORMAT", instant, text("yyyy-MM-dd HH:mm")) == "'2024-07-01 00:30'")
    #expect(try sql("FLOOR", instant, text("DAY")) == "TIMESTAMP_LTZ '2024-06-30 22:00:00.000'")
    #expect(try Evaluating.sql(registry.cast(instant, to: .date)) == "DATE '2024-07-01'")
    #expect(try Evaluating.sql(registry.cast(instant, to: .text)) == "'2024-07-01 00:30:00.000'")
    #expect(try Evaluating.sql(registry.cast(instant, to: .timestamp(precision: 3))) == "TIMESTAMP '2024-07-01 00:30:00.000'")
    #expect(try Evaluating.sql(registry.cast(text("2024-07-01 00:30:00"), to: type)) == "TIMESTAMP_LTZ '2024-06-30 22:30:00.000'")
    #expect(try Evaluating.sql(registry.cast(text("2024-07-01 00:30:00Z"), to: type)) == "TIMESTAMP_LTZ '2024-07-01 00:30:00.000'")
    #expect(try Evaluating.sql(registry.cast(text("x"), to: type, isTry: true)) == "NULL")
    let wall = Evaluating.timestamp("2024-07-01 00:30:00")
    #expect(try sql("=", wall, instant) == "TRUE")
    #expect(
      try registry.resolve("HOUR", [.column(0, Field("at", type))]).sql(["at"]) == "EXTRACT(HOUR FROM LOCAL_TIME_IN(at, 'Europe/Berlin'))")
    try registry.setTimeZone("UTC")
    #expect(try sql("HOUR", instant) == "22")
  }
}
