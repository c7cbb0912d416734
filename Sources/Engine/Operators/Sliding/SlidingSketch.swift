import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// APPROX_COUNT_DISTINCT over any windows: HyperLogLog with 4,096 registers whose entries remember when they were set.
///
/// Standard error 1.6% (1.04 / sqrt 4096); counts up to some hundreds are nearly always exact within one or two. The hash has a
/// fixed seed, so equal windows give equal numbers everywhere. Per key a list of (mark, register, rank) in order of marks; an
/// entry dominated by a later one of its register with at least its rank is squeezed out when the room is used up, so a key
/// needs at most a few entries per register, and few where it has seen few values. A query walks the list once from
/// its end for all windows: O(entries).
final class SlidingSketch: SlidingComponent {
  static let registerBits = 12
  static let registerCount = 1 << registerBits
  /// Greatest rank: the bits left, plus one.
  static let highestRank = 64 - registerBits + 1

  private struct Slot {
    /// Pairs of mark and `register << 8 | rank`.
    var memory: UnsafeMutablePointer<Int64>?
    var end: Int32 = 0
    var capacity: Int32 = 0
  }

  private let form: ValueForm
  private let isFloat: Bool
  private let slots = DenseArray<Slot>(fill: Slot())
  /// All zero between calls.
  private let registers = DenseArray<UInt8>(fill: 0, capacity: SlidingSketch.registerCount)
  private let touched = DenseArray<Int32>(fill: 0, capacity: SlidingSketch.registerCount)
  private let counts = DenseArray<Int64>(fill: 0)
  private var histogram = [Int](repeating: 0, count: SlidingSketch.highestRank + 1)

  init(form: ValueForm, isFloat: Bool, lengths: [Int64], outputs: [SlidingOutput]) {
    self.form = form
    self.isFloat = isFloat
    super.init(lengths: lengths, outputs: outputs)
    counts.grow(to: lengths.count + 1)
  }

  deinit { for key in 0..<slots.capacity { clear(Int32(key)) } }

  override func grow(to bound: Int) { slots.grow(to: bound) }

  override func run(_ steps: SlidingSteps, _ rows: LaneRows) {
    aim()
    let slots = slots.base
    for step in 0..<steps.count {
      let key = Int(steps.keys[step])
      let row = Int(steps.rows[step])
      if row >= 0 {
        if rows.enters(row) { add(slots + key, steps.marks[step], hash(rows, row)) }
      } else if key >= 0, slots[key].memory != nil {
        ask(slots + key, steps.marks[step], ~row)
      } else {
        emitNothing(~row)
      }
    }
  }

  private func hash(_ rows: LaneRows, _ row: Int) -> UInt64 {
    switch form {
    case .none: return 0
    case .word:
      let value = rows.words[row]
      return Self.finish(
        KeyEncoder.hash(int64: isFloat ? Int64(bitPattern: KeyEncoder.orderedBits(Double(bitPattern: UInt64(bitPattern: value)))) : value))
    case .wide:
      let value = rows.wides[row]
      return Self.finish(
        KeyEncoder.hash(int64: Int64(truncatingIfNeeded: value))
          ^ KeyEncoder.hash(int64: Int64(truncatingIfNeeded: value >> 64)) &* 0x9E37_79B9_7F4A_7C15)
    case .bytes:
      let slice = rows.slice(row)
      guard let base = slice.baseAddress else { return 0 }
      return Self.finish(KeyEncoder.hash(base.assumingMemoryBound(to: UInt8.self), count: slice.count))
    }
  }

  /// Murmur's last mixing step: every bit of the hash counts in the registers.
  private static func finish(_ hash: UInt64) -> UInt64 {
    var h = hash
    h = (h ^ (h >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    h = (h ^ (h >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return h ^ (h >> 33)
  }

  @inline(__always) private func add(_ slot: UnsafeMutablePointer<Slot>, _ mark: Int64, _ hash: UInt64) {
    let register = hash >> UInt64(64 - Self.registerBits)
    let rank = ((hash << UInt64(Self.registerBits)) | (1 << UInt64(Self.registerBits - 1))).leadingZeroBitCount + 1
    if slot.pointee.end == slot.pointee.capacity { makeRoom(slot, mark) }
    guard let memory = slot.pointee.memory else { return }
    let entry = memory + 2 &* Int(slot.pointee.end)
    entry[0] = mark
    entry[1] = Int64(register) << 8 | Int64(rank)
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
    histogram[0] = Self.registerCount
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
      counts[index] = Self.estimate(histogram)
    }
    for i in 0..<touchedCount { registers[Int(touched[i])] = 0 }
    for index in 0..<outputs.count { targets[index].set(counts[targets[index].length], row) }
  }

  /// The number of distinct values from how many registers hold each rank: Ertl, "New cardinality estimation algorithms for
  /// HyperLogLog sketches" (2017), algorithm 6.
  static func estimate(_ histogram: [Int]) -> Int64 {
    let m = Double(registerCount)
    if histogram[0] == registerCount { return 0 }
    let last = highestRank
    var z = m * tau(1 - Double(histogram[last]) / m)
    for rank in stride(from: last - 1, through: 1, by: -1) { z = 0.5 * (z + Double(histogram[rank])) }
    z += m * sigma(Double(histogram[0]) / m)
    let estimate = m * m / (2 * 0.693_147_180_559_945_3 * z)
    return Int64(estimate.rounded())
  }

  private static func sigma(_ start: Double) -> Double {
    if start == 1 { return .infinity }
    var x = start
    var y = 1.0
    var z = x
    while true {
      x *= x
      let before = z
      z += x * y
      y += y
      if z == before { return z }
    }
  }

  private static func tau(_ start: Double) -> Double {
    if start == 0 || start == 1 { return 0 }
    var x = start
    var y = 1.0
    var z = 1 - x
    while true {
      x = x.squareRoot()
      let before = z
      y *= 0.5
      z -= (1 - x) * (1 - x) * y
      if z == before { return z / 3 }
    }
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
      guard mark >= last, entry >= 0, entry >> 8 < Self.registerCount, (1...Int64(Self.highestRank)).contains(entry & 0xFF) else {
        throw Self.damaged("entries of a sketch")
      }
      last = mark
      if slot.pointee.end == slot.pointee.capacity { makeRoom(slot, .min) }
      guard let memory = slot.pointee.memory else { return }
      memory[2 * Int(slot.pointee.end)] = mark
      memory[2 * Int(slot.pointee.end) + 1] = entry
      slot.pointee.end += 1
    }
  }
}
