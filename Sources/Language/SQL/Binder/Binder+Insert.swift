import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// INSERT: the query's columns, by position or by the column list, in the order and the types of the table's own columns.
  mutating func bind(_ insert: SQLInsert) throws(BindStop) -> JobPlan.Output {
    let name = try relationName(insert.target)
    if broken.contains(name) {
      // The query may hold errors of its own.
      _ = try bind(insert.query)
      throw BindStop()
    }
    var target: TableDefinition?
    do throws(BindStop) { target = try insertTarget(name, insert.target) } catch {}
    let relation = try bind(insert.query)
    guard var table = target else { throw BindStop() }
    for hint in insert.hints where hint.isOptions { table = try withOptions(table, hint.options) }
    let writable = table.schema.fields.indices.filter { table.computed[$0] == nil }
    var chosen = writable
    if !insert.columns.isEmpty {
      try requireDistinct(insert.columns)
      chosen = []
      for column in insert.columns {
        guard let index = writable.first(where: { table.schema.fields[$0].name == column.text }) else {
          throw fail(
            "the table \(name) has no column \(column.text) to insert into", at: column.span,
            hint: didYouMean(column.text, among: writable.map { table.schema.fields[$0].name }))
        }
        chosen.append(index)
      }
    }
    let constants = try partitionValues(insert, table, writable)
    chosen.removeAll { constants[$0] != nil }
    let fields = relation.plan.schema.fields
    guard fields.count == chosen.count else {
      throw fail(
        "the table \(name) takes \(counted(chosen.count, "column")), the query has \(fields.count)", at: insert.target.span,
        hint: columnDifference(fields.map(\.name), chosen.map { table.schema.fields[$0].name }))
    }
    var expressions: [Expression] = []
    var failed = false
    for index in writable {
      let column = table.schema.fields[index]
      if let constant = constants[index] {
        expressions.append(constant)
        continue
      }
      guard let position = chosen.firstIndex(of: index) else {
        if !column.isNullable {
          report(
            "the column \(column.name) of \(name) is NOT NULL, so it needs a value", at: insert.target.span,
            hint: "add it to the column list")
          failed = true
        }
        expressions.append(.null(column.type))
        continue
      }
      let value = Expression.column(position, fields[position])
      do throws(MillraceError) { expressions.append(try registry.assign(value, to: column.type)) } catch {
        report(
          "column \(position + 1) of the query, \(fields[position].name), has type \(value.type), "
            + "but \(name).\(column.name) has type \(column.type)",
          at: insertSpan(insert.query, position), hint: error.hint)
        failed = true
      }
    }
    if failed { throw BindStop() }
    let plan = project(relation.plan, expressions, writable.map { table.schema.fields[$0].name })
    return JobPlan.Output(table: table, input: plan)
  }

  /// The columns that PARTITION (...) gives a constant, by position in the table.
  private mutating func partitionValues(
    _ insert: SQLInsert, _ table: TableDefinition, _ writable: [Int]
  ) throws(BindStop) -> [Int: Expression] {
    var values: [Int: Expression] = [:]
    try requireDistinct(insert.partition.map(\.column))
    for part in insert.partition {
      let name = part.column.text
      guard let index = writable.first(where: { table.schema.fields[$0].name == name }) else {
        throw fail(
          "the table \(table.name) has no column \(name) to insert into", at: part.column.span,
          hint: didYouMean(name, among: writable.map { table.schema.fields[$0].name }))
      }
      guard table.partitionedBy.contains(index) else {
        throw fail("\(table.name) is not partitioned by \(name)", at: part.column.span, hint: "select the value instead")
      }
      var scope = ExpressionScope([], aggregates: .refused("in PARTITION"))
      let bound = try bind(part.value, &scope)
      values[index] = try typed(at: part.value.span) { (registry) throws(MillraceError) in
        try registry.cast(bound, to: table.schema.fields[index].type)
      }
    }
    return values
  }

  private mutating func insertTarget(_ name: String, _ written: ObjectName) throws(BindStop) -> TableDefinition {
    if let table = catalog.tables[name] { return table }
    if catalog.views[name] != nil || catalog.featureViews[name] != nil {
      throw fail(
        "\(name) is a view, and rows go into tables only", at: written.span, hint: "INSERT INTO a table created WITH ('connector' = ...)")
    }
    if broken.contains(name) { throw BindStop() }
    throw fail(
      "no table is named \(name)", at: written.span, hint: didYouMean(name, among: catalog.tables.keys.sorted()) ?? "CREATE TABLE it first")
  }

  /// What the one side has and the other lacks.
  private func columnDifference(_ given: [String], _ wanted: [String]) -> String {
    let missing = wanted.filter { !given.contains($0) }
    let extra = given.filter { !wanted.contains($0) }
    if given.count < wanted.count, !missing.isEmpty, missing.count * 2 <= wanted.count {
      return "missing: \(missing.joined(separator: ", "))"
    }
    if given.count > wanted.count, !extra.isEmpty, extra.count * 2 <= given.count {
      return "not in the table: \(extra.joined(separator: ", "))"
    }
    return "the table has \(wanted.joined(separator: ", "))"
  }

  /// The select item of a column, when the query is a plain SELECT without stars.
  private func insertSpan(_ query: SQLQuery, _ position: Int) -> SourceSpan {
    guard case .select(let select) = query.body, position < select.items.count,
      select.items.allSatisfy({ if case .expression = $0.kind { true } else { false } })
    else { return query.span }
    return select.items[position].span
  }
}
