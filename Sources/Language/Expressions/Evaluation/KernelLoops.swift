import MillraceColumns
import MillraceTypes

/// Computes a node from its operands for a batch of so many rows. Only one row is asked for when every operand is constant.
typealias Kernel = @Sendable (_ operands: [Vector], _ rows: Int) -> Vector

/// Fixed-width values, a constant being read again for every row.
struct Lane<T: BitwiseCopyable> {
  private let base: UnsafePointer<T>
  private let step: Int

  init(_ vector: Vector, _ type: T.Type = T.self) {
    base = vector.column.pointer(T.self)
    step = vector.isConstant ? 0 : 1
  }

  @inline(__always) subscript(row: Int) -> T { base[row &* step] }
}

/// Text or bytes, a constant being read again for every row.
struct TextLane {
  private let offsets: UnsafePointer<Int32>
  private let bytes: UnsafePointer<UInt8>
  private let step: Int

  init(_ vector: Vector) {
    (offsets, bytes) = vector.column.variable
    step = vector.isConstant ? 0 : 1
  }

  @inline(__always) subscript(row: Int) -> UnsafeBufferPointer<UInt8> {
    let i = row &* step
    return UnsafeBufferPointer(start: bytes + Int(offsets[i]), count: Int(offsets[i &+ 1] &- offsets[i]))
  }
}

/// Loops that kernels share. The closures do not escape and are inlined, so each use becomes a tight loop of its own.
enum Loops {
  /// Validity of a function that is null when an operand is.
  static func validity(_ operands: [Vector]) -> Bitmap? {
    var result: Bitmap?
    for operand in operands { result = Bitmap.both(result, operand.validity) }
    return result
  }

  static func faults(_ operands: [Vector]) -> RowFaults? {
    var result: RowFaults?
    for operand in operands where operand.faults != nil { result = RowFaults.merged(result, operand.faults) }
    return result
  }

  @inline(__always)
  static func unary<A: BitwiseCopyable, R: BitwiseCopyable>(
    _ x: Vector, _ rows: Int, _ type: DataType, _ body: (A) -> R
  ) -> Vector {
    let out = Buffer(uninitialized: rows * MemoryLayout<R>.stride)
    let target = out.pointer(R.self)
    let a = x.column.pointer(A.self)
    withExtendedLifetime(x) { for i in 0..<rows { target[i] = body(a[i]) } }
    return Vector(column: Column(type: type, count: rows, validity: x.validity, values: .fixed(out)), faults: x.faults)
  }

  @inline(__always)
  static func binary<A: BitwiseCopyable, B: BitwiseCopyable, R: BitwiseCopyable>(
    _ x: Vector, _ y: Vector, _ rows: Int, _ type: DataType, _ body: (A, B) -> R
  ) -> Vector {
    let out = Buffer(uninitialized: rows * MemoryLayout<R>.stride)
    let target = out.pointer(R.self)
    let a = x.column.pointer(A.self)
    let b = y.column.pointer(B.self)
    withExtendedLifetime((x, y)) {
      if x.isConstant {
        let c = a[0]
        for i in 0..<rows { target[i] = body(c, b[i]) }
      } else if y.isConstant {
        let c = b[0]
        for i in 0..<rows { target[i] = body(a[i], c) }
      } else {
        for i in 0..<rows { target[i] = body(a[i], b[i]) }
      }
    }
    return Vector(
      column: Column(type: type, count: rows, validity: Bitmap.both(x.validity, y.validity), values: .fixed(out)),
      faults: RowFaults.merged(x.faults, y.faults))
  }

  /// One bit per row, built a byte at a time.
  @inline(__always)
  static func bits(_ rows: Int, _ body: (Int) -> Bool) -> Bitmap {
    let buffer = Buffer(uninitialized: (rows + 63) / 64 * 8)
    let words = buffer.pointer(UInt64.self)
    var row = 0
    for word in 0..<(rows / 64) {
      var bits: UInt64 = 0
      for bit in 0..<64 { bits |= (body(row &+ bit) ? 1 : 0) << UInt64(truncatingIfNeeded: bit) }
      words[word] = bits
      row &+= 64
    }
    if row < rows {
      var bits: UInt64 = 0
      for bit in 0..<(rows &- row) { bits |= (body(row &+ bit) ? 1 : 0) << UInt64(truncatingIfNeeded: bit) }
      words[rows / 64] = bits
    }
    return Bitmap(buffer: buffer, count: rows)
  }

  @inline(__always)
  static func predicate<A: BitwiseCopyable>(_ x: Vector, _ y: Vector, _ rows: Int, _ body: (A, A) -> Bool) -> Vector {
    let a = x.column.pointer(A.self)
    let b = y.column.pointer(A.self)
    let result = withExtendedLifetime((x, y)) {
      if x.isConstant {
        let c = a[0]
        return bits(rows) { body(c, b[$0]) }
      } else if y.isConstant {
        let c = b[0]
        return bits(rows) { body(a[$0], c) }
      } else {
        return bits(rows) { body(a[$0], b[$0]) }
      }
    }
    return boolean(result, validity: Bitmap.both(x.validity, y.validity), faults: RowFaults.merged(x.faults, y.faults))
  }

  static func boolean(_ bits: Bitmap, validity: Bitmap?, faults: RowFaults? = nil) -> Vector {
    Vector(column: Column(type: .boolean, count: bits.count, validity: validity, values: .bits(bits)), faults: faults)
  }

  /// Row by row for functions that are dear anyway: `body` is called for rows without nulls and gives nil for null.
  @inline(__always)
  static func rows<R: BitwiseCopyable>(
    _ operands: [Vector], _ rows: Int, _ type: DataType, zero: R, _ body: (Int) -> R?
  ) -> Vector {
    let out = Buffer(uninitialized: rows * MemoryLayout<R>.stride)
    let target = out.pointer(R.self)
    let validity = validity(operands)
    var nulls: Buffer?
    withExtendedLifetime(operands) {
      for i in 0..<rows {
        if let validity, !validity[i] {
          target[i] = zero
        } else if let value = body(i) {
          target[i] = value
        } else {
          target[i] = zero
          markNull(i, rows, &nulls)
        }
      }
    }
    return Vector(
      column: Column(type: type, count: rows, validity: without(nulls, validity, rows), values: .fixed(out)), faults: faults(operands))
  }

  /// As `rows`, for a boolean result without nulls of its own.
  @inline(__always)
  static func test(_ operands: [Vector], _ rows: Int, _ body: (Int) -> Bool) -> Vector {
    let validity = validity(operands)
    let result = withExtendedLifetime(operands) {
      if let validity { return bits(rows) { validity[$0] && body($0) } }
      return bits(rows, body)
    }
    return boolean(result, validity: validity, faults: faults(operands))
  }

  /// As `rows`, for text: `body` appends the row's text and returns whether it is not null. Text that would not fit into a column
  /// puts the row in fault.
  @inline(__always)
  static func text(
    _ operands: [Vector], _ rows: Int, _ type: DataType = .text, _ body: (Int, TextOutput) -> Bool
  ) -> Vector {
    let output = TextOutput(rows: rows)
    let validity = validity(operands)
    var nulls: Buffer?
    var collector = FaultCollector(rows)
    withExtendedLifetime(operands) {
      for i in 0..<rows {
        if let validity, !validity[i] {
          output.endRow()
          continue
        }
        let start = output.byteCount
        if !body(i, output) {
          output.truncate(to: start)
          markNull(i, rows, &nulls)
        }
        if output.isTooLong {
          output.truncate(to: start)
          collector.mark(i)
        }
        output.endRow()
      }
    }
    let result = Vector(
      column: Column(type: type, count: rows, validity: without(nulls, validity, rows), values: output.values), faults: faults(operands))
    return adding(collector.faults("a text is too long for a column: more than 16 MiB by one function, or 2 GiB in a batch"), to: result)
  }

  /// As `rows`, for arrays, maps and rows: `body` appends the row's value to the builder and returns true, or appends nothing to it and
  /// returns false for null.
  @inline(__always)
  static func nested(_ operands: [Vector], _ rows: Int, _ type: DataType, _ body: (Int, ColumnBuilder) -> Bool) -> Vector {
    let builder = ColumnBuilder(type, capacity: rows)
    let validity = validity(operands)
    withExtendedLifetime(operands) {
      for i in 0..<rows {
        if let validity, !validity[i] {
          builder.appendNull()
        } else if !body(i, builder) {
          builder.appendNull()
        }
      }
    }
    return Vector(column: builder.finish(), faults: faults(operands))
  }

  static func markNull(_ row: Int, _ rows: Int, _ nulls: inout Buffer?) {
    let target = nulls ?? Buffer(zeroed: (rows + 63) / 64 * 8)
    nulls = target
    target.pointer(UInt8.self)[row >> 3] |= 1 << UInt8(truncatingIfNeeded: row & 7)
  }

  /// Validity less the rows marked null.
  static func without(_ nulls: Buffer?, _ validity: Bitmap?, _ rows: Int) -> Bitmap? {
    guard let nulls else { return validity }
    let bits = Bitmap(buffer: nulls, count: rows)
    return validity?.subtracting(bits) ?? bits.inverted()
  }

  /// A result with faults added: those rows become null.
  static func adding(_ faults: RowFaults?, to vector: Vector) -> Vector {
    guard let faults else { return vector }
    var result = vector
    let valid = vector.column.validity?.subtracting(faults.rows) ?? faults.rows.inverted()
    result.column = vector.column.withValidity(valid)
    result.faults = RowFaults.merged(vector.faults, faults)
    return result
  }
}

/// Collects the text of a column row by row in one growing block.
final class TextOutput {
  private let offsets: Buffer
  private let offset: UnsafeMutablePointer<Int32>
  private var bytes: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var row = 0
  private(set) var byteCount = 0

  init(rows: Int) {
    offsets = Buffer(uninitialized: (rows + 1) * 4)
    offset = offsets.pointer(Int32.self)
    offset[0] = 0
    capacity = max(256, rows * 16)
    bytes = .allocate(capacity: capacity)
  }

  deinit { bytes.deallocate() }

  /// Room for so many more bytes; the caller writes them and calls `advance`.
  @inline(__always) func room(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if byteCount &+ count > capacity { grow(count) }
    return bytes + byteCount
  }

  private func grow(_ count: Int) {
    capacity = max(capacity * 2, byteCount + count)
    let bigger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    bigger.update(from: bytes, count: byteCount)
    bytes.deallocate()
    bytes = bigger
  }

  @inline(__always) func advance(_ count: Int) { byteCount &+= count }

  @inline(__always) func append(_ slice: UnsafeBufferPointer<UInt8>) {
    guard let source = slice.baseAddress, slice.count > 0 else { return }
    room(slice.count).update(from: source, count: slice.count)
    byteCount &+= slice.count
  }

  @inline(__always) func append(_ byte: UInt8) {
    room(1)[0] = byte
    byteCount &+= 1
  }

  /// The bytes at a place once more.
  @inline(__always) func repeatBytes(at start: Int, count: Int) {
    let target = room(count)
    target.update(from: bytes + start, count: count)
    byteCount &+= count
  }

  func append(_ text: String) {
    var text = text
    text.withUTF8 { append($0) }
  }

  func truncate(to count: Int) {
    byteCount = count
    isRefused = false
  }

  /// Called instead of appending a text that is longer than `textBytesMax`.
  func refuse() { isRefused = true }
  private var isRefused = false
  static let textBytesMax = 1 << 24
  var isTooLong: Bool { isRefused || byteCount > Int(Int32.max) }

  /// What has been written so far.
  func withText<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    body(UnsafeRawBufferPointer(start: bytes, count: byteCount))
  }

  var text: [UInt8] { Array(UnsafeBufferPointer(start: bytes, count: byteCount)) }

  @inline(__always) func endRow() {
    row &+= 1
    offset[row] = Int32(truncatingIfNeeded: byteCount)
  }

  var values: Column.Values {
    .variable(offsets: offsets, bytes: Buffer(copying: UnsafeRawBufferPointer(start: bytes, count: byteCount)))
  }
}
