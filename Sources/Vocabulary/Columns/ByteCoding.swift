import MillraceTypes

/// Appends little-endian values to a growing block: the writing half of every snapshot and frame format.
public struct ByteWriter {
  public private(set) var bytes: [UInt8] = []
  public init() {}
  /// Goes on behind these bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public mutating func write<T: BitwiseCopyable>(raw value: T) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }
  public mutating func write(_ value: UInt8) { bytes.append(value) }
  public mutating func write(_ value: Int32) { write(raw: value.littleEndian) }
  public mutating func write(_ value: Int64) { write(raw: value.littleEndian) }
  public mutating func write(_ value: UInt64) { write(raw: value.littleEndian) }
  public mutating func write(_ value: Double) { write(value.bitPattern) }
  public mutating func write(count value: Int) { write(Int64(value)) }
  /// Length, then the bytes.
  public mutating func write(block: UnsafeRawBufferPointer) {
    write(count: block.count)
    bytes.append(contentsOf: block)
  }
  public mutating func write(block: [UInt8]) { block.withUnsafeBytes { write(block: $0) } }
  /// A length and that many bytes, which `fill` puts there: all of them.
  public mutating func write(blockOf byteCount: Int, _ fill: (UnsafeMutableRawPointer) -> Void) {
    write(count: byteCount)
    guard byteCount > 0 else { return }
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: byteCount))
    bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { fill(base + start) } }
  }
  /// A block whose bytes are what `body` writes.
  public mutating func writeBlock(_ body: (inout ByteWriter) -> Void) {
    let start = bytes.count
    write(count: 0)
    body(&self)
    replace(at: start, with: UInt64(bytes.count - start - 8))
  }
  /// Makes room for this many bytes more.
  public mutating func reserve(_ byteCount: Int) { bytes.reserveCapacity(bytes.count + byteCount) }
  /// Writes over eight bytes that are there.
  mutating func replace(at offset: Int, with value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { new in for (i, byte) in new.enumerated() { bytes[offset + i] = byte } }
  }
  public mutating func write(_ text: String) {
    var text = text
    text.withUTF8 { write(block: UnsafeRawBufferPointer($0)) }
  }
}

/// Reads what `ByteWriter` wrote; bytes that end early or lie about a length are an error, never a trap.
public struct ByteReader {
  private let bytes: [UInt8]
  public private(set) var offset = 0
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public var isAtEnd: Bool { offset == bytes.count }

  private func truncated() -> MillraceError {
    MillraceError(
      .checkpointInvalid, "stored bytes end early at offset \(offset) of \(bytes.count)", hint: "restore from an older checkpoint")
  }

  public mutating func read<T: BitwiseCopyable>(raw type: T.Type) throws(MillraceError) -> T {
    guard bytes.count - offset >= MemoryLayout<T>.size else { throw truncated() }
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    offset += MemoryLayout<T>.size
    return value
  }
  public mutating func readUInt8() throws(MillraceError) -> UInt8 { try read(raw: UInt8.self) }
  public mutating func readInt32() throws(MillraceError) -> Int32 { Int32(littleEndian: try read(raw: Int32.self)) }
  public mutating func readInt64() throws(MillraceError) -> Int64 { Int64(littleEndian: try read(raw: Int64.self)) }
  public mutating func readUInt64() throws(MillraceError) -> UInt64 { UInt64(littleEndian: try read(raw: UInt64.self)) }
  public mutating func readDouble() throws(MillraceError) -> Double { Double(bitPattern: try readUInt64()) }
  /// A count of things that each take at least `unit` bytes of what is left.
  public mutating func readCount(unit: Int = 0) throws(MillraceError) -> Int {
    let value = try readInt64()
    guard value >= 0, unit == 0 || value <= Int64((bytes.count - offset) / unit) else { throw truncated() }
    return Int(value)
  }
  public mutating func readBlock() throws(MillraceError) -> [UInt8] {
    let count = try readCount(unit: 1)
    let block = Array(bytes[offset..<(offset + count)])
    offset += count
    return block
  }
  public mutating func readText() throws(MillraceError) -> String { String(decoding: try readBlock(), as: UTF8.self) }
}
