import MillraceTypes

/// What follows OVER.
package indirect enum SQLOver: Sendable, Hashable {
  /// OVER w
  case named(Identifier)
  /// OVER (...)
  case window(SQLWindow)
  /// OVER LAST ..., OVER UNBOUNDED: in feature views only.
  case feature(SQLFeatureWindow, SourceSpan)
}

/// A window of a feature view: which earlier rows of the same key a value is computed over.
package enum SQLFeatureWindow: Sendable, Hashable {
  /// OVER LAST '7' DAY
  case lastMillis(Int64)
  /// OVER LAST 20 ROWS
  case lastRows(Int64)
  /// OVER UNBOUNDED
  case unbounded
}

/// `(base PARTITION BY .. ORDER BY .. frame)`
package struct SQLWindow: Sendable, Hashable {
  package var base: Identifier?
  package var partitionBy: [SQLExpression] = []
  package var orderBy: [SQLSortItem] = []
  package var frame: SQLFrame?
  package var span: SourceSpan
}

package struct SQLFrame: Sendable, Hashable {
  package var isRows: Bool
  package var start: SQLFrameBound
  /// CURRENT ROW when not written.
  package var end: SQLFrameBound
  package var exclusion: SQLFrameExclusion?
  package var span: SourceSpan
}

package enum SQLFrameBound: Sendable, Hashable {
  case unboundedPreceding
  case preceding(SQLExpression)
  case currentRow
  case following(SQLExpression)
  case unboundedFollowing
}

package enum SQLFrameExclusion: Sendable, Hashable {
  case noOthers, currentRow, group, ties
}

package struct SQLNamedWindow: Sendable, Hashable {
  package var name: Identifier
  package var window: SQLWindow
}

package struct SQLSortItem: Sendable, Hashable {
  package var expression: SQLExpression
  package var isDescending = false
  package var nullsFirst: Bool?
}
