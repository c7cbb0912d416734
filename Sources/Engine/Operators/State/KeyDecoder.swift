import MillraceColumns
import MillraceTypes

/// The way back from `KeyEncoder` bytes to values: version 1.
public enum KeyDecoder {
  /// Columns of the given types from encoded keys (a BYTES column without nulls).
  ///
  /// - Throws: `checkpointInvalid` when some bytes are not the encoding of a key of these types.
  public static func columns(_ keys: Column, types: [DataType]) throws(MillraceError) -> [Column] {
    let builders = types.map { ColumnBuilder($0, capacity: keys.count) }
    let (offsets, bytes) = keys.variable
    for row in 0..<keys.count {
      var cursor = Cursor(bytes: bytes, at: Int(offsets[row]), end: Int(offsets[row + 1]))
      for (type, builder) in zip(types, builders) { try cursor.read(type, into: builder) }
      guard cursor.at == cursor.end else { throw Cursor.invalid() }
    }
    withExtendedLifetime(keys) {}
    return builders.map { $0.finish() }
  }

  struct Cursor {
    let bytes: UnsafePointer<UInt8>
    var at: Int
    let end: Int

    static func invalid() -> MillraceError {
      MillraceError(.checkpointInvalid, "stored bytes are not an encoded key", hint: "restore from an older checkpoint")
    }

    mutating func byte() throws(MillraceError) -> UInt8 {
      guard at < end else { throw Self.invalid() }
      at &+= 1
      return bytes[at &- 1]
    }

    mutating func word() throws(MillraceError) -> UInt64 {
      guard end &- at >= 8 else { throw Self.invalid() }
      at &+= 8
      return UInt64(bigEndian: UnsafeRawPointer(bytes + (at &- 8)).loadUnaligned(as: UInt64.self))
    }

    mutating func read(_ type: DataType, into builder: ColumnBuilder) throws(MillraceError) {
      switch try byte() {
      case 1: builder.appendNull()
      case 2: try readValue(type, into: builder)
      default: throw Self.invalid()
      }
    }

    private mutating func readValue(_ type: DataType, into builder: ColumnBuilder) throws(MillraceError) {
      switch type {
      case .null: throw Self.invalid()
      case .boolean: builder.append(try byte() != 0)
      case .float32: builder.append(fixed: Float(Self.float(try word())))
      case .float64: builder.append(fixed: Self.float(try word()))
      case .decimal:
        let high = try word()
        let low = try word()
        builder.append(fixed: Int128(bitPattern: (UInt128(high) << 64 | UInt128(low)) ^ (1 << 127)))
      case .text, .bytes: try readBytes(into: builder)
      case .array(let element):
        while try peek() != 0 { try read(element.type, into: builder.children[0]) }
        at &+= 1
        builder.appendList()
      case .map(let key, let value):
        while try peek() != 0 {
          try read(key.type, into: builder.children[0])
          try read(value.type, into: builder.children[1])
        }
        at &+= 1
        builder.appendList()
      case .row(let fields):
        for (field, child) in zip(fields, builder.children) { try read(field.type, into: child) }
        builder.appendRow()
      default: builder.append(integer: Int64(bitPattern: try word() ^ (1 << 63)))
      }
    }

    private func peek() throws(MillraceError) -> UInt8 {
      guard at < end else { throw Self.invalid() }
      return bytes[at]
    }

    private static func float(_ ordered: UInt64) -> Double {
      Double(bitPattern: ordered >> 63 == 1 ? ordered ^ (1 << 63) : ~ordered)
    }

    /// Bytes up to the terminator 0x00 0x01; 0x00 0xFF stands for 0x00.
    private mutating func readBytes(into builder: ColumnBuilder) throws(MillraceError) {
      let start = at
      while try peek() != 0 { at &+= 1 }
      guard at &+ 1 < end else { throw Self.invalid() }
      if bytes[at &+ 1] == 1 {
        builder.append(bytes: UnsafeRawBufferPointer(start: bytes + start, count: at &- start))
        at &+= 2
        return
      }
      var plain = Array(UnsafeBufferPointer(start: bytes + start, count: at &- start))
      while true {
        let value = try byte()
        if value != 0 {
          plain.append(value)
          continue
        }
        switch try byte() {
        case 0xFF: plain.append(0)
        case 0x01:
          plain.withUnsafeBytes { builder.append(bytes: $0) }
          return
        default: throw Self.invalid()
        }
      }
    }
  }
}
