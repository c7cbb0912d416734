import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// The catalog has one database in one catalog, named as Flink names its own.
  static func onlyName(_ namespace: SQLNamespace) -> String { namespace == .catalog ? "default_catalog" : "default_database" }

  mutating func use(_ namespace: SQLNamespace, _ name: ObjectName) throws(BindStop) -> BoundStatement.Kind {
    let known = namespace == .catalog ? ["default_catalog"] : ["default_database", "default_catalog.default_database"]
    guard known.contains(name.text) else {
      throw unsupported("other \(namespace == .catalog ? "catalogs" : "databases")", at: name.span, hint: "there is \(known[0])")
    }
    return .changed("using \(name.text)")
  }

  // MARK: ALTER

  mutating func alter(_ alter: SQLAlter) throws(BindStop) -> BoundStatement.Kind {
    let name = try relationName(alter.name)
    if broken.contains(name) { throw BindStop() }
    let kind = alter.object.rawValue.lowercased()
    let known = alter.object == .table ? catalog.tables.keys.sorted() : catalog.views.keys.sorted()
    guard known.contains(name) else {
      if alter.ifExists { return .changed("no \(kind) is named \(name)") }
      throw fail("no \(kind) is named \(name)", at: alter.name.span, hint: didYouMean(name, among: known))
    }
    switch alter.change {
    case .rename(let target):
      guard let new = try newRelationName(target, ifNotExists: false) else { throw BindStop() }
      if var table = catalog.tables.removeValue(forKey: name) {
        table.name = new
        catalog.tables[new] = table
      } else {
        catalog.views[new] = catalog.views.removeValue(forKey: name)
        catalog.viewTexts[new] = catalog.viewTexts.removeValue(forKey: name)
        viewHeights[new] = viewHeights.removeValue(forKey: name)
      }
      return .changed("renamed \(kind) \(name) to \(new)")
    case .set(let options):
      guard let table = catalog.tables[name] else { throw BindStop() }
      catalog.tables[name] = try withOptions(table, options)
    case .reset(let keys):
      for key in keys {
        guard key.text.lowercased() != "connector" else { throw fail("a table cannot do without its connector", at: key.span) }
        catalog.tables[name]?.options[key.text.lowercased()] = nil
      }
    case .query(let query):
      let relation = try bind(query)
      try checkHeight(relation.height, at: alter.name.span)
      catalog.views[name] = relation.plan
      catalog.viewTexts[name] = text(of: query.span)
      viewHeights[name] = relation.height
    }
    return .changed("changed \(kind) \(name)")
  }

  /// A table under further options, as `/*+ OPTIONS(...) */` and ALTER TABLE ... SET give them.
  mutating func withOptions(_ table: TableDefinition, _ options: [SQLOption]) throws(BindStop) -> TableDefinition {
    var result = table
    result.options.merge(self.options(options)) { $1 }
    for option in options { try checkOption(option, result) }
    return result
  }

  func text(of span: SourceSpan) -> String {
    String(decoding: source.bytes[span.byteOffset..<min(source.bytes.count, span.byteOffset + span.byteCount)], as: UTF8.self)
  }

  // MARK: SHOW CREATE

  mutating func definitionText(_ kind: SQLObjectKind, _ name: ObjectName) throws(BindStop) -> String {
    let text = try relationName(name)
    if broken.contains(text) { throw BindStop() }
    if kind == .table, let table = catalog.tables[text] { return TableText.statement(table) }
    if kind == .view, let view = catalog.views[text], let query = catalog.viewTexts[text] {
      let names = view.schema.fields.map { TableText.quoted($0.name) }.joined(separator: ", ")
      return "CREATE VIEW \(TableText.quoted(text)) (\(names)) AS\n\(query)"
    }
    let other = kind == .table ? catalog.views[text] != nil : catalog.tables[text] != nil
    let known = kind == .table ? catalog.tables.keys.sorted() : catalog.views.keys.sorted()
    throw fail(
      "no \(kind.rawValue.lowercased()) is named \(text)", at: name.span,
      hint: other ? "write SHOW CREATE \(kind == .table ? "VIEW" : "TABLE") \(text)" : didYouMean(text, among: known))
  }
}

/// The CREATE TABLE statement of a table.
enum TableText {
  static func quoted(_ name: String) -> String {
    "`\(name.split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``"))`"
  }

  private static func text(_ value: String) -> String {
    "'\(value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
  }

  static func statement(_ table: TableDefinition) -> String {
    let fields = table.schema.fields
    let names = fields.map { quoted($0.name) }
    var elements = fields.indices.map { index -> String in
      if let computed = table.computed[index] { return "\(names[index]) AS \(computed.sql(names))" }
      return "\(names[index]) \(fields[index].type)\(fields[index].isNullable ? "" : " NOT NULL")"
    }
    if let watermark = table.watermark {
      let column = names[watermark.column]
      let millis = watermark.delayMicros / 1000
      let fraction = millis % 1000 == 0 ? "" : ".\(String(String(1000 + millis % 1000).dropFirst()))"
      let delay = millis == 0 ? "" : " - INTERVAL '\(millis / 1000)\(fraction)' SECOND"
      elements.append("WATERMARK FOR \(column) AS \(column)\(delay)")
    }
    if !table.primaryKey.isEmpty {
      elements.append("PRIMARY KEY (\(table.primaryKey.map { names[$0] }.joined(separator: ", "))) NOT ENFORCED")
    }
    var result = "CREATE TABLE \(quoted(table.name)) (\n  \(elements.joined(separator: ",\n  "))\n)"
    if !table.partitionedBy.isEmpty {
      result += "\nPARTITIONED BY (\(table.partitionedBy.map { names[$0] }.joined(separator: ", ")))"
    }
    let options = table.options.sorted { $0.key < $1.key }.map { "\(text($0.key)) = \(text($0.value))" }
    return result + "\nWITH (\n  \(options.joined(separator: ",\n  "))\n)"
  }
}
