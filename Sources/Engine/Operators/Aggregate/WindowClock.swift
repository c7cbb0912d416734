import MillracePlan
import MillraceTypes

/// When windows are over, for operators whose rows say themselves which window they are in.
struct WindowClock {
  private let grid: WindowGrid?
  private let lagMicros: Int64
  /// About how far apart the ends of windows are.
  let stepMicros: Int64

  /// - Parameter lagMicros: see `WindowAttribute.lagMicros`.
  init(_ kind: WindowTable.Kind, lagMicros: Int64) throws(MillraceError) {
    self.lagMicros = lagMicros
    if case .session(let gap) = kind {
      grid = nil
      stepMicros = max(1, gap / 8)
    } else {
      let grid = try WindowGrid(kind)
      self.grid = grid
      stepMicros = grid.slide
    }
  }

  /// Windows that end here or earlier are complete; nil before anything is known.
  func bound(_ watermark: EventTime) -> Int64? {
    // The arithmetic must not run over the end of time.
    guard watermark > -(1 << 61) else { return nil }
    return watermark == .end ? watermark : watermark.subtractingReportingOverflow(lagMicros).partialValue
  }

  /// The watermark of what comes out, given that all windows up to the bound have come: the time of the next one's rows.
  func output(after bound: Int64) -> EventTime {
    if bound == .end { return .end }
    return (grid?.nextEnd(after: bound) ?? bound &+ 1) &- WindowAggregateOperator.endToTimeMicros
  }
}
