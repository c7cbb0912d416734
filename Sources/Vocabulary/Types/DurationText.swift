/// Durations as Flink's options write them.
public enum DurationText {
  /// Microseconds of a number and a unit: `10 s`, `500 ms`, `1 min`, `2 h`, `1 d`; milliseconds when there is none. nil for other text
  /// and beyond 64 bits.
  public static func micros(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits) else { return nil }
    let factor: Int64
    switch text.dropFirst(digits.count).filter({ $0 != " " }).lowercased() {
    case "us", "micro", "micros", "microsecond", "microseconds": factor = 1
    case "", "ms", "milli", "millis", "millisecond", "milliseconds": factor = 1000
    case "s", "sec", "secs", "second", "seconds": factor = 1_000_000
    case "m", "min", "mins", "minute", "minutes": factor = 60_000_000
    case "h", "hour", "hours": factor = 3_600_000_000
    case "d", "day", "days": factor = 86_400_000_000
    default: return nil
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }
}
