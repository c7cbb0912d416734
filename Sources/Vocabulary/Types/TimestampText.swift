/// Dates, times and timestamps as text: the one place that reads and writes them, for CAST and for every format.
///
/// Read: `YYYY-MM-DD`, `HH:MM[:SS[.f]]`, and both joined by a blank or `T`, the time being optional; month, day and hour may have
/// one digit; up to nine (or more, ignored) fraction digits; a zone `Z`, `UTC`, `+hh`, `+hhmm` or `+hh:mm` at the end. Blanks
/// around the text are ignored. Nothing allocates.
public enum TimestampText {
  /// What was read: ticks since 1970-01-01T00:00:00, moved to UTC when there was a zone. Fraction digits beyond the unit are cut.
  public struct Instant: Sendable, Hashable {
    public var ticks: Int64
    public var hasZone: Bool
    public init(ticks: Int64, hasZone: Bool) {
      self.ticks = ticks
      self.hasZone = hasZone
    }
  }

  /// Reads a timestamp; nil when the text is none or does not fit the unit.
  public static func parseTimestamp(_ text: UnsafeRawBufferPointer, unit: TimeUnit) -> Instant? {
    var scanner = Scanner(text)
    guard let date = scanner.date() else { return nil }
    var seconds = Int64(date.days) &* 86_400
    var fraction: Int64 = 0
    var hasZone = false
    if scanner.skip(UInt8(ascii: "T")) || scanner.skip(UInt8(ascii: "t")) || scanner.skipBlanks() {
      guard let time = scanner.time() else { return nil }
      seconds &+= time.seconds
      fraction = time.nanos
      _ = scanner.skipBlanks()
      if !scanner.isAtEnd {
        guard let offset = scanner.zone() else { return nil }
        seconds &-= offset
        hasZone = true
      }
    }
    guard scanner.isAtEnd else { return nil }
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: unit.perSecond)
    guard !overflow else { return nil }
    let (ticks, carries) = whole.addingReportingOverflow(fraction / (1_000_000_000 / unit.perSecond))
    return carries ? nil : Instant(ticks: ticks, hasZone: hasZone)
  }

  /// Reads a date as days since 1970-01-01; a time after it is allowed and dropped.
  public static func parseDate(_ text: UnsafeRawBufferPointer) -> Int32? {
    var scanner = Scanner(text)
    guard let date = scanner.date() else { return nil }
    if scanner.isAtEnd { return Int32(truncatingIfNeeded: date.days) }
    return parseTimestamp(text, unit: .millis).map { Int32(truncatingIfNeeded: floorDivide($0.ticks, 86_400_000)) }
  }

  /// Reads a time of day as ticks since midnight.
  public static func parseTime(_ text: UnsafeRawBufferPointer, unit: TimeUnit) -> Int64? {
    var scanner = Scanner(text)
    guard let time = scanner.time(), scanner.isAtEnd else { return nil }
    return time.seconds &* unit.perSecond &+ time.nanos / (1_000_000_000 / unit.perSecond)
  }

  /// Room that any of the writers may need.
  public static let byteCountMax = 48

  /// Writes `YYYY-MM-DD` and returns its length. Years beyond 9999 take more digits, years before 0 a sign.
  @discardableResult
  public static func write(date days: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let date = CivilDate(days: days)
    var at = 0
    var year = date.year
    if year < 0 {
      out[0] = UInt8(ascii: "-")
      at = 1
      year = -year
    }
    var width = 4
    var limit = 10_000
    while year >= limit {
      width &+= 1
      limit = limit &* 10
    }
    at = write(year, width: width, to: out, at: at)
    out[at] = UInt8(ascii: "-")
    at = write(date.month, width: 2, to: out, at: at &+ 1)
    out[at] = UInt8(ascii: "-")
    return write(date.day, width: 2, to: out, at: at &+ 1)
  }

  /// Writes `HH:MM:SS` and, for a precision above 0, that many fraction digits; returns its length.
  @discardableResult
  public static func write(time ticks: Int64, precision: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let unit = TimeUnit(precision: precision)
    let seconds = Int(ticks / unit.perSecond)
    var at = write(seconds / 3_600, width: 2, to: out, at: 0)
    out[at] = UInt8(ascii: ":")
    at = write(seconds / 60 % 60, width: 2, to: out, at: at &+ 1)
    out[at] = UInt8(ascii: ":")
    at = write(seconds % 60, width: 2, to: out, at: at &+ 1)
    guard precision > 0 else { return at }
    var fraction = Int(ticks % unit.perSecond)
    for _ in precision..<unit.digits { fraction /= 10 }
    out[at] = UInt8(ascii: ".")
    return write(fraction, width: precision, to: out, at: at &+ 1)
  }

  /// Writes a date, the separator, a time, and `Z` if asked for; returns its length.
  @discardableResult
  public static func write(
    timestamp ticks: Int64, precision: Int, separator: UInt8 = UInt8(ascii: " "), zone: Bool = false,
    to out: UnsafeMutablePointer<UInt8>
  ) -> Int {
    let day = 86_400 * TimeUnit(precision: precision).perSecond
    var at = write(date: Int(floorDivide(ticks, day)), to: out)
    out[at] = separator
    at &+= 1
    at &+= write(time: floorRemainder(ticks, day), precision: precision, to: out + at)
    if zone {
      out[at] = UInt8(ascii: "Z")
      at &+= 1
    }
    return at
  }

  /// A value of a date, time or timestamp type as SQL text; nil for other types.
  public static func string(_ value: Int64, _ type: DataType) -> String? {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: byteCountMax) { buffer in
      guard let out = buffer.baseAddress else { return nil }
      let count: Int
      switch type {
      case .date: count = write(date: Int(value), to: out)
      case .time(let p): count = write(time: value, precision: p, to: out)
      case .timestamp(let p), .timestampLTZ(let p): count = write(timestamp: value, precision: p, to: out)
      default: return nil
      }
      return String(decoding: UnsafeBufferPointer(start: out, count: count), as: UTF8.self)
    }
  }

  private static func write(_ value: Int, width: Int, to out: UnsafeMutablePointer<UInt8>, at: Int) -> Int {
    var rest = value
    var i = at &+ width
    while i > at {
      i &-= 1
      out[i] = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
      rest /= 10
    }
    return at &+ width
  }
}

extension TimeUnit {
  /// Fraction digits of one second: 3, 6 or 9.
  public var digits: Int {
    switch self {
    case .millis: 3
    case .micros: 6
    case .nanos: 9
    }
  }
}

/// Reads the parts from the left. Bounds are checked on every step: the text comes from outside.
private struct Scanner {
  private let bytes: UnsafeRawBufferPointer
  private var at: Int
  private let end: Int

  init(_ text: UnsafeRawBufferPointer) {
    bytes = text
    var start = 0
    var stop = text.count
    while start < stop && text[start] <= 32 { start &+= 1 }
    while stop > start && text[stop &- 1] <= 32 { stop &-= 1 }
    at = start
    end = stop
  }

  var isAtEnd: Bool { at == end }

  mutating func skip(_ byte: UInt8) -> Bool {
    guard at < end, bytes[at] == byte else { return false }
    at &+= 1
    return true
  }

  mutating func skipBlanks() -> Bool {
    let start = at
    while at < end && bytes[at] == 32 { at &+= 1 }
    return at > start
  }

  private mutating func number(digits: ClosedRange<Int>) -> Int? {
    var value = 0
    let start = at
    while at < end, at &- start < digits.upperBound {
      let digit = bytes[at] &- 48
      if digit > 9 { break }
      value = value &* 10 &+ Int(digit)
      at &+= 1
    }
    return at &- start >= digits.lowerBound ? value : nil
  }

  mutating func date() -> CivilDate? {
    guard let year = number(digits: 4...6), skip(45), let month = number(digits: 1...2), skip(45), let day = number(digits: 1...2)
    else { return nil }
    let date = CivilDate(year: year, month: month, day: day)
    return date.isValid ? date : nil
  }

  mutating func time() -> (seconds: Int64, nanos: Int64)? {
    guard let hour = number(digits: 1...2), hour < 24, skip(58), let minute = number(digits: 2...2), minute < 60 else { return nil }
    var second = 0
    var nanos: Int64 = 0
    if skip(58) {
      guard let value = number(digits: 2...2), value < 60 else { return nil }
      second = value
      if skip(46) {
        let start = at
        var scale: Int64 = 100_000_000
        while at < end {
          let digit = bytes[at] &- 48
          if digit > 9 { break }
          nanos &+= Int64(digit) &* scale
          scale /= 10
          at &+= 1
        }
        if at == start { return nil }
      }
    }
    return (Int64(hour &* 3_600 &+ minute &* 60 &+ second), nanos)
  }

  /// The offset from UTC in seconds.
  mutating func zone() -> Int64? {
    if skip(UInt8(ascii: "Z")) || skip(UInt8(ascii: "z")) { return 0 }
    if skip(UInt8(ascii: "U")) { return skip(UInt8(ascii: "T")) && skip(UInt8(ascii: "C")) ? 0 : nil }
    let sign: Int64
    if skip(43) { sign = 1 } else if skip(45) { sign = -1 } else { return nil }
    guard let hours = number(digits: 2...2), hours <= 18 else { return nil }
    var minutes = 0
    if !isAtEnd {
      _ = skip(58)
      guard let value = number(digits: 2...2), value < 60 else { return nil }
      minutes = value
    }
    return sign &* Int64(hours &* 3_600 &+ minutes &* 60)
  }
}
