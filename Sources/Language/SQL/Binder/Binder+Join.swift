import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  /// A join whose conjuncts are sorted into equal keys, bounds on the two event times, and the rest.
  mutating func join(
    _ kind: Join.Kind, _ left: LogicalPlan, _ right: LogicalPlan, _ conjuncts: [Expression], at span: SourceSpan
  ) throws(BindStop) -> LogicalPlan {
    let width = left.schema.count
    var node = Join(kind: kind, left: left, right: right, leftKeys: [], rightKeys: [])
    var rest: [Expression] = []
    var bounds: [(conjunct: Expression, bound: TimeBound)] = []
    for conjunct in conjuncts {
      if conjunct.refersOutside {
        rest.append(conjunct)
      } else if let bound = timeBound(conjunct, left, right, width) {
        bounds.append((conjunct, bound))
      } else if let (leftKey, rightKey) = equalKeys(conjunct, width) {
        node.leftKeys.append(leftKey)
        node.rightKeys.append(rightKey)
      } else {
        rest.append(conjunct)
      }
    }
    if takeWindow(&node) {
      for (conjunct, _) in bounds {
        if let (leftKey, rightKey) = equalKeys(conjunct, width) {
          node.leftKeys.append(leftKey)
          node.rightKeys.append(rightKey)
        } else {
          rest.append(conjunct)
        }
      }
      if !rest.isEmpty { node.residual = .conjunction(rest) }
      return .join(node)
    }
    let (interval, unused) = interval(bounds)
    node.interval = interval
    if interval != nil, kind == .right || kind == .full {
      throw unsupported("\(kind.rawValue) joins bounded in event time", at: span, hint: "use a LEFT or INNER JOIN")
    }
    for conjunct in unused {
      if let (leftKey, rightKey) = equalKeys(conjunct, width) {
        node.leftKeys.append(leftKey)
        node.rightKeys.append(rightKey)
      } else {
        rest.append(conjunct)
      }
    }
    if !rest.isEmpty { node.residual = .conjunction(rest) }
    return .join(node)
  }

  /// `left expression = right expression`, either way round.
  func equalKeys(_ conjunct: Expression, _ width: Int) -> (Expression, Expression)? {
    guard case .call("=", let sides) = conjunct.kind, sides.count == 2 else { return nil }
    let (a, b) = (sides[0].referencedColumns, sides[1].referencedColumns)
    guard !a.isEmpty, !b.isEmpty else { return nil }
    if a.allSatisfy({ $0 < width }), b.allSatisfy({ $0 >= width }) { return (sides[0], sides[1].mappingColumns { $0 - width }) }
    if b.allSatisfy({ $0 < width }), a.allSatisfy({ $0 >= width }) { return (sides[1], sides[0].mappingColumns { $0 - width }) }
    return nil
  }

  /// Makes the join one of windows when its keys say that the rows of both sides are in the same window of one kind. Those keys go.
  private func takeWindow(_ node: inout Join) -> Bool {
    guard let left = node.left.window, let right = node.right.window, left.kind == right.kind else { return false }
    /// Keys that compare a column of the one set with one of the other.
    func places(_ lefts: Set<Int>, _ rights: Set<Int>) -> [Int] {
      node.leftKeys.indices.filter { place in
        guard case .column(let a) = node.leftKeys[place].kind, case .column(let b) = node.rightKeys[place].kind else { return false }
        return lefts.contains(a) && rights.contains(b)
      }
    }
    let (starts, ends) = (places(left.starts, right.starts), places(left.ends, right.ends))
    // Where windows have one size, start and end say the same.
    let oneIsEnough: Bool
    switch left.kind {
    case .tumble, .hop: oneIsEnough = true
    case .cumulate, .session: oneIsEnough = false
    }
    guard oneIsEnough ? !(starts.isEmpty && ends.isEmpty) : !starts.isEmpty && !ends.isEmpty else { return false }
    func column(_ keys: [Expression], _ places: [Int], _ columns: Set<Int>) -> Int? {
      if let place = places.first, case .column(let column) = keys[place].kind { return column }
      return columns.min()
    }
    guard let leftStart = column(node.leftKeys, starts, left.starts), let leftEnd = column(node.leftKeys, ends, left.ends),
      let rightStart = column(node.rightKeys, starts, right.starts), let rightEnd = column(node.rightKeys, ends, right.ends)
    else { return false }
    let (l, r) = (node.left.schema.fields, node.right.schema.fields)
    guard l[leftStart].type == r[rightStart].type, l[leftEnd].type == r[rightEnd].type else { return false }
    node.window = Join.Window(
      kind: left.kind, leftStart: leftStart, leftEnd: leftEnd, rightStart: rightStart, rightEnd: rightEnd,
      lagMicros: max(left.lagMicros, right.lagMicros))
    let taken = Set(starts + ends)
    let kept = node.leftKeys.indices.filter { !taken.contains($0) }
    (node.leftKeys, node.rightKeys) = (kept.map { node.leftKeys[$0] }, kept.map { node.rightKeys[$0] })
    return true
  }

  // MARK: Bounds in event time

  /// `right.time >= left.time + lower` or `right.time <= left.time + upper`, or both.
  private struct TimeBound {
    var leftTime: Int
    var rightTime: Int
    var lower: Int64?
    var upper: Int64?
  }

  private func timeBound(_ conjunct: Expression, _ left: LogicalPlan, _ right: LogicalPlan, _ width: Int) -> TimeBound? {
    guard case .call(let name, let sides) = conjunct.kind, sides.count == 2, var a = sides[0].columnPlusMicros,
      var b = sides[1].columnPlusMicros
    else { return nil }
    let flipped = ["=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="]
    guard var comparison = flipped[name] == nil ? nil : name else { return nil }
    if a.column < width {
      // Right side first: r + x OP l + y.
      swap(&a, &b)
      comparison = flipped[comparison] ?? comparison
    }
    guard b.column < width, a.column >= width, case .exact(0)? = left.timeAttribute(of: b.column),
      case .exact(0)? = right.timeAttribute(of: a.column - width)
    else { return nil }
    let (distance, overflow) = b.micros.subtractingReportingOverflow(a.micros)
    guard !overflow, distance.magnitude < 1 << 60 else { return nil }
    var bound = TimeBound(leftTime: b.column, rightTime: a.column - width)
    switch comparison {
    case ">=": bound.lower = distance
    case ">": bound.lower = distance + 1
    case "<=": bound.upper = distance
    case "<": bound.upper = distance - 1
    default:
      bound.lower = distance
      bound.upper = distance
    }
    return bound
  }

  /// The interval that the bounds on one pair of time columns make, and the conjuncts that took no part.
  private func interval(_ bounds: [(conjunct: Expression, bound: TimeBound)]) -> (Join.Interval?, [Expression]) {
    guard let first = bounds.first?.bound else { return (nil, []) }
    let mine = bounds.filter { $0.bound.leftTime == first.leftTime && $0.bound.rightTime == first.rightTime }
    guard let lower = mine.compactMap(\.bound.lower).max(), let upper = mine.compactMap(\.bound.upper).min() else {
      return (nil, bounds.map(\.conjunct))
    }
    let others = bounds.filter { !($0.bound.leftTime == first.leftTime && $0.bound.rightTime == first.rightTime) }
    return (
      Join.Interval(leftTime: first.leftTime, rightTime: first.rightTime, lowerMicros: lower, upperMicros: upper), others.map(\.conjunct)
    )
  }

  // MARK: Feature views

  /// `events [LEFT] JOIN view FOR SYSTEM_TIME AS OF instant AS v ON v.key = expression AND ...`
  mutating func bindAsOf(
    _ events: BoundRelation, _ name: ObjectName, _ instant: SQLExpression, _ alias: SQLTableAlias?, _ kind: SQLJoinKind,
    _ condition: SQLJoinCondition, at span: SourceSpan
  ) throws(BindStop) -> BoundRelation {
    let text = try relationName(name)
    if broken.contains(text) { throw BindStop() }
    guard let view = catalog.featureViews[text] else {
      throw unknownRelation(name)
    }
    guard kind == .left || kind == .inner else {
      throw unsupported("\(kind.rawValue) JOIN of a feature view", at: span, hint: "use LEFT JOIN: every row gets a value")
    }
    if let alias, !alias.columns.isEmpty { throw unsupported("renaming the columns of a feature view", at: alias.columns[0].span) }
    let qualifier = alias?.name.text ?? text
    if events.columns.contains(where: { $0.qualifier == qualifier }) {
      throw fail("two tables are named \(qualifier) here", at: span, hint: "give the feature view an alias with AS")
    }
    let shift = try bindInstant(instant, events)
    var node = AsOfJoin(input: events.plan, view: view, keys: [], shiftMicros: shift)
    let fields = view.keys + view.features.map(\.field)
    let columns = events.columns + fields.map { ScopeColumn(qualifier: qualifier, field: $0) }
    node.keys = try bindAskedKeys(condition, view, events, columns, qualifier, at: span)
    let plan = LogicalPlan.asOf(node)
    var result = BoundRelation(plan: plan, columns: columns, height: events.height + 1)
    for index in result.columns.indices { result.columns[index].field.isNullable = plan.schema.fields[index].isNullable }
    if case .using(let names) = condition {
      for index in events.columns.count..<result.columns.count where names.contains(where: { $0.text == result.columns[index].name }) {
        result.columns[index].isShadowed = true
      }
    }
    return result
  }

  /// How far after each row's event time the view is asked, in microseconds.
  private mutating func bindInstant(_ instant: SQLExpression, _ events: BoundRelation) throws(BindStop) -> Int64 {
    var scope = ExpressionScope(events.columns, aggregates: .refused("in FOR SYSTEM_TIME AS OF"), plan: events.plan)
    let bound = try bind(instant, &scope)
    guard let (column, micros) = bound.columnPlusMicros, case .exact(let offset)? = events.plan.timeAttribute(of: column) else {
      throw fail(
        "FOR SYSTEM_TIME AS OF needs the event time of the rows that ask, or that plus an interval", at: instant.span,
        hint: timeColumnHint(events.columns, events.plan))
    }
    let (shift, overflow) = micros.subtractingReportingOverflow(offset)
    if overflow || shift < 0 {
      throw unsupported("asking a feature view before the row's own event time", at: instant.span, hint: "use the event time itself")
    }
    return shift
  }

  /// The expressions under which the view is asked, one for each of its keys.
  private mutating func bindAskedKeys(
    _ condition: SQLJoinCondition, _ view: FeatureViewDefinition, _ events: BoundRelation, _ columns: [ScopeColumn], _ qualifier: String,
    at span: SourceSpan
  ) throws(BindStop) -> [Expression] {
    var asked: [Expression?] = Array(repeating: nil, count: view.keys.count)
    let width = events.columns.count
    switch condition {
    case .none: break
    case .natural: throw unsupported("NATURAL JOIN of a feature view", at: span, hint: "name its keys: JOIN ... USING (...)")
    case .using(let names):
      for name in names {
        guard let key = view.keys.firstIndex(where: { $0.name == name.text }) else {
          throw fail("\(view.name) has no key \(name.text)", at: name.span, hint: didYouMean(name.text, among: view.keys.map(\.name)))
        }
        let column = try askingColumn(name, events)
        asked[key] = try asKey(.column(column, events.columns[column].field), view.keys[key], at: name.span)
      }
    case .on(let expression):
      let parts: [SQLExpression]
      if case .logical(true, let terms) = expression.kind { parts = terms } else { parts = [expression] }
      var failed = false
      for part in parts {
        do throws(BindStop) {
          guard case .binary(.equal, let l, let r) = part.kind else { throw onlyKeys(view, qualifier, at: part.span) }
          var scope = ExpressionScope(columns, aggregates: .refused("in ON"))
          let sides = try bindAll([l, r], &scope)
          func key(_ e: Expression) -> Int? {
            guard case .column(let c) = e.kind, c >= width, c - width < view.keys.count else { return nil }
            return c - width
          }
          let (index, value, place): (Int, Expression, SourceSpan)
          if let k = key(sides[0]), sides[1].referencedColumns.allSatisfy({ $0 < width }) {
            (index, value, place) = (k, sides[1], r.span)
          } else if let k = key(sides[1]), sides[0].referencedColumns.allSatisfy({ $0 < width }) {
            (index, value, place) = (k, sides[0], l.span)
          } else {
            throw onlyKeys(view, qualifier, at: part.span)
          }
          if asked[index] != nil { throw fail("the key \(view.keys[index].name) is given twice", at: part.span) }
          asked[index] = try asKey(value, view.keys[index], at: place)
        } catch { failed = true }
      }
      if failed { throw BindStop() }
    }
    let missing = view.keys.indices.filter { asked[$0] == nil }.map { view.keys[$0].name }
    if !missing.isEmpty {
      throw fail(
        "the join does not say for which \(missing.joined(separator: ", ")) the feature view \(view.name) is asked", at: span,
        hint: "add ON \(missing.map { "\(qualifier).\($0) = ..." }.joined(separator: " AND "))")
    }
    return asked.compactMap { $0 }
  }

  private mutating func askingColumn(_ name: Identifier, _ events: BoundRelation) throws(BindStop) -> Int {
    let matches = events.columns.indices.filter { events.columns[$0].name == name.text && !events.columns[$0].isShadowed }
    guard matches.count == 1 else {
      let message = matches.isEmpty ? "no column is named \(name.text) on the left side" : "the column \(name.text) is ambiguous"
      throw fail(message, at: name.span, hint: matches.isEmpty ? didYouMean(name.text, among: events.columns.map(\.name)) : nil)
    }
    return matches[0]
  }

  private mutating func onlyKeys(_ view: FeatureViewDefinition, _ qualifier: String, at span: SourceSpan) -> BindStop {
    unsupported(
      "other conditions than equal keys when a feature view is asked", at: span,
      hint: "write ON \(view.keys.map { "\(qualifier).\($0.name) = ..." }.joined(separator: " AND ")), and the rest in WHERE")
  }

  private mutating func asKey(_ value: Expression, _ key: Field, at span: SourceSpan) throws(BindStop) -> Expression {
    guard registry.commonType([value.type, key.type]) == key.type else {
      throw fail(
        "the key \(key.name) has type \(key.type), but is asked with \(value.type)", at: span, hint: "write CAST(... AS \(key.type))")
    }
    return try typed(at: span) { (registry) throws(MillraceError) in try registry.assign(value, to: key.type) }
  }
}
