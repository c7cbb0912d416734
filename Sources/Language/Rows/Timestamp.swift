import MillraceTypes

/// An instant in microseconds since 1970-01-01T00:00:00 UTC: `TIMESTAMP_LTZ(6)`, and what event time is made of.
public struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
  public var micros: Int64

  @inlinable public init(micros: Int64) { self.micros = micros }
  public init(millis: Int64) { micros = millis &* 1000 }

  /// Reads `2024-01-01 00:00:00`, with `T` or a blank, with or without fractions of a second; nil when it is none. UTC.
  public init?(_ text: String) {
    var text = text
    guard let instant = text.withUTF8({ TimestampText.parseTimestamp(UnsafeRawBufferPointer($0), unit: .micros) }) else { return nil }
    micros = instant.ticks
  }

  @inlinable public static func < (a: Timestamp, b: Timestamp) -> Bool { a.micros < b.micros }

  /// Saturates at the ends of time.
  @inlinable public static func + (time: Timestamp, span: Duration) -> Timestamp {
    let (sum, overflow) = time.micros.addingReportingOverflow(span.micros)
    return Timestamp(micros: overflow ? (span.micros < 0 ? .min : .max) : sum)
  }

  @inlinable public static func - (time: Timestamp, span: Duration) -> Timestamp {
    let (difference, overflow) = time.micros.subtractingReportingOverflow(span.micros)
    return Timestamp(micros: overflow ? (span.micros < 0 ? .max : .min) : difference)
  }

  /// From `b` to `a`.
  @inlinable public static func - (a: Timestamp, b: Timestamp) -> Duration { .microseconds(a.micros &- b.micros) }

  /// The last multiple of a span (counted from 1970 plus `offset`) at or before this instant; the instant itself for a span of zero.
  @inlinable public func floored(to span: Duration, offset: Duration = .zero) -> Timestamp {
    let width = span.micros
    guard width > 0 else { return self }
    let rest = (micros &- offset.micros) % width
    return Timestamp(micros: micros &- (rest < 0 ? rest &+ width : rest))
  }
}

extension Timestamp: CustomStringConvertible {
  public var description: String { TimestampText.string(micros, .timestampLTZ(precision: 6)) ?? "\(micros) us" }
}

extension Duration {
  /// Whole microseconds, rounded towards zero; saturates.
  @inlinable public var micros: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (sum, overflows) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000)
    return overflows ? (seconds < 0 ? .min : .max) : sum
  }

  public static func minutes(_ count: some BinaryInteger) -> Duration { .seconds(Int64(count) * 60) }
  public static func hours(_ count: some BinaryInteger) -> Duration { .seconds(Int64(count) * 3600) }
  /// Of 24 hours.
  public static func days(_ count: some BinaryInteger) -> Duration { .seconds(Int64(count) * 86_400) }
}
