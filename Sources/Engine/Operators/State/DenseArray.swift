/// A growing block of plain values indexed by dense id, with a raw pointer for kernels.
///
/// `base` moves when the array grows: take it after `grow`, and never keep it over a call that may grow.
final class DenseArray<Element: BitwiseCopyable> {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var capacity: Int
  private let fill: Element

  /// Every slot starts as `fill`.
  init(fill: Element, capacity: Int = 64) {
    self.capacity = max(16, capacity)
    self.fill = fill
    base = Self.allocate(self.capacity)
    base.initialize(repeating: fill, count: self.capacity)
  }

  deinit { StateMemory.free(base, capacity * MemoryLayout<Element>.stride) }

  private static func allocate(_ count: Int) -> UnsafeMutablePointer<Element> {
    StateMemory.allocate(count * MemoryLayout<Element>.stride).bindMemory(to: Element.self, capacity: count)
  }

  /// Bytes reserved.
  var heldBytes: Int { capacity * MemoryLayout<Element>.stride }

  /// Makes slots `0..<count` usable; new ones hold the fill value.
  @inline(__always) func grow(to count: Int) { if count > capacity { reallocate(count) } }

  private func reallocate(_ count: Int) {
    let bigger = StateMemory.bigger(than: capacity, atLeast: count)
    let stride = MemoryLayout<Element>.stride
    let new = StateMemory.resize(base, from: capacity * stride, to: bigger * stride, keeping: capacity * stride)
      .bindMemory(to: Element.self, capacity: bigger)
    (new + capacity).initialize(repeating: fill, count: bigger - capacity)
    base = new
    capacity = bigger
  }

  /// Puts the fill value into every slot.
  func reset() { base.update(repeating: fill, count: capacity) }

  @inline(__always) subscript(index: Int) -> Element {
    get { base[index] }
    set { base[index] = newValue }
  }
}
