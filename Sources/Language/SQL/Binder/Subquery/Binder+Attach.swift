import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A plan that gets the values of subqueries as further columns; the columns it began with keep their places.
struct Attachment {
  var plan: LogicalPlan
  var height: Int
  /// What stands for each subquery, over `plan`.
  var values: [Int: Expression] = [:]

  /// An expression over `plan` with the values of the subqueries in place of their placeholders.
  func filled(_ e: Expression) -> Expression {
    if let index = e.subqueryIndex { return values[index] ?? e }
    let operands = e.operands
    return operands.isEmpty ? e : e.withOperands(operands.map(filled))
  }

  mutating func grow(by height: Int) { self.height = max(self.height, height + 4) + 4 }
}

/// How expressions over a scope become expressions over the plan that subqueries are attached to.
enum Location {
  /// The scope's columns are the plan's.
  case same
  /// The scope's columns have been grouped.
  case grouped(GroupedScope)
  /// Scope columns by plan columns.
  case columns([Int: Int])
}

extension Binder {
  /// Gives a plan the values of those subqueries that some expressions hold.
  mutating func attach(
    _ expressions: [Expression], _ subqueries: [BoundSubquery], to attachment: inout Attachment, _ location: Location = .same
  ) throws(BindStop) {
    var wanted = expressions.reduce(into: Set<Int>()) { $0.formUnion($1.subqueryIndices) }
    // Operands of subqueries may hold subqueries themselves; those were bound first.
    for index in subqueries.indices.reversed() where wanted.contains(index) {
      for operand in subqueries[index].operands { wanted.formUnion(operand.subqueryIndices) }
    }
    for index in wanted.sorted() where attachment.values[index] == nil {
      let subquery = try located(subqueries[index], attachment, location)
      attachment.values[index] = try value(of: subquery, &attachment)
      attachment.grow(by: subquery.bound.height)
      try checkHeight(attachment.height, at: subquery.bound.span)
    }
  }

  /// A subquery whose operands and outer columns are expressions over the plan it is attached to.
  struct LocatedSubquery {
    var bound: BoundSubquery
    var references: OuterReferences
    /// The columns of the query around that it names, by position there.
    var outer: [Int: Expression]
  }

  mutating func located(
    _ subquery: BoundSubquery, _ attachment: Attachment, _ location: Location
  ) throws(BindStop) -> LocatedSubquery {
    var bound = subquery
    for index in bound.operands.indices {
      bound.operands[index] = attachment.filled(try located(bound.operands[index], location, subquery.uses, at: subquery.span))
    }
    let references = OuterReferences(bound.plan)
    var outer: [Int: Expression] = [:]
    for (column, expression) in (references.columns[bound.level] ?? [:]).sorted(by: { $0.key < $1.key }) {
      outer[column] = try located(expression, location, subquery.uses, at: subquery.span)
    }
    return LocatedSubquery(bound: bound, references: references, outer: outer)
  }

  mutating func located(
    _ e: Expression, _ location: Location, _ uses: [(column: Int, span: SourceSpan)], at span: SourceSpan
  ) throws(BindStop) -> Expression {
    switch location {
    case .same: return e
    case .columns(let map): return e.mappingColumns { map[$0] ?? $0 }
    case .grouped(let scope): return try rewritten(e, scope, uses, at: span)
    }
  }

  // MARK: Values

  private mutating func value(of subquery: LocatedSubquery, _ a: inout Attachment) throws(BindStop) -> Expression {
    let bound = subquery.bound
    if let core = SubqueryCore(bound.plan) {
      let (values, condition) = try oneRow(core, subquery, &a)
      return try value(of: bound, row: values, condition)
    }
    switch bound.kind {
    case .exists: return try isThere(try flag(subquery, comparing: [], &a), at: bound.span)
    case .scalar: return try single(subquery, &a)
    case .any("="): return try equalsAny(subquery, &a)
    case .any(let comparison): return try comparesWithAny(comparison, subquery, &a)
    }
  }

  /// The value of a subquery that has exactly one row, unless a condition says it has none.
  private mutating func value(of bound: BoundSubquery, row: [Expression], _ condition: Expression?) throws(BindStop) -> Expression {
    let value: Expression
    let otherwise: Expression
    switch bound.kind {
    case .exists: (value, otherwise) = (.true, .literal(.bool(false), .boolean))
    case .scalar: (value, otherwise) = (row[0], .null(bound.type))
    case .any(let comparison):
      let right = bound.values.map { $0.substituting(row) }
      var parts: [Expression] = []
      for (operand, other) in zip(bound.operands, right) { parts.append(try resolve(comparison, [operand, other], at: bound.span)) }
      (value, otherwise) = (.conjunction(parts), .literal(.bool(false), .boolean))
    }
    guard let condition else { return value }
    return try typed(at: bound.span) { (registry) throws(MillraceError) in
      try registry.caseWhen([(condition, value)], otherwise: otherwise)
    }
  }

  /// The values of a subquery of exactly one row, over the plan, and the condition under which it has that row.
  mutating func oneRow(
    _ core: SubqueryCore, _ subquery: LocatedSubquery, _ a: inout Attachment
  ) throws(BindStop) -> (values: [Expression], condition: Expression?) {
    let columns = try aggregates(core.aggregate, subquery, &a)
    let values = core.outputs.map { Self.placed($0, columns, subquery) }
    return (values, core.condition.map { Self.placed($0, columns, subquery) })
  }

  /// An expression over a subquery's columns and the columns around it, over the plan it is attached to.
  static func placed(_ e: Expression, _ inner: [Expression], _ subquery: LocatedSubquery) -> Expression {
    if let reference = e.outerReference { return reference.level == subquery.bound.level ? subquery.outer[reference.column] ?? e : e }
    if case .column(let index) = e.kind { return index < inner.count ? inner[index] : e }
    let operands = e.operands
    return operands.isEmpty ? e : e.withOperands(operands.map { placed($0, inner, subquery) })
  }

  /// The value of the only row, null without rows, an error with more.
  private mutating func single(_ subquery: LocatedSubquery, _ a: inout Attachment) throws(BindStop) -> Expression {
    let bound = subquery.bound
    let column = Expression.column(0, bound.plan.schema.fields[0])
    let first = try typed(at: bound.span) { (registry) throws(MillraceError) in try registry.resolveAggregate("FIRST_VALUE", [column]) }
    let core = Aggregate(input: bound.plan, keys: [], keyNames: [], aggregates: [Self.countStar, first], names: ["rows$", "value$"])
    let values = try aggregates(core, subquery, &a)
    return try resolve("$SINGLE_VALUE", [values[0], values[1]], at: bound.span)
  }

  static var countStar: AggregateCall { AggregateCall(.countStar, [], type: .int64, isNullable: false) }

  func isThere(_ flag: Expression, at span: SourceSpan) throws(BindStop) -> Expression {
    Expression(.call("IS NOT NULL", [flag]), type: .boolean, isNullable: false)
  }

  private mutating func equalsAny(_ subquery: LocatedSubquery, _ a: inout Attachment) throws(BindStop) -> Expression {
    let bound = subquery.bound
    let found = try isThere(try flag(subquery, comparing: Array(bound.operands.indices), &a), at: bound.span)
    if !(bound.operands + bound.values).contains(where: \.isNullable) { return found }
    let no = Expression.literal(.bool(false), .boolean)
    guard bound.operands.count == 1 else {
      // Unknown where some row compares neither as equal nor as different.
      let open = try isThere(try openFlag(subquery, &a), at: bound.span)
      return try typed(at: bound.span) { (registry) throws(MillraceError) in
        try registry.caseWhen([(found, .true), (open, .null(.boolean))], otherwise: no)
      }
    }
    let (count, isOpen) = try counts(subquery, &a)
    let none = try resolve("=", [count, .literal(.int(0), .int64)], at: bound.span)
    return try typed(at: bound.span) { (registry) throws(MillraceError) in
      try registry.caseWhen([(found, .true), (none, no), (isOpen, .null(.boolean))], otherwise: no)
    }
  }

  /// How many rows the subquery has, and whether not finding an equal one leaves it open if there is one: the operand or some value is
  /// null.
  mutating func counts(_ subquery: LocatedSubquery, _ a: inout Attachment) throws(BindStop) -> (count: Expression, isOpen: Expression) {
    let bound = subquery.bound
    let core = Aggregate(
      input: bound.plan, keys: [], keyNames: [],
      aggregates: [Self.countStar, AggregateCall(.count, [bound.values[0]], type: .int64, isNullable: false)], names: ["rows$", "values$"])
    let values = try aggregates(core, subquery, &a)
    let isOpen = try resolve(
      "OR",
      [try resolve("IS NULL", [bound.operands[0]], at: bound.span), try resolve("<", [values[1], values[0]], at: bound.span)],
      at: bound.span)
    return (values[0], isOpen)
  }

  /// `x < ANY (...)` by the greatest value, `x > ANY` by the least, `x <> ANY` by both.
  private mutating func comparesWithAny(_ comparison: String, _ subquery: LocatedSubquery, _ a: inout Attachment) throws(BindStop)
    -> Expression
  {
    let bound = subquery.bound
    let (x, y) = (bound.operands[0], bound.values[0])
    var calls = [Self.countStar, AggregateCall(.count, [y], type: .int64, isNullable: false)]
    if comparison != "<", comparison != "<=" { calls.append(AggregateCall(.min, [y], type: y.type, isNullable: true)) }
    if comparison != ">", comparison != ">=" { calls.append(AggregateCall(.max, [y], type: y.type, isNullable: true)) }
    let core = Aggregate(input: bound.plan, keys: [], keyNames: [], aggregates: calls, names: calls.indices.map { "any$\($0)" })
    let values = try aggregates(core, subquery, &a)
    var found: [Expression] = []
    for value in values.dropFirst(2) { found.append(try resolve(comparison, [x, value], at: bound.span)) }
    let isFound = found.count == 1 ? found[0] : try resolve("OR", found, at: bound.span)
    let none = try resolve("=", [values[0], .literal(.int(0), .int64)], at: bound.span)
    let isOpen = try resolve(
      "OR", [try resolve("IS NULL", [x], at: bound.span), try resolve("<", [values[1], values[0]], at: bound.span)], at: bound.span)
    let no = Expression.literal(.bool(false), .boolean)
    return try typed(at: bound.span) { (registry) throws(MillraceError) in
      try registry.caseWhen([(isFound, .true), (none, no), (isOpen, .null(.boolean))], otherwise: no)
    }
  }
}
