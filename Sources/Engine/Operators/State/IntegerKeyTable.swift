import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// Open addressing from one integer-like key (null allowed) to a dense id, with the key in the entry: one cache miss per row.
///
/// Linear probing over at most 60% full slots; the slot is taken from the upper bits of the hash, so growing keeps the order of
/// the slots and touches memory in sequence.
final class IntegerKeyTable {
  struct Entry: BitwiseCopyable {
    var key: Int64
    /// -1 when the slot is empty.
    var id: Int32
    var unused: Int32 = 0
  }

  static let prefetchDistance = 16
  private static let chunk = 2048

  private var entries: UnsafeMutablePointer<Entry>
  private var slotBits: UInt64
  private var used = 0
  private(set) var ids = IDAllocator()
  private let keys = DenseArray<Int64>(fill: 0)
  private(set) var nullID: Int32 = -1
  private let scratchKeys = UnsafeMutablePointer<Int64>.allocate(capacity: chunk)
  private let scratchSlots = UnsafeMutablePointer<UInt32>.allocate(capacity: chunk + prefetchDistance)

  init() {
    slotBits = 10
    entries = Self.allocate(1 << 10)
    entries.initialize(repeating: Entry(key: 0, id: -1), count: 1 << 10)
    scratchSlots.initialize(repeating: 0, count: Self.chunk + Self.prefetchDistance)
    scratchKeys.initialize(repeating: 0, count: Self.chunk)
  }

  deinit {
    Self.free(entries, 1 << Int(slotBits))
    scratchKeys.deallocate()
    scratchSlots.deallocate()
  }

  private static func allocate(_ count: Int) -> UnsafeMutablePointer<Entry> {
    StateMemory.allocate(count * MemoryLayout<Entry>.stride).bindMemory(to: Entry.self, capacity: count)
  }

  private static func free(_ entries: UnsafeMutablePointer<Entry>, _ count: Int) {
    StateMemory.free(entries, count * MemoryLayout<Entry>.stride)
  }

  /// Bytes reserved for keys, without scratch memory.
  var heldBytes: Int { (1 << Int(slotBits)) * MemoryLayout<Entry>.stride + keys.heldBytes + ids.heldBytes }

  /// A column whose non-null values are integers for the key encoding.
  static func accepts(_ type: DataType) -> Bool {
    switch type {
    case .int8, .int16, .int32, .int64, .date, .time, .timestamp, .timestampLTZ, .intervalMonths, .intervalMillis: true
    default: false
    }
  }

  @inline(__always) private static func slot(_ key: Int64, shift: UInt64) -> UInt64 {
    let p = (UInt64(bitPattern: key) ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    return (p.high ^ p.low) >> shift
  }

  func lookUp(_ column: Column, rowCount: Int, into out: UnsafeMutablePointer<Int32>, insert: Bool) {
    guard case .fixed = column.values else {
      out.update(repeating: idOfNull(insert: insert && rowCount > 0), count: rowCount)
      return
    }
    var row = 0
    while row < rowCount {
      let n = min(Self.chunk, rowCount &- row)
      if insert { reserve(n) }
      let source = load(column, row, n)
      if let validity = column.validity {
        nullableChunk(source, validity, row, n, into: out + row, insert: insert)
      } else {
        chunk(source, n, into: out + row, insert: insert)
      }
      row &+= n
    }
  }

  /// The id of one key; for restoring and tests.
  func id(of key: Int64, insert: Bool) -> Int32 {
    if insert { reserve(1) }
    return probe(key, Int(Self.slot(key, shift: 64 &- slotBits)), insert: insert)
  }

  func idOfNull(insert: Bool) -> Int32 {
    if nullID < 0 && insert {
      nullID = ids.allocate()
      keys.grow(to: Int(nullID) + 1)
      keys[Int(nullID)] = 0
    }
    return nullID
  }

  @inline(__always) func key(ofID id: Int32) -> Int64 { keys.base[Int(id)] }

  /// The keys of ids that are not the null's.
  func keys(ofIDs ids: [Int32], into out: UnsafeMutablePointer<Int64>) {
    let base = keys.base
    ids.withUnsafeBufferPointer { ids in
      let ahead = ids.count &- Self.prefetchDistance
      for i in 0..<ids.count {
        if i < ahead { millrace_prefetch(base + Int(ids[i &+ Self.prefetchDistance])) }
        out[i] = base[Int(ids[i])]
      }
    }
  }

  func remove(_ id: Int32) {
    ids.release(id)
    if id == nullID {
      nullID = -1
      return
    }
    let mask = Int(1 << slotBits) &- 1
    let shift = 64 &- slotBits
    var hole = Int(Self.slot(keys[Int(id)], shift: shift))
    while entries[hole].id != id { hole = (hole &+ 1) & mask }
    var next = (hole &+ 1) & mask
    while entries[next].id >= 0 {
      let home = Int(Self.slot(entries[next].key, shift: shift))
      if (next &- home) & mask >= (next &- hole) & mask {
        entries[hole] = entries[next]
        hole = next
      }
      next = (next &+ 1) & mask
    }
    entries[hole].id = -1
    used &-= 1
  }

  func forEachID(_ body: (Int32) -> Void) {
    for slot in 0..<(1 << Int(slotBits)) where entries[slot].id >= 0 { body(entries[slot].id) }
    if nullID >= 0 { body(nullID) }
  }

  private func load(_ column: Column, _ row: Int, _ n: Int) -> UnsafePointer<Int64> {
    switch column.type.fixedWidth ?? 8 {
    case 1: widen(column.pointer(Int8.self) + row, n)
    case 2: widen(column.pointer(Int16.self) + row, n)
    case 4: widen(column.pointer(Int32.self) + row, n)
    default: return column.pointer(Int64.self) + row
    }
    return UnsafePointer(scratchKeys)
  }

  @inline(__always) private func widen<T: FixedWidthInteger>(_ source: UnsafePointer<T>, _ n: Int) {
    let target = scratchKeys
    for i in 0..<n { target[i] = Int64(truncatingIfNeeded: source[i]) }
  }

  private func chunk(_ source: UnsafePointer<Int64>, _ n: Int, into out: UnsafeMutablePointer<Int32>, insert: Bool) {
    let shift = 64 &- slotBits
    let mask = Int(1 << slotBits) &- 1
    let entries = entries
    let slots = scratchSlots
    for i in 0..<n { slots[i] = UInt32(truncatingIfNeeded: Self.slot(source[i], shift: shift)) }
    for i in 0..<n {
      millrace_prefetch(entries + Int(slots[i &+ Self.prefetchDistance]))
      let key = source[i]
      var slot = Int(slots[i])
      while true {
        let entry = entries[slot]
        if entry.key == key && entry.id >= 0 {
          out[i] = entry.id
          break
        }
        if entry.id < 0 {
          out[i] = insert ? add(key, slot) : -1
          break
        }
        slot = (slot &+ 1) & mask
      }
    }
  }

  private func nullableChunk(
    _ source: UnsafePointer<Int64>, _ validity: Bitmap, _ row: Int, _ n: Int, into out: UnsafeMutablePointer<Int32>, insert: Bool
  ) {
    let shift = 64 &- slotBits
    for i in 0..<n {
      out[i] =
        validity[row &+ i]
        ? probe(source[i], Int(Self.slot(source[i], shift: shift)), insert: insert) : idOfNull(insert: insert)
    }
  }

  private func probe(_ key: Int64, _ start: Int, insert: Bool) -> Int32 {
    let mask = Int(1 << slotBits) &- 1
    var slot = start
    while entries[slot].id >= 0 {
      if entries[slot].key == key { return entries[slot].id }
      slot = (slot &+ 1) & mask
    }
    return insert ? add(key, slot) : -1
  }

  @inline(never) private func add(_ key: Int64, _ slot: Int) -> Int32 {
    let id = ids.allocate()
    keys.grow(to: Int(id) + 1)
    keys.base[Int(id)] = key
    entries[slot] = Entry(key: key, id: id)
    used &+= 1
    return id
  }

  /// Makes room for `more` keys, so that slots stay where they are during a chunk.
  private func reserve(_ more: Int) {
    guard (used &+ more) &* 5 > (1 << Int(slotBits)) &* 3 else { return }
    var bits = slotBits
    while (used &+ more) &* 5 > (1 << Int(bits)) &* 3 { bits &+= 1 }
    let old = entries
    let oldCount = 1 << Int(slotBits)
    slotBits = bits
    let mask = (1 << Int(bits)) &- 1
    let new = Self.allocate(mask + 1)
    new.initialize(repeating: Entry(key: 0, id: -1), count: mask + 1)
    for i in 0..<oldCount where old[i].id >= 0 {
      var slot = Int(Self.slot(old[i].key, shift: 64 &- bits))
      while new[slot].id >= 0 { slot = (slot &+ 1) & mask }
      new[slot] = old[i]
    }
    Self.free(old, oldCount)
    entries = new
  }
}
