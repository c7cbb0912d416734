import MillraceColumns
import MillraceTypes

/// The rows of a batch that a filter keeps, ascending.
public struct Selection: Sendable {
  /// Rows of the batch.
  public let rowCount: Int
  /// Rows kept.
  public let count: Int
  /// Int32 row numbers; nil when every row is kept.
  private let buffer: Buffer?

  public init(all rowCount: Int) {
    self.rowCount = rowCount
    count = rowCount
    buffer = nil
  }

  init(none rowCount: Int) {
    self.rowCount = rowCount
    count = 0
    buffer = Buffer(zeroed: 0)
  }

  /// The rows whose bit is set: eight at a time through a table of the set bits' positions in each byte, without branching on data.
  public init(_ bits: Bitmap) {
    rowCount = bits.count
    let rows = bits.count
    let out = Buffer(uninitialized: (rows + 8) * 4)
    let target = out.pointer(Int32.self)
    let bytes = bits.buffer.pointer(UInt8.self)
    let kept = Self.positions.withUnsafeBufferPointer { table in
      var k = 0
      for i in 0..<((rows + 7) / 8) {
        var byte = bytes[i]
        if i == rows >> 3 { byte &= (1 << UInt8(rows & 7)) &- 1 }
        let lanes = SIMD8<Int32>(truncatingIfNeeded: table[Int(byte)]) &+ SIMD8(repeating: Int32(truncatingIfNeeded: i &* 8))
        UnsafeMutableRawPointer(target + k).storeBytes(of: lanes, as: SIMD8<Int32>.self)
        k &+= byte.nonzeroBitCount
      }
      return k
    }
    count = kept
    buffer = kept == rows ? nil : out
  }

  private static let positions: [SIMD8<UInt8>] = (0..<256).map { byte in
    var lanes = SIMD8<UInt8>(repeating: 0)
    var k = 0
    for bit in 0..<8 where byte >> bit & 1 == 1 {
      lanes[k] = UInt8(bit)
      k += 1
    }
    return lanes
  }

  public var isAll: Bool { count == rowCount }
  public var isEmpty: Bool { count == 0 }

  /// The row numbers kept.
  public var indices: [Int32] {
    guard let buffer else { return (0..<Int32(truncatingIfNeeded: rowCount)).map { $0 } }
    return Array(UnsafeBufferPointer(start: buffer.pointer(Int32.self), count: count))
  }

  /// The kept rows of a batch, hidden columns included; the batch itself when every row is kept.
  public func apply(to batch: Batch) -> Batch {
    guard let buffer, !isAll else { return batch }
    return withExtendedLifetime(buffer) { batch.take(UnsafeBufferPointer(start: buffer.pointer(Int32.self), count: count)) }
  }

  /// The kept rows of a column.
  public func apply(to column: Column) -> Column {
    guard let buffer, !isAll else { return column }
    return withExtendedLifetime(buffer) { column.take(UnsafeBufferPointer(start: buffer.pointer(Int32.self), count: count)) }
  }
}
