import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// A subquery as a value. It stands in the expression as a placeholder until the expression's clause has been bound.
  mutating func bindSubquery(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    switch e.kind {
    case .exists(let query):
      let bound = try bindInside(query, &scope, .exists, at: e.span)
      return placeholder(bound, &scope)
    case .subquery(let query):
      var bound = try bindInside(query, &scope, .scalar, at: e.span)
      let fields = bound.plan.schema.fields
      guard fields.count == 1 else {
        throw fail("a subquery as a value needs one column; this one has \(fields.count)", at: e.span)
      }
      if fields[0].type == .null { throw fail("this subquery is NULL without a type", at: e.span, hint: "write CAST(NULL AS INT)") }
      bound.type = fields[0].type
      bound.isNullable = true
      return placeholder(bound, &scope)
    case .inQuery(let x, let query, let negated):
      let value = try bindAny("=", x, query, &scope, at: e.span)
      return negated ? try resolve("NOT", [value], at: e.span) : value
    case .quantified(let x, let operation, let query, let isAll):
      guard isAll else { return try bindAny(operation.rawValue, x, query, &scope, at: e.span) }
      // All compare so when none compares otherwise.
      let opposites = ["=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"]
      guard let opposite = opposites[operation.rawValue] else { throw BindStop() }
      return try resolve("NOT", [try bindAny(opposite, x, query, &scope, at: e.span)], at: e.span)
    default: throw BindStop()
    }
  }

  private mutating func bindInside(
    _ query: SQLQuery, _ scope: inout ExpressionScope, _ kind: BoundSubquery.Kind, at span: SourceSpan
  ) throws(BindStop) -> BoundSubquery {
    let level = outerScopes.count
    outerScopes.append(OuterScope(columns: scope.columns))
    defer { outerScopes.removeSubrange(level...) }
    let relation = try bind(query)
    if !scope.allowsSubqueries { throw unsupported("a subquery here", at: span, hint: "compute it in the query's FROM") }
    return BoundSubquery(
      kind: kind, plan: relation.plan, height: relation.height, level: level, type: .boolean, isNullable: false, span: span,
      uses: outerScopes[level].uses)
  }

  private mutating func bindAny(
    _ comparison: String, _ x: SQLExpression, _ query: SQLQuery, _ scope: inout ExpressionScope, at span: SourceSpan
  ) throws(BindStop) -> Expression {
    var items = [x]
    if case .row(let parts) = x.kind { items = parts }
    var operands: [Expression]?
    do throws(BindStop) { operands = try bindAll(items, &scope) } catch {}
    var bound = try bindInside(query, &scope, .any(comparison), at: span)
    guard let operands else { throw BindStop() }
    let fields = bound.plan.schema.fields
    guard fields.count == operands.count else {
      throw fail(
        "\(counted(operands.count, "value")) compared with a query of \(counted(fields.count, "column"))", at: span)
    }
    if operands.count > 1, comparison != "=" {
      throw unsupported("rows compared by anything but IN, = ANY and <> ALL", at: span, hint: "compare column by column in EXISTS")
    }
    for (index, operand) in operands.enumerated() {
      let pair = try resolve(comparison, [operand, .column(index, fields[index])], at: span)
      guard case .call(_, let sides) = pair.kind, sides.count == 2 else { throw BindStop() }
      bound.operands.append(sides[0])
      bound.values.append(sides[1])
      if pair.isNullable { bound.isNullable = true }
    }
    if comparison != "=" {
      switch bound.values[0].type {
      case .array, .map, .row: throw unsupported("\(bound.values[0].type) compared by \(comparison) with a query", at: span)
      default: break
      }
    }
    return placeholder(bound, &scope)
  }

  /// Where the subquery stands in the scope: once, however often it is written.
  private func placeholder(_ bound: BoundSubquery, _ scope: inout ExpressionScope) -> Expression {
    let known = scope.subqueries.firstIndex {
      $0.kind == bound.kind && $0.operands == bound.operands && $0.values == bound.values && text($0.span) == text(bound.span)
    }
    let index = known ?? scope.subqueries.count
    if known == nil { scope.subqueries.append(bound) }
    return Expression(.column(ExpressionScope.subqueryBase + index), type: bound.type, isNullable: bound.isNullable)
  }

  private func text(_ span: SourceSpan) -> ArraySlice<UInt8> {
    source.bytes[span.byteOffset..<min(source.bytes.count, span.byteOffset + span.byteCount)]
  }
}
