import MillraceTypes

/// Fills a buffer with the bytes of a file from an offset on; returns how many there were, fewer than asked only at the end.
public typealias ByteFetch = (_ into: UnsafeMutableRawBufferPointer, _ offset: Int64) throws(MillraceError) -> Int

/// A window over a file that slides forward: records are looked at in place, however large the file is.
///
/// Bytes from `cursor` to `end` are loaded; at least 64 bytes behind `end` may be read and are zero. A record that does not end within
/// the window asks for more with `fill`, which keeps what is unconsumed.
final class ByteStream {
  /// A record may have this many bytes; a longer one is an error rather than memory that grows for ever.
  static let recordBytesMax = 256 << 20

  private let fetch: ByteFetch
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var startIndex = 0
  private var endIndex = 0
  /// Offset in the file of the byte at `cursor`.
  private(set) var offset: Int64
  /// Whether `end` is the end of the file.
  private(set) var isAtEnd = false

  init(offset: Int64, blockBytes: Int = 1 << 20, fetch: @escaping ByteFetch) {
    self.fetch = fetch
    self.offset = offset
    capacity = max(64, blockBytes)
    base = .allocate(capacity: capacity + 64)
    base.initialize(repeating: 0, count: capacity + 64)
  }

  deinit { base.deallocate() }

  @inline(__always) var cursor: UnsafePointer<UInt8> { UnsafePointer(base + startIndex) }
  @inline(__always) var end: UnsafePointer<UInt8> { UnsafePointer(base + endIndex) }
  @inline(__always) var available: Int { endIndex &- startIndex }

  @inline(__always) func consume(_ count: Int) {
    startIndex &+= count
    offset &+= Int64(count)
  }

  /// Loads more bytes behind `end`; pointers taken before are invalid. Does nothing at the end of the file.
  func fill(name: String, line: Int64) throws(MillraceError) {
    guard !isAtEnd else { return }
    let kept = available
    if kept >= Self.recordBytesMax {
      throw MillraceError(
        .malformedRow, "the row is longer than \(Self.recordBytesMax >> 20) MiB", subject: "\(name):\(line)",
        hint: "check that the file has line ends and that quotes are closed")
    }
    if kept > capacity / 2 {
      let bigger = capacity * 2
      let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: bigger + 64)
      grown.initialize(repeating: 0, count: bigger + 64)
      grown.update(from: base + startIndex, count: kept)
      base.deallocate()
      base = grown
      capacity = bigger
    } else if startIndex > 0 {
      base.update(from: base + startIndex, count: kept)
    }
    startIndex = 0
    endIndex = kept
    let room = UnsafeMutableRawBufferPointer(start: base + kept, count: capacity - kept)
    let count = try fetch(room, offset &+ Int64(kept))
    endIndex = kept + count
    isAtEnd = count < room.count
    (base + endIndex).update(repeating: 0, count: 64)
  }

  /// Skips a UTF-8 byte order mark at the beginning of the file.
  func skipByteOrderMark(name: String) throws(MillraceError) {
    guard offset == 0 else { return }
    if available < 3 { try fill(name: name, line: 1) }
    if available >= 3 && cursor[0] == 0xEF && cursor[1] == 0xBB && cursor[2] == 0xBF { consume(3) }
  }
}
