import MillraceTypes

/// One statement of a script.
package struct SQLStatement: Sendable, Hashable {
  package var kind: Kind
  package var span: SourceSpan
  /// True when something in it was reported; then parts of it may be missing and it is not to be run.
  package var hasErrors = false
  /// The name a CREATE defines, known even when the rest could not be parsed.
  package var declaredName: String?

  package indirect enum Kind: Sendable, Hashable {
    case createTable(SQLCreateTable)
    case createView(SQLCreateView)
    case createModel(SQLCreateModel)
    case createFeatureView(SQLCreateFeatureView)
    case drop(SQLDrop)
    /// `SET 'key' = 'value'`; nil for a bare SET.
    case set(SQLOption?)
    /// `RESET 'key'`; nil for a bare RESET.
    case reset(SQLText?)
    case insert(SQLInsert)
    case statementSet([SQLInsert])
    case explain(SQLStatement)
    /// `EXPLAIN ANALYZE [LIMIT INTERVAL '10' SECOND] statement`
    case analyze(SQLStatement, limit: SQLAnalyzeLimit?)
    case describe(ObjectName)
    case show(SQLObjectKind)
    /// SHOW CREATE TABLE t, SHOW CREATE VIEW v
    case showCreate(SQLObjectKind, ObjectName)
    /// SHOW CATALOGS and its like
    case showNamespaces(SQLNamespace)
    case showJobs
    /// USE CATALOG c, USE d
    case use(SQLNamespace, ObjectName)
    case alter(SQLAlter)
    case query(SQLQuery)
    case invalid
  }
}

package enum SQLObjectKind: String, Sendable, Hashable {
  case table = "TABLE"
  case view = "VIEW"
  case model = "MODEL"
  case featureView = "FEATURE VIEW"
  case function = "FUNCTION"
}

package enum SQLNamespace: String, Sendable, Hashable {
  case catalog = "CATALOG"
  case database = "DATABASE"
}

/// How long EXPLAIN ANALYZE runs at most.
package struct SQLAnalyzeLimit: Sendable, Hashable {
  package var interval: SQLInterval
  package var span: SourceSpan
}

/// ALTER TABLE, ALTER VIEW
package struct SQLAlter: Sendable, Hashable {
  package enum Change: Sendable, Hashable {
    case rename(ObjectName)
    case set([SQLOption])
    case reset([SQLText])
    /// ALTER VIEW v AS query
    case query(SQLQuery)
  }
  package var object: SQLObjectKind
  package var name: ObjectName
  package var ifExists = false
  package var change: Change
}

/// A string literal with its place.
package struct SQLText: Sendable, Hashable {
  package var text: String
  package var span: SourceSpan
}

/// `'key' = 'value'`
package struct SQLOption: Sendable, Hashable {
  package var key: SQLText
  package var value: SQLText
}

package struct SQLInsert: Sendable, Hashable {
  package var target: ObjectName
  package var columns: [Identifier]
  package var query: SQLQuery
  /// PARTITION (column = constant, ...)
  package var partition: [SQLPartitionValue] = []
  package var hints: [SQLHint] = []
  package var span: SourceSpan
}

package struct SQLPartitionValue: Sendable, Hashable {
  package var column: Identifier
  package var value: SQLExpression
}

/// `LIKE table (INCLUDING OPTIONS, ...)`
package struct SQLTableLike: Sendable, Hashable {
  package enum Strategy: String, Sendable, Hashable {
    case including = "INCLUDING"
    case excluding = "EXCLUDING"
    case overwriting = "OVERWRITING"
  }
  package enum Feature: String, Sendable, Hashable, CaseIterable {
    case all = "ALL"
    case constraints = "CONSTRAINTS"
    case distribution = "DISTRIBUTION"
    case generated = "GENERATED"
    case metadata = "METADATA"
    case options = "OPTIONS"
    case partitions = "PARTITIONS"
    case watermarks = "WATERMARKS"
  }
  package var source: ObjectName
  package var strategies: [Feature: Strategy] = [:]

  /// What holds for a feature: as stated, else as stated for ALL, else Flink's INCLUDING, of options OVERWRITING.
  package func strategy(_ feature: Feature) -> Strategy {
    strategies[feature] ?? strategies[.all] ?? (feature == .options && strategies.isEmpty ? .overwriting : .including)
  }
}

package struct SQLDrop: Sendable, Hashable {
  package var object: SQLObjectKind
  package var name: ObjectName
  package var ifExists = false
}

package struct SQLCreateTable: Sendable, Hashable {
  package var name: ObjectName
  package var isTemporary = false
  package var ifNotExists = false
  package var columns: [SQLColumnDefinition] = []
  package var watermark: SQLWatermark?
  package var primaryKey: [Identifier] = []
  package var partitionedBy: [Identifier] = []
  package var comment: String?
  package var options: [SQLOption] = []
  package var like: SQLTableLike?
  /// CREATE TABLE ... AS query
  package var query: SQLQuery?
}

package struct SQLColumnDefinition: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    case physical(SQLTypeName)
    case computed(SQLExpression)
  }
  package var name: Identifier
  package var kind: Kind
  package var comment: String?
  package var span: SourceSpan
}

/// `WATERMARK FOR column AS expression`
package struct SQLWatermark: Sendable, Hashable {
  package var column: Identifier
  package var expression: SQLExpression
  package var span: SourceSpan
}

package struct SQLCreateView: Sendable, Hashable {
  package var name: ObjectName
  package var isTemporary = false
  package var ifNotExists = false
  package var columns: [Identifier] = []
  package var comment: String?
  package var query: SQLQuery
}

package struct SQLCreateModel: Sendable, Hashable {
  package var name: ObjectName
  package var isTemporary = false
  package var ifNotExists = false
  package var inputs: [SQLColumnDefinition] = []
  package var outputs: [SQLColumnDefinition] = []
  package var comment: String?
  package var options: [SQLOption] = []
}
