import MillraceColumns
import MillraceTypes
import Synchronization

/// The result of a running query as it is now: rows that came less those that went, in the order they came. A row that takes the place
/// of one that went (`-U` directly followed by `+U`) stands where that stood.
///
/// Filled by the threads of the job, read by the one that draws.
final class LiveResult: Sendable {
  private struct State {
    /// By encoded row: the places of its copies.
    var places: [[UInt8]: [Int]] = [:]
    /// Rows gone before they came, by encoded row. Changes of several partitions may come in any order.
    var owed: [[UInt8]: Int] = [:]
    /// Encoded rows by place, from `first` on; nil where a row went.
    var rows: [[UInt8]?] = []
    var first = 0
    var liveCount = 0
    /// Rows that came, ever, and rows dropped from the front because there are too many.
    var arrived: Int64 = 0
    var dropped: Int64 = 0
  }

  let schema: Schema
  /// More rows than this are not kept: the oldest go.
  let rowsMax: Int
  private let state = Mutex(State())

  init(schema: Schema, rowsMax: Int) {
    self.schema = schema
    self.rowsMax = max(1, rowsMax)
  }

  /// Takes changes.
  func add(_ batch: Batch) {
    guard batch.rowCount > 0 else { return }
    let encoded = KeyEncoder.encode(batch.columns, rowCount: batch.rowCount)
    let weights = batch.weights
    state.withLock { state in
      let (offsets, bytes) = encoded.variable
      let w = weights?.pointer(Int64.self)
      // The place that a retraction has just left, for the insertion right behind it.
      var vacant: Int?
      for row in 0..<batch.rowCount {
        let start = Int(offsets[row])
        let key = Array(UnsafeBufferPointer(start: bytes + start, count: Int(offsets[row + 1]) - start))
        let weight = w?[row] ?? 1
        if weight < 0 {
          for _ in 0..<weight.magnitude { vacant = Self.remove(key, &state) }
        } else {
          for _ in 0..<weight {
            Self.insert(key, at: vacant, &state)
            vacant = nil
          }
        }
      }
      trim(&state)
    }
    withExtendedLifetime((encoded, weights)) {}
  }

  /// Returns the place that became free.
  private static func remove(_ key: [UInt8], _ state: inout State) -> Int? {
    guard let place = state.places[key]?.popLast() else {
      // It may have been dropped from the front.
      if state.dropped == 0 { state.owed[key, default: 0] += 1 }
      return nil
    }
    if state.places[key]?.isEmpty ?? false { state.places[key] = nil }
    state.rows[place - state.first] = nil
    state.liveCount -= 1
    return place
  }

  private static func insert(_ key: [UInt8], at vacant: Int?, _ state: inout State) {
    state.arrived += 1
    if let owed = state.owed[key] {
      state.owed[key] = owed > 1 ? owed - 1 : nil
      return
    }
    state.liveCount += 1
    if let vacant, vacant >= state.first {
      state.rows[vacant - state.first] = key
      state.places[key, default: []].append(vacant)
    } else {
      state.places[key, default: []].append(state.first + state.rows.count)
      state.rows.append(key)
    }
  }

  private func trim(_ state: inout State) {
    var skipped = 0
    while state.liveCount > rowsMax, skipped < state.rows.count {
      if let key = state.rows[skipped] {
        let place = state.first + skipped
        state.places[key]?.removeAll { $0 == place }
        if state.places[key]?.isEmpty ?? false { state.places[key] = nil }
        state.liveCount -= 1
        state.dropped += 1
      }
      skipped += 1
    }
    while skipped < state.rows.count, state.rows[skipped] == nil { skipped += 1 }
    if skipped > 0 {
      state.rows.removeFirst(skipped)
      state.first += skipped
    }
    // Gaps in the middle are closed when they are most of it.
    if state.rows.count > 1024, state.liveCount * 4 < state.rows.count {
      state.rows.removeAll { $0 == nil }
      state.places = [:]
      for (index, key) in state.rows.enumerated() { if let key { state.places[key, default: []].append(state.first + index) } }
    }
  }

  /// What is to be shown.
  struct View: Sendable {
    /// The last rows, encoded, in order.
    var last: [[UInt8]]
    /// Rows of the whole result.
    var rowCount: Int
    var arrived: Int64
    var dropped: Int64
  }

  func view(last count: Int) -> View {
    state.withLock { state in
      var last: [[UInt8]] = []
      for row in state.rows.reversed() {
        guard last.count < count else { break }
        if let row { last.append(row) }
      }
      return View(last: last.reversed(), rowCount: state.liveCount, arrived: state.arrived, dropped: state.dropped)
    }
  }
}
