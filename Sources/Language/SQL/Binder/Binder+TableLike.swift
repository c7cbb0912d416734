import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// What `CREATE TABLE ... LIKE source` takes over: columns, options and the rest, as the LIKE clause says.
  mutating func inherited(
    _ like: SQLTableLike, _ table: SQLCreateTable, _ definition: TableDefinition
  ) throws(BindStop) -> TableDefinition {
    let name = try relationName(like.source)
    if broken.contains(name) { throw BindStop() }
    guard let source = catalog.tables[name] else {
      if catalog.views[name] != nil { throw unsupported("LIKE of a view", at: like.source.span, hint: "write CREATE TABLE ... AS SELECT") }
      throw fail("no table is named \(name)", at: like.source.span, hint: didYouMean(name, among: catalog.tables.keys.sorted()))
    }
    // Computed columns may be left out, or give way to new ones of their name.
    let new = Set(table.columns.map(\.name.text))
    let kept = source.schema.fields.indices.filter { index in
      guard source.computed[index] != nil else { return true }
      switch like.strategy(.generated) {
      case .excluding: return false
      case .overwriting: return !new.contains(source.schema.fields[index].name)
      case .including: return true
      }
    }
    for column in table.columns where kept.contains(where: { source.schema.fields[$0].name == column.name.text }) {
      throw fail("the column \(column.name.text) comes from \(name) already", at: column.name.span, hint: "leave it out, or rename it")
    }
    var result = definition
    result.schema = Schema(kept.map { source.schema.fields[$0] })
    let places = Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) })
    // Kept over physical columns, which all stay.
    result.computed = kept.map { source.computed[$0]?.mappingColumns { places[$0] ?? 0 } }
    try inheritWatermark(like, table, source, places, &result)
    if like.strategy(.constraints) != .excluding, !source.primaryKey.isEmpty {
      if let key = table.primaryKey.first {
        throw fail("\(name) has a PRIMARY KEY already", at: key.span, hint: "write LIKE \(name) (EXCLUDING CONSTRAINTS)")
      }
      result.primaryKey = source.primaryKey.compactMap { places[$0] }
    }
    if like.strategy(.partitions) != .excluding, !source.partitionedBy.isEmpty {
      if let column = table.partitionedBy.first {
        throw fail("\(name) is partitioned already", at: column.span, hint: "write LIKE \(name) (EXCLUDING PARTITIONS)")
      }
      result.partitionedBy = source.partitionedBy.compactMap { places[$0] }
    }
    switch like.strategy(.options) {
    case .excluding: break
    case .overwriting: result.options = source.options
    case .including:
      for option in table.options where source.options[option.key.text.lowercased()] != nil {
        throw fail(
          "the option '\(option.key.text)' comes from \(name) already", at: option.key.span, hint: "write OVERWRITING OPTIONS")
      }
      result.options = source.options
    }
    return result
  }

  private mutating func inheritWatermark(
    _ like: SQLTableLike, _ table: SQLCreateTable, _ source: TableDefinition, _ places: [Int: Int], _ result: inout TableDefinition
  ) throws(BindStop) {
    guard like.strategy(.watermarks) != .excluding, var watermark = source.watermark else { return }
    if let new = table.watermark {
      if like.strategy(.watermarks) == .overwriting { return }
      throw fail("\(source.name) has a WATERMARK already", at: new.span, hint: "write LIKE \(source.name) (OVERWRITING WATERMARKS)")
    }
    guard let column = places[watermark.column] else {
      throw fail(
        "the WATERMARK of \(source.name) is on a computed column that is left out", at: like.source.span,
        hint: "write EXCLUDING WATERMARKS too")
    }
    watermark.column = column
    result.watermark = watermark
  }

  /// The columns of `CREATE TABLE ... AS query`, and the query.
  mutating func selected(
    _ table: SQLCreateTable, _ query: SQLQuery, _ definition: TableDefinition
  ) throws(BindStop) -> (TableDefinition, BoundRelation) {
    if let column = table.columns.first {
      throw unsupported("columns declared in CREATE TABLE ... AS", at: column.span, hint: "name and CAST them in the query")
    }
    if let like = table.like { throw fail("LIKE and AS do not go together", at: like.source.span) }
    let relation = try bind(query)
    var fields = relation.plan.schema.fields
    for field in fields where field.type == .null {
      throw fail("the column \(field.name) is NULL without a type", at: query.span, hint: "write CAST(NULL AS INT)")
    }
    for name in table.primaryKey {
      guard let index = fields.firstIndex(where: { $0.name == name.text }) else { continue }
      fields[index].isNullable = false
    }
    var result = definition
    result.schema = Schema(fields)
    result.computed = Array(repeating: nil, count: fields.count)
    return (result, relation)
  }
}
