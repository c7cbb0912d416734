import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// `rows CROSS JOIN UNNEST(collection) [WITH ORDINALITY] AS t (a, b)`; the collection may be made of the rows' columns.
  mutating func bindUnnest(
    _ rows: BoundRelation, _ table: SQLTable, _ kind: SQLJoinKind, _ condition: SQLJoinCondition, at span: SourceSpan
  ) throws(BindStop) -> BoundRelation {
    guard case .unnest(let written, let withOrdinality) = table.kind else { throw BindStop() }
    guard kind != .right, kind != .full else {
      throw fail("UNNEST cannot be the right side of a \(kind.rawValue) JOIN", at: span, hint: "use CROSS JOIN or LEFT JOIN ... ON TRUE")
    }
    var scope = ExpressionScope(rows.columns, aggregates: .refused("in UNNEST"), plan: rows.plan)
    let collection = try bind(written, &scope)
    guard var fields = Unnest.columns(of: collection.type) else {
      throw fail("UNNEST needs an array or a map, not \(collection.type)", at: written.span)
    }
    var ordinality: Field?
    if withOrdinality { ordinality = Field("ORDINALITY", .int32, isNullable: false) }
    if let alias = table.alias, !alias.columns.isEmpty {
      let count = fields.count + (withOrdinality ? 1 : 0)
      guard alias.columns.count == count else {
        throw fail(
          "UNNEST gives \(counted(count, "column")) here, but \(counted(alias.columns.count, "name")) given", at: alias.columns[0].span)
      }
      try requireDistinct(alias.columns)
      for index in fields.indices { fields[index].name = alias.columns[index].text }
      if withOrdinality { ordinality?.name = alias.columns[count - 1].text }
    }
    let plan = LogicalPlan.unnest(
      Unnest(
        input: rows.plan, source: .elements(collection), columns: fields, ordinality: ordinality, keepsUnmatched: kind == .left))
    let added = plan.schema.fields.dropFirst(rows.columns.count).map { ScopeColumn(qualifier: table.alias?.name.text, field: $0) }
    var result = BoundRelation(plan: plan, columns: rows.columns + added, height: rows.height + 1)
    if let name = table.alias?.name, rows.columns.contains(where: { $0.qualifier == name.text }) {
      throw fail("two tables are named \(name.text) here", at: name.span, hint: "give one of them another alias")
    }
    switch condition {
    case .none: break
    case .natural: throw fail("UNNEST takes no NATURAL JOIN", at: span, hint: "use CROSS JOIN")
    case .using(let names): throw fail("UNNEST takes no USING", at: names.first?.span ?? span, hint: "use CROSS JOIN, or ON TRUE")
    case .on(let expression):
      var scope = ExpressionScope(result.columns, aggregates: .refused("in ON"), plan: plan)
      let bound = try bindCondition(expression, "ON", &scope)
      if bound == .true { break }
      if kind == .left {
        throw unsupported("LEFT JOIN UNNEST with a condition other than TRUE", at: expression.span, hint: "filter the elements in WHERE")
      }
      result.plan = .filter(Filter(input: plan, predicate: bound))
      result.height += 1
    }
    return result
  }
}
