import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// COUNT, SUM, AVG, VAR and STDDEV over frames: a state that rows enter and leave as the frame moves on, copied for every row.
///
/// States are those of `AggregateTable`, one group per slot; group 0 is the moving one. Sums are exact, so a state does not
/// depend on how it was reached.
final class SlidingAggregates: FrameFunction {
  /// What a row adds to a state.
  private enum Kind {
    /// COUNT(*): the number of rows, which the table knows.
    case rows
    case count
    case integers(counts: Bool)
    case wide
    case decimals
    case floats(ExactFloatState)
  }

  private final class Lane {
    let kind: Kind
    let accumulator: Accumulator
    let argument: Int?
    let filter: Int?
    /// Non-zero for rows that count.
    let mask = DenseArray<UInt8>(fill: 0)
    /// Values as integers, or the bits of doubles.
    let numbers = DenseArray<Int64>(fill: 0, capacity: 16)
    let decimals = DenseArray<Int128>(fill: 0, capacity: 16)
    let distinct: DistinctCodes?
    let widening = WideningBuffer()

    init(kind: Kind, accumulator: Accumulator, argument: Int?, filter: Int?, isDistinct: Bool) {
      self.kind = kind
      self.accumulator = accumulator
      self.argument = argument
      self.filter = filter
      distinct = isDistinct ? DistinctCodes() : nil
    }
  }

  /// Which aggregates can be computed so: not MIN and MAX, which `ExtremeFunction` does, nor sketches.
  static func accepts(_ call: AggregateCall) -> Bool {
    switch call.function {
    case .count, .countStar, .stddevPop, .stddevSamp, .varPop, .varSamp: true
    case .sum, .avg: call.arguments.first?.type.isNumeric ?? false
    default: false
    }
  }

  private let table: AggregateTable
  private let lanes: [Lane]
  private let isDistinct: Bool
  override var canResume: Bool { !isDistinct }
  override var heldBytes: Int { table.heldBytes }

  /// - Parameters:
  ///   - aggregates: all DISTINCT or none.
  ///   - columns: per aggregate the stored columns of its argument and filter.
  init(calls: [Int], _ aggregates: [AggregateCall], columns: [(argument: Int?, filter: Int?)]) throws(MillraceError) {
    isDistinct = aggregates.contains(where: \.isDistinct)
    table = try AggregateTable(
      AggregateLayout(
        calls: aggregates.map {
          var plain = $0
          plain.isDistinct = false
          return plain
        }, retracts: false))
    var lanes: [Lane] = []
    for ((aggregate, columns), accumulator) in zip(zip(aggregates, columns), table.accumulators) {
      let kind: Kind
      switch accumulator {
      case let sum as IntegerSumAccumulator: kind = .integers(counts: sum.counts)
      case is WideIntegerAccumulator: kind = aggregate.arguments.first?.type.isDecimal == true ? .decimals : .wide
      case let sum as FloatSumAccumulator: kind = .floats(sum.sums)
      case let sum as VarianceAccumulator: kind = .floats(sum.sums)
      case is RowCountAccumulator: kind = .rows
      default: kind = .count
      }
      lanes.append(
        Lane(
          kind: kind, accumulator: accumulator, argument: columns.argument, filter: columns.filter, isDistinct: aggregate.isDistinct))
    }
    self.lanes = lanes
    super.init(calls: calls)
    table.grow(to: 1)
  }

  // MARK: rows

  override func append(_ fresh: OrderedRows.Fresh) {
    let (first, rows) = (fresh.first, fresh.rows)
    for lane in lanes {
      if case .rows = lane.kind { continue }
      RowMask.fill(lane.mask, first, rows, argument: lane.argument, filter: lane.filter)
      guard let column = lane.argument.map({ rows.columns[$0] }) else { continue }
      lane.distinct?.append(column, from: first)
      guard case .fixed = column.values else { continue }
      let end = first + rows.rowCount
      switch lane.kind {
      case .rows, .count: break
      case .decimals:
        lane.decimals.grow(to: end)
        (lane.decimals.base + first).update(from: column.pointer(Int128.self), count: rows.rowCount)
      case .integers, .wide:
        lane.numbers.grow(to: end)
        (lane.numbers.base + first).update(from: lane.widening.integers(column), count: rows.rowCount)
      case .floats:
        lane.numbers.grow(to: end)
        let values = lane.widening.doubles(column)
        for i in 0..<rows.rowCount { lane.numbers.base[first + i] = Int64(bitPattern: values[i].bitPattern) }
      }
      withExtendedLifetime(column) {}
    }
  }

  override func growSlots(to bound: Int) { table.grow(to: bound) }
  override func release(_ slots: [Int32]) { table.clear(slots) }
  override func results(_ slots: [Int32], rows: [Int32], _ store: RowStore) throws(MillraceError) -> [Column] { try table.results(slots) }

  override func compact(keeping live: [Int32], map: UnsafePointer<Int32>, slots: [Int32], _ store: RowStore) {
    for lane in lanes {
      for (row, old) in live.enumerated() {
        if case .rows = lane.kind { break }
        lane.mask.base[row] = lane.mask.base[Int(old)]
        if case .decimals = lane.kind {
          lane.decimals.base[row] = lane.decimals.base[Int(old)]
        } else if lane.numbers.capacity > Int(old) {
          lane.numbers.base[row] = lane.numbers.base[Int(old)]
        }
      }
      lane.distinct?.compact(keeping: live)
    }
  }

  // MARK: moving

  override func evaluate(_ run: FrameRun, _ entries: OrderedEntries) {
    let rows = table.rows
    for i in 0..<run.range.count { rows.row(run.slots[i], 0)[0] = Int64(run.size(i)) }
    for lane in lanes {
      if let distinct = lane.distinct {
        evaluate(run, lane, distinct)
      } else {
        evaluate(run, lane)
      }
    }
  }

  private func evaluate(_ run: FrameRun, _ lane: Lane) {
    let offset = lane.accumulator.offset
    let moving = table.rows.row(0, offset)
    let mask = UnsafePointer(lane.mask.base)
    let numbers = UnsafePointer(lane.numbers.base)
    switch lane.kind {
    case .rows: break
    case .count: slideWords(run, lane, 1) { row, weight in if mask[Int(row)] != 0 { moving[0] &+= weight } }
    case .integers(let counts):
      if counts {
        slideWords(run, lane, 2) { row, weight in
          guard mask[Int(row)] != 0 else { return }
          moving[0] &+= numbers[Int(row)] &* weight
          moving[1] &+= weight
        }
      } else {
        slideWords(run, lane, 1) { row, weight in moving[0] &+= numbers[Int(row)] &* weight }
      }
    case .wide:
      slideWords(run, lane, 4) { row, weight in
        guard mask[Int(row)] != 0 else { return }
        WideIntegerAccumulator.add(Int128(numbers[Int(row)]), negative: weight < 0, to: moving)
        moving[3] &+= weight
      }
    default: slideStates(run, lane) { row, weight in Self.move(lane, row, weight, moving) }
    }
  }

  /// Adds a row to the moving state or takes it away.
  @inline(__always)
  private static func move(_ lane: Lane, _ row: Int32, _ weight: Int64, _ moving: UnsafeMutablePointer<Int64>) {
    let at = Int(row)
    guard lane.mask.base[at] != 0 else { return }
    switch lane.kind {
    case .rows: break
    case .count: moving[0] &+= weight
    case .integers(let counts):
      moving[0] &+= lane.numbers.base[at] &* weight
      if counts { moving[1] &+= weight }
    case .wide:
      WideIntegerAccumulator.add(Int128(lane.numbers.base[at]), negative: weight < 0, to: moving)
      moving[3] &+= weight
    case .decimals:
      WideIntegerAccumulator.add(lane.decimals.base[at], negative: weight < 0, to: moving)
      moving[3] &+= weight
    case .floats(let sums):
      sums.store.add(Double(bitPattern: UInt64(bitPattern: lane.numbers.base[at])), weight: weight, to: moving)
      moving[sums.countWord] &+= weight
    }
  }

  /// A value enters with its first row and leaves with its last.
  private func evaluate(_ run: FrameRun, _ lane: Lane, _ distinct: DistinctCodes) {
    let moving = table.rows.row(0, lane.accumulator.offset)
    distinct.reset()
    slideStates(run, lane, willReset: { distinct.reset() }) { row, weight in
      guard lane.mask.base[Int(row)] != 0 else { return }
      if distinct.count(row, weight) { Self.move(lane, row, weight, moving) }
    }
  }

  /// States that are plain words.
  @inline(__always)
  private func slideWords(_ run: FrameRun, _ lane: Lane, _ wordCount: Int, _ shift: (Int32, Int64) -> Void) {
    let (rows, offset) = (table.rows, lane.accumulator.offset)
    let moving = rows.row(0, offset)
    run.slide {
      for w in 0..<wordCount { moving[w] = 0 }
    } resume: {
      let from = rows.row($0, offset)
      for w in 0..<wordCount { moving[w] = from[w] }
    } shift: {
      shift($0, $1)
    } save: {
      let to = rows.row($0, offset)
      for w in 0..<wordCount { to[w] = moving[w] }
    }
  }

  /// States that only their accumulator can copy.
  private func slideStates(_ run: FrameRun, _ lane: Lane, willReset: () -> Void = {}, _ shift: (Int32, Int64) -> Void) {
    let (rows, accumulator) = (table.rows, lane.accumulator)
    func copy(_ from: Int32, _ to: Int32) {
      withUnsafePointer(to: from) { from in
        withUnsafePointer(to: to) { to in
          // Adding two states of one kind cannot fail.
          try? accumulator.merge(rows, to, from: accumulator, rows, from, 1)
        }
      }
    }
    func reset() {
      willReset()
      withUnsafePointer(to: Int32(0)) { accumulator.clear(rows, $0, 1) }
    }
    run.slide {
      reset()
    } resume: {
      reset()
      copy($0, 0)
    } shift: {
      shift($0, $1)
    } save: {
      copy(0, $0)
    }
  }
}

extension FrameRun {
  /// Moves a state over the frames.
  ///
  /// - Parameters:
  ///   - reset: makes the state empty.
  ///   - resume: makes it that of a slot.
  ///   - shift: adds a row (1) or takes one away (-1).
  ///   - save: stores it in a slot.
  @inline(__always)
  func slide(reset: () -> Void, resume: (Int32) -> Void, shift: (Int32, Int64) -> Void, save: (Int32) -> Void) {
    var low = Int(starts[0])
    var high = low
    if previousSlot >= 0 {
      resume(previousSlot)
      (low, high) = (0, previousEnd)
    } else {
      reset()
    }
    for i in 0..<range.count {
      let (start, end) = (Int(starts[i]), Int(ends[i]))
      if start >= high {
        if low < high { reset() }
        (low, high) = (start, start)
      }
      while high < end {
        shift(row(high), 1)
        high &+= 1
      }
      while low < start {
        shift(row(low), -1)
        low &+= 1
      }
      guard let exclusion else {
        save(slots[i])
        continue
      }
      let current = range.lowerBound &+ i
      let out = Int(exclusion.starts[i])..<Int(exclusion.ends[i])
      for position in out where !(exclusion.keepsCurrent && position == current) { shift(row(position), -1) }
      save(slots[i])
      for position in out where !(exclusion.keepsCurrent && position == current) { shift(row(position), 1) }
    }
  }
}

/// Which rows an aggregate takes: those whose argument is not null and whose filter is true.
enum RowMask {
  static func fill(_ mask: DenseArray<UInt8>, _ first: Int, _ rows: Batch, argument: Int?, filter: Int?) {
    let n = rows.rowCount
    mask.grow(to: first + n)
    let out = mask.base + first
    out.update(repeating: 1, count: n)
    if let column = argument.map({ rows.columns[$0] }) {
      if case .none = column.values {
        out.update(repeating: 0, count: n)
      } else if let validity = column.validity {
        validity.unpack(into: out)
      }
    }
    guard let filter = filter.map({ rows.columns[$0] }) else { return }
    for i in 0..<n where out[i] != 0 {
      if filter.isNull(i) { out[i] = 0 } else if case .bits(let bits) = filter.values, !bits[i] { out[i] = 0 }
    }
  }
}

/// The values of an argument by number, and how often each is in the frame.
final class DistinctCodes {
  private let values = BytesKeyTable()
  private let codes = DenseArray<Int32>(fill: 0)
  private let counts = DenseArray<Int64>(fill: 0)
  /// Codes whose count may not be zero.
  private var used: [Int32] = []

  func append(_ column: Column, from first: Int) {
    codes.grow(to: first + column.count)
    values.lookUp(KeyEncoder.encode([column], rowCount: column.count), rowCount: column.count, into: codes.base + first, insert: true)
    counts.grow(to: Int(values.ids.bound))
  }

  func reset() {
    for code in used { counts.base[Int(code)] = 0 }
    used.removeAll(keepingCapacity: true)
  }

  /// Whether the value came with this row, or went.
  @inline(__always) func count(_ row: Int32, _ weight: Int64) -> Bool {
    let code = codes.base[Int(row)]
    let old = counts.base[Int(code)]
    let new = old &+ weight
    counts.base[Int(code)] = new
    if old == 0 { used.append(code) }
    return old == 0 || new == 0
  }

  func compact(keeping live: [Int32]) {
    reset()
    for (row, old) in live.enumerated() { codes.base[row] = codes.base[Int(old)] }
    var isLive = [Bool](repeating: false, count: Int(values.ids.bound))
    for row in live.indices { isLive[Int(codes.base[row])] = true }
    var gone: [Int32] = []
    values.forEachID { if !isLive[Int($0)] { gone.append($0) } }
    for id in gone { values.remove(id) }
  }
}
