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
    base = .allocate(capacity: self.capacity)
    base.initialize(repeating: fill, count: self.capacity)
  }

  deinit { base.deallocate() }

  /// Makes slots `0..<count` usable; new ones hold the fill value.
  @inline(__always) func grow(to count: Int) { if count > capacity { reallocate(count) } }

  private func reallocate(_ count: Int) {
    let bigger = max(count, capacity * 2)
    let new = UnsafeMutablePointer<Element>.allocate(capacity: bigger)
    new.update(from: base, count: capacity)
    (new + capacity).initialize(repeating: fill, count: bigger - capacity)
    base.deallocate()
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
