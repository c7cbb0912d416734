import MillraceColumns
import MillracePlan
import MillraceTypes

/// The functions of an ordered OVER that share a frame, and where that frame begins and ends for a row.
final class FrameGroup {
  let frame: OrderedOver.Frame
  private let rows: OrderedRows
  let rangeKeys: RangeKeys?
  /// Functions that go on from the result of the row before, where the frame has no beginning.
  private let resuming: [FrameFunction]
  private let others: [FrameFunction]

  private let starts = DenseArray<Int32>(fill: 0)
  private let ends = DenseArray<Int32>(fill: 0)
  private let excludedStarts = DenseArray<Int32>(fill: 0)
  private let excludedEnds = DenseArray<Int32>(fill: 0)
  private let region = DenseArray<OrderedEntry>(fill: OrderedEntry(row: 0, slot: 0))

  init(_ frame: OrderedOver.Frame, rows: OrderedRows, rangeKeys: RangeKeys?, functions: [FrameFunction]) {
    self.frame = frame
    self.rows = rows
    self.rangeKeys = rangeKeys
    let mayResume = frame.start == .unboundedPreceding && frame.exclusion == nil
    resuming = functions.filter { mayResume && $0.canResume }
    others = functions.filter { !(mayResume && $0.canResume) }
  }

  // MARK: bounds

  /// The first position of the frame of a row.
  func start(of position: Int, _ entries: OrderedEntries) -> Int {
    let count = entries.count
    switch frame.start {
    case .unboundedPreceding: return 0
    case .unboundedFollowing: return count
    case .currentRow: return frame.isRange ? peersStart(position, entries) : position
    case .preceding(let distance):
      if frame.isRange { return bound(position, entries, distance, -1, orAt: false) ?? peersStart(position, entries) }
      return position - min(position, Self.rowCount(distance))
    case .following(let distance):
      if frame.isRange { return bound(position, entries, distance, 1, orAt: false) ?? peersStart(position, entries) }
      return position + min(count - position, Self.rowCount(distance))
    }
  }

  /// The position behind the frame of a row; not before its start.
  func end(of position: Int, _ entries: OrderedEntries) -> Int {
    let count = entries.count
    switch frame.end {
    case .unboundedPreceding: return 0
    case .unboundedFollowing: return count
    case .currentRow: return frame.isRange ? peersEnd(position, entries) : position + 1
    case .preceding(let distance):
      if frame.isRange { return bound(position, entries, distance, -1, orAt: true) ?? peersEnd(position, entries) }
      return position + 1 - min(position + 1, Self.rowCount(distance))
    case .following(let distance):
      if frame.isRange { return bound(position, entries, distance, 1, orAt: true) ?? peersEnd(position, entries) }
      return position + 1 + min(count - position - 1, Self.rowCount(distance))
    }
  }

  private static func rowCount(_ distance: OrderedOver.Distance) -> Int {
    if case .rows(let n) = distance { return Int(clamping: n) }
    return 0
  }

  /// The first position whose key is not below (or, with `orAt`, above) the row's moved by a distance; nil for a row without a
  /// number, whose frame are its peers.
  private func bound(
    _ position: Int, _ entries: OrderedEntries, _ distance: OrderedOver.Distance, _ sign: Int, orAt: Bool
  ) -> Int? {
    let row = entries[position].row
    guard let rangeKeys, rangeKeys.band(row) == 0 else { return nil }
    let number = rangeKeys.number(row, plus: distance, times: sign)
    return entries.firstPosition { rangeKeys.precedes($0, number, orAt: orAt) }
  }

  private func peersStart(_ position: Int, _ entries: OrderedEntries) -> Int { rows.peersStart(position, entries) }
  private func peersEnd(_ position: Int, _ entries: OrderedEntries) -> Int { rows.peersEnd(position, entries) }

  // MARK: what changes

  /// Positions whose frame is another after places were made at `position` (`count` above zero) or taken away there (zero).
  func affected(at position: Int, count added: Int, _ entries: OrderedEntries) -> Range<Int> {
    let count = entries.count
    if !frame.isRange {
      var (ahead, behind) = (0, 0)
      switch frame.start {
      case .unboundedPreceding: behind = count
      case .preceding(let distance): behind = Self.rowCount(distance)
      default: break
      }
      switch frame.end {
      case .unboundedFollowing: ahead = count
      case .following(let distance): ahead = Self.rowCount(distance)
      default: break
      }
      let low = position - min(position, ahead)
      return low..<(position + added + min(max(0, count - position - added), behind))
    }
    // Both bounds rise with the position.
    let last = position + max(added, 1) - 1
    let low = Self.first(count) { added > 0 ? end(of: $0, entries) > position : end(of: $0, entries) >= position }
    let high = Self.first(count) { start(of: $0, entries) > last }
    return min(low, high)..<high
  }

  /// The first position from which on a condition holds.
  private static func first(_ count: Int, _ holds: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if holds(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  // MARK: evaluating

  /// Computes the functions for a range of positions into the slots given for them. The position before the range, if there is
  /// one, has its results.
  func evaluate(_ range: Range<Int>, _ entries: OrderedEntries, slots: UnsafePointer<Int32>) {
    fillBounds(range, entries)
    var run = FrameRun(
      entries: UnsafePointer(region.base), base: 0, range: range, total: entries.count, slots: slots,
      starts: UnsafePointer(starts.base), ends: UnsafePointer(ends.base), exclusion: nil)
    if frame.exclusion != nil {
      run.exclusion = FrameRun.Exclusion(
        starts: UnsafePointer(excludedStarts.base), ends: UnsafePointer(excludedEnds.base), keepsCurrent: frame.exclusion == .ties)
    }
    let end = Int(ends.base[range.count - 1])
    if !resuming.isEmpty {
      var start = Int(starts.base[0])
      if range.lowerBound > 0 {
        run.previousSlot = entries[range.lowerBound - 1].slot
        run.previousEnd = self.end(of: range.lowerBound - 1, entries)
        start = run.previousEnd
      }
      load(&run, start..<max(start, end), entries)
      for function in resuming { function.evaluate(run, entries) }
      run.previousSlot = -1
    }
    if !others.isEmpty {
      let start = min(Int(starts.base[0]), end)
      load(&run, start..<end, entries)
      for function in others { function.evaluate(run, entries) }
    }
  }

  private func load(_ run: inout FrameRun, _ range: Range<Int>, _ entries: OrderedEntries) {
    region.grow(to: range.count)
    entries.copy(range, into: region.base)
    run.entries = UnsafePointer(region.base)
    run.base = range.lowerBound
  }

  private func fillBounds(_ range: Range<Int>, _ entries: OrderedEntries) {
    starts.grow(to: range.count)
    ends.grow(to: range.count)
    for (i, position) in range.enumerated() {
      let start = start(of: position, entries)
      starts.base[i] = Int32(truncatingIfNeeded: start)
      ends.base[i] = Int32(truncatingIfNeeded: max(start, end(of: position, entries)))
    }
    guard let exclusion = frame.exclusion else { return }
    excludedStarts.grow(to: range.count)
    excludedEnds.grow(to: range.count)
    for (i, position) in range.enumerated() {
      let peers =
        exclusion == .currentRow ? position..<(position + 1) : peersStart(position, entries)..<peersEnd(position, entries)
      // Within the frame, so that what is left out was taken in.
      let start = max(Int(starts.base[i]), min(peers.lowerBound, Int(ends.base[i])))
      excludedStarts.base[i] = Int32(truncatingIfNeeded: start)
      excludedEnds.base[i] = Int32(truncatingIfNeeded: max(start, min(peers.upperBound, Int(ends.base[i]))))
    }
  }
}

extension OrderedRows {
  func peersStart(_ position: Int, _ entries: OrderedEntries) -> Int {
    let row = entries[position].row
    return entries.firstPosition { compareKeys($0, row) < 0 }
  }

  func peersEnd(_ position: Int, _ entries: OrderedEntries) -> Int {
    let row = entries[position].row
    return entries.firstPosition { compareKeys($0, row) <= 0 }
  }
}

/// Positions to compute, with their frames.
struct FrameRun {
  /// What frames leave out: per position of `range` a part of its frame, but for the row itself where it stays.
  struct Exclusion {
    var starts: UnsafePointer<Int32>
    var ends: UnsafePointer<Int32>
    var keepsCurrent: Bool
  }

  /// Entries from position `base` on, as far as frames reach.
  var entries: UnsafePointer<OrderedEntry>
  var base: Int
  var range: Range<Int>
  /// Rows of the partition.
  var total: Int
  /// Where results go, per position of `range`.
  var slots: UnsafePointer<Int32>
  /// Frames, per position of `range`: rising, and no end is before its start.
  var starts: UnsafePointer<Int32>
  var ends: UnsafePointer<Int32>
  var exclusion: Exclusion?
  /// The results of the position before `range` and the end of its frame, for functions that go on from there; -1 for none.
  var previousSlot: Int32 = -1
  var previousEnd = 0

  @inline(__always) func row(_ position: Int) -> Int32 { entries[position &- base].row }

  /// Whether a position of the frame of the `i`-th row counts.
  @inline(__always) func counts(_ position: Int, for i: Int) -> Bool {
    guard let exclusion else { return true }
    guard position >= Int(exclusion.starts[i]), position < Int(exclusion.ends[i]) else { return true }
    return exclusion.keepsCurrent && position == range.lowerBound + i
  }

  /// Rows of the frame of the `i`-th row that count.
  func size(_ i: Int) -> Int {
    let all = Int(ends[i] &- starts[i])
    guard let exclusion else { return all }
    var out = Int(exclusion.ends[i] &- exclusion.starts[i])
    let current = range.lowerBound + i
    if exclusion.keepsCurrent, current >= Int(exclusion.starts[i]), current < Int(exclusion.ends[i]) { out -= 1 }
    return all - out
  }
}

/// One or more calls computed together. Results lie in slots; see `OrderedOverOperator`.
class FrameFunction {
  /// Positions of the calls among the operator's.
  let calls: [Int]
  /// The result of a row and the rows that its frame has beyond that of the row before make the next one.
  var canResume: Bool { false }

  init(calls: [Int]) { self.calls = calls }

  /// Bytes reserved for results and for what leads to them.
  var heldBytes: Int { 0 }
  /// Rows came into the store.
  func append(_ fresh: OrderedRows.Fresh) {}
  /// Makes slots below `bound` usable.
  func growSlots(to bound: Int) {}
  func evaluate(_ run: FrameRun, _ entries: OrderedEntries) {}
  /// One column per call: the results in slots.
  ///
  /// - Parameter rows: the row that each slot is of.
  func results(_ slots: [Int32], rows: [Int32], _ store: RowStore) throws(MillraceError) -> [Column] { [] }
  /// Slots that are used no more.
  func release(_ slots: [Int32]) {}
  /// Rows are renumbered: the i-th of `live` becomes row i, and `map` has the new number of each.
  ///
  /// - Parameter slots: those in use.
  func compact(keeping live: [Int32], map: UnsafePointer<Int32>, slots: [Int32], _ store: RowStore) throws(MillraceError) {}
}
