import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Rows of a table.
public struct Scan: Sendable, Hashable {
  public var table: TableDefinition
  /// Positions of the table's columns that are produced, in order; all of them unless projection pushdown narrowed it.
  public var columns: [Int]
  /// A predicate over the table's schema that the source may use to skip rows; rows are filtered by it exactly.
  public var predicate: Expression?

  public init(table: TableDefinition, columns: [Int]? = nil, predicate: Expression? = nil) {
    self.table = table
    self.columns = columns ?? Array(table.schema.fields.indices)
    self.predicate = predicate
  }

  public var schema: Schema { Schema(columns.map { table.schema.fields[$0] }) }
}

/// `VALUES (...), (...)`: literal rows.
public struct ValuesRelation: Sendable, Hashable {
  public var schema: Schema
  /// Row-major; expressions without columns.
  public var rows: [[Expression]]
  public init(schema: Schema, rows: [[Expression]]) {
    self.schema = schema
    self.rows = rows
  }
}
