import MillraceColumns
import MillraceTypes

/// A hash of a table as a multiset of rows: the same for any order of the same changes, and equal only if the folded tables are (but
/// for chance). Made so that another engine can compute it; jvm/nexmark-flink does.
///
/// All arithmetic is of 64 bits and wraps. With K = 0x9E3779B97F4A7C15:
/// - A row begins with h = 0x243F6A8885A308D3 and takes its columns in order, each value as one or more words w:
///   `x = (h ^ w) * K; h = x ^ (x >> 32)` (logical shift). A null is `x = (h ^ 0x6E756C6C) * 0xC2B2AE3D27D4EB4F` instead.
/// - Words of a value: an integer, date or interval: itself, sign extended; BOOLEAN: 0 or 1; a time or timestamp: its ticks (milliseconds
///   up to precision 3, microseconds up to 6, else nanoseconds); FLOAT and DOUBLE: the bits of the DOUBLE, -0.0 as 0.0, every NaN as
///   0x7FF8000000000000; DECIMAL: the low, then the high half of the unscaled 128-bit integer; STRING and BYTES: each eight bytes
///   little endian, then the 0 to 7 bytes that are left, zero above, with the low byte of the length as the highest byte.
/// - A row's lanes are mix(h) and mix(h + K), with mix the output function of SplitMix64.
/// - The table's lanes are the sums of weight times lane. Text: both lanes as 16 hexadecimal digits each.
public struct RowHash: Sendable, Hashable {
  public private(set) var first: UInt64 = 0
  public private(set) var second: UInt64 = 0
  /// Weights added up: rows of the folded table.
  public private(set) var rowCount: Int64 = 0
  /// Rows taken, whatever their weight.
  public private(set) var changeCount: Int64 = 0

  public init() {}

  static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
  private static let start: UInt64 = 0x243F_6A88_85A3_08D3

  /// The first column type that has no hash; nil when all have.
  public static func unsupported(_ schema: Schema) -> Field? {
    schema.fields.first { field in
      switch field.type {
      case .array, .map, .row: true
      default: false
      }
    }
  }

  /// Adds the rows of a batch, whose columns are of the kinds that `unsupported` lets pass.
  public mutating func add(_ batch: Batch) {
    let count = batch.rowCount
    let states = Buffer(uninitialized: count * 8)
    let h = states.pointer(UInt64.self)
    for row in 0..<count { h[row] = Self.start }
    for column in batch.columns { Self.fold(column, into: h, count) }
    let weights = batch.weights?.pointer(Int64.self)
    var (a, b, rows) = (first, second, rowCount)
    for row in 0..<count {
      let weight = weights?[row] ?? 1
      let factor = UInt64(bitPattern: weight)
      a &+= NexmarkRandom.mix(h[row]) &* factor
      b &+= NexmarkRandom.mix(h[row] &+ Self.factor) &* factor
      rows &+= weight
    }
    (first, second, rowCount) = (a, b, rows)
    changeCount &+= Int64(count)
    withExtendedLifetime((states, batch)) {}
  }

  public mutating func add(_ other: RowHash) {
    first &+= other.first
    second &+= other.second
    rowCount &+= other.rowCount
    changeCount &+= other.changeCount
  }

  public var text: String { Self.hex(first) + Self.hex(second) }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  // MARK: Columns

  @inline(__always) private static func step(_ h: UInt64, _ word: UInt64) -> UInt64 {
    let x = (h ^ word) &* factor
    return x ^ x >> 32
  }

  @inline(__always) private static func null(_ h: UInt64) -> UInt64 {
    let x = (h ^ 0x6E75_6C6C) &* 0xC2B2_AE3D_27D4_EB4F
    return x ^ x >> 32
  }

  @inline(__always) private static func each(
    _ column: Column, _ h: UnsafeMutablePointer<UInt64>, _ count: Int, _ body: (UInt64, Int) -> UInt64
  ) {
    if let validity = column.validity {
      for row in 0..<count { h[row] = validity[row] ? body(h[row], row) : null(h[row]) }
    } else {
      for row in 0..<count { h[row] = body(h[row], row) }
    }
  }

  private static func fold(_ column: Column, into h: UnsafeMutablePointer<UInt64>, _ count: Int) {
    switch column.values {
    case .none: for row in 0..<count { h[row] = null(h[row]) }
    case .bits(let bits): each(column, h, count) { step($0, bits[$1] ? 1 : 0) }
    case .fixed(let buffer):
      switch column.type {
      case .int8: integers(column, buffer.pointer(Int8.self), h, count)
      case .int16: integers(column, buffer.pointer(Int16.self), h, count)
      case .int32, .date: integers(column, buffer.pointer(Int32.self), h, count)
      case .float32:
        let values = buffer.pointer(Float.self)
        each(column, h, count) { step($0, bits(Double(values[$1]))) }
      case .float64:
        let values = buffer.pointer(Double.self)
        each(column, h, count) { step($0, bits(values[$1])) }
      case .decimal:
        let values = buffer.pointer(UInt64.self)
        each(column, h, count) { step(step($0, values[2 &* $1]), values[2 &* $1 &+ 1]) }
      default: integers(column, buffer.pointer(Int64.self), h, count)
      }
    case .variable(let offsets, let bytes):
      let ends = offsets.pointer(Int32.self)
      let base = UnsafeRawPointer(bytes.base)
      each(column, h, count) { text($0, base + Int(ends[$1]), Int(ends[$1 &+ 1] &- ends[$1])) }
    case .list, .fields: preconditionFailure("RowHash.unsupported was not asked about a column of type \(column.type)")
    }
  }

  @inline(__always) private static func integers<T: FixedWidthInteger & SignedInteger>(
    _ column: Column, _ values: UnsafeMutablePointer<T>, _ h: UnsafeMutablePointer<UInt64>, _ count: Int
  ) {
    each(column, h, count) { step($0, UInt64(bitPattern: Int64(values[$1]))) }
  }

  @inline(__always) private static func bits(_ value: Double) -> UInt64 {
    value.isNaN ? 0x7FF8_0000_0000_0000 : (value + 0.0).bitPattern
  }

  @inline(__always) private static func text(_ h: UInt64, _ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
    var h = h
    var at = 0
    while at &+ 8 <= count {
      h = step(h, UInt64(littleEndian: start.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
      at &+= 8
    }
    let rest = count &- at
    var word: UInt64 = 0
    if rest > 0 {
      if count >= 8 {
        // The last eight bytes, without those that are in already.
        let last = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        word = last >> UInt64(truncatingIfNeeded: 8 &* (8 &- rest))
      } else {
        for i in 0..<rest { word |= UInt64(start.load(fromByteOffset: i, as: UInt8.self)) << UInt64(truncatingIfNeeded: 8 &* i) }
      }
    }
    return step(h, word | UInt64(truncatingIfNeeded: count) << 56)
  }
}

extension RowHash {
  /// For checkpoints: see `init(stored:)`.
  var stored: [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt8(1))
    writer.write(first)
    writer.write(second)
    writer.write(rowCount)
    writer.write(changeCount)
    return writer.bytes
  }

  init(stored bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    guard try reader.readUInt8() == 1 else { throw MillraceError(.checkpointInvalid, "the stored hash was written by another version") }
    first = try reader.readUInt64()
    second = try reader.readUInt64()
    rowCount = try reader.readInt64()
    changeCount = try reader.readInt64()
  }
}
