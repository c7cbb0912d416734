/// Memory that grows; what lies beyond what was written is undefined.
struct GrowingMemory: ~Copyable {
  private(set) var base: UnsafeMutableRawPointer
  private(set) var capacity: Int

  init(capacity: Int = 256) {
    self.capacity = capacity
    base = StateMemory.allocate(capacity)
  }

  deinit { StateMemory.free(base, capacity) }

  /// Makes `byteCount` bytes usable and keeps the first `used`.
  mutating func grow(to byteCount: Int, keeping used: Int) {
    // A few readable bytes behind the last one, for copies by words.
    guard byteCount + 16 > capacity else { return }
    let bigger = StateMemory.bigger(than: capacity, atLeast: byteCount + 16)
    base = StateMemory.resize(base, from: capacity, to: bigger, keeping: used)
    capacity = bigger
  }

  /// Gives memory back when little of it is used. What a store forgets it mostly needs again soon, and new pages have to be cleared.
  mutating func shrink(to used: Int) {
    guard capacity > 1 << 20, used * 6 + 32 < capacity else { return }
    let smaller = used + used / 2 + 256
    base = StateMemory.resize(base, from: capacity, to: smaller, keeping: used)
    capacity = smaller
  }
}
