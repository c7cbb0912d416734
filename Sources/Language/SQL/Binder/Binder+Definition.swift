import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// The name for a new table or view; nil when it exists and IF NOT EXISTS allows that.
  mutating func newRelationName(_ name: ObjectName, ifNotExists: Bool) throws(BindStop) -> String? {
    let text = try relationName(name)
    guard catalog.tables[text] != nil || catalog.views[text] != nil || catalog.featureViews[text] != nil else { return text }
    if ifNotExists { return nil }
    let kind = catalog.tables[text] != nil ? "table" : catalog.views[text] != nil ? "view" : "feature view"
    throw fail(
      "a \(kind) named \(text) exists already", at: name.span, hint: "DROP \(kind.uppercased()) \(text) first, or choose another name")
  }

  // MARK: Tables

  mutating func createTable(_ table: SQLCreateTable) throws(BindStop) -> BoundStatement.Kind {
    guard let name = try newRelationName(table.name, ifNotExists: table.ifNotExists) else {
      return .changed("table \(table.name.text) exists already")
    }
    var failed = false
    var definition = TableDefinition(name: name, schema: Schema([]))
    var rows: BoundRelation?
    if let query = table.query {
      (definition, rows) = try selected(table, query, definition)
    } else if let like = table.like {
      definition = try inherited(like, table, definition)
    }
    do throws(BindStop) { try addColumns(table, to: &definition) } catch { failed = true }
    definition.options.merge(options(table.options)) { $1 }
    // Without columns, what refers to them cannot be checked.
    if failed { throw BindStop() }
    do throws(BindStop) {
      if let watermark = try bindWatermark(table, definition.schema) { definition.watermark = watermark }
    } catch { failed = true }
    do throws(BindStop) {
      if !table.primaryKey.isEmpty { definition.primaryKey = try positions(table.primaryKey, definition.schema) }
      if !table.partitionedBy.isEmpty { definition.partitionedBy = try positions(table.partitionedBy, definition.schema) }
    } catch { failed = true }
    do throws(BindStop) { try checkOptions(table, definition) } catch { failed = true }
    if failed { throw BindStop() }
    catalog.add(definition)
    guard let rows, let added = catalog.tables[name] else { return .changed("created table \(name)") }
    return .insert(JobPlan(outputs: [.init(table: added, input: rows.plan)]))
  }

  func options(_ options: [SQLOption]) -> [String: String] {
    Dictionary(options.map { ($0.key.text.lowercased(), $0.value.text) }, uniquingKeysWith: { $1 })
  }

  /// The columns that a statement declares, behind those that the table has from elsewhere.
  private mutating func addColumns(_ table: SQLCreateTable, to definition: inout TableDefinition) throws(BindStop) {
    if table.columns.isEmpty, definition.schema.count == 0 {
      throw fail("the table \(table.name.text) has no columns", at: table.name.span)
    }
    try requireDistinct(table.columns.map(\.name))
    var fields = definition.schema.fields
    var computed = definition.computed
    let inherited = fields.count
    for column in table.columns {
      computed.append(nil)
      if case .physical(let type) = column.kind {
        fields.append(Field(column.name.text, type.type, isNullable: type.isNullable))
      } else {
        fields.append(Field(column.name.text, .null))
      }
    }
    for name in table.primaryKey {
      if let index = fields.firstIndex(where: { $0.name == name.text }) { fields[index].isNullable = false }
    }
    var visible = fields.map { ScopeColumn(qualifier: nil, field: $0) }
    for (index, column) in table.columns.enumerated() {
      if case .computed = column.kind { visible[inherited + index].isShadowed = true }
    }
    // A computed column sees the physical ones and those computed before it, and is kept over the physical ones.
    var failed = false
    for (offset, column) in table.columns.enumerated() {
      guard case .computed(let expression) = column.kind else { continue }
      let index = inherited + offset
      var scope = ExpressionScope(visible, aggregates: .refused("in a computed column"))
      do throws(BindStop) {
        let bound = try bind(expression, &scope)
        let values = fields.indices.map { computed[$0] ?? Expression.column($0, fields[$0]) }
        fields[index] = Field(column.name.text, bound.type, isNullable: bound.isNullable)
        computed[index] = bound.substituting(values)
        visible[index] = ScopeColumn(qualifier: nil, field: fields[index])
      } catch {
        failed = true
        visible[index] = ScopeColumn(qualifier: nil, field: fields[index], isBroken: true)
      }
    }
    if failed { throw BindStop() }
    definition.schema = Schema(fields)
    definition.computed = computed
  }

  /// `WATERMARK FOR column AS column [- INTERVAL ...]`
  private mutating func bindWatermark(_ table: SQLCreateTable, _ schema: Schema) throws(BindStop) -> TableDefinition.Watermark? {
    guard let watermark = table.watermark else { return nil }
    let column = try positions([watermark.column], schema)[0]
    let type = schema.fields[column].type
    guard type.isTimestamp, let precision = type.timePrecision else {
      throw fail(
        "a WATERMARK needs a TIMESTAMP or TIMESTAMP_LTZ column; \(watermark.column.text) is \(type)", at: watermark.column.span,
        hint: "add a computed column, e.g. ts AS TO_TIMESTAMP_LTZ(\(watermark.column.text), 3)")
    }
    if precision > 6 {
      throw unsupported(
        "event time finer than microseconds", at: watermark.column.span,
        hint: "declare \(watermark.column.text) as TIMESTAMP(6) or TIMESTAMP(3)")
    }
    let columns = schema.fields.map { ScopeColumn(qualifier: nil, field: $0) }
    var scope = ExpressionScope(columns, aggregates: .refused("in WATERMARK"))
    let bound = try bind(watermark.expression, &scope)
    guard let (source, micros) = bound.columnPlusMicros, source == column, micros <= 0 else {
      throw unsupported(
        "watermarks other than the column, or the column minus an interval", at: watermark.expression.span,
        hint: "write WATERMARK FOR \(watermark.column.text) AS \(watermark.column.text) - INTERVAL '1' SECOND")
    }
    return TableDefinition.Watermark(column: column, delayMicros: micros == .min ? .max : -micros)
  }

  mutating func positions(_ names: [Identifier], _ schema: Schema) throws(BindStop) -> [Int] {
    try requireDistinct(names)
    var result: [Int] = []
    for name in names {
      guard let index = schema.index(of: name.text) else {
        throw fail("the table has no column \(name.text)", at: name.span, hint: didYouMean(name.text, among: schema.fields.map(\.name)))
      }
      result.append(index)
    }
    return result
  }

  private mutating func checkOptions(_ table: SQLCreateTable, _ definition: TableDefinition) throws(BindStop) {
    if definition.connector == nil {
      let keys = definition.options.keys.sorted()
      throw fail(
        "the table \(definition.name) does not say where its rows are: option 'connector' is missing", at: table.name.span,
        hint: nearestName(to: "connector", among: keys).map { "is '\($0)' meant to be 'connector'?" }
          ?? "add WITH ('connector' = 'filesystem', ...)")
    }
    for option in table.options { try checkOption(option, definition) }
  }

  mutating func checkOption(_ option: SQLOption, _ definition: TableDefinition) throws(BindStop) {
    switch option.key.text.lowercased() {
    case "order.by":
      for name in definition.orderBy where definition.schema.index(of: name) == nil {
        throw fail(
          "order.by names \(name), which is no column of the table", at: option.value.span,
          hint: didYouMean(name, among: definition.schema.fields.map(\.name)))
      }
    case "order.rank":
      guard let rank = Int(option.value.text), (-128...127).contains(rank) else {
        throw fail("order.rank must be a whole number from -128 to 127", at: option.value.span, hint: "outcome streams rank -1, others 0")
      }
    default: break
    }
  }

  // MARK: Views and models

  mutating func createView(_ view: SQLCreateView) throws(BindStop) -> BoundStatement.Kind {
    guard let name = try newRelationName(view.name, ifNotExists: view.ifNotExists) else {
      return .changed("view \(view.name.text) exists already")
    }
    var relation = try bind(view.query)
    if !view.columns.isEmpty {
      relation = try renamed(relation, view.columns, of: Identifier(name, span: view.name.span))
    }
    try checkHeight(relation.height, at: view.name.span)
    catalog.views[name] = relation.plan
    catalog.viewTexts[name] = text(of: view.query.span)
    viewHeights[name] = relation.height
    return .changed("created view \(name)")
  }

  mutating func createModel(_ model: SQLCreateModel) throws(BindStop) -> BoundStatement.Kind {
    let name = try relationName(model.name)
    if catalog.models[name] != nil {
      if model.ifNotExists { return .changed("model \(name) exists already") }
      throw fail("a model named \(name) exists already", at: model.name.span, hint: "DROP MODEL \(name) first, or choose another name")
    }
    try requireDistinct(model.inputs.map(\.name))
    try requireDistinct(model.outputs.map(\.name))
    if model.inputs.isEmpty || model.outputs.isEmpty {
      let missing = model.inputs.isEmpty ? "INPUT" : "OUTPUT"
      throw fail(
        "the model \(name) has no \(missing) columns", at: model.name.span,
        hint: "write CREATE MODEL \(name) INPUT (...) OUTPUT (...) WITH (...)")
    }
    func fields(_ columns: [SQLColumnDefinition]) -> [Field] {
      columns.compactMap { column in
        guard case .physical(let type) = column.kind else { return nil }
        return Field(column.name.text, type.type, isNullable: type.isNullable)
      }
    }
    catalog.models[name] = ModelDefinition(
      name: name, inputs: fields(model.inputs), outputs: fields(model.outputs), options: options(model.options))
    return .changed("created model \(name)")
  }

  // MARK: DROP

  mutating func drop(_ drop: SQLDrop) throws(BindStop) -> BoundStatement.Kind {
    let name = try relationName(drop.name)
    let kind = drop.object.rawValue.lowercased()
    let known: [String]
    switch drop.object {
    case .table:
      known = catalog.tables.keys.sorted()
      catalog.tables[name] = nil
    case .view:
      known = catalog.views.keys.sorted()
      catalog.views[name] = nil
      viewHeights[name] = nil
    case .featureView:
      known = catalog.featureViews.keys.sorted()
      catalog.featureViews[name] = nil
    case .model:
      known = catalog.models.keys.sorted()
      catalog.models[name] = nil
    case .function: throw unsupported("DROP FUNCTION", at: drop.name.span)
    }
    if broken.remove(name) != nil { return .changed("dropped \(kind) \(name)") }
    guard known.contains(name) else {
      if drop.ifExists { return .changed("no \(kind) is named \(name)") }
      throw fail(
        "no \(kind) is named \(name)", at: drop.name.span,
        hint: didYouMean(name, among: known) ?? "write DROP \(drop.object.rawValue) IF EXISTS")
    }
    return .changed("dropped \(kind) \(name)")
  }
}
