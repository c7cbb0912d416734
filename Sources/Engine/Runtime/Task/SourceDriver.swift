import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillraceTypes

/// The splits of one source that one partition reads: which may be read next, their watermarks, their late rows.
///
/// A split that has had no row for the idle timeout follows the clocks of the others (`SourceClocks.followed`) instead of holding them
/// up. It never goes back: rows that come after all and are older are late.
final class SourceDriver {
  /// What a driver is told beside its splits.
  struct Settings {
    var watermarks = WatermarkSettings()
    /// nil for never.
    var idleTimeoutMicros: Int64?
    /// Shortest time between two watermarks that go on.
    var intervalMicros: Int64?
    var circle = 0
    /// Rows that may be read ahead of the floor of the circle; nil for any number.
    var rowsAheadMax: Int?
    /// Rows per second of this partition.
    var pace: Double?
  }

  /// An idle split is asked this often whether it has something.
  private static let pollMicros: Int64 = 5000

  /// Under what its positions are kept in checkpoints.
  let stateID: String
  /// Node in the physical plan.
  let node: Int
  private(set) var splits: [SourceSplitState]
  private(set) var lateRowCount: Int64
  private let lateRows: (any Sink)?
  private let settings: Settings
  private let clocks: SourceClocks
  private let clock: any WallClock
  /// The schedule kept so far.
  private var pacedRows = 0.0
  private var pacedSince: Int64?
  private var announcedMicros: Int64?
  /// Batches that were ahead of the floor when it was last looked at: the split's clock after each, and its rows.
  private var ahead: [(watermark: EventTime, rows: Int)] = []
  private var aheadRows = 0
  private var aheadFloor = EventTime.beginning
  private var groupFloor: (value: EventTime, atMicros: Int64)?

  init(
    stateID: String, node: Int, splits: [SourceSplitState], lateRowCount: Int64, lateRows: (any Sink)?, settings: Settings,
    hasEventTime: Bool, clocks: SourceClocks, clock: any WallClock
  ) {
    self.stateID = stateID
    self.node = node
    self.splits = splits
    self.lateRowCount = lateRowCount
    self.lateRows = lateRows
    self.settings = settings
    self.clocks = clocks
    self.clock = clock
    guard hasEventTime else { return }
    for index in splits.indices {
      self.splits[index].slot = clocks.add(
        circle: settings.circle, group: settings.watermarks.alignment?.group, watermark: splits[index].watermark,
        isEnded: splits[index].isEnded)
    }
  }

  var isEnded: Bool { splits.allSatisfy(\.isEnded) }

  /// Event time is complete below this in all that is still to come.
  var watermark: EventTime { splits.reduce(EventTime.end) { min($0, $1.isEnded ? .end : $1.watermark) } }

  /// The watermark to pass on now, if it is above the one that has been.
  func announcement(over last: EventTime) -> EventTime? {
    let watermark = watermark
    guard watermark > last else { return nil }
    if watermark != .end, let interval = settings.intervalMicros {
      let now = clock.monotonicMicros
      if let before = announcedMicros, now - before < interval { return nil }
      announcedMicros = now
    }
    return watermark
  }

  /// Whether `follow` has to be called now and then.
  var followsClock: Bool { settings.idleTimeoutMicros != nil || settings.intervalMicros != nil }

  /// Moves the idle splits on with the others.
  func follow() {
    guard splits.contains(where: \.isIdle) else { return }
    let time = clocks.followed(circle: settings.circle)
    for index in splits.indices where splits[index].isIdle && splits[index].watermark < time {
      splits[index].watermark = time
      splits[index].followed = time
      if let slot = splits[index].slot { clocks.moved(slot, to: time, isIdle: true) }
    }
  }

  /// Splits that may be read now, for a driver that chooses among them.
  func readableSplits() -> [Int] {
    let open = splits.indices.filter { !splits[$0].isEnded }
    guard let first = open.first, splits[first].slot != nil else { return open }
    let floor = clocks.floor(circle: settings.circle)
    let limit = settings.watermarks.alignment.map { Self.sum(groupFloor($0), $0.maxDriftMicros) }
    let isFull = isAhead(of: floor)
    return open.filter { index in
      if splits[index].isIdle { return true }
      if let limit, splits[index].watermark > limit { return false }
      return !isFull || splits[index].watermark <= floor
    }
  }

  private func groupFloor(_ alignment: WatermarkSettings.Alignment) -> EventTime {
    let now = alignment.updateMicros > 0 ? clock.monotonicMicros : 0
    if alignment.updateMicros > 0, let known = groupFloor, now - known.atMicros < alignment.updateMicros { return known.value }
    let value = clocks.floor(group: alignment.group)
    groupFloor = (value, now)
    return value
  }

  private static func sum(_ time: EventTime, _ micros: Int64) -> EventTime {
    let (sum, overflow) = time.addingReportingOverflow(micros)
    return overflow ? .end : sum
  }

  /// Whether as many rows as may be were read ahead of the floor.
  private func isAhead(of floor: EventTime) -> Bool {
    guard let limit = settings.rowsAheadMax, aheadRows >= limit else { return false }
    if floor == aheadFloor { return true }
    aheadFloor = floor
    ahead.removeAll { $0.watermark <= floor }
    aheadRows = ahead.reduce(0) { $0 + $1.rows }
    return aheadRows >= limit
  }

  /// Microseconds until the split should be read: 0 when it is due now. For the pace, and for a split that had nothing just now.
  func delayMicros(_ split: Int, now: Int64) -> Int64 {
    if splits[split].quietSinceMicros != nil {
      let delay = splits[split].lastReadMicros + Self.pollMicros - now
      if delay > 0 { return delay }
    }
    guard let pace = settings.pace else { return 0 }
    guard let since = pacedSince else {
      pacedSince = now
      return 0
    }
    let due = since + Int64(pacedRows / pace * 1_000_000)
    return max(0, due - now)
  }

  /// Most rows to read at once: few from a paced source, so that it stays smooth.
  func rowLimit(_ batchRows: Int) -> Int {
    if settings.watermarks.emission == .perRow { return 1 }
    return settings.pace.map { min(batchRows, max(1, Int($0 / 20))) } ?? batchRows
  }

  /// Reads one batch of a split. Late rows are counted, routed and left out.
  func read(_ index: Int, maxRows: Int) throws(MillraceError) -> Batch? {
    switch try splits[index].reader?.next(maxRows: maxRows) ?? .end {
    case .idle:
      foundNothing(index)
      return nil
    case .end:
      splits[index].isEnded = true
      splits[index].isIdle = false
      // Its clock stays what it was: idle splits may follow it, but not to the end of time.
      if let slot = splits[index].slot { clocks.ended(slot) }
      return nil
    case .batch(let batch, let watermark):
      let floor = splits[index].followed
      splits[index].quietSinceMicros = nil
      splits[index].isIdle = false
      splits[index].watermark = max(splits[index].watermark, watermark)
      if watermark >= floor { splits[index].followed = .beginning }
      if let slot = splits[index].slot {
        clocks.moved(slot, to: splits[index].watermark, isIdle: false)
        if settings.rowsAheadMax != nil {
          ahead.append((splits[index].watermark, batch.rowCount))
          aheadRows += batch.rowCount
        }
      }
      pacedRows += Double(batch.rowCount)
      return try withoutLateRows(batch, below: floor)
    }
  }

  /// Idle is who had nothing at two reads that are the timeout apart, and nothing in between: a split that nobody reads has time.
  private func foundNothing(_ index: Int) {
    let now = clock.monotonicMicros
    splits[index].lastReadMicros = now
    guard let since = splits[index].quietSinceMicros else {
      splits[index].quietSinceMicros = now
      return
    }
    guard let timeout = settings.idleTimeoutMicros, !splits[index].isIdle, now - since >= timeout else { return }
    guard let slot = splits[index].slot else { return }
    splits[index].isIdle = true
    clocks.moved(slot, to: splits[index].watermark, isIdle: true)
  }

  /// - Parameter floor: rows of an instant before it are late, whatever the split's own clock says.
  private func withoutLateRows(_ batch: Batch, below floor: EventTime) throws(MillraceError) -> Batch {
    let times = floor == .beginning ? nil : batch.eventTimes?.pointer(Int64.self)
    guard times != nil || (batch.late.map { $0.setCount > 0 } ?? false) else { return batch }
    var onTime: [Int32] = []
    var tooLate: [Int32] = []
    for row in 0..<batch.rowCount {
      let isLate = (batch.late.map { $0[row] } ?? false) || (times.map { $0[row] < floor } ?? false)
      if isLate { tooLate.append(Int32(truncatingIfNeeded: row)) } else { onTime.append(Int32(truncatingIfNeeded: row)) }
    }
    guard !tooLate.isEmpty else { return batch }
    lateRowCount += Int64(tooLate.count)
    if let lateRows { try lateRows.write(tooLate.withUnsafeBufferPointer(batch.take)) }
    var kept = onTime.withUnsafeBufferPointer(batch.take)
    kept.late = nil
    return kept
  }

  func prepareLateRows(_ checkpoint: Int64) throws(MillraceError) -> [UInt8]? {
    guard let lateRows else { return nil }
    return try lateRows.prepareCheckpoint(checkpoint)
  }
  func commitLateRows(_ checkpoint: Int64) throws(MillraceError) { try lateRows?.commit(checkpoint) }
  func finish() throws(MillraceError) { try lateRows?.finish() }
  func abort() { lateRows?.abort() }
}

extension WallClock {
  var monotonicMicros: Int64 { Int64(truncatingIfNeeded: monotonicNanos / 1000) }
}
