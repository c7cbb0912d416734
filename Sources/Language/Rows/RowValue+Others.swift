import MillraceColumns
import MillraceTypes

public struct BoolReader: ValueReader {
  @usableFromInline let bits: UnsafePointer<UInt8>

  public init(_ column: Column, within parent: Bitmap?) throws(MillraceError) {
    let column = try RowCoding.checked(column, .boolean, within: parent)
    bits = UnsafePointer(column.bits.buffer.pointer(UInt8.self))
  }

  @inlinable public subscript(row: Int) -> Bool { bits[row >> 3] >> UInt8(truncatingIfNeeded: row & 7) & 1 != 0 }
}

extension Bool: RowValue {
  public typealias Reader = BoolReader
  public static var dataType: DataType { .boolean }
  public static var isNullable: Bool { false }
  public static func append(_ value: Bool, to builder: ColumnBuilder) { builder.append(value) }
  public static func appendFiller(to builder: ColumnBuilder) { builder.append(false) }
  public func encode(into writer: inout ByteWriter) { writer.write(self ? UInt8(1) : 0) }
  public init(decoding reader: inout ByteReader) throws(MillraceError) { self = try reader.readUInt8() != 0 }
}

/// Text stays bytes in its column; `subscript` makes a String of one row, `utf8` does not.
public struct TextReader: ValueReader {
  @usableFromInline let offsets: UnsafePointer<Int32>
  @usableFromInline let bytes: UnsafePointer<UInt8>

  public init(_ column: Column, within parent: Bitmap?) throws(MillraceError) {
    let column = try RowCoding.checked(column, .text, within: parent)
    (offsets, bytes) = column.variable
  }

  /// The bytes of one row, valid as long as the column.
  @inlinable public func utf8(_ row: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: bytes + Int(offsets[row]), count: Int(offsets[row &+ 1] &- offsets[row]))
  }

  @inlinable public subscript(row: Int) -> String { String(decoding: utf8(row), as: UTF8.self) }
}

extension String: RowValue {
  public typealias Reader = TextReader
  public static var dataType: DataType { .text }
  public static var isNullable: Bool { false }
  public static func append(_ value: String, to builder: ColumnBuilder) { builder.append(value) }
  public static func appendFiller(to builder: ColumnBuilder) { builder.append("") }
  public func encode(into writer: inout ByteWriter) { writer.write(self) }
  public init(decoding reader: inout ByteReader) throws(MillraceError) { self = try reader.readText() }
}

public struct OptionalReader<Wrapped: RowValue>: ValueReader {
  /// nil when no row is null.
  @usableFromInline let validity: UnsafePointer<UInt8>?
  /// nil when every row is null.
  @usableFromInline let values: Wrapped.Reader?

  public init(_ column: Column, within parent: Bitmap?) throws(MillraceError) {
    guard column.nullCount < column.count else {
      (validity, values) = (nil, nil)
      return
    }
    validity = column.validity.map { UnsafePointer($0.buffer.pointer(UInt8.self)) }
    values = try Wrapped.Reader(column, within: Bitmap.both(parent, column.validity))
  }

  @inlinable public subscript(row: Int) -> Wrapped? {
    if let validity, validity[row >> 3] >> UInt8(truncatingIfNeeded: row & 7) & 1 == 0 { return nil }
    return values?[row]
  }
}

extension Optional: RowValue where Wrapped: RowValue {
  public typealias Reader = OptionalReader<Wrapped>
  public static var dataType: DataType { Wrapped.dataType }
  public static var isNullable: Bool { true }
  public static func append(_ value: Wrapped?, to builder: ColumnBuilder) {
    if let value { Wrapped.append(value, to: builder) } else { builder.appendNull() }
  }
  public static func appendFiller(to builder: ColumnBuilder) { builder.appendNull() }
  public func encode(into writer: inout ByteWriter) {
    guard let self else {
      writer.write(UInt8(0))
      return
    }
    writer.write(UInt8(1))
    self.encode(into: &writer)
  }
  public init(decoding reader: inout ByteReader) throws(MillraceError) {
    self = try reader.readUInt8() == 0 ? nil : try Wrapped(decoding: &reader)
  }
}

public struct ArrayReader<Element: RowValue>: ValueReader {
  @usableFromInline let offsets: UnsafePointer<Int32>
  @usableFromInline let elements: Element.Reader

  public init(_ column: Column, within parent: Bitmap?) throws(MillraceError) {
    let column = try RowCoding.checked(column, [Element].dataType, within: parent)
    guard case .list(let offsets, let children) = column.values, let child = children.first else {
      throw MillraceError(.malformedRow, "a column of \(column.type) has no elements")
    }
    self.offsets = UnsafePointer(offsets.pointer(Int32.self))
    elements = try Element.Reader(child, within: nil)
  }

  @inlinable public subscript(row: Int) -> [Element] { (Int(offsets[row])..<Int(offsets[row &+ 1])).map { elements[$0] } }
}

extension Array: RowValue where Element: RowValue {
  public typealias Reader = ArrayReader<Element>
  public static var dataType: DataType { .array(Field("element", Element.dataType, isNullable: Element.isNullable)) }
  public static var isNullable: Bool { false }
  public static func append(_ value: [Element], to builder: ColumnBuilder) {
    if let elements = builder.children.first { for element in value { Element.append(element, to: elements) } }
    builder.appendList()
  }
  public static func appendFiller(to builder: ColumnBuilder) { builder.appendList() }
  public func encode(into writer: inout ByteWriter) {
    writer.write(count: count)
    for element in self { element.encode(into: &writer) }
  }
  public init(decoding reader: inout ByteReader) throws(MillraceError) {
    self = []
    // Every value takes a byte at least.
    for _ in 0..<(try reader.readCount(unit: 1)) { append(try Element(decoding: &reader)) }
  }
}
