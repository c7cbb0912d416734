import MillraceColumns
import MillraceTypes

/// Entering and asking rows of one branch in the total order, gathered before they run.
final class SlidingStepList {
  private let keyArray = DenseArray<Int32>(fill: 0, capacity: 4096)
  private let timeArray = DenseArray<Int64>(fill: 0, capacity: 4096)
  private let rowArray = DenseArray<Int32>(fill: 0, capacity: 4096)
  private(set) var count = 0

  func removeAll() { count = 0 }

  /// Makes room for `more` steps; `enter` and `ask` need it.
  func reserve(_ more: Int) {
    keyArray.grow(to: count + more)
    timeArray.grow(to: count + more)
    rowArray.grow(to: count + more)
  }

  @inline(__always) func enter(_ key: Int32, time: Int64, row: Int) {
    keyArray.base[count] = key
    timeArray.base[count] = time
    rowArray.base[count] = Int32(truncatingIfNeeded: row)
    count &+= 1
  }

  @inline(__always) func ask(_ key: Int32, time: Int64, place: Int) {
    keyArray.base[count] = key
    timeArray.base[count] = time
    rowArray.base[count] = ~Int32(truncatingIfNeeded: place)
    count &+= 1
  }

  var steps: SlidingSteps {
    SlidingSteps(count: count, keys: keyArray.base, marks: timeArray.base, rows: rowArray.base)
  }
}

/// The state of sliding windows: an index of keys, and per branch the lanes of its aggregates.
///
/// Owned by one operator. Keys are forgotten when their last entry has left the longest window; that changes no value, because a
/// key without entries answers as an unknown one does.
final class SlidingState {
  let index: KeyIndex
  let branches: [SlidingLanes]
  /// Whether keys can be forgotten: windows of time only.
  private let forgets: Bool
  private let longestMicros: Int64
  private let ordinals: [DenseArray<Int64>]
  private let ordinalMarks = DenseArray<Int64>(fill: 0)
  private let alive = DenseArray<UInt8>(fill: 0)
  private var sweepNext = 0
  private var sweptTo = EventTime.beginning
  private var grownTo = 0

  init(keyTypes: [DataType], branches: [[SlidingCall]], maxParallelism: Int) throws(MillraceError) {
    index = KeyIndex(types: keyTypes, maxParallelism: maxParallelism)
    var lanes: [SlidingLanes] = []
    for calls in branches { lanes.append(try SlidingLanes(calls)) }
    self.branches = lanes
    forgets = lanes.allSatisfy { !$0.isEndless }
    longestMicros = lanes.compactMap(\.longestMicros).max() ?? 0
    ordinals = lanes.map { _ in DenseArray<Int64>(fill: 0) }
  }

  /// Keys that have something.
  var keyCount: Int { index.count }

  var size: StateSize {
    let own = index.heldBytes + ordinals.reduce(ordinalMarks.heldBytes + alive.heldBytes) { $0 + $1.heldBytes }
    return StateSize(keys: keyCount, bytes: branches.reduce(own) { $0 + $1.heldBytes })
  }

  /// Ids of keys of entering rows; new ones are taken in.
  func enterKeys(_ keys: [Column], rowCount: Int, into ids: UnsafeMutablePointer<Int32>) {
    index.ids(of: keys, rowCount: rowCount, into: ids, insert: true)
    grow(to: index.idBound)
    for i in 0..<rowCount { alive.base[Int(ids[i])] = 1 }
  }

  /// Ids of keys of asking rows, -1 for unknown ones.
  func findKeys(_ keys: [Column], rowCount: Int, into ids: UnsafeMutablePointer<Int32>) {
    index.ids(of: keys, rowCount: rowCount, into: ids, insert: false)
  }

  private func grow(to bound: Int) {
    guard bound > grownTo else { return }
    grownTo = max(bound, grownTo * 2, 64)
    alive.grow(to: grownTo)
    for (branch, lanes) in branches.enumerated() {
      lanes.grow(to: grownTo)
      if lanes.countsRows { ordinals[branch].grow(to: grownTo) }
    }
  }

  /// Runs the steps of a branch and gives one column per aggregate, `askCount` rows each.
  func run(_ branch: Int, _ list: SlidingStepList, askCount: Int) -> [Column] {
    let lanes = branches[branch]
    let times = list.steps
    var counted = times
    if lanes.countsRows {
      ordinalMarks.grow(to: times.count)
      let marks = ordinalMarks.base
      let next = ordinals[branch].base
      for step in 0..<times.count {
        let key = Int(times.keys[step])
        marks[step] = key < 0 ? 0 : next[key]
        if times.rows[step] >= 0 { next[key] &+= 1 }
      }
      counted.marks = UnsafePointer(marks)
    }
    lanes.run(times: times, ordinals: counted, askCount: askCount)
    return askCount == 0 ? [] : lanes.results.map { $0.finish() }
  }

  /// Copies what one branch has of a key to a spare id outside the index; `discardCopy` gives it up.
  func copy(_ branch: Int, of key: Int32) throws(MillraceError) -> Int32 {
    let spare = Int32(truncatingIfNeeded: index.idBound)
    grow(to: index.idBound + 1)
    var writer = ByteWriter()
    branches[branch].write(key, into: &writer)
    var reader = ByteReader(writer.bytes)
    try branches[branch].read(spare, from: &reader)
    if branches[branch].countsRows { ordinals[branch][Int(spare)] = ordinals[branch][Int(key)] }
    return spare
  }

  func discardCopy(_ branch: Int, _ spare: Int32) {
    branches[branch].clear(spare)
    if branches[branch].countsRows { ordinals[branch][Int(spare)] = 0 }
  }

  // MARK: time

  /// Event time is complete below `watermark`: drops what has left every window, a share of the keys at a time.
  ///
  /// All keys are visited once while time moves by a quarter of the longest window, so what is held stays within 1.25 windows
  /// (and the slack of growing memory), silent keys included, and an entry costs few visits in its life.
  func advance(to watermark: EventTime) {
    guard longestMicros > 0 || forgets, watermark > sweptTo, watermark != .end else { return }
    let bound = index.idBound
    guard bound > 0 else {
      sweptTo = watermark
      return
    }
    var visits = bound
    if sweptTo != .beginning {
      let elapsed = Double(watermark) - Double(sweptTo)
      let share = elapsed / max(1, Double(longestMicros) / 4)
      if share < 1 {
        visits = Int(share * Double(bound))
        if visits < min(bound, 16) { return }
      }
    }
    sweptTo = watermark
    var forgotten: [Int32] = []
    for _ in 0..<visits {
      if sweepNext >= bound { sweepNext = 0 }
      let key = Int32(truncatingIfNeeded: sweepNext)
      sweepNext += 1
      guard alive[Int(key)] != 0 else { continue }
      var isEmpty = true
      for lanes in branches where !lanes.sweep(key, now: watermark) { isEmpty = false }
      if isEmpty && forgets { forgotten.append(key) }
    }
    forget(forgotten)
  }

  private func forget(_ keys: [Int32]) {
    for key in keys { alive[Int(key)] = 0 }
    index.remove(keys)
  }

  // MARK: snapshots

  /// Ids by key group; a state without keys is all in group 0.
  func idsByKeyGroup() -> [(keyGroup: Int, ids: [Int32])] {
    if index.types.isEmpty { return index.count == 0 ? [] : [(0, index.allIDs())] }
    return index.idsByKeyGroup()
  }

  func write(_ ids: [Int32], into writer: inout ByteWriter) {
    index.writeKeys(ids, into: &writer)
    for id in ids {
      for (branch, lanes) in branches.enumerated() {
        if lanes.countsRows { writer.write(ordinals[branch][Int(id)]) }
        lanes.write(id, into: &writer)
      }
    }
  }

  func read(from reader: inout ByteReader) throws(MillraceError) {
    let before = index.count
    let ids = try index.readKeys(&reader)
    guard index.count == before + ids.count else { throw SlidingComponent.damaged("a key is there twice") }
    grow(to: index.idBound)
    for id in ids {
      alive[Int(id)] = 1
      for (branch, lanes) in branches.enumerated() {
        if lanes.countsRows {
          let ordinal = try reader.readInt64()
          guard ordinal >= 0 else { throw SlidingComponent.damaged("an ordinal") }
          ordinals[branch][Int(id)] = ordinal
        }
        try lanes.read(id, from: &reader)
      }
    }
  }
}
