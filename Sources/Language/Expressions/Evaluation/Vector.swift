import MillraceColumns
import MillraceTypes

/// The value of one node for one batch: a column of the batch's rows, or one value that stands for all of them.
///
/// Values under a null are unspecified; no kernel may trap on them. A row in fault is null as well.
struct Vector {
  /// One row when constant.
  var column: Column
  var isConstant = false
  /// Rows whose value could not be computed: an error if the row's result needs them.
  var faults: RowFaults?

  static func null(_ type: DataType) -> Vector { Vector(column: .nulls(type, count: 1), isConstant: true) }

  var type: DataType { column.type }
  var isNullConstant: Bool { isConstant && column.isNull(0) }
  /// Validity over the batch's rows; nil for constants that are not null.
  var validity: Bitmap? { isConstant ? nil : column.validity }

  @inline(__always) func isNull(_ row: Int) -> Bool { column.isNull(isConstant ? 0 : row) }

  /// The column with one row per row of the batch.
  func expanded(_ rows: Int) -> Column {
    guard isConstant else { return column }
    if column.isNull(0) { return .nulls(column.type, count: rows) }
    switch column.values {
    case .bits(let bits): return Column(type: column.type, count: rows, values: .bits(Bitmap(repeating: bits[0], count: rows)))
    default:
      let zeros = Buffer(zeroed: rows * 4)
      return column.take(UnsafeBufferPointer(start: zeros.pointer(Int32.self), count: rows))
    }
  }

  /// One bit per row.
  func bits(_ rows: Int) -> Bitmap { isConstant ? Bitmap(repeating: column.bits[0], count: rows) : column.bits }

  /// Validity as one bit per row, all rows valid included.
  func validBits(_ rows: Int) -> Bitmap {
    if isConstant { return Bitmap(repeating: !column.isNull(0), count: rows) }
    return column.validity ?? Bitmap(repeating: true, count: rows)
  }
}

/// Rows that could not be computed, and why. Most batches have none.
struct RowFaults {
  struct Site {
    /// Rows of the batch, or bit 0 of a constant.
    var rows: Bitmap
    /// What failed, with the expression's text.
    var reason: String
  }

  var rows: Bitmap
  var sites: [Site]

  static func merged(_ a: RowFaults?, _ b: RowFaults?) -> RowFaults? {
    guard let a else { return b }
    guard let b else { return a }
    return RowFaults(rows: a.rows.union(b.rows), sites: a.sites + b.sites)
  }

  /// Only the rows of a bitmap; nil when none is left.
  func restricted(to kept: Bitmap) -> RowFaults? {
    let rows = rows.intersection(kept)
    return rows.setCount == 0 ? nil : RowFaults(rows: rows, sites: sites)
  }

  /// The faults of a constant, for every row of a batch.
  func repeated(_ rows: Int) -> RowFaults {
    let all = Bitmap(repeating: true, count: rows)
    return RowFaults(rows: all, sites: sites.map { Site(rows: all, reason: $0.reason) })
  }

  /// The first row in fault and its reason.
  var first: (row: Int, reason: String)? {
    guard let row = (0..<rows.count).first(where: { rows[$0] }) else { return nil }
    let site = sites.first { row < $0.rows.count && $0.rows[row] } ?? sites.first
    return (row, site?.reason ?? "a value could not be computed")
  }
}

/// Collects rows in fault inside a kernel; allocates only when there is one.
struct FaultCollector {
  private let rows: Int
  private var buffer: Buffer?

  init(_ rows: Int) { self.rows = rows }

  mutating func mark(_ row: Int) {
    let target = buffer ?? Buffer(zeroed: (rows + 63) / 64 * 8)
    buffer = target
    target.pointer(UInt8.self)[row >> 3] |= 1 << UInt8(truncatingIfNeeded: row & 7)
  }

  func faults(_ reason: String) -> RowFaults? {
    guard let buffer else { return nil }
    let bits = Bitmap(buffer: buffer, count: rows)
    return RowFaults(rows: bits, sites: [.init(rows: bits, reason: reason)])
  }
}

extension Bitmap {
  /// Bitwise combination of two bitmaps of one count; bits beyond the count are unspecified.
  @inline(__always) func combined(_ other: Bitmap, _ body: (UInt8, UInt8) -> UInt8) -> Bitmap {
    let result = Buffer(uninitialized: (count + 63) / 64 * 8)
    let a = buffer.pointer(UInt8.self)
    let b = other.buffer.pointer(UInt8.self)
    let out = result.pointer(UInt8.self)
    for i in 0..<((count + 7) / 8) { out[i] = body(a[i], b[i]) }
    return Bitmap(buffer: result, count: count)
  }

  func union(_ other: Bitmap) -> Bitmap { combined(other) { $0 | $1 } }
  func subtracting(_ other: Bitmap) -> Bitmap { combined(other) { $0 & ~$1 } }
  func inverted() -> Bitmap { combined(self) { ~($0 & $1) } }

  /// One byte per row, 0 or 255, eight rows at a time. The buffer has room for whole groups of eight.
  func byteMask() -> Buffer {
    let out = Buffer(uninitialized: (count + 7) / 8 * 8)
    let bytes = buffer.pointer(UInt8.self)
    let places = SIMD8<UInt8>(1, 2, 4, 8, 16, 32, 64, 128)
    let zero = SIMD8<UInt8>(repeating: 0)
    let full = SIMD8<UInt8>(repeating: 255)
    for i in 0..<((count + 7) / 8) {
      let lanes = full.replacing(with: zero, where: (SIMD8<UInt8>(repeating: bytes[i]) & places) .== zero)
      out.base.storeBytes(of: lanes, toByteOffset: i &* 8, as: SIMD8<UInt8>.self)
    }
    return out
  }

  /// Whether every bit is set.
  var isFull: Bool { setCount == count }
}
