/// A block of memory, 64-byte aligned and padded with at least 64 readable bytes, shared by columns.
///
/// Written only by the builder or kernel that made it, before anybody else sees it; immutable from then on.
public final class Buffer: @unchecked Sendable {  // guard: immutability after publication, as above
  public let base: UnsafeMutableRawPointer
  /// Bytes in use, without the padding.
  public let byteCount: Int
  private let owner: AnyObject?

  /// Allocates zeroed memory.
  public init(zeroed byteCount: Int) {
    base = .allocate(byteCount: byteCount + 64, alignment: 64)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount + 64)
    self.byteCount = byteCount
    owner = nil
  }

  /// Allocates memory whose first `byteCount` bytes the caller fills; the padding is zeroed.
  public init(uninitialized byteCount: Int) {
    base = .allocate(byteCount: byteCount + 64, alignment: 64)
    base.advanced(by: byteCount).initializeMemory(as: UInt8.self, repeating: 0, count: 64)
    self.byteCount = byteCount
    owner = nil
  }

  /// Borrows foreign memory (an imported Arrow array, say) that lives as long as `owner`. Such memory has no padding.
  public init(borrowing base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject) {
    self.base = base
    self.byteCount = byteCount
    self.owner = owner
  }

  /// A part of another buffer, which is kept alive. Readable behind its end as far as that one is.
  convenience init(viewing whole: Buffer, from start: Int, byteCount: Int) {
    self.init(borrowing: whole.base + start, byteCount: byteCount, owner: whole)
  }

  public convenience init(copying bytes: UnsafeRawBufferPointer) {
    self.init(uninitialized: bytes.count)
    if let source = bytes.baseAddress, bytes.count > 0 { base.copyMemory(from: source, byteCount: bytes.count) }
  }

  /// Copies an array of trivial values.
  public convenience init<T: BitwiseCopyable>(_ values: [T]) {
    self.init(uninitialized: values.count * MemoryLayout<T>.stride)
    values.withUnsafeBytes { if let source = $0.baseAddress, $0.count > 0 { base.copyMemory(from: source, byteCount: $0.count) } }
  }

  deinit { if owner == nil { base.deallocate() } }

  @inlinable public func pointer<T: BitwiseCopyable>(_ type: T.Type) -> UnsafeMutablePointer<T> {
    base.assumingMemoryBound(to: type)
  }
}

extension UnsafeMutablePointer where Pointee == UInt8 {
  /// Copies bytes that are mostly few: short runs in words, without a call.
  @inlinable @inline(__always) public func copyShort(from source: UnsafePointer<UInt8>, count: Int) {
    if count > 64 {
      update(from: source, count: count)
      return
    }
    let (from, to) = (UnsafeRawPointer(source), UnsafeMutableRawPointer(self))
    guard count >= 8 else {
      for i in 0..<count { self[i] = source[i] }
      return
    }
    var at = 0
    while at &+ 8 < count {
      to.storeBytes(of: from.loadUnaligned(fromByteOffset: at, as: UInt64.self), toByteOffset: at, as: UInt64.self)
      at &+= 8
    }
    // The last word overlaps the one before it.
    to.storeBytes(of: from.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self), toByteOffset: count &- 8, as: UInt64.self)
  }
}
