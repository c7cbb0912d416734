import MillraceTypes

/// An immutable vector of `count` values of one type in Arrow's layout, without an offset.
///
/// Pointers handed out are valid while the column (or a copy of it) is alive: keep it alive around a loop with
/// `withExtendedLifetime`, or hold it in the batch that is being processed.
public struct Column: Sendable {
  public enum Values: Sendable {
    /// All null.
    case none
    /// Boolean values.
    case bits(Bitmap)
    /// Fixed width values: see `DataType` for the physical type.
    case fixed(Buffer)
    /// `count + 1` Int32 offsets into the bytes.
    case variable(offsets: Buffer, bytes: Buffer)
    /// `count + 1` Int32 offsets into the children: one for an array, keys and values for a map.
    case list(offsets: Buffer, children: [Column])
    /// One child per field of a row.
    case fields([Column])
  }

  public let type: DataType
  public let count: Int
  /// Set bits are valid rows; nil when no row is null.
  public let validity: Bitmap?
  public let values: Values

  public init(type: DataType, count: Int, validity: Bitmap? = nil, values: Values) {
    self.type = type
    self.count = count
    self.validity = validity
    self.values = values
  }

  @inlinable public func isNull(_ row: Int) -> Bool {
    if case .none = values { return true }
    guard let validity else { return false }
    return !validity[row]
  }

  public var nullCount: Int {
    if case .none = values { return count }
    return validity.map { count - $0.setCount } ?? 0
  }

  /// Fixed-width values; the caller knows the physical type. Traps when the column is not of fixed width.
  @inlinable public func pointer<T: BitwiseCopyable>(_ type: T.Type) -> UnsafePointer<T> {
    guard case .fixed(let buffer) = values else { preconditionFailure("column of type \(self.type) is not of fixed width") }
    return UnsafePointer(buffer.pointer(type))
  }

  /// Offsets and bytes of text or bytes. Traps for other types.
  @inlinable public var variable: (offsets: UnsafePointer<Int32>, bytes: UnsafePointer<UInt8>) {
    guard case .variable(let offsets, let bytes) = values else { preconditionFailure("column of type \(type) has no bytes") }
    return (UnsafePointer(offsets.pointer(Int32.self)), UnsafePointer(bytes.pointer(UInt8.self)))
  }

  /// Boolean values. Traps for other types.
  @inlinable public var bits: Bitmap {
    guard case .bits(let bits) = values else { preconditionFailure("column of type \(type) is not boolean") }
    return bits
  }

  /// Children of a row, an array (one) or a map (keys, values).
  public var children: [Column] {
    switch values {
    case .fields(let children), .list(_, let children): children
    default: []
    }
  }

  /// The same values under another type of the same physical form.
  public func retyped(_ type: DataType) -> Column { Column(type: type, count: count, validity: validity, values: values) }

  /// The same values with another validity.
  public func withValidity(_ validity: Bitmap?) -> Column { Column(type: type, count: count, validity: validity, values: values) }
}

extension DataType {
  /// Bytes per value of a fixed-width type; nil for the others.
  @inlinable public var fixedWidth: Int? {
    switch self {
    case .int8: 1
    case .int16: 2
    case .int32, .float32, .date: 4
    case .int64, .float64, .time, .timestamp, .timestampLTZ, .intervalMonths, .intervalMillis: 8
    case .decimal: 16
    case .null, .boolean, .text, .bytes, .array, .map, .row: nil
    }
  }
}

extension Column {
  /// `count` nulls of a type.
  public static func nulls(_ type: DataType, count: Int) -> Column {
    let validity = Bitmap(repeating: false, count: count)
    switch type {
    case .null: return Column(type: type, count: count, values: .none)
    case .boolean: return Column(type: type, count: count, validity: validity, values: .bits(Bitmap(repeating: false, count: count)))
    case .text, .bytes:
      return Column(
        type: type, count: count, validity: validity,
        values: .variable(offsets: Buffer(zeroed: (count + 1) * 4), bytes: Buffer(zeroed: 0)))
    case .array(let element):
      return Column(
        type: type, count: count, validity: validity,
        values: .list(offsets: Buffer(zeroed: (count + 1) * 4), children: [.nulls(element.type, count: 0)]))
    case .map(let key, let value):
      return Column(
        type: type, count: count, validity: validity,
        values: .list(
          offsets: Buffer(zeroed: (count + 1) * 4), children: [.nulls(key.type, count: 0), .nulls(value.type, count: 0)]))
    case .row(let fields):
      return Column(type: type, count: count, validity: validity, values: .fields(fields.map { .nulls($0.type, count: count) }))
    default:
      return Column(type: type, count: count, validity: validity, values: .fixed(Buffer(zeroed: count * (type.fixedWidth ?? 8))))
    }
  }

  /// An Int64-backed column (BIGINT by default) without nulls.
  public static func int64s(_ values: [Int64], type: DataType = .int64) -> Column {
    Column(type: type, count: values.count, values: .fixed(Buffer(values)))
  }

  /// A column from scalars: for literals, tests and the edges.
  public init(type: DataType, _ scalars: [Value]) throws(MillraceError) {
    let builder = ColumnBuilder(type, capacity: scalars.count)
    for scalar in scalars { try builder.append(scalar) }
    self = builder.finish()
  }

  /// One row as a scalar.
  public subscript(row: Int) -> Value {
    if isNull(row) { return .null }
    switch values {
    case .none: return .null
    case .bits(let bits): return .bool(bits[row])
    case .fixed(let buffer):
      switch type {
      case .int8: return .int(Int64(buffer.pointer(Int8.self)[row]))
      case .int16: return .int(Int64(buffer.pointer(Int16.self)[row]))
      case .int32, .date: return .int(Int64(buffer.pointer(Int32.self)[row]))
      case .float32: return .float(Double(buffer.pointer(Float.self)[row]))
      case .float64: return .float(buffer.pointer(Double.self)[row])
      case .decimal: return .decimal(buffer.pointer(Int128.self)[row])
      default: return .int(buffer.pointer(Int64.self)[row])
      }
    case .variable(let offsets, let bytes):
      let o = offsets.pointer(Int32.self)
      let slice = UnsafeBufferPointer(start: bytes.pointer(UInt8.self) + Int(o[row]), count: Int(o[row + 1] - o[row]))
      return type == .text ? .text(String(decoding: slice, as: UTF8.self)) : .bytes(Array(slice))
    case .list(let offsets, let children):
      let o = offsets.pointer(Int32.self)
      let range = Int(o[row])..<Int(o[row + 1])
      if children.count == 2 { return .map(range.map { children[0][$0] }, range.map { children[1][$0] }) }
      return .list(range.map { children[0][$0] })
    case .fields(let children): return .row(children.map { $0[row] })
    }
  }
}
