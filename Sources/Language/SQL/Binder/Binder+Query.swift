import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// A query with its WITH, ORDER BY and LIMIT. The result's columns have no qualifier.
  mutating func bind(_ query: SQLQuery) throws(BindStop) -> BoundRelation {
    let outer = commonTables.count
    defer { commonTables.removeSubrange(outer...) }
    for table in query.with { bindCommonTable(table) }
    let limits = try bindLimits(query)
    switch query.body {
    case .select(let select): return try bindSelect(select, orderBy: query.orderBy, limits: limits)
    case .values(let rows): return try sorted(try bindValues(rows, at: query.span), query.orderBy, limits)
    case .table(let name): return try sorted(unqualified(try bindNamed(name)), query.orderBy, limits)
    case .nested(let inner): return try sorted(try bind(inner), query.orderBy, limits)
    case .setOperation: return try sorted(try bindSetOperation(query), query.orderBy, limits)
    case .invalid: throw BindStop()
    }
  }

  struct Limits {
    var limit: Int?
    var offset = 0
    var isSet: Bool { limit != nil || offset > 0 }
  }

  private mutating func bindCommonTable(_ table: SQLCommonTable) {
    var relation: BoundRelation?
    do throws(BindStop) {
      var bound = try bind(table.query)
      if !table.columns.isEmpty { bound = try renamed(bound, table.columns, of: table.name) }
      relation = bound
    } catch {}
    commonTables.append((table.name.text, relation))
  }

  private mutating func bindLimits(_ query: SQLQuery) throws(BindStop) -> Limits {
    func count(_ e: SQLExpression?) -> Int?? {
      guard let e else { return .some(nil) }
      guard case .literal(.exact(let text, false)) = e.kind, let value = Int(text) else { return nil }
      return .some(value)
    }
    guard let limit = count(query.limit), let offset = count(query.offset) else {
      throw fail("this number of rows is too large", at: (query.limit ?? query.offset)?.span ?? query.span)
    }
    return Limits(limit: limit, offset: offset ?? 0)
  }

  func unqualified(_ relation: BoundRelation) -> BoundRelation {
    BoundRelation(relation.plan, qualifier: nil, height: relation.height)
  }

  /// The relation under new column names.
  mutating func renamed(_ relation: BoundRelation, _ names: [Identifier], of owner: Identifier) throws(BindStop) -> BoundRelation {
    guard names.count == relation.columns.count else {
      throw fail(
        "\(owner.text) has \(counted(relation.columns.count, "column")), but \(counted(names.count, "name")) given",
        at: names.first?.span ?? owner.span)
    }
    try requireDistinct(names)
    let plan = project(
      relation.plan, relation.columns.indices.map { .column($0, relation.plan.schema.fields[$0]) }, names.map(\.text))
    return BoundRelation(plan, qualifier: nil, height: relation.height + 1)
  }

  mutating func requireDistinct(_ names: [Identifier]) throws(BindStop) {
    var seen: Set<String> = []
    for name in names where !seen.insert(name.text).inserted {
      throw fail("the name \(name.text) is given twice", at: name.span)
    }
  }

  /// A projection, left out when it changes nothing.
  func project(_ plan: LogicalPlan, _ expressions: [Expression], _ names: [String]) -> LogicalPlan {
    let fields = plan.schema.fields
    if fields.count == expressions.count,
      fields.indices.allSatisfy({ expressions[$0].kind == .column($0) && fields[$0].name == names[$0] })
    {
      return plan
    }
    return .project(Project(input: plan, expressions: expressions, names: names))
  }

  /// ORDER BY and LIMIT over a relation whose columns are all that can be named.
  private mutating func sorted(_ relation: BoundRelation, _ items: [SQLSortItem], _ limits: Limits) throws(BindStop) -> BoundRelation {
    if items.isEmpty, !limits.isSet { return relation }
    var scope = ExpressionScope(relation.columns, aggregates: .refused("in ORDER BY here"), plan: relation.plan)
    var keys: [Sort.Key] = []
    var failed = false
    for item in items {
      do throws(BindStop) {
        var expression = try ordinal(item, relation.columns)
        if expression == nil { expression = try bind(item.expression, &scope) }
        if let expression { keys.append(try sortKey(item, expression)) }
      } catch { failed = true }
    }
    if failed { throw BindStop() }
    let plan = LogicalPlan.sort(Sort(input: relation.plan, keys: keys, limit: limits.limit, offset: limits.offset))
    return BoundRelation(plan, qualifier: nil, height: relation.height + 1)
  }

  /// `ORDER BY 2`: the second column.
  mutating func ordinal(_ item: SQLSortItem, _ columns: [ScopeColumn]) throws(BindStop) -> Expression? {
    guard case .literal(.exact(let text, false)) = item.expression.kind else { return nil }
    guard let position = Int(text), position >= 1, position <= columns.count else {
      throw fail("ORDER BY \(text): the query has \(counted(columns.count, "column"))", at: item.expression.span)
    }
    return .column(position - 1, columns[position - 1].field)
  }

  mutating func sortKey(_ item: SQLSortItem, _ expression: Expression) throws(BindStop) -> Sort.Key {
    switch expression.type {
    case .array, .map, .row: throw fail("values of type \(expression.type) have no order", at: item.expression.span)
    default: return Sort.Key(expression: expression, isAscending: !item.isDescending, nullsFirst: item.nullsFirst)
    }
  }

  // MARK: VALUES

  mutating func bindValues(_ rows: [SQLExpression], at span: SourceSpan) throws(BindStop) -> BoundRelation {
    var scope = ExpressionScope([], aggregates: .refused("in VALUES"))
    var bound: [[Expression]] = []
    var failed = false
    for row in rows {
      guard case .row(let items) = row.kind else { throw BindStop() }
      do throws(BindStop) {
        let values = try bindAll(items, &scope)
        if let width = bound.first?.count, values.count != width {
          throw fail("this row has \(counted(values.count, "value")), the first row \(width)", at: row.span)
        }
        bound.append(values)
      } catch { failed = true }
    }
    guard !failed, let first = bound.first else { throw BindStop() }
    var fields: [Field] = []
    for column in first.indices {
      guard let type = registry.commonType(bound.map { $0[column].type }) else {
        let types = uniqued(bound.map { $0[column].type.description })
        throw fail("column \(column + 1) of VALUES has no common type: \(types.joined(separator: ", "))", at: span)
      }
      for row in bound.indices {
        let value = bound[row][column]
        bound[row][column] = try typed(at: span) { (registry) throws(MillraceError) in try registry.cast(value, to: type) }
      }
      fields.append(Field("EXPR$\(column)", type, isNullable: bound.contains { $0[column].isNullable }))
    }
    return BoundRelation(.values(ValuesRelation(schema: Schema(fields), rows: bound)), qualifier: nil, height: 1)
  }

  mutating func checkHeight(_ height: Int, at span: SourceSpan) throws(BindStop) {
    if height > Self.heightLimit { throw fail("too many queries and views are stacked upon each other here", at: span) }
  }
}
