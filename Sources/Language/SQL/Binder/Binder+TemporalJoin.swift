import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// `left [LEFT] JOIN relation FOR SYSTEM_TIME AS OF instant AS r ON ...`, where the relation is no feature view.
  mutating func bindTemporal(
    _ left: BoundRelation, _ name: ObjectName, _ instant: SQLExpression, _ table: SQLTable, _ kind: SQLJoinKind,
    _ condition: SQLJoinCondition, at span: SourceSpan
  ) throws(BindStop) -> BoundRelation {
    let right = try aliased(try bindNamed(name), table.alias, implied: name.parts.last?.text)
    guard kind == .left || kind == .inner else {
      throw unsupported("\(kind.rawValue) JOIN with FOR SYSTEM_TIME AS OF", at: span, hint: "use INNER or LEFT JOIN")
    }
    try requireOtherName(left, right, at: table.span)
    let time = try temporalInstant(instant, left)
    var (join, columns) = try temporalConditions(left, right, kind, condition, table, at: span)
    join.kind = planKind(kind)
    switch time {
    case .processingTime: try checkLookup(right.plan, name)
    case .eventTime: try checkVersions(left, right, join, name, at: span)
    }
    var result = BoundRelation(
      plan: .temporalJoin(TemporalJoin(join: join, instant: time)), columns: columns, height: max(left.height, right.height) + 1)
    takeNullability(&result)
    return result
  }

  private mutating func temporalInstant(_ instant: SQLExpression, _ left: BoundRelation) throws(BindStop) -> TemporalJoin.Instant {
    var scope = ExpressionScope(left.columns, aggregates: .refused("in FOR SYSTEM_TIME AS OF"), plan: left.plan)
    let bound = try bind(instant, &scope)
    if bound.isProcessingTime { return .processingTime }
    if case .column(let column) = bound.kind {
      if left.plan.isProcessingTime(column) { return .processingTime }
      if left.plan.timeAttribute(of: column) == .exact(offsetMicros: 0) { return .eventTime }
    }
    throw fail(
      "FOR SYSTEM_TIME AS OF needs the event time of the left rows, or their PROCTIME()", at: instant.span,
      hint: timeColumnHint(left.columns, left.plan) + "; or select PROCTIME() AS proc_time and look up AS OF that")
  }

  /// The join with its equal keys and whatever else must hold, and the columns in scope.
  private mutating func temporalConditions(
    _ left: BoundRelation, _ right: BoundRelation, _ kind: SQLJoinKind, _ condition: SQLJoinCondition, _ table: SQLTable,
    at span: SourceSpan
  ) throws(BindStop) -> (Join, [ScopeColumn]) {
    guard case .on(let expression) = condition else {
      let bound = try bindJoin(left, right, kind, condition, table, at: span)
      guard case .join(let join) = bound.plan, join.interval == nil, join.window == nil else {
        throw unsupported("this condition with FOR SYSTEM_TIME AS OF", at: span, hint: "write ON")
      }
      return (join, bound.columns)
    }
    let columns = left.columns + right.columns
    var scope = ExpressionScope(columns, aggregates: .refused("in ON"))
    var join = Join(kind: .inner, left: left.plan, right: right.plan, leftKeys: [], rightKeys: [])
    var rest: [Expression] = []
    for conjunct in try bindCondition(expression, "ON", &scope).conjuncts {
      if let (leftKey, rightKey) = equalKeys(conjunct, left.columns.count) {
        join.leftKeys.append(leftKey)
        join.rightKeys.append(rightKey)
      } else {
        rest.append(conjunct)
      }
    }
    if !rest.isEmpty { join.residual = .conjunction(rest) }
    return (join, columns)
  }

  // MARK: what can be asked

  /// Tables, and what filters and projections make of them.
  private mutating func checkLookup(_ plan: LogicalPlan, _ name: ObjectName) throws(BindStop) {
    switch plan {
    case .scan, .values: return
    case .filter(let n): try checkLookup(n.input, name)
    case .project(let n): try checkLookup(n.input, name)
    default:
      throw unsupported(
        "looking up rows in \(name.text), which is more than a table with conditions", at: name.span,
        hint: "write its result into a table and look that up, or join it AS OF the event time")
    }
  }

  private mutating func checkVersions(
    _ left: BoundRelation, _ right: BoundRelation, _ join: Join, _ name: ObjectName, at span: SourceSpan
  ) throws(BindStop) {
    if left.plan.isUpdating {
      throw unsupported(
        "FOR SYSTEM_TIME AS OF event time for rows that are retracted", at: span, hint: "join before aggregating or ranking")
    }
    let fields = right.plan.schema.fields
    guard right.plan.carriesEventTime else {
      throw fail(
        "\(name.text) has no event time, so it is not known which of its rows is valid when", at: name.span,
        hint: "declare WATERMARK FOR <column> AS <column> - INTERVAL '1' SECOND on its table, or look it up AS OF PROCTIME()")
    }
    let keys = right.plan.isUpdating ? right.plan.uniqueKeys : (right.plan.upsertKey.map { [$0] } ?? []) + right.plan.uniqueKeys
    guard let first = keys.first else {
      throw fail(
        "\(name.text) has no key, so its rows are no versions of anything", at: name.span,
        hint: "declare PRIMARY KEY (...) NOT ENFORCED on the table, or keep the latest row per key in a view: "
          + "ROW_NUMBER() OVER (PARTITION BY key ORDER BY ts DESC) = 1")
    }
    let asked = Set(join.rightKeys.compactMap { key -> Int? in if case .column(let column) = key.kind { column } else { nil } })
    if keys.contains(where: { $0.isSubset(of: asked) }) { return }
    let missing = first.subtracting(asked).sorted().map { fields[$0].name }
    throw fail(
      "the join does not say for which \(missing.joined(separator: ", ")) the version of \(name.text) is asked", at: span,
      hint: "add ON \(missing.map { "\(right.columns.first?.qualifier ?? name.text).\($0) = ..." }.joined(separator: " AND "))")
  }
}
