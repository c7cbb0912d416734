import CMillraceKernels

/// Blocks of memory for state; see `millrace_block_new`.
enum StateMemory {
  /// - Returns: uninitialised memory, aligned to 64 bytes. A process without memory ends here, as at any other allocation.
  static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    guard let block = millrace_block_new(byteCount) else {
      preconditionFailure("out of memory: no \(byteCount) bytes for state")
    }
    return block
  }

  /// A block of another size with the first `used` bytes of this one, which is gone then.
  static func resize(_ block: UnsafeMutableRawPointer, from byteCount: Int, to wanted: Int, keeping used: Int) -> UnsafeMutableRawPointer {
    guard let moved = millrace_block_resize(block, byteCount, wanted, used) else {
      preconditionFailure("out of memory: no \(wanted) bytes for state")
    }
    return moved
  }

  /// Frees a block that was allocated with this size.
  static func free(_ block: UnsafeMutableRawPointer, _ byteCount: Int) { millrace_block_free(block, byteCount) }

  /// The size to grow to: twice as much, half as much again when there is much already.
  static func bigger(than capacity: Int, atLeast wanted: Int) -> Int {
    max(wanted, capacity < 256 << 20 ? capacity * 2 : capacity + capacity / 2)
  }
}

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

  /// Gives memory back when not half of it is used any more.
  mutating func shrink(to used: Int) {
    guard capacity > 1 << 20, used * 2 + 32 < capacity else { return }
    let smaller = used + used / 2 + 256
    base = StateMemory.resize(base, from: capacity, to: smaller, keeping: used)
    capacity = smaller
  }
}
