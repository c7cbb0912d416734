import MillraceColumns
import MillraceConnectors
import MillraceTypes

/// The splits of one source that one partition reads: which to read next, their watermarks, their late rows.
final class SourceDriver {
  struct SplitState {
    let split: SourceSplit
    /// nil once the split has ended in an earlier life of the job.
    private(set) var reader: (any SourceReader)?
    var watermark = EventTime.beginning
    var isEnded = false

    /// Opens a split, where a checkpoint left it if there is one.
    init(
      _ split: SourceSplit, saved: [UInt8]?, open: ([UInt8]?) throws(MillraceError) -> any SourceReader
    ) throws(MillraceError) {
      self.split = split
      guard let saved else {
        reader = try open(nil)
        return
      }
      var stored = ByteReader(saved)
      watermark = try stored.readInt64()
      isEnded = try stored.readUInt8() != 0
      let position = try stored.readBlock()
      if !isEnded { reader = try open(position) }
    }

    /// What a checkpoint keeps of it.
    var saved: [UInt8] {
      var out = ByteWriter()
      out.write(watermark)
      out.write(isEnded ? UInt8(1) : 0)
      out.write(block: isEnded ? [] : reader?.position ?? [])
      return out.bytes
    }
  }

  /// Under what its positions are kept in checkpoints.
  let stateID: String
  /// Node in the physical plan.
  let node: Int
  private(set) var splits: [SplitState]
  private(set) var lateRowCount: Int64
  private let lateRows: (any Sink)?
  /// Rows per second of this partition, and the schedule kept so far.
  private let pace: Double?
  private var pacedRows = 0.0
  private var pacedSince: Int64?

  init(stateID: String, node: Int, splits: [SplitState], lateRowCount: Int64, lateRows: (any Sink)?, pace: Double?) {
    self.stateID = stateID
    self.node = node
    self.splits = splits
    self.lateRowCount = lateRowCount
    self.lateRows = lateRows
    self.pace = pace
  }

  var isEnded: Bool { splits.allSatisfy(\.isEnded) }

  /// Event time is complete below this in all that is still to come.
  var watermark: EventTime { splits.reduce(EventTime.end) { min($0, $1.isEnded ? .end : $1.watermark) } }

  /// The split that is furthest behind in event time.
  var nextSplit: Int? {
    var best: Int?
    for (index, state) in splits.enumerated() where !state.isEnded {
      if let current = best, splits[current].watermark <= state.watermark { continue }
      best = index
    }
    return best
  }

  /// Splits that can still be read, for a driver that chooses among them.
  var openSplits: [Int] { splits.indices.filter { !splits[$0].isEnded } }

  /// Microseconds until the pace allows another row; 0 when it may be read now.
  func delayMicros(now: Int64) -> Int64 {
    guard let pace else { return 0 }
    guard let since = pacedSince else {
      pacedSince = now
      return 0
    }
    let due = since + Int64(pacedRows / pace * 1_000_000)
    return max(0, due - now)
  }

  /// Most rows to read at once so that a paced source stays smooth.
  func rowLimit(_ batchRows: Int) -> Int { pace.map { min(batchRows, max(1, Int($0 / 20))) } ?? batchRows }

  /// Reads one batch of a split. Late rows are counted, routed and left out.
  func read(_ index: Int, maxRows: Int) throws(MillraceError) -> Batch? {
    switch try splits[index].reader?.next(maxRows: maxRows) ?? .end {
    case .idle: return nil
    case .end:
      splits[index].isEnded = true
      splits[index].watermark = .end
      return nil
    case .batch(let batch, let watermark):
      splits[index].watermark = max(splits[index].watermark, watermark)
      pacedRows += Double(batch.rowCount)
      return try withoutLateRows(batch)
    }
  }

  private func withoutLateRows(_ batch: Batch) throws(MillraceError) -> Batch {
    guard let late = batch.late, late.setCount > 0 else { return batch }
    var onTime: [Int32] = []
    var tooLate: [Int32] = []
    for row in 0..<batch.rowCount {
      if late[row] { tooLate.append(Int32(truncatingIfNeeded: row)) } else { onTime.append(Int32(truncatingIfNeeded: row)) }
    }
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
