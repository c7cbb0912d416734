import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// COUNT, SUM, AVG, VAR, STDDEV and FIRST_VALUE over any windows of a lane.
///
/// Per key a ring of entries in order of marks: mark, the sums of everything before it (since the key began; wrapping, exact for
/// every difference), and where FIRST_VALUE asks, the value. A window is the difference of the totals and the sums at its first
/// entry, so its value does not depend on where the key began. First entries are found from where they were last time; those
/// cursors can be derived and are in no snapshot. Over an unbounded window there are totals only.
final class PrefixRing: SlidingComponent {
  enum Sums: UInt8 {
    case none, integer, wide, float, moments
    var wordCount: Int {
      switch self {
      case .none: 0
      case .integer: 1
      case .wide: 3
      case .float: ExactFloat.sumWords
      case .moments: ExactFloat.sumWords + ExactFloat.squareWords
      }
    }
  }

  /// Memory of a key: totals, cursors, entries. Positions count entries since the key began.
  struct Slot {
    var memory: UnsafeMutablePointer<Int64>?
    var first = 0
    var head = 0
    /// A power of two.
    var capacity = 0
  }

  /// A float that the narrow words cannot hold, at its position.
  struct Irregular {
    var position: Int
    var value: Double
  }

  let sums: Sums
  /// Of the values kept for FIRST_VALUE; `.none` when nobody asks.
  let kept: ValueForm
  let form: ValueForm
  let sumWords: Int
  let stride: Int
  let entriesOffset: Int
  let slots = DenseArray<Slot>(fill: Slot())
  let tails = DenseArray<Int>(fill: 0)
  let floats = DenseArray<Double>(fill: 0)
  let differences = DenseArray<UInt64>(fill: 0, capacity: 32)
  let zeros = DenseArray<Int64>(fill: 0, capacity: 32)
  private let needsFloats: Bool
  /// Which windows need their float sum.
  private let floatLengths: [Bool]
  /// Keys that have seen irregular floats; in order of position. Over unbounded windows folded into `irregularTotals`.
  var irregulars: [Int32: [Irregular]] = [:]
  var irregularTotals: [Int32: WideFloatSum] = [:]
  let decimalScales: [Int128]

  /// - Parameter decimalDigits: per output the digits that a decimal average has more than its argument.
  init(
    form: ValueForm, sums: Sums, keepsValues: Bool, lengths: [Int64], outputs: [SlidingOutput], decimalDigits: [Int]
  ) {
    self.form = form
    self.sums = sums
    kept = keepsValues ? form : .none
    sumWords = sums.wordCount
    stride = 1 + sums.wordCount + (keepsValues ? form.wordCount : 0)
    entriesOffset = sums.wordCount + lengths.count
    needsFloats = outputs.contains { $0.function == .floatSum || $0.function == .floatAverage }
    var wanted = [Bool](repeating: false, count: max(1, lengths.count))
    for output in outputs where output.function == .floatSum || output.function == .floatAverage { wanted[output.length] = true }
    floatLengths = wanted
    decimalScales = decimalDigits.map { (0..<$0).reduce(Int128(1)) { n, _ in n * 10 } }
    super.init(lengths: lengths, outputs: outputs)
    tails.grow(to: lengths.count + 1)
    floats.grow(to: lengths.count + 1)
  }

  deinit { for key in 0..<slots.capacity { clear(Int32(key)) } }

  override var heldBytes: Int {
    var total = slots.heldBytes
    for key in 0..<slots.capacity {
      let slot = slots.base[key]
      guard let memory = slot.memory else { continue }
      total += (entriesOffset + slot.capacity * stride) * 8
      guard kept == .bytes else { continue }
      let value = entriesOffset + 1 + sumWords
      for at in slot.first..<slot.head { total += Blob.heldBytes(memory[value + (at & (slot.capacity - 1)) * stride]) }
    }
    total += irregulars.values.reduce(0) { $0 + $1.heldSlots }
    return irregularTotals.values.reduce(total) { $0 + $1.heldBytes }
  }

  override func grow(to bound: Int) { slots.grow(to: bound) }

  override func run(_ steps: SlidingSteps, _ rows: LaneRows) {
    aim()
    let slots = slots.base
    for step in 0..<steps.count {
      let ahead = step &+ 6
      if ahead < steps.count, steps.keys[ahead] >= 0 {
        let slot = slots + Int(steps.keys[ahead])
        if let memory = slot.pointee.memory {
          millrace_prefetch(memory)
          millrace_prefetch_write(memory + (entriesOffset &+ (slot.pointee.head & (slot.pointee.capacity &- 1)) &* stride))
        }
      }
      let far = step &+ 12
      if far < steps.count, steps.keys[far] >= 0 { millrace_prefetch(slots + Int(steps.keys[far])) }
      let key = steps.keys[step]
      let row = Int(steps.rows[step])
      if row >= 0 {
        if rows.enters(row) { add(key, slots + Int(key), steps.marks[step], rows, row) }
      } else if key >= 0, slots[Int(key)].memory != nil {
        ask(key, slots + Int(key), steps.marks[step], ~row)
      } else {
        emitNothing(~row)
      }
    }
  }

  @inline(__always) private func add(
    _ key: Int32, _ slot: UnsafeMutablePointer<Slot>, _ mark: Int64, _ rows: LaneRows, _ row: Int
  ) {
    if isUnbounded {
      if slot.pointee.memory == nil { allocate(slot, capacity: 0) }
    } else if slot.pointee.head &- slot.pointee.first == slot.pointee.capacity {
      makeRoom(key, slot, mark)
    }
    guard let memory = slot.pointee.memory else { return }
    if !isUnbounded {
      let entry = memory + (entriesOffset &+ (slot.pointee.head & (slot.pointee.capacity &- 1)) &* stride)
      entry[0] = mark
      for w in 0..<sumWords { entry[w &+ 1] = memory[w] }
      if kept != .none { StoredValue.store(rows, row, entry + (sumWords &+ 1)) }
    }
    switch sums {
    case .none: break
    case .integer: memory[0] = memory[0] &+ rows.words[row]
    case .wide: addWide(form == .wide ? rows.wides[row] : Int128(rows.words[row]), to: memory)
    case .float:
      let value = Double(bitPattern: UInt64(bitPattern: rows.words[row]))
      if let (magnitude, position) = ExactFloat.split(value, highest: ExactFloat.highestForSums) {
        ExactFloat.add(magnitude, position: position, negative: value < 0, to: memory)
      } else {
        addIrregular(key, slot.pointee.head, value)
      }
    case .moments:
      let value = Double(bitPattern: UInt64(bitPattern: rows.words[row]))
      if let (magnitude, position) = ExactFloat.split(value, highest: ExactFloat.highestForSquares) {
        ExactFloat.addWithSquare(magnitude, position: position, isNegative: value < 0, weight: 1, to: memory)
      } else {
        addIrregular(key, slot.pointee.head, value)
      }
    }
    slot.pointee.head &+= 1
  }

  @inline(__always) private func addWide(_ value: Int128, to memory: UnsafeMutablePointer<Int64>) {
    let sum = UInt128(UInt64(bitPattern: memory[0])) | UInt128(UInt64(bitPattern: memory[1])) << 64
    let (low, carry) = sum.addingReportingOverflow(UInt128(bitPattern: value))
    memory[0] = Int64(truncatingIfNeeded: low)
    memory[1] = Int64(truncatingIfNeeded: low >> 64)
    memory[2] = memory[2] &+ (value < 0 ? -1 : 0) &+ (carry ? 1 : 0)
  }

  private func addIrregular(_ key: Int32, _ position: Int, _ value: Double) {
    if isUnbounded {
      irregularTotals[key, default: WideFloatSum(squares: sums == .moments)].add(value)
    } else {
      irregulars[key, default: []].append(Irregular(position: position, value: value))
    }
  }

  // MARK: asking

  @inline(__always) private func ask(_ key: Int32, _ slot: UnsafeMutablePointer<Slot>, _ now: Int64, _ row: Int) {
    guard let memory = slot.pointee.memory else { return }
    let head = slot.pointee.head
    let tails = tails.base
    if isUnbounded {
      tails[0] = 0
    } else {
      let first = slot.pointee.first
      let mask = slot.pointee.capacity &- 1
      let cursors = memory + sumWords
      let entries = memory + entriesOffset
      for index in 0..<lengths.count {
        let bound = Self.bound(now, lengths[index])
        var at = max(Int(cursors[index]), first)
        if at < head && entries[(at & mask) &* stride] < bound { at = gallop(entries, mask, at, head, bound) }
        cursors[index] = Int64(at)
        tails[index] = at
      }
    }
    if needsFloats { sumFloats(key, memory, slot.pointee.capacity &- 1, head) }
    for index in 0..<outputs.count {
      let target = targets[index]
      let tail = tails[target.length]
      let count = head &- tail
      if target.function == .count {
        target.set(Int64(count), row)
        continue
      }
      guard count > 0 else {
        emitNull(target, row)
        continue
      }
      let entry = isUnbounded ? zeros.base : memory + (entriesOffset &+ (tail & (slot.pointee.capacity &- 1)) &* stride)
      switch target.function {
      case .integerSum: target.set(memory[0] &- entry[1], row)
      case .floatSum: target.set(float: floats[target.length], row)
      case .floatAverage: target.set(float: floats[target.length] / Double(count), row)
      case .first: emit(stored: entry + (1 &+ sumWords), target, row)
      default: emitRare(key, target, memory, entry + 1, tail: tail, count: Int64(count), row)
      }
    }
  }

  /// First position after `at`, which is too early, whose mark is at or above `bound`; `head` when there is none.
  @inline(__always) private func gallop(
    _ entries: UnsafeMutablePointer<Int64>, _ mask: Int, _ at: Int, _ head: Int, _ bound: Int64
  ) -> Int {
    var low = at &+ 1
    var probe = low
    var step = 1
    while probe < head && entries[(probe & mask) &* stride] < bound {
      low = probe &+ 1
      probe = probe &+ step
      step = step &* 2
    }
    // Everything below `low` is too early; what stands at `high` is not.
    var high = min(probe, head)
    while low < high {
      let middle = (low &+ high) >> 1
      if entries[(middle & mask) &* stride] < bound { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  @inline(__always) private func sumFloats(_ key: Int32, _ memory: UnsafeMutablePointer<Int64>, _ mask: Int, _ head: Int) {
    for index in 0..<floatLengths.count where floatLengths[index] {
      let tail = tails[index]
      if tail >= head { continue }
      let prefix = isUnbounded ? zeros.base : memory + (entriesOffset &+ (tail & mask) &* stride &+ 1)
      if hasIrregular(key, from: tail) {
        floats[index] = wideSum(key, memory, prefix, from: tail).rounded
      } else {
        floats[index] = ExactFloat.roundedDifference(memory, prefix)
      }
    }
  }

  // MARK: memory

  private func allocate(_ slot: UnsafeMutablePointer<Slot>, capacity: Int) {
    let memory = UnsafeMutablePointer<Int64>.allocate(capacity: entriesOffset + capacity * stride)
    memory.initialize(repeating: 0, count: entriesOffset)
    if let old = slot.pointee.memory {
      memory.update(from: old, count: entriesOffset)
      let oldMask = slot.pointee.capacity - 1
      let newMask = capacity - 1
      for at in slot.pointee.first..<slot.pointee.head {
        (memory + (entriesOffset + (at & newMask) * stride)).update(from: old + (entriesOffset + (at & oldMask) * stride), count: stride)
      }
      old.deallocate()
    }
    slot.pointee.memory = memory
    slot.pointee.capacity = capacity
  }

  private func makeRoom(_ key: Int32, _ slot: UnsafeMutablePointer<Slot>, _ now: Int64) {
    dropExpired(key, slot, now)
    let count = slot.pointee.head - slot.pointee.first
    if count * 4 > slot.pointee.capacity * 3 || slot.pointee.capacity == 0 {
      allocate(slot, capacity: max(4, slot.pointee.capacity * 2))
    }
  }

  private func dropExpired(_ key: Int32, _ slot: UnsafeMutablePointer<Slot>, _ now: Int64) {
    guard let memory = slot.pointee.memory, !isUnbounded else { return }
    let bound = Self.bound(now, longest)
    let mask = slot.pointee.capacity - 1
    while slot.pointee.first < slot.pointee.head {
      let entry = memory + (entriesOffset + (slot.pointee.first & mask) * stride)
      if entry[0] >= bound { break }
      if kept == .bytes { Blob.release(entry[1 + sumWords]) }
      slot.pointee.first += 1
    }
    if !irregulars.isEmpty, let list = irregulars[key] {
      let left = list.filter { $0.position >= slot.pointee.first }
      if left.count != list.count { irregulars[key] = left.isEmpty ? nil : left }
    }
  }

  override func sweep(_ key: Int32, now: Int64) -> Bool {
    let slot = slots.base + Int(key)
    if isUnbounded { return slot.pointee.memory == nil }
    dropExpired(key, slot, now)
    let count = slot.pointee.head - slot.pointee.first
    if count == 0 {
      clear(key)
      return true
    }
    if slot.pointee.capacity > 8 && count * 8 <= slot.pointee.capacity { allocate(slot, capacity: slot.pointee.capacity / 4) }
    return false
  }

  override func clear(_ key: Int32) {
    let slot = slots[Int(key)]
    guard let memory = slot.memory else { return }
    if kept == .bytes {
      for at in slot.first..<slot.head { Blob.release(memory[entriesOffset + (at & (slot.capacity - 1)) * stride + 1 + sumWords]) }
    }
    memory.deallocate()
    slots[Int(key)] = Slot()
    if !irregulars.isEmpty { irregulars[key] = nil }
    if !irregularTotals.isEmpty { irregularTotals[key] = nil }
  }

  // MARK: snapshots

  override func write(_ key: Int32, into writer: inout ByteWriter) {
    let slot = slots[Int(key)]
    guard let memory = slot.memory else {
      writer.write(count: 0)
      return
    }
    if isUnbounded {
      writer.write(count: slot.head)
      for w in 0..<sumWords { writer.write(memory[w]) }
      if sums == .float || sums == .moments {
        writer.write(UInt8(irregularTotals[key] == nil ? 0 : 1))
        irregularTotals[key]?.write(into: &writer)
      }
      return
    }
    writer.write(count: slot.head - slot.first)
    for w in 0..<sumWords { writer.write(memory[w]) }
    if kept == .bytes {
      for at in slot.first..<slot.head {
        let entry = memory + (entriesOffset + (at & (slot.capacity - 1)) * stride)
        for w in 0...sumWords { writer.write(entry[w]) }
        StoredValue.write(kept, entry + (1 + sumWords), into: &writer)
      }
    } else {
      // The ring as two runs: up to its end, and from its start.
      let start = slot.first & (slot.capacity - 1)
      let count = slot.head - slot.first
      let upper = min(count, slot.capacity - start)
      let entries = memory + entriesOffset
      writer.write(block: UnsafeRawBufferPointer(start: entries + start * stride, count: upper * stride * 8))
      writer.write(block: UnsafeRawBufferPointer(start: entries, count: (count - upper) * stride * 8))
    }
    if sums == .float || sums == .moments {
      let list = (irregulars[key] ?? []).filter { $0.position >= slot.first }
      writer.write(count: list.count)
      for irregular in list {
        writer.write(count: irregular.position - slot.first)
        writer.write(irregular.value)
      }
    }
  }

  override func read(_ key: Int32, from reader: inout ByteReader) throws(MillraceError) {
    let count = try reader.readCount(unit: isUnbounded ? 0 : 8 * (1 + sumWords))
    guard count > 0 else { return }
    let slot = slots.base + Int(key)
    var capacity = 4
    while capacity < count { capacity *= 2 }
    allocate(slot, capacity: isUnbounded ? 0 : capacity)
    guard let memory = slot.pointee.memory else { return }
    for w in 0..<sumWords { memory[w] = try reader.readInt64() }
    if isUnbounded {
      slot.pointee.head = count
      if sums == .float || sums == .moments, try reader.readUInt8() == 1 {
        irregularTotals[key] = try WideFloatSum(squares: sums == .moments, from: &reader)
      }
      return
    }
    if kept == .bytes {
      for at in 0..<count {
        let entry = memory + (entriesOffset + at * stride)
        for w in 0...sumWords { entry[w] = try reader.readInt64() }
        try StoredValue.read(kept, entry + (1 + sumWords), from: &reader)
        slot.pointee.head = at + 1
      }
    } else {
      let upper = try reader.readBlock()
      let lower = try reader.readBlock()
      guard upper.count + lower.count == count * stride * 8, upper.count % (stride * 8) == 0 else {
        throw Self.damaged("entries and their number differ")
      }
      let target = UnsafeMutableRawBufferPointer(start: memory + entriesOffset, count: count * stride * 8)
      target.copyBytes(from: upper)
      UnsafeMutableRawBufferPointer(rebasing: target[upper.count...]).copyBytes(from: lower)
      slot.pointee.head = count
    }
    for at in 1..<max(1, count) where memory[entriesOffset + at * stride] < memory[entriesOffset + (at - 1) * stride] {
      throw Self.damaged("marks out of order")
    }
    if sums == .float || sums == .moments {
      let irregular = try reader.readCount(unit: 16)
      var list: [Irregular] = []
      for _ in 0..<irregular {
        let position = try reader.readCount()
        let value = try reader.readDouble()
        guard position > (list.last?.position ?? -1), count > position else { throw Self.damaged("positions of floats") }
        list.append(Irregular(position: position, value: value))
      }
      if !list.isEmpty { irregulars[key] = list }
    }
  }
}
