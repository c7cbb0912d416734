/// Event time inside the engine: microseconds since 1970-01-01T00:00:00, whatever the precision of the column it came from.
///
/// A watermark W promises that no further row has an event time below W; a row whose event time is below its stamp is late.
public typealias EventTime = Int64

extension EventTime {
  /// The watermark before anything is known.
  public static let beginning = Int64.min
  /// The watermark after the end of bounded input: everything may fire.
  public static let end = Int64.max
}
