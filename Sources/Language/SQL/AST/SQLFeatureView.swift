import MillraceTypes

/// `CREATE FEATURE VIEW name KEYED BY (keys) AS branch ALSO branch ...`
package struct SQLCreateFeatureView: Sendable, Hashable {
  package var name: ObjectName
  package var isTemporary = false
  package var ifNotExists = false
  package var keys: [Identifier] = []
  package var branches: [SQLFeatureBranch] = []
}

/// One event stream of a feature view and what is computed over it.
package struct SQLFeatureBranch: Sendable, Hashable {
  package var items: [SQLFeatureItem] = []
  package var from: SQLTable?
  package var filter: SQLExpression?
  /// The stream's columns that hold the view's keys, when they are named differently.
  package var key: [Identifier]?
  package var span: SourceSpan
}

/// `expression [DEFAULT literal] AS name`
package struct SQLFeatureItem: Sendable, Hashable {
  package var expression: SQLExpression
  package var defaultValue: SQLExpression?
  package var alias: Identifier?
  package var span: SourceSpan
}
