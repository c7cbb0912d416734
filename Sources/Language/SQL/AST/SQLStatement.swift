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
    case describe(ObjectName)
    case show(SQLObjectKind)
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
  package var isOverwrite = false
  package var span: SourceSpan
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
