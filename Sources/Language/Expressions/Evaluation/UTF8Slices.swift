#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

typealias Bytes = UnsafeBufferPointer<UInt8>

/// Work on UTF-8 bytes by code points. Text that is not valid UTF-8 gives some answer, never a trap.
enum UTF8Slices {
  @inline(__always) static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

  /// Code points in the bytes: bytes that are no continuation, eight at a time.
  @inline(__always) static func count(_ bytes: Bytes) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    var continuations = 0
    var at = 0
    while at &+ 8 <= bytes.count {
      let word = UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self)
      continuations &+= ((word &>> 7) & ~(word &>> 6) & 0x0101_0101_0101_0101).nonzeroBitCount
      at &+= 8
    }
    while at < bytes.count {
      continuations &+= isContinuation(base[at]) ? 1 : 0
      at &+= 1
    }
    return bytes.count &- continuations
  }

  /// How often a byte occurs, eight at a time.
  @inline(__always) static func count(of wanted: UInt8, in bytes: Bytes) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    let pattern = UInt64(wanted) &* 0x0101_0101_0101_0101
    let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
    var found = 0
    var at = 0
    while at &+ 8 <= bytes.count {
      let difference = UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self) ^ pattern
      // The upper bit of each byte that is not zero.
      let others = ((difference & low) &+ low | difference) & ~low
      found &+= 8 &- others.nonzeroBitCount
      at &+= 8
    }
    while at < bytes.count {
      found &+= base[at] == wanted ? 1 : 0
      at &+= 1
    }
    return found
  }

  /// Offset behind the code point that begins at `at`.
  @inline(__always) static func next(_ bytes: Bytes, _ at: Int) -> Int {
    var at = at &+ 1
    while at < bytes.count && isContinuation(bytes[at]) { at &+= 1 }
    return at
  }

  /// The code point that begins at `at`; some number when the bytes are no UTF-8.
  static func codePoint(_ bytes: Bytes, _ at: Int) -> UInt32 {
    let first = UInt32(bytes[at])
    if first < 0x80 { return first }
    let count = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1
    var code = first & (0x3F >> UInt32(count))
    for i in 1...count where at &+ i < bytes.count { code = code << 6 | UInt32(bytes[at &+ i] & 0x3F) }
    return code
  }

  /// Offset of the code point that ends at `at`.
  @inline(__always) static func previous(_ bytes: Bytes, _ at: Int) -> Int {
    var at = at &- 1
    while at > 0 && isContinuation(bytes[at]) { at &-= 1 }
    return at
  }

  /// Offset behind the first `count` code points.
  static func offset(_ bytes: Bytes, ofCodePoint count: Int) -> Int {
    var at = 0
    var left = count
    while left > 0 && at < bytes.count {
      at = next(bytes, at)
      left &-= 1
    }
    return at
  }

  @inline(__always) static func slice(_ bytes: Bytes, _ range: Range<Int>) -> Bytes { Bytes(rebasing: bytes[range]) }

  /// Offset of the first occurrence at or behind `from`; nil when there is none. An empty needle is found at once.
  static func find(_ needle: Bytes, in bytes: Bytes, from: Int = 0) -> Int? {
    if needle.count == 0 { return from <= bytes.count ? from : nil }
    guard let base = bytes.baseAddress, let pattern = needle.baseAddress else { return nil }
    var at = from
    while at &+ needle.count <= bytes.count {
      guard let hit = memchr(base + at, Int32(pattern[0]), bytes.count &- needle.count &- at &+ 1) else { return nil }
      let found = base.distance(to: hit.assumingMemoryBound(to: UInt8.self))
      if memcmp(base + found, pattern, needle.count) == 0 { return found }
      at = found &+ 1
    }
    return nil
  }

  @inline(__always) static func hasPrefix(_ bytes: Bytes, _ prefix: Bytes) -> Bool {
    guard bytes.count >= prefix.count else { return false }
    guard prefix.count > 0, let a = bytes.baseAddress, let b = prefix.baseAddress else { return true }
    return memcmp(a, b, prefix.count) == 0
  }

  @inline(__always) static func hasSuffix(_ bytes: Bytes, _ suffix: Bytes) -> Bool {
    guard bytes.count >= suffix.count else { return false }
    guard suffix.count > 0, let a = bytes.baseAddress, let b = suffix.baseAddress else { return true }
    return memcmp(a + (bytes.count &- suffix.count), b, suffix.count) == 0
  }

  /// The bytes without leading or trailing code points that occur in `characters`.
  static func trimmed(_ bytes: Bytes, _ characters: Bytes, leading: Bool, trailing: Bool) -> Bytes {
    var start = 0
    var end = bytes.count
    if leading {
      while start < end {
        let behind = next(bytes, start)
        guard find(slice(bytes, start..<behind), in: characters) != nil else { break }
        start = behind
      }
    }
    if trailing {
      while end > start {
        let before = previous(bytes, end)
        guard find(slice(bytes, before..<end), in: characters) != nil else { break }
        end = before
      }
    }
    return slice(bytes, start..<max(start, end))
  }

  @inline(__always) static func isASCII(_ bytes: Bytes) -> Bool {
    guard let base = bytes.baseAddress else { return true }
    var all: UInt64 = 0
    var at = 0
    while at &+ 8 <= bytes.count {
      all |= UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self)
      at &+= 8
    }
    while at < bytes.count {
      all |= UInt64(base[at])
      at &+= 1
    }
    return all & 0x8080_8080_8080_8080 == 0
  }
}
