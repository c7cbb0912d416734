import MillraceColumns
import MillraceTypes

/// Values of any length for state rows to name: a handle above 0, or 0 for none.
struct StoredValues<Element> {
  private var values: [Element?] = []
  private var free: [Int] = []

  subscript(handle: Int64) -> Element? { handle > 0 ? values[Int(handle) - 1] : nil }

  /// Bytes of all values, each owning as many beyond its slot as `owned` says.
  func heldBytes(_ owned: (Element) -> Int) -> Int {
    values.reduce(values.heldSlots + free.heldSlots) { $0 + ($1.map(owned) ?? 0) }
  }

  /// Replaces the value of a handle, or makes a new handle for 0.
  mutating func store(_ value: Element, _ handle: Int64) -> Int64 {
    if handle > 0 {
      values[Int(handle) - 1] = value
      return handle
    }
    if let index = free.popLast() {
      values[index] = value
      return Int64(index + 1)
    }
    values.append(value)
    return Int64(values.count)
  }

  mutating func release(_ handle: Int64) {
    guard handle > 0 else { return }
    values[Int(handle) - 1] = nil
    free.append(Int(handle) - 1)
  }

  /// Changes a value where it lies, without copying what it owns.
  mutating func modify<Result>(_ handle: Int64, _ body: (inout Element) -> Result) -> Result? {
    guard handle > 0, var value = values[Int(handle) - 1].take() else { return nil }
    defer { values[Int(handle) - 1] = value }
    return body(&value)
  }
}

/// Single values in the encoding of `KeyEncoder`.
enum EncodedValue {
  static func of(_ column: Column, _ row: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    KeyEncoder.append(column, row, to: &bytes)
    return bytes
  }

  /// A column of decoded values; nil is null.
  static func column(_ values: [[UInt8]?], type: DataType) throws(MillraceError) -> Column {
    var bytes: [UInt8] = []
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(values.count + 1)
    for value in values {
      if let value { bytes.append(contentsOf: value) } else { bytes.append(1) }
      offsets.append(Int32(truncatingIfNeeded: bytes.count))
    }
    let encoded = Column(type: .bytes, count: values.count, values: .variable(offsets: Buffer(offsets), bytes: Buffer(bytes)))
    return try KeyDecoder.columns(encoded, types: [type])[0]
  }

  static func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { b in ByteOrder.compare(a, b) < 0 } }
  }
}
