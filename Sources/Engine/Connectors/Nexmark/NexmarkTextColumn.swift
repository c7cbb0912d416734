import MillraceColumns
import MillraceTypes

/// A text column under construction: written front to back, with room behind the end for stores that are longer than their text.
struct NexmarkTextColumn {
  private let offsets: Buffer
  private let memory: Buffer
  let ends: UnsafeMutablePointer<Int32>
  let bytes: UnsafeMutableRawPointer
  /// Bytes so far.
  var end = 0

  /// Stores may reach so far behind the end of a text.
  static let slack = 160

  init(rows: Int, capacity: Int) {
    offsets = Buffer(uninitialized: (rows + 1) * 4)
    memory = Buffer(uninitialized: capacity + Self.slack)
    ends = offsets.pointer(Int32.self)
    bytes = memory.base
    ends[0] = 0
  }

  /// Where the next text goes.
  @inline(__always) var target: UnsafeMutableRawPointer { bytes + end }

  /// Ends the text of a row, `count` bytes long.
  @inline(__always) mutating func close(_ row: Int, _ count: Int) {
    end &+= count
    ends[row &+ 1] = Int32(truncatingIfNeeded: end)
  }

  /// Rows without a text.
  @inline(__always) mutating func skip(_ rows: Range<Int>) {
    let value = Int32(truncatingIfNeeded: end)
    for row in rows { ends[row &+ 1] = value }
  }

  @inline(__always) mutating func append(_ row: Int, _ source: UnsafePointer<UInt8>, _ count: Int) {
    target.copyMemory(from: source, byteCount: count)
    close(row, count)
  }

  /// A part of the text of the next row.
  mutating func append(_ part: StaticString) {
    target.copyMemory(from: part.utf8Start, byteCount: part.utf8CodeUnitCount)
    end &+= part.utf8CodeUnitCount
  }

  func column(_ count: Int) -> Column {
    // Only what was written counts as the column's bytes.
    let used = Buffer(borrowing: memory.base, byteCount: end, owner: memory)
    return Column(type: .text, count: count, values: .variable(offsets: offsets, bytes: used))
  }
}

/// A BIGINT or TIMESTAMP(3) column under construction; rows that are not written stay 0.
struct NexmarkNumberColumn {
  private let buffer: Buffer
  let values: UnsafeMutablePointer<Int64>

  init(rows: Int) {
    buffer = Buffer(zeroed: rows * 8)
    values = buffer.pointer(Int64.self)
  }

  @inline(__always) func set(_ row: Int, _ value: Int64) { values[row] = value }

  func column(_ count: Int, _ type: DataType) -> Column { Column(type: type, count: count, values: .fixed(buffer)) }
}
