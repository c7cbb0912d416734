import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// The distinct integers of each group, of one argument, for up to 32 COUNT(DISTINCT) calls that differ in their FILTER: an entry has a bit
/// per call that has seen the value. Values are never taken back.
///
/// Open addressing with group, value and bits in one entry of 16 bytes, a batch at a time with prefetch.
final class SharedDistinctSet {
  struct Entry: BitwiseCopyable {
    var value: Int64
    /// -1 when the slot is empty.
    var group: Int32
    var bits: UInt32
  }

  static let callLimit = 32
  private static let empty = Entry(value: 0, group: -1, bits: 0)
  private(set) var entries: UnsafeMutablePointer<Entry>
  private var slotBits: UInt64 = 10
  private var used = 0
  /// Slots of the batch at hand.
  let slots = DenseArray<Int32>(fill: -1, capacity: 4096)
  private let hashes = DenseArray<UInt64>(fill: 0, capacity: 4096)
  private let widening = WideningBuffer()
  /// What calls saw for the first time since the last snapshot; nil before the first.
  private var log: DenseArray<Entry>?
  private var logCount = 0

  init() {
    entries = Self.allocate(1 << 10)
    entries.initialize(repeating: Self.empty, count: 1 << 10)
  }

  deinit { Self.free(entries, 1 << Int(slotBits)) }

  private static func allocate(_ count: Int) -> UnsafeMutablePointer<Entry> {
    StateMemory.allocate(count * MemoryLayout<Entry>.stride).bindMemory(to: Entry.self, capacity: count)
  }

  private static func free(_ entries: UnsafeMutablePointer<Entry>, _ count: Int) {
    StateMemory.free(entries, count * MemoryLayout<Entry>.stride)
  }

  var heldBytes: Int { (1 << Int(slotBits)) * MemoryLayout<Entry>.stride + (log?.heldBytes ?? 0) }

  @inline(__always) private static func hash(_ value: Int64, _ group: Int32) -> UInt64 {
    let x = UInt64(bitPattern: value) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(UInt32(bitPattern: group)) &* 0xD6E8_FEB8_6659_FD93
    let p = x.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    return p.high ^ p.low
  }

  /// Finds or makes the entry of each row's value; -1 for a null.
  func look(up argument: Column, _ ids: UnsafePointer<Int32>, _ count: Int) {
    reserve(count)
    slots.grow(to: count)
    guard case .fixed = argument.values else {
      slots.base.update(repeating: -1, count: count)
      return
    }
    let values = widening.integers(argument)
    hashes.grow(to: count + IntegerKeyTable.prefetchDistance)
    for i in 0..<count { hashes.base[i] = Self.hash(values[i], ids[i]) }
    let shift = 64 &- slotBits
    for i in 0..<count {
      millrace_prefetch_write(entries + Int(hashes.base[i &+ IntegerKeyTable.prefetchDistance] >> shift))
      slots.base[i] = probe(hashes.base[i], values[i], ids[i])
    }
    if let validity = argument.validity {
      for i in 0..<count where !validity[i] { slots.base[i] = -1 }
    }
    withExtendedLifetime(argument) {}
  }

  @inline(__always) private func probe(_ hash: UInt64, _ value: Int64, _ group: Int32) -> Int32 {
    let mask = (1 << Int(slotBits)) &- 1
    var slot = Int(hash >> (64 &- slotBits))
    while true {
      let entry = entries[slot]
      if entry.group < 0 { break }
      if entry.value == value && entry.group == group { return Int32(truncatingIfNeeded: slot) }
      slot = (slot &+ 1) & mask
    }
    entries[slot] = Entry(value: value, group: group, bits: 0)
    used &+= 1
    return Int32(truncatingIfNeeded: slot)
  }

  private func reserve(_ more: Int) {
    var bits = slotBits
    while (used &+ more) &* 5 > (1 << Int(bits)) &* 3 { bits &+= 1 }
    if bits > slotBits { rebuild(bits) { _ in true } }
  }

  private func rebuild(_ bits: UInt64, keeping isKept: (Entry) -> Bool) {
    let (old, oldCount) = (entries, 1 << Int(slotBits))
    slotBits = bits
    let mask = (1 << Int(bits)) &- 1
    entries = Self.allocate(mask + 1)
    entries.initialize(repeating: Self.empty, count: mask + 1)
    used = 0
    for i in 0..<oldCount where old[i].group >= 0 && isKept(old[i]) {
      var slot = Int(Self.hash(old[i].value, old[i].group) >> (64 &- bits))
      while entries[slot].group >= 0 { slot = (slot &+ 1) & mask }
      entries[slot] = old[i]
      used &+= 1
    }
    Self.free(old, oldCount)
  }

  /// Forgets the values of groups.
  func remove(groups: Set<Int32>) {
    rebuild(slotBits) { !groups.contains($0.group) }
  }

  // MARK: snapshots

  /// Values present.
  var count: Int { used }

  /// Everything, or what calls saw for the first time since the last snapshot: an entry for each. From now on that is logged.
  func freeze(isIncrement: Bool) -> [Entry] {
    let known = log ?? DenseArray(fill: Self.empty)
    defer { (log, logCount) = (known, 0) }
    if isIncrement { return Array(UnsafeBufferPointer(start: known.base, count: logCount)) }
    return [Entry](unsafeUninitializedCapacity: used) { out, count in
      for slot in 0..<(1 << Int(slotBits)) where entries[slot].group >= 0 && count < used {
        out[count] = entries[slot]
        count += 1
      }
    }
  }

  /// Where the next of up to `count` entries goes, when they are logged.
  func logEnd(room count: Int) -> UnsafeMutablePointer<Entry>? {
    guard let log else { return nil }
    log.grow(to: logCount + count)
    return log.base + logCount
  }

  func endLog(at end: UnsafeMutablePointer<Entry>) { if let log { logCount = end - log.base } }

  /// Adds a value that a snapshot had.
  func insert(_ value: Int64, group: Int32, bits: UInt32) {
    reserve(1)
    entries[Int(probe(Self.hash(value, group), value, group))].bits |= bits
  }
}

/// COUNT(DISTINCT x), with or without FILTER, over integers that are never taken back. Words: the count.
final class SharedDistinctAccumulator: Accumulator {
  private let set: SharedDistinctSet
  private let bit: UInt32
  /// Looks rows up for all calls of the set, of which it is the first, and stores the set.
  private let leads: Bool
  override var wordCount: Int { 1 }
  override var heldBytes: Int { leads ? set.heldBytes : 0 }
  override var recordsHistory: Bool { true }

  init(offset: Int, set: SharedDistinctSet, call: Int) {
    self.set = set
    bit = 1 << UInt32(truncatingIfNeeded: call)
    leads = call == 0
    super.init(offset: offset)
  }

  override func update(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) {
    prepare(ids, count, input)
    let (offset, slots, entries, bit) = (offset, set.slots.base, set.entries, bit)
    guard var log = set.logEnd(room: count) else {
      return input.forEachRow(count) { i, _ in rows.row(ids[i], offset)[0] &+= Self.see(slots[i], entries, bit) }
    }
    input.forEachRow(count) { i, _ in rows.row(ids[i], offset)[0] &+= Self.see(slots[i], entries, bit, &log) }
    set.endLog(at: log)
  }

  override func record(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput, into history: StateRows
  ) {
    prepare(ids, count, input)
    let (slots, entries, bit) = (set.slots.base, set.entries, bit)
    guard var log = set.logEnd(room: count) else {
      return input.recordEachRow(rows, ids, count, offset: offset, words: 1, into: history) { i, _, row in
        row[0] &+= Self.see(slots[i], entries, bit)
      }
    }
    input.recordEachRow(rows, ids, count, offset: offset, words: 1, into: history) { i, _, row in
      row[0] &+= Self.see(slots[i], entries, bit, &log)
    }
    set.endLog(at: log)
  }

  private func prepare(_ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) {
    if leads, let argument = input.argument { set.look(up: argument, ids, count) }
  }

  /// 1 when the call sees the value for the first time.
  @inline(__always)
  private static func see(_ slot: Int32, _ entries: UnsafeMutablePointer<SharedDistinctSet.Entry>, _ bit: UInt32) -> Int64 {
    guard slot >= 0 else { return 0 }
    let old = entries[Int(slot)].bits
    entries[Int(slot)].bits = old | bit
    return old & bit == 0 ? 1 : 0
  }

  /// As above, noting what is seen for the first time.
  @inline(__always)
  private static func see(
    _ slot: Int32, _ entries: UnsafeMutablePointer<SharedDistinctSet.Entry>, _ bit: UInt32,
    _ log: inout UnsafeMutablePointer<SharedDistinctSet.Entry>
  ) -> Int64 {
    guard slot >= 0 else { return 0 }
    let entry = entries[Int(slot)]
    guard entry.bits & bit == 0 else { return 0 }
    entries[Int(slot)].bits = entry.bits | bit
    log.pointee = SharedDistinctSet.Entry(value: entry.value, group: entry.group, bits: bit)
    log += 1
    return 1
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    let out = Buffer(uninitialized: count * 8)
    let target = out.pointer(Int64.self)
    let offset = offset
    for i in 0..<count { target[i] = rows.row(ids[i], offset)[0] }
    return Column(type: .int64, count: count, values: .fixed(out))
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count { rows.row(ids[i], offset)[0] = 0 }
    if leads { set.remove(groups: Set(UnsafeBufferPointer(start: ids, count: count))) }
  }

  /// The set that this accumulator looks rows up for.
  var ledSet: SharedDistinctSet? { leads ? set : nil }

  /// Values are only ever added: an increment brings new ones, and the counts.
  override func makeRoom(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {}
}
