import MillraceTypes

/// Something in FROM.
package struct SQLTable: Sendable, Hashable {
  package var kind: Kind
  package var alias: SQLTableAlias?
  package var hints: [SQLHint] = []
  package var span: SourceSpan
  package var height: Int32 = 1

  package indirect enum Kind: Sendable, Hashable {
    case named(ObjectName)
    /// `t FOR SYSTEM_TIME AS OF expression`
    case asOf(ObjectName, SQLExpression)
    case subquery(SQLQuery, isLateral: Bool)
    case function(SQLTableCall, isLateral: Bool)
    case unnest(SQLExpression, withOrdinality: Bool)
    case join(SQLTable, SQLTable, SQLJoinKind, SQLJoinCondition)
    case invalid
  }
}

package struct SQLTableAlias: Sendable, Hashable {
  package var name: Identifier
  package var columns: [Identifier]
}

package enum SQLJoinKind: String, Sendable, Hashable {
  case inner = "INNER"
  case left = "LEFT"
  case right = "RIGHT"
  case full = "FULL"
  case cross = "CROSS"
}

package enum SQLJoinCondition: Sendable, Hashable {
  case none
  case on(SQLExpression)
  case using([Identifier])
  case natural
}

/// A table function: TUMBLE, HOP, ML_PREDICT and their like.
package struct SQLTableCall: Sendable, Hashable {
  package var name: Identifier
  package var arguments: [SQLTableArgument]
  package var span: SourceSpan
}

package struct SQLTableArgument: Sendable, Hashable {
  /// Set when written as `NAME => value`.
  package var name: Identifier?
  package var value: Value
  package var span: SourceSpan

  package indirect enum Value: Sendable, Hashable {
    case table(ObjectName, partitionBy: [SQLExpression], orderBy: [SQLSortItem])
    case query(SQLQuery, partitionBy: [SQLExpression], orderBy: [SQLSortItem])
    case model(ObjectName)
    case descriptor([Identifier])
    case expression(SQLExpression)
  }
}
