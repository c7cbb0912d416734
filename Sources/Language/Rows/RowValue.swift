import MillraceColumns
import MillraceTypes

/// A Swift type whose values can stand in a column, be a key and be kept in state.
///
/// Numbers (`Int8` to `Int64`, `Int`, `Float`, `Double`), `Bool`, `String`, `Timestamp`, arrays and optionals of such, and structs with
/// `@Row`. Conforming other types is not supported.
public protocol RowValue: Sendable {
  /// Reads values of a column by row.
  associatedtype Reader: ValueReader where Reader.Value == Self

  static var dataType: DataType { get }
  static var isNullable: Bool { get }

  /// Appends a value to a column of `dataType`.
  static func append(_ value: Self, to builder: ColumnBuilder)
  /// Appends what stands where another output has its row: null, or an empty value.
  static func appendFiller(to builder: ColumnBuilder)

  /// Appends the value's bytes, version 1: integers and floats little-endian in 8 bytes, text and lists with their length before
  /// them, optionals behind a byte that says whether there is a value, the fields of a row one after the other. Equal values have equal bytes.
  func encode(into writer: inout ByteWriter)
  /// - Throws: `checkpointInvalid` when the bytes are no such value.
  init(decoding reader: inout ByteReader) throws(MillraceError)
}

/// Reads values of one column. It holds raw pointers: valid while the column it was made of is alive.
public protocol ValueReader: BitwiseCopyable {
  associatedtype Value
  /// - Parameter parent: which rows are there at all, when the column is a field of rows that may be null.
  /// - Throws: `malformedRow` when the column is of another type, or holds a null where the type has none.
  init(_ column: Column, within parent: Bitmap?) throws(MillraceError)
  subscript(row: Int) -> Value { get }
}

/// The reader of a type: what `@Row` writes for each property.
public typealias ReaderOf<Value: RowValue> = Value.Reader

/// What `@Row` calls, and what readers share.
public enum RowCoding {
  public static func field<V: RowValue>(_ name: String, _ type: V.Type) -> Field { Field(name, V.dataType, isNullable: V.isNullable) }

  @inlinable public static func append<V: RowValue>(_ value: V, to builder: ColumnBuilder) { V.append(value, to: builder) }
  @inlinable public static func appendFiller<V: RowValue>(_ type: V.Type, to builder: ColumnBuilder) { V.appendFiller(to: builder) }
  @inlinable public static func encode<V: RowValue>(_ value: V, into writer: inout ByteWriter) { value.encode(into: &writer) }
  /// The value of a property, whose type need not be written.
  @inlinable public static func decode<R, V: RowValue>(
    _ property: KeyPath<R, V>, _ reader: inout ByteReader
  ) throws(MillraceError) -> V { try V(decoding: &reader) }

  /// The column, unless it is of another type or has nulls.
  static func checked(_ column: Column, _ type: DataType, within parent: Bitmap?) throws(MillraceError) -> Column {
    guard sameForm(column.type, type) else {
      throw MillraceError(.malformedRow, "a column of \(column.type) is read as \(type)")
    }
    guard hasMissing(column, within: parent) else {
      // Without rows there may be no memory either; what stands for it is never read.
      if case .none = column.values { return .nulls(type, count: 0) }
      return column
    }
    throw MillraceError(
      .malformedRow, "a null came where the property is not optional",
      hint: "make the property optional, declare the column NOT NULL, or filter nulls out before")
  }

  private static func hasMissing(_ column: Column, within parent: Bitmap?) -> Bool {
    if column.nullCount == 0 { return false }
    guard let parent else { return true }
    return (0..<column.count).contains { parent[$0] && column.isNull($0) }
  }

  /// Whether values of both types lie in memory alike and mean the same; names and nullability of what is inside do not count.
  public static func sameForm(_ a: DataType, _ b: DataType) -> Bool {
    switch (a, b) {
    case (.array(let x), .array(let y)): sameForm(x.type, y.type)
    case (.map(let k, let v), .map(let l, let w)): sameForm(k.type, l.type) && sameForm(v.type, w.type)
    case (.row(let xs), .row(let ys)): xs.count == ys.count && zip(xs, ys).allSatisfy { sameForm($0.type, $1.type) }
    case (.timestampLTZ(let p), .timestampLTZ(let q)): TimeUnit(precision: p) == TimeUnit(precision: q)
    case (.timestamp(let p), .timestamp(let q)): TimeUnit(precision: p) == TimeUnit(precision: q)
    default: a == b
    }
  }
}

/// The columns that a row type reads its properties from; errors say which property.
public struct RowSource {
  private let columns: [Column]
  private let first: Int
  private let parent: Bitmap?
  private let row: String

  /// - Parameters:
  ///   - first: where the row's columns begin.
  ///   - parent: which rows are there at all.
  ///   - row: the name of the row type.
  public init(_ columns: [Column], at first: Int, within parent: Bitmap?, row: String) {
    self.columns = columns
    self.first = first
    self.parent = parent
    self.row = row
  }

  /// The reader of the property at a position.
  public func reader<V: RowValue>(_ type: V.Type, _ index: Int, _ name: String) throws(MillraceError) -> V.Reader {
    guard first + index < columns.count else {
      throw MillraceError(.malformedRow, "there is no column for it", subject: "\(row).\(name)")
    }
    do throws(MillraceError) {
      return try V.Reader(columns[first + index], within: parent)
    } catch {
      var named = error
      // The innermost property is named first.
      named.subject = error.subject.map { "\(row).\(name) (\($0))" } ?? "\(row).\(name)"
      throw named
    }
  }
}
