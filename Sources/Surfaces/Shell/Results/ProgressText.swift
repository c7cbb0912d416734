import MillraceRuntime
import MillraceServer
import MillraceTypes

/// What is said of a running job: rows, events per second of late, watermark and how far it is behind the clock.
struct ProgressText {
  private var samples: [(elapsed: Int64, rows: Int64)] = []
  private static let windowNanos: Int64 = 2_000_000_000

  /// - Parameter nowMicros: the time of day.
  mutating func line(_ statistics: JobStatistics, nowMicros: Int64) -> String {
    samples.append((statistics.elapsedNanos, statistics.rowsRead))
    while samples.count > 2, samples[1].elapsed < statistics.elapsedNanos - Self.windowNanos { samples.removeFirst() }
    let first = samples[0]
    let seconds = Double(statistics.elapsedNanos - first.elapsed) / 1e9
    let rate = seconds > 0 ? Double(statistics.rowsRead - first.rows) / seconds : 0
    var text = "\(StatisticsText.grouped(statistics.rowsRead)) events, \(StatisticsText.grouped(Int64(rate)))/s"
    text += ", \(StatisticsText.duration(statistics.elapsedNanos))"
    if statistics.watermark != .end, statistics.watermark != .beginning {
      text += ", watermark \(StatisticsText.watermark(statistics.watermark))"
      let lag = nowMicros.subtractingReportingOverflow(statistics.watermark)
      // Of history the lag says nothing.
      if !lag.overflow, lag.partialValue >= 0, lag.partialValue < 86_400_000_000 {
        text += " (\(StatisticsText.duration(lag.partialValue * 1000)) behind)"
      }
    }
    return text
  }
}
