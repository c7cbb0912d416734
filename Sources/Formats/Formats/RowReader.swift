import MillraceColumns
import MillraceTypes

/// Reads rows from the bytes of one file, in their order. Not thread safe.
public protocol RowReader: AnyObject {
  /// The next rows, at most `maxRows`; nil at the end. An error is final.
  func next(maxRows: Int) throws(MillraceError) -> DecodedRows?

  /// Where the next call will read on; a reader made from it continues exactly there.
  var position: FilePosition { get }

  /// Rows left out because they could not be read.
  var skippedRowCount: Int { get }
}

/// A place between two rows of a file.
public struct FilePosition: Sendable, Hashable {
  /// Byte offset (row number in Parquet).
  public var offset: Int64
  /// Line that begins there, from 1 (row number from 1 in Parquet).
  public var line: Int64
  public init(offset: Int64 = 0, line: Int64 = 1) {
    self.offset = offset
    self.line = line
  }
  public static let beginning = FilePosition()
}

/// Rows as a reader decoded them, before event time and order are worked out.
public struct DecodedRows: Sendable {
  public var columns: [Column]
  public var rowCount: Int
  /// Line on which each row begins: BIGINT.
  public var lines: Column

  public init(columns: [Column], rowCount: Int, lines: Column) {
    self.columns = columns
    self.rowCount = rowCount
    self.lines = lines
  }
}

/// Writes rows as the bytes of one file.
public protocol RowEncoder: AnyObject {
  /// What comes before the first row (a header line), if anything.
  func begin(into output: TextOutput) throws(MillraceError)
  func encode(_ batch: Batch, into output: TextOutput) throws(MillraceError)
}

/// How timestamps are written in text.
public enum TimestampStyle: Sendable, Hashable {
  /// `2026-01-31 23:59:59.123`, with `Z` behind when it has a local time zone.
  case sql
  /// `2026-01-31T23:59:59.123`, likewise.
  case iso8601
}
