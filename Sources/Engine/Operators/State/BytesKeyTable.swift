import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// Open addressing from encoded keys (bytes of `KeyEncoder`) to dense ids. The bytes live in an arena; entries hold the 64-bit
/// hash, so bytes are compared only where hashes agree.
final class BytesKeyTable {
  struct Entry: BitwiseCopyable {
    var hash: UInt64
    /// -1 when the slot is empty.
    var id: Int32
    var unused: Int32 = 0
  }
  struct Record: BitwiseCopyable {
    var offset: Int
    var count: Int
  }

  private static let chunk = 2048
  private var entries: UnsafeMutablePointer<Entry>
  private var slotBits: UInt64 = 10
  private var used = 0
  private(set) var ids = IDAllocator()
  private let records = DenseArray<Record>(fill: Record(offset: 0, count: 0))
  private let arena = DenseArray<UInt8>(fill: 0, capacity: 4096)
  private var arenaEnd = 0
  private var deadBytes = 0
  private let scratchHashes = UnsafeMutablePointer<UInt64>.allocate(capacity: chunk + IntegerKeyTable.prefetchDistance)

  init() {
    entries = Self.allocate(1 << 10)
    entries.initialize(repeating: Entry(hash: 0, id: -1), count: 1 << 10)
    scratchHashes.initialize(repeating: 0, count: Self.chunk + IntegerKeyTable.prefetchDistance)
  }

  deinit {
    Self.free(entries, 1 << Int(slotBits))
    scratchHashes.deallocate()
  }

  private static func allocate(_ count: Int) -> UnsafeMutablePointer<Entry> {
    StateMemory.allocate(count * MemoryLayout<Entry>.stride).bindMemory(to: Entry.self, capacity: count)
  }

  private static func free(_ entries: UnsafeMutablePointer<Entry>, _ count: Int) {
    StateMemory.free(entries, count * MemoryLayout<Entry>.stride)
  }

  /// - Parameter keys: encoded keys, a BYTES column without nulls.
  func lookUp(_ keys: Column, rowCount: Int, into out: UnsafeMutablePointer<Int32>, insert: Bool) {
    let (offsets, bytes) = keys.variable
    var row = 0
    while row < rowCount {
      let n = min(Self.chunk, rowCount &- row)
      if insert { reserve(n) }
      let hashes = scratchHashes
      for i in 0..<n {
        let start = Int(offsets[row &+ i])
        hashes[i] = KeyEncoder.hash(bytes + start, count: Int(offsets[row &+ i &+ 1]) &- start)
      }
      let shift = 64 &- slotBits
      for i in 0..<n {
        millrace_prefetch(entries + Int(hashes[i &+ IntegerKeyTable.prefetchDistance] >> shift))
        let start = Int(offsets[row &+ i])
        out[row &+ i] = probe(hashes[i], bytes + start, Int(offsets[row &+ i &+ 1]) &- start, insert: insert)
      }
      row &+= n
    }
    withExtendedLifetime(keys) {}
  }

  /// The id of one encoded key; for restoring.
  func id(of key: [UInt8], insert: Bool) -> Int32 {
    if insert { reserve(1) }
    return key.withUnsafeBufferPointer { key in
      // An empty array has no base address; the arena's stands in, as no byte of it is read.
      let base = key.baseAddress ?? UnsafePointer(arena.base)
      return probe(KeyEncoder.hash(base, count: key.count), base, key.count, insert: insert)
    }
  }

  /// Valid until the next insertion or removal.
  @inline(__always) func key(ofID id: Int32) -> UnsafeBufferPointer<UInt8> {
    let record = records.base[Int(id)]
    return UnsafeBufferPointer(start: arena.base + record.offset, count: record.count)
  }

  /// The keys of ids, each after `prefix`: a BYTES column.
  func keys(ofIDs ids: [Int32], prefix: [UInt8]) -> Column {
    let records = records.base
    let offsets = Buffer(uninitialized: (ids.count + 1) * 4)
    let ends = offsets.pointer(Int32.self)
    ends[0] = 0
    for (i, id) in ids.enumerated() {
      ends[i &+ 1] = ends[i] &+ Int32(truncatingIfNeeded: prefix.count &+ records[Int(id)].count)
    }
    let bytes = Buffer(uninitialized: Int(ends[ids.count]))
    let out = bytes.pointer(UInt8.self)
    for (i, id) in ids.enumerated() {
      let record = records[Int(id)]
      let target = out + Int(ends[i])
      for p in 0..<prefix.count { target[p] = prefix[p] }
      (target + prefix.count).update(from: arena.base + record.offset, count: record.count)
    }
    return Column(type: .bytes, count: ids.count, values: .variable(offsets: offsets, bytes: bytes))
  }

  func hash(ofID id: Int32) -> UInt64 {
    let record = records[Int(id)]
    return KeyEncoder.hash(arena.base + record.offset, count: record.count)
  }

  func remove(_ id: Int32) {
    let mask = (1 << Int(slotBits)) &- 1
    let shift = 64 &- slotBits
    var hole = Int(hash(ofID: id) >> shift)
    while entries[hole].id != id { hole = (hole &+ 1) & mask }
    var next = (hole &+ 1) & mask
    while entries[next].id >= 0 {
      let home = Int(entries[next].hash >> shift)
      if (next &- home) & mask >= (next &- hole) & mask {
        entries[hole] = entries[next]
        hole = next
      }
      next = (next &+ 1) & mask
    }
    entries[hole].id = -1
    used &-= 1
    ids.release(id)
    deadBytes &+= records[Int(id)].count
    records[Int(id)].count = 0
    if deadBytes > 65_536 && deadBytes * 2 > arenaEnd { compact() }
  }

  /// Bytes reserved for keys, without scratch memory.
  var heldBytes: Int {
    (1 << Int(slotBits)) * MemoryLayout<Entry>.stride + records.heldBytes + arena.heldBytes + ids.heldBytes
  }

  func forEachID(_ body: (Int32) -> Void) {
    for slot in 0..<(1 << Int(slotBits)) where entries[slot].id >= 0 { body(entries[slot].id) }
  }

  private func probe(_ hash: UInt64, _ bytes: UnsafePointer<UInt8>, _ count: Int, insert: Bool) -> Int32 {
    let mask = (1 << Int(slotBits)) &- 1
    var slot = Int(hash >> (64 &- slotBits))
    while true {
      let entry = entries[slot]
      if entry.id < 0 { break }
      if entry.hash == hash {
        let record = records.base[Int(entry.id)]
        if record.count == count && millrace_compare_bytes(arena.base + record.offset, bytes, count) == 0 { return entry.id }
      }
      slot = (slot &+ 1) & mask
    }
    return insert ? add(hash, bytes, count, slot) : -1
  }

  @inline(never) private func add(_ hash: UInt64, _ bytes: UnsafePointer<UInt8>, _ count: Int, _ slot: Int) -> Int32 {
    let id = ids.allocate()
    records.grow(to: Int(id) + 1)
    arena.grow(to: arenaEnd &+ count)
    (arena.base + arenaEnd).update(from: bytes, count: count)
    records[Int(id)] = Record(offset: arenaEnd, count: count)
    arenaEnd &+= count
    entries[slot] = Entry(hash: hash, id: id)
    used &+= 1
    return id
  }

  private func reserve(_ more: Int) {
    guard (used &+ more) &* 5 > (1 << Int(slotBits)) &* 3 else { return }
    var bits = slotBits
    while (used &+ more) &* 5 > (1 << Int(bits)) &* 3 { bits &+= 1 }
    let old = entries
    let oldCount = 1 << Int(slotBits)
    slotBits = bits
    let mask = (1 << Int(bits)) &- 1
    let new = Self.allocate(mask + 1)
    new.initialize(repeating: Entry(hash: 0, id: -1), count: mask + 1)
    for i in 0..<oldCount where old[i].id >= 0 {
      var slot = Int(old[i].hash >> (64 &- bits))
      while new[slot].id >= 0 { slot = (slot &+ 1) & mask }
      new[slot] = old[i]
    }
    Self.free(old, oldCount)
    entries = new
  }

  /// Moves the living keys together after many removals.
  private func compact() {
    var live: [Int32] = []
    forEachID { live.append($0) }
    live.sort { records[Int($0)].offset < records[Int($1)].offset }
    var at = 0
    for id in live {
      let record = records[Int(id)]
      if record.offset != at { (arena.base + at).update(from: arena.base + record.offset, count: record.count) }
      records[Int(id)].offset = at
      at &+= record.count
    }
    arenaEnd = at
    deadBytes = 0
  }
}
