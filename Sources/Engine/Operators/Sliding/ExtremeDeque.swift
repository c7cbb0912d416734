import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// MIN or MAX over any windows: per key the entries that can still be the extreme of a window, marks and values rising.
///
/// An entry goes when a later one is at least as extreme, so the answer of a window is its first entry. Among equal values the
/// latest is kept. Floats are compared, and returned, as `KeyEncoder` has them: one zero, one NaN that is the greatest.
final class ExtremeDeque: SlidingComponent {
  private struct Slot {
    var memory: UnsafeMutablePointer<Int64>?
    var start: Int32 = 0
    var end: Int32 = 0
    var capacity: Int32 = 0
  }
  private let form: ValueForm
  private let isFloat: Bool
  private let isMax: Bool
  private let stride: Int
  private let slots = DenseArray<Slot>(fill: Slot())
  private let positions = DenseArray<Int>(fill: 0)

  init(form: ValueForm, isFloat: Bool, isMax: Bool, lengths: [Int64], outputs: [SlidingOutput]) {
    self.form = form
    self.isFloat = isFloat
    self.isMax = isMax
    stride = 1 + form.wordCount
    super.init(lengths: lengths, outputs: outputs)
    positions.grow(to: lengths.count + 1)
  }

  deinit { for key in 0..<slots.capacity { clear(Int32(key)) } }

  override var heldBytes: Int {
    var total = slots.heldBytes
    for key in 0..<slots.capacity {
      let slot = slots.base[key]
      guard let memory = slot.memory else { continue }
      total += Int(slot.capacity) * stride * 8
      if form == .bytes { for i in slot.start..<slot.end { total += Blob.heldBytes(memory[Int(i) * stride + 1]) } }
    }
    return total
  }

  override func grow(to bound: Int) { slots.grow(to: bound) }

  override func run(_ steps: SlidingSteps, _ rows: LaneRows) {
    aim()
    let slots = slots.base
    for step in 0..<steps.count {
      let ahead = step &+ 8
      if ahead < steps.count, steps.keys[ahead] >= 0 {
        millrace_prefetch(slots[Int(steps.keys[ahead])].memory)
      }
      let key = Int(steps.keys[step])
      let row = Int(steps.rows[step])
      if row >= 0 {
        if rows.enters(row) { add(slots + key, steps.marks[step], rows, row) }
      } else if key >= 0, slots[key].start < slots[key].end {
        ask(slots + key, steps.marks[step], ~row)
      } else {
        emitNothing(~row)
      }
    }
  }

  /// A word whose signed order is the order wanted: smaller is more extreme.
  @inline(__always) private func encoded(_ word: Int64) -> Int64 {
    var value = word
    if isFloat {
      value = Int64(bitPattern: KeyEncoder.orderedBits(Double(bitPattern: UInt64(bitPattern: word))) ^ (1 << 63))
    }
    return isMax ? ~value : value
  }

  @inline(__always) private func decoded(_ word: Int64) -> Int64 {
    let value = isMax ? ~word : word
    guard isFloat else { return value }
    let bits = UInt64(bitPattern: value) ^ (1 << 63)
    return Int64(bitPattern: bits >> 63 != 0 ? bits & ~(1 << 63) : ~bits)
  }

  @inline(__always) private func add(_ slot: UnsafeMutablePointer<Slot>, _ mark: Int64, _ rows: LaneRows, _ row: Int) {
    var end = Int(slot.pointee.end)
    let start = Int(slot.pointee.start)
    if let memory = slot.pointee.memory {
      switch form {
      case .none: return
      case .word:
        let value = encoded(rows.words[row])
        while end > start, memory[(end &- 1) &* 2 &+ 1] >= value { end &-= 1 }
      case .wide:
        let value = isMax ? ~rows.wides[row] : rows.wides[row]
        while end > start, WideWords.load(memory + ((end &- 1) &* 3 &+ 1)) >= value { end &-= 1 }
      case .bytes:
        let value = rows.slice(row)
        while end > start {
          let word = memory[(end &- 1) &* 2 &+ 1]
          let order = Self.compare(Blob.bytes(word), value)
          guard isMax ? order <= 0 : order >= 0 else { break }
          Blob.release(word)
          end &-= 1
        }
      }
    }
    slot.pointee.end = Int32(truncatingIfNeeded: end)
    // Over an unbounded window nothing after the extreme so far can ever be one.
    if isUnbounded && end > start { return }
    if end == Int(slot.pointee.capacity) { makeRoom(slot, mark) }
    end = Int(slot.pointee.end)
    guard let memory = slot.pointee.memory else { return }
    let entry = memory + end &* stride
    entry[0] = mark
    switch form {
    case .none: break
    case .word: entry[1] = encoded(rows.words[row])
    case .wide: WideWords.store(isMax ? ~rows.wides[row] : rows.wides[row], entry + 1)
    case .bytes: entry[1] = Blob.make(rows.slice(row))
    }
    slot.pointee.end = Int32(truncatingIfNeeded: end &+ 1)
  }

  private static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    if let x = a.baseAddress, let y = b.baseAddress {
      let order = millrace_compare_bytes(x, y, min(a.count, b.count))
      if order != 0 { return Int(order) }
    }
    return a.count - b.count
  }

  @inline(__always) private func ask(_ slot: UnsafeMutablePointer<Slot>, _ now: Int64, _ row: Int) {
    guard let memory = slot.pointee.memory else { return }
    let start = Int(slot.pointee.start)
    let end = Int(slot.pointee.end)
    let positions = positions.base
    if isUnbounded {
      positions[0] = start
    } else {
      // From the longest window to the shortest the first entry moves up.
      var low = start
      var index = lengths.count &- 1
      while index >= 0 {
        low = Self.lowerBound(memory, stride: stride, low, end, Self.bound(now, lengths[index]))
        positions[index] = low
        index &-= 1
      }
    }
    for index in 0..<outputs.count {
      let target = targets[index]
      let at = isUnbounded ? start : positions[target.length]
      guard at < end else {
        emitNull(target, row)
        continue
      }
      let entry = memory + at &* stride
      switch form {
      case .none: emitNull(target, row)
      case .word: target.set(decoded(entry[1]), row)
      case .wide: target.set(wide: isMax ? ~WideWords.load(entry + 1) : WideWords.load(entry + 1), row)
      case .bytes: emit(stored: entry + 1, target, row)
      }
    }
  }

  /// Drops expired entries, then moves the rest down or to larger memory.
  private func makeRoom(_ slot: UnsafeMutablePointer<Slot>, _ now: Int64) {
    if !isUnbounded { dropExpired(slot, now) }
    let start = Int(slot.pointee.start)
    let count = Int(slot.pointee.end) - start
    let capacity = Int(slot.pointee.capacity)
    if count * 2 <= capacity, let memory = slot.pointee.memory {
      memory.update(from: memory + start * stride, count: count * stride)
    } else {
      let bigger = max(4, capacity * 2)
      let memory = UnsafeMutablePointer<Int64>.allocate(capacity: bigger * stride)
      if let old = slot.pointee.memory {
        memory.update(from: old + start * stride, count: count * stride)
        old.deallocate()
      }
      slot.pointee.memory = memory
      slot.pointee.capacity = Int32(truncatingIfNeeded: bigger)
    }
    slot.pointee.start = 0
    slot.pointee.end = Int32(truncatingIfNeeded: count)
  }

  private func dropExpired(_ slot: UnsafeMutablePointer<Slot>, _ now: Int64) {
    guard let memory = slot.pointee.memory else { return }
    let bound = Self.bound(now, longest)
    var start = Int(slot.pointee.start)
    while start < Int(slot.pointee.end), memory[start * stride] < bound {
      if form == .bytes { Blob.release(memory[start * stride + 1]) }
      start += 1
    }
    slot.pointee.start = Int32(truncatingIfNeeded: start)
  }

  override func sweep(_ key: Int32, now: Int64) -> Bool {
    let slot = slots.base + Int(key)
    if !isUnbounded { dropExpired(slot, now) }
    if slot.pointee.start < slot.pointee.end { return false }
    clear(key)
    return true
  }

  override func clear(_ key: Int32) {
    let slot = slots[Int(key)]
    guard let memory = slot.memory else { return }
    if form == .bytes { for i in slot.start..<slot.end { Blob.release(memory[Int(i) * stride + 1]) } }
    memory.deallocate()
    slots[Int(key)] = Slot()
  }

  override func write(_ key: Int32, into writer: inout ByteWriter) {
    let slot = slots[Int(key)]
    writer.write(slot.end - slot.start)
    guard let memory = slot.memory else { return }
    for i in Int(slot.start)..<Int(slot.end) {
      writer.write(memory[i * stride])
      StoredValue.write(form, memory + i * stride + 1, into: &writer)
    }
  }

  override func read(_ key: Int32, from reader: inout ByteReader) throws(MillraceError) {
    let count = Int(try reader.readInt32())
    guard count >= 0 else { throw Self.damaged("an extreme") }
    guard count > 0 else { return }
    let slot = slots.base + Int(key)
    var last = Int64.min
    for _ in 0..<count {
      if slot.pointee.end == slot.pointee.capacity { makeRoom(slot, .min) }
      guard let memory = slot.pointee.memory else { return }
      let entry = memory + Int(slot.pointee.end) * stride
      entry[0] = try reader.readInt64()
      guard entry[0] >= last else { throw Self.damaged("marks of an extreme") }
      last = entry[0]
      try StoredValue.read(form, entry + 1, from: &reader)
      slot.pointee.end += 1
    }
  }
}
