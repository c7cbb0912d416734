import MillraceColumns
import MillraceTypes

/// Reads values of fixed width that Swift and the column hold alike.
public struct FixedReader<Value: RowValue & BitwiseCopyable>: ValueReader {
  @usableFromInline let base: UnsafePointer<Value>

  public init(_ column: Column, within parent: Bitmap?) throws(MillraceError) {
    let column = try RowCoding.checked(column, Value.dataType, within: parent)
    base = column.pointer(Value.self)
  }

  @inlinable public subscript(row: Int) -> Value { base[row] }
}

/// Numbers that lie in a column as they lie in Swift.
public protocol FixedRowValue: RowValue, BitwiseCopyable where Reader == FixedReader<Self> {
  static var zero: Self { get }
}

extension FixedRowValue {
  public static var isNullable: Bool { false }
  @inlinable public static func append(_ value: Self, to builder: ColumnBuilder) { builder.append(fixed: value) }
  public static func appendFiller(to builder: ColumnBuilder) { builder.append(fixed: zero) }
}

extension FixedRowValue where Self: FixedWidthInteger {
  public func encode(into writer: inout ByteWriter) { writer.write(Int64(truncatingIfNeeded: self)) }
  public init(decoding reader: inout ByteReader) throws(MillraceError) {
    guard let value = Self(exactly: try reader.readInt64()) else {
      throw MillraceError(.checkpointInvalid, "a stored number does not fit \(Self.dataType)", hint: "restore from an older checkpoint")
    }
    self = value
  }
}

extension Int8: FixedRowValue {
  public typealias Reader = FixedReader<Int8>
  public static var dataType: DataType { .int8 }
}
extension Int16: FixedRowValue {
  public typealias Reader = FixedReader<Int16>
  public static var dataType: DataType { .int16 }
}
extension Int32: FixedRowValue {
  public typealias Reader = FixedReader<Int32>
  public static var dataType: DataType { .int32 }
}
extension Int64: FixedRowValue {
  public typealias Reader = FixedReader<Int64>
  public static var dataType: DataType { .int64 }
}
/// BIGINT: `Int` has 64 bits wherever Millrace runs.
extension Int: FixedRowValue {
  public typealias Reader = FixedReader<Int>
  public static var dataType: DataType { .int64 }
}

extension Float: FixedRowValue {
  public typealias Reader = FixedReader<Float>
  public static var dataType: DataType { .float32 }
  public func encode(into writer: inout ByteWriter) { writer.write(UInt64(bitPattern)) }
  public init(decoding reader: inout ByteReader) throws(MillraceError) {
    self.init(bitPattern: UInt32(truncatingIfNeeded: try reader.readUInt64()))
  }
}
extension Double: FixedRowValue {
  public typealias Reader = FixedReader<Double>
  public static var dataType: DataType { .float64 }
  public func encode(into writer: inout ByteWriter) { writer.write(self) }
  public init(decoding reader: inout ByteReader) throws(MillraceError) { self = try reader.readDouble() }
}

/// In microseconds, as in the column.
extension Timestamp: FixedRowValue {
  public typealias Reader = FixedReader<Timestamp>
  public static var zero: Timestamp { Timestamp(micros: 0) }
  public static var dataType: DataType { .timestampLTZ(precision: 6) }
  public func encode(into writer: inout ByteWriter) { writer.write(micros) }
  public init(decoding reader: inout ByteReader) throws(MillraceError) { micros = try reader.readInt64() }
}
