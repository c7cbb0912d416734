import MillraceColumns
import MillraceTypes

/// A row of columns as a Swift value: what `@Row` makes of a struct.
///
/// Functions over rows are given a `View`: it reads a property from its column at the time it is asked for, so that a closure touches no
/// more of a row than it names. `view.row` is the whole row as a value of its own, to be kept.
public protocol Row: RowValue where Reader: RowColumns, Reader.View.Row == Self {
  /// The columns, in the order of the properties.
  static var fields: [Field] { get }
  /// Position of the property that is event time.
  static var eventTimeField: Int? { get }
  static func eventTime(of row: Self) -> Timestamp?
  /// Position of a stored property.
  static func field(of property: PartialKeyPath<Self>) -> Int?
  /// Appends one value to each of the builders from `first` on.
  static func append(_ row: Self, to builders: [ColumnBuilder], at first: Int)
  static func appendFiller(to builders: [ColumnBuilder], at first: Int)
}

/// The columns of a batch of rows; valid while the batch is alive.
public protocol RowColumns: ValueReader {
  associatedtype View: RowView where View.Row == Value
  /// - Parameter first: where the row's columns begin.
  init(_ columns: [Column], at first: Int, within parent: Bitmap?) throws(MillraceError)
  func view(at row: Int) -> View
}

/// One row of a batch, read column by column as it is asked; valid during the call that it is given to.
public protocol RowView: BitwiseCopyable {
  associatedtype Row
  var _value: Row { get }
}

extension RowView {
  /// All of it, as a value that may be kept.
  @inlinable public var row: Row { _value }
}

/// What functions over `R` are given.
public typealias ViewOf<R: Row> = R.Reader.View

extension Row {
  public static var schema: Schema { Schema(fields) }
  public static var dataType: DataType { .row(fields) }
  public static var isNullable: Bool { false }

  public static func append(_ value: Self, to builder: ColumnBuilder) {
    append(value, to: builder.children, at: 0)
    builder.appendRow()
  }

  public static func appendFiller(to builder: ColumnBuilder) {
    appendFiller(to: builder.children, at: 0)
    builder.appendRow()
  }

  /// A builder per column.
  public static func builders(capacity: Int = 64) -> [ColumnBuilder] { fields.map { ColumnBuilder($0.type, capacity: capacity) } }
}

extension RowColumns {
  /// Of a column of rows.
  public init(_ column: Column, within parent: Bitmap?) throws(MillraceError) {
    guard case .fields(let children) = column.values else {
      throw MillraceError(.malformedRow, "a column of \(column.type) is read as a row")
    }
    if column.nullCount > 0 {
      let isMissing = parent.map { parent in (0..<column.count).contains { parent[$0] && column.isNull($0) } } ?? true
      if isMissing {
        throw MillraceError(.malformedRow, "a null came where the property is not optional", hint: "make the property optional")
      }
    }
    try self.init(children, at: 0, within: Bitmap.both(parent, column.validity))
  }
}
