import MillraceTypes

/// The canonical, memory-comparable encoding of keys, version 1, and the hash taken from it.
///
/// Per value: 0x01 for null (nulls first), else 0x02 and
/// - boolean: one byte; every integer, date, time, timestamp and interval: 8 bytes big-endian, sign bit flipped;
/// - floats: as Float64 with -0.0 made 0.0 and every NaN one NaN (sorted last), order-preserving 8 bytes;
/// - decimal: 16 bytes big-endian of the unscaled value, sign bit flipped (both sides of a comparison share the scale);
/// - text and bytes: the bytes with 0x00 escaped as 0x00 0xFF, ended by 0x00 0x01;
/// - array: its elements, ended by 0x00; map: keys and values alternating, ended by 0x00; row: its fields.
/// So equal keys have equal bytes whatever batch they came in, and bytewise order is SQL order.
public enum KeyEncoder {
  public static let version = 1

  /// Appends the encoding of one value.
  public static func append(_ column: Column, _ row: Int, to out: inout [UInt8]) {
    if column.isNull(row) {
      out.append(1)
      return
    }
    out.append(2)
    switch column.values {
    case .none: break
    case .bits(let bits): out.append(bits[row] ? 1 : 0)
    case .fixed(let buffer):
      switch column.type {
      case .int8: append(Int64(buffer.pointer(Int8.self)[row]), to: &out)
      case .int16: append(Int64(buffer.pointer(Int16.self)[row]), to: &out)
      case .int32, .date: append(Int64(buffer.pointer(Int32.self)[row]), to: &out)
      case .float32: append(bigEndian: orderedBits(Double(buffer.pointer(Float.self)[row])), to: &out)
      case .float64: append(bigEndian: orderedBits(buffer.pointer(Double.self)[row]), to: &out)
      case .decimal:
        let bits = UInt128(bitPattern: buffer.pointer(Int128.self)[row]) ^ (1 << 127)
        append(bigEndian: UInt64(truncatingIfNeeded: bits >> 64), to: &out)
        append(bigEndian: UInt64(truncatingIfNeeded: bits), to: &out)
      default: append(buffer.pointer(Int64.self)[row], to: &out)
      }
    case .variable(let offsets, let bytes):
      let o = offsets.pointer(Int32.self)
      let slice = UnsafeBufferPointer(start: bytes.pointer(UInt8.self) + Int(o[row]), count: Int(o[row + 1] - o[row]))
      if slice.contains(0) {
        for byte in slice {
          out.append(byte)
          if byte == 0 { out.append(0xFF) }
        }
      } else {
        out.append(contentsOf: slice)
      }
      out.append(0)
      out.append(1)
    case .list(let offsets, let children):
      let o = offsets.pointer(Int32.self)
      for i in Int(o[row])..<Int(o[row + 1]) { for child in children { append(child, i, to: &out) } }
      out.append(0)
    case .fields(let children): for child in children { append(child, row, to: &out) }
    }
  }

  @inlinable public static func append(_ value: Int64, to out: inout [UInt8]) {
    append(bigEndian: UInt64(bitPattern: value) ^ (1 << 63), to: &out)
  }

  @inlinable static func append(bigEndian value: UInt64, to out: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { out.append(contentsOf: $0) }
  }

  /// Bits of a float whose unsigned order is SQL's order, with one zero and one NaN.
  @inlinable public static func orderedBits(_ value: Double) -> UInt64 {
    let bits = value.isNaN ? Double.nan.bitPattern : value == 0 ? 0 : value.bitPattern
    return bits >> 63 == 0 ? bits | (1 << 63) : ~bits
  }

  /// The 64-bit hash of an encoded key.
  @inlinable public static func hash(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt64 {
    var h: UInt64 = 0x9E37_79B9_7F4A_7C15
    var at = 0
    while at &+ 8 <= count {
      h = mix(h ^ UInt64(littleEndian: UnsafeRawPointer(bytes + at).loadUnaligned(as: UInt64.self)))
      at &+= 8
    }
    if at < count {
      var last: UInt64 = 0
      var shift: UInt64 = 0
      while at < count {
        last |= UInt64(bytes[at]) << shift
        shift &+= 8
        at &+= 1
      }
      h = mix(h ^ last)
    }
    return mix(h ^ UInt64(truncatingIfNeeded: count))
  }

  /// The hash of the encoding of one non-null integer (9 bytes), without building it.
  @inlinable public static func hash(int64 value: Int64) -> UInt64 {
    let big = (UInt64(bitPattern: value) ^ (1 << 63)).bigEndian
    var h: UInt64 = 0x9E37_79B9_7F4A_7C15
    h = mix(h ^ (2 | big << 8))
    h = mix(h ^ (big >> 56))
    return mix(h ^ 9)
  }

  @inlinable static func mix(_ x: UInt64) -> UInt64 {
    let p = x.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return p.high ^ p.low &+ 0x2545_F491_4F6C_DD1D
  }

  /// The 32-bit hash that decides the key group: the upper half of the 64-bit one.
  @inlinable public static func keyGroupHash(_ hash: UInt64) -> Int32 { Int32(truncatingIfNeeded: hash >> 32) }
}
