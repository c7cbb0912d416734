import MillraceTypes
import Testing

@Suite struct TimestampTextTests {
  private func timestamp(_ text: String, _ unit: TimeUnit = .millis) -> TimestampText.Instant? {
    Array(text.utf8).withUnsafeBytes { TimestampText.parseTimestamp($0, unit: unit) }
  }

  @Test func knownInstants() {
    #expect(timestamp("1970-01-01 00:00:00") == .init(ticks: 0, hasZone: false))
    #expect(timestamp("2020-02-29T12:34:56.789") == .init(ticks: 1_582_979_696_789, hasZone: false))
    #expect(timestamp("2020-02-29T12:34:56.789123Z", .micros) == .init(ticks: 1_582_979_696_789_123, hasZone: true))
    #expect(timestamp("2020-02-29 12:34:56+02:00") == .init(ticks: 1_582_972_496_000, hasZone: true))
    #expect(timestamp("2020-02-29 12:34:56-0130") == .init(ticks: 1_582_985_096_000, hasZone: true))
    #expect(timestamp("1969-12-31 23:59:59.999") == .init(ticks: -1, hasZone: false))
    #expect(timestamp("2020-1-5") == .init(ticks: 1_578_182_400_000, hasZone: false))
    #expect(timestamp(" 2020-01-05 07:08 ") == .init(ticks: 1_578_208_080_000, hasZone: false))
    #expect(timestamp("1970-01-01 00:00:00.1234567891", .nanos) == .init(ticks: 123_456_789, hasZone: false))
  }

  @Test(arguments: [
    "", "x", "2020", "2020-02", "2020-02-30", "2021-02-29", "2020-13-01", "2020-00-10", "2020-01-01 24:00:00", "2020-01-01 10:60:00",
    "2020-01-01 10:00:60", "2020-01-01 10:00:00.", "2020-01-01 10:00:00 nonsense", "2020-01-01T", "2020-01-01 10:00:00+", "20-01-01",
    "2020-01-01 10:00:00+99:00", "2020-01-01x",
  ])
  func refused(_ text: String) { #expect(timestamp(text) == nil) }

  @Test func nanosecondsBeyondTheirRangeAreRefused() {
    #expect(timestamp("9999-01-01 00:00:00", .nanos) == nil)
    #expect(timestamp("9999-01-01 00:00:00", .micros) != nil)
  }

  @Test func everyDayOfFourCenturiesCountsUpByOne() {
    var expected = CivilDate(year: 1799, month: 12, day: 31)
    var days = expected.days
    for _ in 0..<146_100 {
      days += 1
      expected.day += 1
      if expected.day > CivilDate.dayCount(year: expected.year, month: expected.month) {
        expected.day = 1
        expected.month += 1
      }
      if expected.month > 12 {
        expected.month = 1
        expected.year += 1
      }
      if CivilDate(days: days) != expected || expected.days != days {
        Issue.record("day \(days) should be \(expected), is \(CivilDate(days: days)), counted \(expected.days)")
        return
      }
    }
    #expect(CivilDate(days: 0) == CivilDate(year: 1970, month: 1, day: 1))
  }

  @Test func writtenTextReadsBackAsItself() {
    var state: UInt64 = 7
    for _ in 0..<20_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let precision = Int(state >> 60) % 10
      let unit = TimeUnit(precision: precision)
      var ticks = Int64(bitPattern: state) % (9_000_000_000 * unit.perSecond / 10)
      for _ in precision..<unit.digits { ticks /= 10 }
      for _ in precision..<unit.digits { ticks *= 10 }
      let text = TimestampText.string(ticks, .timestamp(precision: precision))
      #expect(text.flatMap { timestamp($0, unit)?.ticks } == ticks, "seed 7, \(ticks) of precision \(precision): \(text ?? "nil")")
    }
  }

  @Test func forms() {
    #expect(TimestampText.string(-1, .timestamp(precision: 3)) == "1969-12-31 23:59:59.999")
    #expect(TimestampText.string(1_582_979_696_789, .timestampLTZ(precision: 0)) == "2020-02-29 12:34:56")
    #expect(TimestampText.string(18_321, .date) == "2020-02-29")
    #expect(TimestampText.string(45_296_789, .time(precision: 2)) == "12:34:56.78")
    #expect(TimestampText.string(0, .int64) == nil)
    #expect(Array("07:08:09.5".utf8).withUnsafeBytes { TimestampText.parseTime($0, unit: .millis) } == 25_689_500)
    #expect(Array("2020-02-29".utf8).withUnsafeBytes { TimestampText.parseDate($0) } == 18_321)
  }
}
