import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// `GROUPING(a, b)`, `GROUPING_ID(a, b)` or `GROUP_ID()` in an expression, where it stands as a placeholder column.
struct GroupingCall: Hashable {
  /// nil for GROUP_ID.
  var arguments: [Expression]?
  var name: String
}

/// What the expressions of a grouped query may use: columns of the aggregate's output.
struct GroupedScope {
  /// Group keys as they are written, over the columns of FROM.
  var keys: [Expression]
  /// Columns of FROM, for messages.
  var columns: [ScopeColumn]
  /// Columns of the aggregate's output that the keys are, and where the aggregates begin.
  var keyColumns: [Expression]
  var aggregateStart: Int
  /// With GROUPING SETS, per set the keys it has; the output's column that numbers the sets.
  var sets: [[Int]] = []
  var setColumn: Expression?
  var groupings: [GroupingCall] = []

  /// The value of a GROUPING, GROUPING_ID or GROUP_ID call over the aggregate's output; nil when an argument is no key.
  func value(of call: GroupingCall) -> Expression? {
    var positions: [Int] = []
    for argument in call.arguments ?? [] {
      guard let position = keys.firstIndex(of: argument) else { return nil }
      positions.append(position)
    }
    func literal(_ value: Int64) -> Expression { .literal(.int(value), .int64) }
    guard let setColumn else { return literal(0) }
    let values = sets.indices.map { set -> Int64 in
      if call.arguments == nil { return Int64(sets[..<set].filter { $0 == sets[set] }.count) }
      return positions.reduce(0) { $0 << 1 | (sets[set].contains($1) ? 0 : 1) }
    }
    // The commonest value last, for all other sets.
    var branches: [Expression] = []
    for (set, value) in values.enumerated() where value != values[values.count - 1] {
      branches.append(
        Expression(.call("=", [setColumn, .literal(.int(Int64(set)), .int32)]), type: .boolean, isNullable: false))
      branches.append(literal(value))
    }
    let otherwise = literal(values[values.count - 1])
    return branches.isEmpty ? otherwise : Expression(.caseWhen(branches, otherwise: otherwise), type: .int64, isNullable: false)
  }
}

extension Binder {
  static let groupings: Set<String> = ["GROUPING", "GROUPING_ID", "GROUP_ID"]

  mutating func bindGrouping(
    _ call: SQLCall, _ name: String, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    guard case .collected = scope.allowed else {
      throw fail("\(name) belongs in the SELECT, HAVING or ORDER BY of a grouped query", at: span)
    }
    if call.over != nil || call.filter != nil || call.isDistinct || call.isStar {
      throw fail("\(name) takes group keys alone", at: span)
    }
    if (name == "GROUP_ID") != call.arguments.isEmpty {
      throw fail(name == "GROUP_ID" ? "GROUP_ID takes no arguments" : "\(name) needs a group key", at: span)
    }
    if call.arguments.count > 62 { throw fail("\(name) takes at most 62 group keys", at: span) }
    let uses = scope.uses.count
    let arguments = try bindAll(call.arguments, &scope)
    scope.uses.removeSubrange(uses...)
    let grouping = GroupingCall(arguments: name == "GROUP_ID" ? nil : arguments, name: name)
    let index = scope.groupings.firstIndex(of: grouping) ?? scope.groupings.count
    if index == scope.groupings.count { scope.groupings.append(grouping) }
    return Expression(.column(ExpressionScope.groupingBase + index), type: .int64, isNullable: false)
  }

  /// An expression over the columns of FROM and the placeholders, over the aggregate's output; placeholders of subqueries and OVER stay.
  ///
  /// - Throws: after reporting what is neither grouped nor aggregated.
  mutating func rewritten(
    _ e: Expression, _ scope: GroupedScope, _ uses: [(column: Int, span: SourceSpan)], at span: SourceSpan
  ) throws(BindStop) -> Expression {
    var problems: [(message: String, span: SourceSpan, hint: String?)] = []
    let result = Self.rewritten(e, scope, uses, span, &problems)
    for problem in problems { report(problem.message, at: problem.span, hint: problem.hint) }
    if !problems.isEmpty { throw BindStop() }
    return result
  }

  private static func rewritten(
    _ e: Expression, _ scope: GroupedScope, _ uses: [(column: Int, span: SourceSpan)], _ span: SourceSpan,
    _ problems: inout [(message: String, span: SourceSpan, hint: String?)]
  ) -> Expression {
    if let index = scope.keys.firstIndex(of: e) { return scope.keyColumns[index] }
    if case .column(let column) = e.kind {
      switch column {
      case ExpressionScope.groupingBase..<ExpressionScope.outerBase:
        let call = scope.groupings[column - ExpressionScope.groupingBase]
        if let value = scope.value(of: call) { return value }
        problems.append(("\(call.name) of something that is no group key", span, "name keys of GROUP BY"))
        return e
      case ExpressionScope.overBase...: return e
      case ExpressionScope.aggregateBase...:
        var copy = e
        copy.kind = .column(scope.aggregateStart + column - ExpressionScope.aggregateBase)
        return copy
      default:
        let place = uses.first { $0.column == column }?.span ?? span
        let name = column < scope.columns.count ? scope.columns[column].name : "?"
        problems.append(
          ("the column \(name) is neither grouped nor aggregated", place, "add it to GROUP BY, or wrap it, e.g. MAX(\(name))"))
        return e
      }
    }
    let operands = e.operands
    return operands.isEmpty ? e : e.withOperands(operands.map { rewritten($0, scope, uses, span, &problems) })
  }
}
