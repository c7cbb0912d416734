import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// APPROX_COUNT_DISTINCT over any windows: a `HyperLogLog` whose entries remember when they were set.
///
/// Per key a list of (mark, register, rank) in order of marks; an
/// entry dominated by a later one of its register with at least its rank is squeezed out when the room is used up, so a key
/// needs at most a few entries per register, and few where it has seen few values. A query walks the list once from
/// its end for all windows: O(entries).
final class SlidingSketch: SlidingComponent {
  private struct Slot {
    /// Pairs of mark and `register << 8 | rank`.
    var memory: UnsafeMutablePointer<Int64>?
    var end: Int32 = 0
    var capacity: Int32 = 0
  }

  private let slots = DenseArray<Slot>(fill: Slot())
  /// All zero between calls.
  private let registers = DenseArray<UInt8>(fill: 0, capacity: HyperLogLog.registerCount)
  private let touched = DenseArray<Int32>(fill: 0, capacity: HyperLogLog.registerCount)
  private let counts = DenseArray<Int64>(fill: 0)
  private var histogram = [Int](repeating: 0, count: HyperLogLog.highestRank + 1)

  override init(lengths: [Int64], outputs: [SlidingOutput]) {
    super.init(lengths: lengths, outputs: outputs)
    counts.grow(to: lengths.count + 1)
  }

  deinit { for key in 0..<slots.capacity { clear(Int32(key)) } }

  override var heldBytes: Int { (0..<slots.capacity).reduce(slots.heldBytes) { $0 + Int(slots.base[$1].capacity) * 16 } }

  override func grow(to bound: Int) { slots.grow(to: bound) }

  override func run(_ steps: SlidingSteps, _ rows: LaneRows) {
    aim()
    let slots = slots.base
    for step in 0..<steps.count {
      let key = Int(steps.keys[step])
      let row = Int(steps.rows[step])
      if row >= 0 {
        if rows.enters(row) { add(slots + key, steps.marks[step], HyperLogLog.entry(hash: HyperLogLog.hash(rows, row))) }
      } else if key >= 0, slots[key].memory != nil {
        ask(slots + key, steps.marks[step], ~row)
      } else {
        emitNothing(~row)
      }
    }
  }

  @inline(__always) private func add(_ slot: UnsafeMutablePointer<Slot>, _ mark: Int64, _ value: UInt32) {
    if slot.pointee.end == slot.pointee.capacity { makeRoom(slot, mark) }
    guard let memory = slot.pointee.memory else { return }
    let entry = memory + 2 &* Int(slot.pointee.end)
    entry[0] = mark
    entry[1] = Int64(value)
    slot.pointee.end &+= 1
  }

  /// Squeezes out what is expired or dominated.
  private func makeRoom(_ slot: UnsafeMutablePointer<Slot>, _ now: Int64) {
    let bound = isUnbounded ? Int64.min : Self.bound(now, longest)
    let end = Int(slot.pointee.end)
    var write = end
    if let memory = slot.pointee.memory {
      var touchedCount = 0
      // From the latest back, packing towards the end: what survives has a rank above all later ones of its register.
      for at in stride(from: end - 1, through: 0, by: -1) {
        let mark = memory[2 * at]
        if mark < bound { break }
        let register = Int(memory[2 * at + 1] >> 8)
        let rank = UInt8(truncatingIfNeeded: memory[2 * at + 1])
        if rank <= registers[register] { continue }
        if registers[register] == 0 {
          touched[touchedCount] = Int32(register)
          touchedCount += 1
        }
        registers[register] = rank
        write -= 1
        memory[2 * write] = mark
        memory[2 * write + 1] = memory[2 * at + 1]
      }
      for i in 0..<touchedCount { registers[Int(touched[i])] = 0 }
      let kept = end - write
      memory.update(from: memory + 2 * write, count: 2 * kept)
      slot.pointee.end = Int32(kept)
    }
    let kept = Int(slot.pointee.end)
    let capacity = Int(slot.pointee.capacity)
    if kept * 4 > capacity * 3 || capacity == 0 {
      let bigger = max(8, capacity * 2)
      let memory = UnsafeMutablePointer<Int64>.allocate(capacity: 2 * bigger)
      if let old = slot.pointee.memory {
        memory.update(from: old, count: 2 * kept)
        old.deallocate()
      }
      slot.pointee.memory = memory
      slot.pointee.capacity = Int32(bigger)
    }
  }

  private func ask(_ slot: UnsafeMutablePointer<Slot>, _ now: Int64, _ row: Int) {
    guard let memory = slot.pointee.memory else { return }
    var at = Int(slot.pointee.end) - 1
    var touchedCount = 0
    for rank in histogram.indices { histogram[rank] = 0 }
    histogram[0] = HyperLogLog.registerCount
    for index in 0..<max(1, lengths.count) {
      let bound = isUnbounded ? Int64.min : Self.bound(now, lengths[index])
      while at >= 0, memory[2 &* at] >= bound {
        let register = Int(memory[2 &* at &+ 1] >> 8)
        let rank = UInt8(truncatingIfNeeded: memory[2 &* at &+ 1])
        let held = registers[register]
        if rank > held {
          if held == 0 {
            touched[touchedCount] = Int32(truncatingIfNeeded: register)
            touchedCount &+= 1
          }
          histogram[Int(held)] &-= 1
          histogram[Int(rank)] &+= 1
          registers[register] = rank
        }
        at &-= 1
      }
      counts[index] = HyperLogLog.estimate(histogram)
    }
    for i in 0..<touchedCount { registers[Int(touched[i])] = 0 }
    for index in 0..<outputs.count { targets[index].set(counts[targets[index].length], row) }
  }

  override func sweep(_ key: Int32, now: Int64) -> Bool {
    let slot = slots.base + Int(key)
    guard let memory = slot.pointee.memory else { return true }
    if isUnbounded { return false }
    let bound = Self.bound(now, longest)
    if slot.pointee.end == 0 || memory[2 * Int(slot.pointee.end - 1)] < bound {
      clear(key)
      return true
    }
    return false
  }

  override func clear(_ key: Int32) {
    slots[Int(key)].memory?.deallocate()
    slots[Int(key)] = Slot()
  }

  override func write(_ key: Int32, into writer: inout ByteWriter) {
    let slot = slots[Int(key)]
    writer.write(slot.end)
    guard let memory = slot.memory else { return }
    for word in 0..<(2 * Int(slot.end)) { writer.write(memory[word]) }
  }

  override func read(_ key: Int32, from reader: inout ByteReader) throws(MillraceError) {
    let count = Int(try reader.readInt32())
    guard count >= 0 else { throw Self.damaged("a sketch") }
    let slot = slots.base + Int(key)
    var last = Int64.min
    for _ in 0..<count {
      let mark = try reader.readInt64()
      let entry = try reader.readInt64()
      guard mark >= last, HyperLogLog.isEntry(entry) else { throw Self.damaged("entries of a sketch") }
      last = mark
      if slot.pointee.end == slot.pointee.capacity { makeRoom(slot, .min) }
      guard let memory = slot.pointee.memory else { return }
      memory[2 * Int(slot.pointee.end)] = mark
      memory[2 * Int(slot.pointee.end) + 1] = entry
      slot.pointee.end += 1
    }
  }
}
