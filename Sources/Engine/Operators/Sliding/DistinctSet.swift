import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// COUNT(DISTINCT) over any windows: per key the latest occurrence of every value, in order of marks.
///
/// A value counts in a window when its latest occurrence does, so the answer is the number of live entries from the window's
/// first one on. When a value comes again its earlier entry dies (a cleared bit) and one is appended; when the room is used
/// up the dead and the expired are squeezed out. A hash table leads from values to entries. Values are equal as `KeyEncoder` has
/// it: one zero, one NaN.
///
/// A key's memory, in words: entries (mark, then one word, or hash and block of bytes, or two words), live bits, live entries per
/// 512, table of entry numbers plus one.
final class DistinctSet: SlidingComponent {
  private struct Slot {
    var memory: UnsafeMutablePointer<Int64>?
    var end: Int32 = 0
    var capacity: Int32 = 0
    var live: Int32 = 0
  }

  private let form: ValueForm
  private let isFloat: Bool
  private let stride: Int
  private let slots = DenseArray<Slot>(fill: Slot())
  private let counts = DenseArray<Int64>(fill: 0)

  init(form: ValueForm, isFloat: Bool, lengths: [Int64], outputs: [SlidingOutput]) {
    self.form = form
    self.isFloat = isFloat
    stride = form == .word ? 2 : 3
    super.init(lengths: lengths, outputs: outputs)
    counts.grow(to: lengths.count + 1)
  }

  deinit { for key in 0..<slots.capacity { clear(Int32(key)) } }

  override var heldBytes: Int {
    var total = slots.heldBytes
    for key in 0..<slots.capacity where slots.base[key].memory != nil {
      total += Layout(Int(slots.base[key].capacity), stride).words * 8
      if form == .bytes { forEachLive(slots.base[key]) { _, entry in total += Blob.heldBytes(entry[2]) } }
    }
    return total
  }

  override func grow(to bound: Int) { slots.grow(to: bound) }

  override func run(_ steps: SlidingSteps, _ rows: LaneRows) {
    aim()
    let slots = slots.base
    for step in 0..<steps.count {
      let ahead = step &+ 6
      if ahead < steps.count, steps.keys[ahead] >= 0 { prefetch(slots + Int(steps.keys[ahead]), rows, Int(steps.rows[ahead])) }
      let key = Int(steps.keys[step])
      let row = Int(steps.rows[step])
      if row >= 0 {
        guard rows.enters(row) else { continue }
        switch form {
        case .none: break
        case .word: add(slots + key, steps.marks[step], word(rows.words[row]), 0, nil)
        case .wide:
          let value = rows.wides[row]
          add(slots + key, steps.marks[step], Int64(truncatingIfNeeded: value), Int64(truncatingIfNeeded: value >> 64), nil)
        case .bytes:
          let slice = rows.slice(row)
          add(slots + key, steps.marks[step], Self.hash(slice), 0, slice)
        }
      } else if key >= 0, slots[key].memory != nil {
        ask(slots + key, steps.marks[step], ~row)
      } else {
        emitNothing(~row)
      }
    }
  }

  @inline(__always) private func prefetch(_ slot: UnsafeMutablePointer<Slot>, _ rows: LaneRows, _ row: Int) {
    guard let memory = slot.pointee.memory else { return }
    let layout = Layout(Int(slot.pointee.capacity), stride)
    if row >= 0 && form == .word {
      let place = Int(truncatingIfNeeded: hash(word(rows.words[row]), 0)) & layout.tableMask
      millrace_prefetch(layout.table(memory) + place)
    } else {
      millrace_prefetch(memory + Int(slot.pointee.end) &* stride)
    }
  }

  private struct Layout {
    let bits: Int
    let blocks: Int
    let tableOffset: Int
    let tableMask: Int
    @inline(__always) init(_ capacity: Int, _ stride: Int) {
      bits = capacity &* stride
      blocks = bits &+ (capacity &+ 63) >> 6
      tableOffset = blocks &+ (capacity &+ 511) >> 9
      tableMask = 2 &* capacity &- 1
    }
    var words: Int { tableOffset + (tableMask + 1) / 2 }
    @inline(__always) func table(_ memory: UnsafeMutablePointer<Int64>) -> UnsafeMutablePointer<Int32> {
      UnsafeMutableRawPointer(memory + tableOffset).assumingMemoryBound(to: Int32.self)
    }
  }

  @inline(__always) private func word(_ value: Int64) -> Int64 {
    isFloat ? Int64(bitPattern: KeyEncoder.orderedBits(Double(bitPattern: UInt64(bitPattern: value)))) : value
  }

  private static func hash(_ slice: UnsafeRawBufferPointer) -> Int64 {
    guard let base = slice.baseAddress else { return 0 }
    return Int64(bitPattern: KeyEncoder.hash(base.assumingMemoryBound(to: UInt8.self), count: slice.count))
  }

  @inline(__always) private func hash(_ low: Int64, _ high: Int64) -> UInt64 {
    // For bytes the first word is a hash already; one more round does no harm.
    let p = (UInt64(bitPattern: low) ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return (p.high ^ p.low) &+ UInt64(bitPattern: high) &* 0xA24B_AED4_963E_E407
  }

  @inline(__always) private func isSame(
    _ entry: UnsafePointer<Int64>, _ low: Int64, _ high: Int64, _ slice: UnsafeRawBufferPointer?
  ) -> Bool {
    if entry[1] != low { return false }
    switch form {
    case .none, .word: return true
    case .wide: return entry[2] == high
    case .bytes:
      let held = Blob.bytes(entry[2])
      guard let slice, held.count == slice.count else { return false }
      guard let a = held.baseAddress, let b = slice.baseAddress else { return true }
      return millrace_compare_bytes(a, b, held.count) == 0
    }
  }

  @inline(__always) private func add(
    _ slot: UnsafeMutablePointer<Slot>, _ mark: Int64, _ low: Int64, _ high: Int64, _ slice: UnsafeRawBufferPointer?
  ) {
    if slot.pointee.memory == nil { rebuild(slot, bound: .min) }
    let hashed = hash(low, high)
    while let memory = slot.pointee.memory {
      let layout = Layout(Int(slot.pointee.capacity), stride)
      let table = layout.table(memory)
      var place = Int(truncatingIfNeeded: hashed) & layout.tableMask
      var found = -1
      while table[place] != 0 {
        let at = Int(table[place]) &- 1
        if isSame(memory + at &* stride, low, high, slice) {
          found = at
          break
        }
        place = (place &+ 1) & layout.tableMask
      }
      let end = Int(slot.pointee.end)
      if found >= 0 {
        if isUnbounded { return }
        if found == end &- 1 {
          memory[found &* stride] = mark
          return
        }
      }
      if end == Int(slot.pointee.capacity) {
        rebuild(slot, bound: isUnbounded ? .min : Self.bound(mark, longest))
        continue
      }
      let entry = memory + end &* stride
      entry[0] = mark
      entry[1] = low
      if form == .wide { entry[2] = high }
      let bits = memory + layout.bits
      let blocks = memory + layout.blocks
      if found >= 0 {
        if form == .bytes { entry[2] = memory[found &* stride &+ 2] }
        bits[found >> 6] &= ~(1 &<< Int64(found & 63))
        blocks[found >> 9] &-= 1
      } else {
        if form == .bytes, let slice { entry[2] = Blob.make(slice) }
        slot.pointee.live &+= 1
      }
      bits[end >> 6] |= 1 &<< Int64(end & 63)
      blocks[end >> 9] &+= 1
      slot.pointee.end = Int32(truncatingIfNeeded: end &+ 1)
      table[place] = Int32(truncatingIfNeeded: end &+ 1)
      return
    }
  }

  /// Moves what is alive and not expired to new memory with room to spare.
  private func rebuild(_ slot: UnsafeMutablePointer<Slot>, bound: Int64) {
    let old = slot.pointee
    var kept = 0
    forEachLive(old) { _, entry in if entry[0] >= bound { kept += 1 } }
    var capacity = 8
    while capacity < kept * 2 { capacity *= 2 }
    let layout = Layout(capacity, stride)
    let memory = UnsafeMutablePointer<Int64>.allocate(capacity: layout.words)
    (memory + layout.bits).initialize(repeating: 0, count: layout.words - layout.bits)
    let table = layout.table(memory)
    var end = 0
    forEachLive(old) { _, entry in
      guard entry[0] >= bound else {
        if form == .bytes { Blob.release(entry[2]) }
        return
      }
      let target = memory + end * stride
      target.update(from: entry, count: stride)
      var place = Int(truncatingIfNeeded: hash(entry[1], form == .wide ? entry[2] : 0)) & layout.tableMask
      while table[place] != 0 { place = (place + 1) & layout.tableMask }
      end += 1
      table[place] = Int32(end)
      memory[layout.bits + (end - 1) >> 6] |= 1 << Int64((end - 1) & 63)
      memory[layout.blocks + (end - 1) >> 9] += 1
    }
    old.memory?.deallocate()
    slot.pointee = Slot(memory: memory, end: Int32(end), capacity: Int32(capacity), live: Int32(end))
  }

  @inline(__always) private func forEachLive(_ slot: Slot, _ body: (Int, UnsafeMutablePointer<Int64>) -> Void) {
    guard let memory = slot.memory else { return }
    let bits = memory + Layout(Int(slot.capacity), stride).bits
    for at in 0..<Int(slot.end) where (bits[at >> 6] >> Int64(at & 63)) & 1 != 0 { body(at, memory + at * stride) }
  }

  @inline(__always) private func ask(_ slot: UnsafeMutablePointer<Slot>, _ now: Int64, _ row: Int) {
    guard let memory = slot.pointee.memory else { return }
    let counts = counts.base
    let live = Int(slot.pointee.live)
    if isUnbounded {
      counts[0] = Int64(live)
    } else {
      let layout = Layout(Int(slot.pointee.capacity), stride)
      // From the shortest window to the longest the first entry moves down and the count grows.
      var upper = Int(slot.pointee.end)
      var count = 0
      for index in 0..<lengths.count {
        let at = Self.lowerBound(memory, stride: stride, 0, upper, Self.bound(now, lengths[index]))
        if at <= upper &- at {
          count = live &- liveCount(memory, layout, 0, at)
        } else {
          count = count &+ liveCount(memory, layout, at, upper)
        }
        upper = at
        counts[index] = Int64(count)
      }
    }
    for index in 0..<outputs.count { targets[index].set(counts[targets[index].length], row) }
  }

  /// Live entries in `low..<high`.
  @inline(__always) private func liveCount(_ memory: UnsafeMutablePointer<Int64>, _ layout: Layout, _ low: Int, _ high: Int) -> Int {
    if low >= high { return 0 }
    let bits = memory + layout.bits
    var word = low >> 6
    let lastWord = high >> 6
    var count = 0
    var mask: Int64 = -1 &<< Int64(low & 63)
    while word < lastWord {
      if word & 7 == 0 && mask == -1 && word &+ 8 <= lastWord {
        count = count &+ Int(memory[layout.blocks &+ word >> 3])
        word = word &+ 8
        continue
      }
      count = count &+ (bits[word] & mask).nonzeroBitCount
      mask = -1
      word = word &+ 1
    }
    let rest = high & 63
    if rest != 0 { count = count &+ (bits[word] & mask & ((1 &<< Int64(rest)) &- 1)).nonzeroBitCount }
    return count
  }

  override func sweep(_ key: Int32, now: Int64) -> Bool {
    let slot = slots.base + Int(key)
    guard let memory = slot.pointee.memory else { return true }
    if isUnbounded { return false }
    let bound = Self.bound(now, longest)
    let end = Int(slot.pointee.end)
    if end == 0 || memory[(end - 1) * stride] < bound {
      clear(key)
      return true
    }
    // A good part expired: worth moving the rest.
    let first = Self.lowerBound(memory, stride: stride, 0, end, bound)
    if first * 2 > end { rebuild(slot, bound: bound) }
    return false
  }

  override func clear(_ key: Int32) {
    let slot = slots[Int(key)]
    guard let memory = slot.memory else { return }
    if form == .bytes { forEachLive(slot) { _, entry in Blob.release(entry[2]) } }
    memory.deallocate()
    slots[Int(key)] = Slot()
  }

  override func write(_ key: Int32, into writer: inout ByteWriter) {
    let slot = slots[Int(key)]
    writer.write(slot.live)
    forEachLive(slot) { _, entry in
      writer.write(entry[0])
      switch form {
      case .none: break
      case .word: writer.write(entry[1])
      case .wide:
        writer.write(entry[1])
        writer.write(entry[2])
      case .bytes: writer.write(block: Blob.bytes(entry[2]))
      }
    }
  }

  override func read(_ key: Int32, from reader: inout ByteReader) throws(MillraceError) {
    let count = Int(try reader.readInt32())
    guard count >= 0 else { throw Self.damaged("a distinct count") }
    let slot = slots.base + Int(key)
    var last = Int64.min
    for _ in 0..<count {
      let mark = try reader.readInt64()
      guard mark >= last else { throw Self.damaged("marks of a distinct count") }
      last = mark
      switch form {
      case .none: break
      case .word: load(slot, mark, try reader.readInt64(), 0, nil)
      case .wide:
        let low = try reader.readInt64()
        load(slot, mark, low, try reader.readInt64(), nil)
      case .bytes: load(slot, mark, 0, 0, try reader.readBlock())
      }
    }
  }

  private func load(_ slot: UnsafeMutablePointer<Slot>, _ mark: Int64, _ low: Int64, _ high: Int64, _ bytes: [UInt8]?) {
    // Marks of the snapshot say what has expired; nothing is dropped while loading.
    guard let bytes else { return insert(slot, mark, low, high, nil) }
    bytes.withUnsafeBytes { insert(slot, mark, Self.hash($0), 0, $0) }
  }

  private func insert(
    _ slot: UnsafeMutablePointer<Slot>, _ mark: Int64, _ low: Int64, _ high: Int64, _ slice: UnsafeRawBufferPointer?
  ) {
    if slot.pointee.end == slot.pointee.capacity { rebuild(slot, bound: .min) }
    add(slot, mark, low, high, slice)
  }
}
