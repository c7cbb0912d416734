import MillraceTypes

/// A type as written in DDL or CAST.
package struct SQLTypeName: Sendable, Hashable {
  package var type: DataType
  /// False after NOT NULL.
  package var isNullable = true
  /// The n of CHAR(n), VARCHAR(n), BINARY(n), VARBINARY(n): what a cast cuts to.
  package var length: Int?
  /// CHAR and BINARY, which a cast also pads.
  package var isFixedLength = false
  package var span: SourceSpan
}
