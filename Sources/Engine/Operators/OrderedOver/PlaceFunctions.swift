import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Functions whose result is the value of some row: a slot holds that row's number, -1 for none.
class RowFunction: FrameFunction {
  /// Takes the default of the row itself.
  static let ownDefault: Int32 = -2
  fileprivate let found = DenseArray<Int32>(fill: -1)
  fileprivate let argument: Int
  fileprivate let filter: Int?
  fileprivate let mask = DenseArray<UInt8>(fill: 0, capacity: 16)

  fileprivate init(call: Int, argument: Int, filter: Int? = nil) {
    self.argument = argument
    self.filter = filter
    super.init(calls: [call])
  }

  override var heldBytes: Int { found.heldBytes + mask.heldBytes }

  override func growSlots(to bound: Int) { found.grow(to: bound) }

  override func results(_ slots: [Int32], rows: [Int32], _ store: RowStore) throws(MillraceError) -> [Column] {
    store.gather(slots.map { max(-1, found.base[Int($0)]) }, columns: [argument])
  }

  override func compact(
    keeping live: [Int32], map: UnsafePointer<Int32>, slots: [Int32], _ store: RowStore
  ) throws(MillraceError) {
    for slot in slots where found.base[Int(slot)] >= 0 { found.base[Int(slot)] = map[Int(found.base[Int(slot)])] }
    if mask.capacity > (live.last.map(Int.init) ?? 0) {
      for (row, old) in live.enumerated() { mask.base[row] = mask.base[Int(old)] }
    }
  }
}

/// FIRST_VALUE and LAST_VALUE: of the rows whose value is not null.
final class EdgeFunction: RowFunction {
  private let isLast: Bool
  override var canResume: Bool { true }

  init(call: Int, argument: Int, filter: Int?, isLast: Bool) {
    self.isLast = isLast
    super.init(call: call, argument: argument, filter: filter)
  }

  override func append(_ fresh: OrderedRows.Fresh) { RowMask.fill(mask, fresh.first, fresh.rows, argument: argument, filter: filter) }

  override func evaluate(_ run: FrameRun, _ entries: OrderedEntries) {
    if run.exclusion != nil { return evaluateOneByOne(run) }
    let mask = mask.base
    if run.previousSlot >= 0 {
      var best = found.base[Int(run.previousSlot)]
      var at = run.previousEnd
      for i in 0..<run.range.count {
        while at < Int(run.ends[i]) {
          if mask[Int(run.row(at))] != 0, isLast || best < 0 { best = run.row(at) }
          at += 1
        }
        found.base[Int(run.slots[i])] = best
      }
      return
    }
    // The first that counts at or after the start only moves on; so does the last before the end.
    var first = Int(run.starts[0])
    var last = -1
    var at = first
    for i in 0..<run.range.count {
      let (start, end) = (Int(run.starts[i]), Int(run.ends[i]))
      if isLast {
        at = max(at, start)
        while at < end {
          if mask[Int(run.row(at))] != 0 { last = at }
          at += 1
        }
        found.base[Int(run.slots[i])] = last >= start && last < end ? run.row(last) : -1
      } else {
        first = max(first, start)
        while first < end && mask[Int(run.row(first))] == 0 { first += 1 }
        found.base[Int(run.slots[i])] = first < end ? run.row(first) : -1
      }
    }
  }

  private func evaluateOneByOne(_ run: FrameRun) {
    for i in 0..<run.range.count {
      let frame = Int(run.starts[i])..<Int(run.ends[i])
      func counts(_ position: Int) -> Bool { run.counts(position, for: i) && mask.base[Int(run.row(position))] != 0 }
      let position = isLast ? frame.last(where: counts) : frame.first(where: counts)
      found.base[Int(run.slots[i])] = position.map { run.row($0) } ?? -1
    }
  }
}

/// NTH_VALUE: of all rows of the frame.
final class NthFunction: RowFunction {
  private let place: Int

  init(call: Int, argument: Int, place: Int64) {
    self.place = Int(clamping: place)
    super.init(call: call, argument: argument)
  }

  override func evaluate(_ run: FrameRun, _ entries: OrderedEntries) {
    for i in 0..<run.range.count {
      let (start, end) = (Int(run.starts[i]), Int(run.ends[i]))
      var result: Int32 = -1
      if run.exclusion == nil {
        if place <= end - start { result = run.row(start + place - 1) }
      } else {
        var left = place
        for position in start..<end where run.counts(position, for: i) {
          left -= 1
          if left == 0 {
            result = run.row(position)
            break
          }
        }
      }
      found.base[Int(run.slots[i])] = result
    }
  }
}

/// MIN and MAX over frames: the rows that may still become the best one, best first.
final class ExtremeFunction: RowFunction {
  private let type: DataType
  private let isMax: Bool
  private let hasImages: Bool
  /// Values as numbers of the same order.
  private let images = DenseArray<Int64>(fill: 0, capacity: 16)
  /// Values of other types in their canonical encoding.
  private var encoded = ColumnStore(.bytes)
  private let widening = WideningBuffer()
  /// Positions in the frame, the best first, each followed by the best of those after it.
  private let candidates = DenseArray<Int32>(fill: 0)
  override var heldBytes: Int { super.heldBytes + images.heldBytes + encoded.heldBytes }
  override var canResume: Bool { true }

  init(call: Int, argument: Int, filter: Int?, type: DataType, isMax: Bool) {
    self.type = type
    self.isMax = isMax
    hasImages = FixedExtremeAccumulator.accepts(type)
    super.init(call: call, argument: argument, filter: filter)
  }

  override func append(_ fresh: OrderedRows.Fresh) {
    RowMask.fill(mask, fresh.first, fresh.rows, argument: argument, filter: filter)
    let column = fresh.rows.columns[argument]
    guard hasImages else { return encoded.append(KeyEncoder.encode([column], rowCount: column.count)) }
    images.grow(to: fresh.first + column.count)
    let out = images.base + fresh.first
    if type.isFloating {
      let values = widening.doubles(column)
      for i in 0..<column.count { out[i] = Int64(bitPattern: KeyEncoder.orderedBits(values[i]) ^ (1 << 63)) }
    } else {
      out.update(from: widening.integers(column), count: column.count)
    }
    withExtendedLifetime(column) {}
  }

  /// Whether row `a` is a better result than `b`, or as good.
  @inline(__always) private func isAtLeast(_ a: Int32, _ b: Int32) -> Bool {
    if hasImages {
      let (x, y) = (images.base[Int(a)], images.base[Int(b)])
      return isMax ? x >= y : x <= y
    }
    let order = ByteOrder.compare(encoded.slot(Int(a)), encoded.slot(Int(b)))
    return isMax ? order >= 0 : order <= 0
  }

  override func evaluate(_ run: FrameRun, _ entries: OrderedEntries) {
    if run.previousSlot >= 0 { return evaluateResuming(run) }
    if run.exclusion != nil { return evaluateOneByOne(run) }
    candidates.grow(to: Int(run.ends[run.range.count - 1]) - Int(run.starts[0]) + 1)
    let list = candidates.base
    var (first, count) = (0, 0)
    var high = Int(run.starts[0])
    for i in 0..<run.range.count {
      let (start, end) = (Int(run.starts[i]), Int(run.ends[i]))
      high = max(high, start)
      while high < end {
        let row = run.row(high)
        if mask.base[Int(row)] != 0 {
          while count > first && isAtLeast(row, run.row(Int(list[count - 1]))) { count -= 1 }
          list[count] = Int32(truncatingIfNeeded: high)
          count += 1
        }
        high += 1
      }
      while first < count && Int(list[first]) < start { first += 1 }
      found.base[Int(run.slots[i])] = first < count ? run.row(Int(list[first])) : -1
    }
  }

  private func evaluateResuming(_ run: FrameRun) {
    var best = found.base[Int(run.previousSlot)]
    var at = run.previousEnd
    for i in 0..<run.range.count {
      while at < Int(run.ends[i]) {
        take(run.row(at), &best)
        at += 1
      }
      found.base[Int(run.slots[i])] = best
    }
  }

  private func evaluateOneByOne(_ run: FrameRun) {
    for i in 0..<run.range.count {
      var best: Int32 = -1
      for position in Int(run.starts[i])..<Int(run.ends[i]) where run.counts(position, for: i) { take(run.row(position), &best) }
      found.base[Int(run.slots[i])] = best
    }
  }

  @inline(__always) private func take(_ row: Int32, _ best: inout Int32) {
    if mask.base[Int(row)] != 0, best < 0 || isAtLeast(row, best) { best = row }
  }

  override func compact(
    keeping live: [Int32], map: UnsafePointer<Int32>, slots: [Int32], _ store: RowStore
  ) throws(MillraceError) {
    try super.compact(keeping: live, map: map, slots: slots, store)
    if hasImages {
      for (row, old) in live.enumerated() { images.base[row] = images.base[Int(old)] }
    } else {
      let kept = live.withUnsafeBufferPointer { encoded.gather($0, hasMissing: false) }
      encoded = ColumnStore(.bytes)
      encoded.append(kept)
    }
  }
}

/// LAG and LEAD.
final class ShiftFunction: RowFunction {
  /// Below zero: rows before.
  private let distance: Int
  private let defaultColumn: Int?

  init(call: Int, argument: Int, defaultColumn: Int?, distance: Int) {
    self.distance = distance
    self.defaultColumn = defaultColumn
    super.init(call: call, argument: argument)
  }

  override func evaluate(_ run: FrameRun, _ entries: OrderedEntries) {
    for (i, position) in run.range.enumerated() {
      let (at, overflow) = position.addingReportingOverflow(distance)
      found.base[Int(run.slots[i])] = !overflow && at >= 0 && at < run.total ? entries[at].row : Self.ownDefault
    }
  }

  override func results(_ slots: [Int32], rows: [Int32], _ store: RowStore) throws(MillraceError) -> [Column] {
    let values = try super.results(slots, rows: rows, store)
    guard let defaultColumn else { return values }
    let isOwn = slots.map { found.base[Int($0)] == Self.ownDefault }
    guard isOwn.contains(true) else { return values }
    let defaults = store.gather(rows, columns: [defaultColumn])[0]
    let both = Column.concat([values[0], defaults], type: defaults.type)
    let places = slots.indices.map { Int32(truncatingIfNeeded: isOwn[$0] ? slots.count + $0 : $0) }
    return [places.withUnsafeBufferPointer(both.take)]
  }
}

/// NTILE, PERCENT_RANK and CUME_DIST: what depends on the place in the whole partition.
final class PartitionPlaceFunction: FrameFunction {
  private let function: OrderedOver.Function
  private let rows: OrderedRows
  /// The number, or the bits of a double.
  private let values = DenseArray<Int64>(fill: 0)

  init(call: Int, _ function: OrderedOver.Function, rows: OrderedRows) {
    self.function = function
    self.rows = rows
    super.init(calls: [call])
  }

  override var heldBytes: Int { values.heldBytes }

  override func growSlots(to bound: Int) { values.grow(to: bound) }

  override func evaluate(_ run: FrameRun, _ entries: OrderedEntries) {
    var peers = 0..<0
    for (i, position) in run.range.enumerated() {
      let value: Int64
      if case .ntile(let parts) = function {
        value = Self.part(position, of: run.total, parts: Int(clamping: parts))
      } else {
        if !peers.contains(position) { peers = rows.peersStart(position, entries)..<rows.peersEnd(position, entries) }
        let share: Double
        if function == .cumeDist {
          share = Double(peers.upperBound) / Double(run.total)
        } else {
          share = run.total > 1 ? Double(peers.lowerBound) / Double(run.total - 1) : 0
        }
        value = Int64(bitPattern: share.bitPattern)
      }
      values.base[Int(run.slots[i])] = value
    }
  }

  /// The first parts have a row more where rows do not divide evenly.
  static func part(_ position: Int, of total: Int, parts: Int) -> Int64 {
    let (size, rest) = total.quotientAndRemainder(dividingBy: parts)
    let large = rest * (size + 1)
    if position < large { return Int64(position / (size + 1)) + 1 }
    return Int64(rest + (position - large) / max(1, size)) + 1
  }

  override func results(_ slots: [Int32], rows: [Int32], _ store: RowStore) throws(MillraceError) -> [Column] {
    let type: DataType = if case .ntile = function { .int64 } else { .float64 }
    return [.int64s(slots.map { values.base[Int($0)] }, type: type)]
  }
}
