import MillraceTypes

/// A query expression: WITH, a body, ORDER BY and LIMIT.
package struct SQLQuery: Sendable, Hashable {
  package var with: [SQLCommonTable] = []
  package var body: Body
  package var orderBy: [SQLSortItem] = []
  package var limit: SQLExpression?
  package var offset: SQLExpression?
  package var span: SourceSpan
  /// Levels of set operations in the body; bounded by the parser.
  package var height: Int32 = 1

  package indirect enum Body: Sendable, Hashable {
    case select(SQLSelect)
    case values([SQLExpression])
    /// TABLE t
    case table(ObjectName)
    case setOperation(SQLSetOperator, all: Bool, SQLQuery, SQLQuery)
    case nested(SQLQuery)
    case invalid
  }
}

package enum SQLSetOperator: String, Sendable, Hashable {
  case union = "UNION"
  case intersect = "INTERSECT"
  case except = "EXCEPT"
}

/// One `name (columns) AS (query)` of WITH.
package struct SQLCommonTable: Sendable, Hashable {
  package var name: Identifier
  package var columns: [Identifier]
  package var query: SQLQuery
}

package struct SQLSelect: Sendable, Hashable {
  /// Of the hint STATE_TTL: tables by name or alias with their time to live.
  package var stateTTLs: [SQLOption] = []
  package var isDistinct = false
  package var items: [SQLSelectItem] = []
  /// Nil for a SELECT of constants.
  package var from: SQLTable?
  package var filter: SQLExpression?
  /// Nil without GROUP BY.
  package var groupBy: [SQLGrouping]?
  /// GROUP BY DISTINCT: equal grouping sets count once.
  package var isGroupDistinct = false
  package var having: SQLExpression?
  package var windows: [SQLNamedWindow] = []
  package var span: SourceSpan
}

/// A part of GROUP BY.
package indirect enum SQLGrouping: Sendable, Hashable {
  /// `a`, `(a, b)`, `()`
  case keys([SQLExpression])
  case rollup([SQLGrouping])
  case cube([SQLGrouping])
  /// GROUPING SETS (...)
  case sets([SQLGrouping])
}

package struct SQLSelectItem: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    case expression(SQLExpression)
    /// `*` or `t.*`
    case star(qualifier: [Identifier])
  }
  package var kind: Kind
  package var alias: Identifier?
  package var span: SourceSpan
}
