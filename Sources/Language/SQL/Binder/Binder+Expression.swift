import MillraceColumns
import MillraceExpressions
import MillraceTypes

extension Binder {
  /// Checks and types an expression. Only dispatches, so that its stack frame stays small however deep the tree.
  mutating func bind(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    // No payload is taken apart here: each would have its place on the stack at every level.
    switch e.kind {
    case .literal: try bindLiteral(e)
    case .name: try bindName(e, &scope)
    case .unary: try bindUnary(e, &scope)
    case .binary: try bindBinaryChain(e, &scope)
    case .logical: try bindLogical(e, &scope)
    case .between: try bindBetween(e, &scope)
    case .isTest, .isDistinct, .inList, .like, .trim: try bindPredicate(e, &scope)
    case .conditional: try bindConditional(e, &scope)
    case .cast: try bindCast(e, &scope)
    case .extract, .truncate, .timestampAdd, .timestampDiff: try bindUnitCall(e, &scope)
    case .call: try bindFunction(e, &scope)
    case .array, .map, .row, .element: try bindConstructor(e, &scope)
    case .field: try bindField(e, &scope)
    case .inQuery, .exists, .subquery, .quantified: try bindSubquery(e, &scope)
    case .invalid: throw BindStop()
    }
  }

  private mutating func bindLiteral(_ e: SQLExpression) throws(BindStop) -> Expression {
    guard case .literal(let literal) = e.kind else { throw BindStop() }
    return try bind(literal, at: e.span)
  }

  private mutating func bindName(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    guard case .name(let parts) = e.kind else { throw BindStop() }
    return try bindName(parts, at: e.span, &scope)
  }

  private mutating func bindLogical(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    guard case .logical(let isAnd, let terms) = e.kind else { throw BindStop() }
    return try bindLogical(isAnd ? "AND" : "OR", terms, at: e.span, &scope)
  }

  private mutating func bindBetween(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    guard case .between(let x, let low, let high, let negated, let symmetric) = e.kind else { throw BindStop() }
    return try bindBetween([x, low, high], negated, symmetric, at: e.span, &scope)
  }

  private mutating func bindPredicate(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    switch e.kind {
    case .isTest(let x, let test, let negated): return try bindTest(x, test, negated, at: e.span, &scope)
    case .isDistinct(let l, let r, let negated):
      return try bindCall(negated ? "IS NOT DISTINCT FROM" : "IS DISTINCT FROM", [l, r], at: e.span, &scope)
    case .inList(let x, let list, let negated): return try bindNegatable("IN", [x] + list, negated, at: e.span, &scope)
    case .like(let x, let pattern, let escape, let negated, let similar):
      return try bindNegatable(similar ? "SIMILAR TO" : "LIKE", [x, pattern] + (escape.map { [$0] } ?? []), negated, at: e.span, &scope)
    case .trim(let side, let characters, let x):
      let name = side == .both ? "TRIM" : side == .leading ? "LTRIM" : "RTRIM"
      return try bindCall(name, [x] + (characters.map { [$0] } ?? []), at: e.span, &scope)
    default: throw BindStop()
    }
  }

  private mutating func bindUnitCall(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    switch e.kind {
    case .extract(let unit, let x): return try bindUnitCall("EXTRACT", unit, [x], unitFirst: true, at: e.span, &scope)
    case .truncate(let x, let unit, let up):
      return try bindUnitCall(up ? "CEIL" : "FLOOR", unit, [x], unitFirst: false, at: e.span, &scope)
    case .timestampAdd(let unit, let n, let x): return try bindUnitCall("TIMESTAMPADD", unit, [n, x], unitFirst: true, at: e.span, &scope)
    case .timestampDiff(let unit, let a, let b):
      return try bindUnitCall("TIMESTAMPDIFF", unit, [a, b], unitFirst: true, at: e.span, &scope)
    default: throw BindStop()
    }
  }

  private mutating func bindFunction(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    guard case .call(let call) = e.kind else { throw BindStop() }
    return try bindFunction(call, at: e.span, &scope)
  }

  private mutating func bindConstructor(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    switch e.kind {
    case .array(let items): return try bindCall("ARRAY", items, at: e.span, &scope)
    case .map(let items): return try bindCall("MAP", items, at: e.span, &scope)
    case .row(let items): return try bindCall("ROW", items, at: e.span, &scope)
    case .element(let x, let index): return try bindCall("ITEM", [x, index], at: e.span, &scope)
    default: throw BindStop()
    }
  }

  private mutating func bindField(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    guard case .field(let x, let name) = e.kind else { throw BindStop() }
    return try bindField(x, name, &scope)
  }

  /// An expression that must be BOOLEAN.
  mutating func bindCondition(_ e: SQLExpression, _ clause: String, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    let condition = try bind(e, &scope)
    if condition.type == .null { return .null(.boolean) }
    guard condition.type == .boolean else {
      throw fail("\(clause) must be BOOLEAN, not \(condition.type)", at: e.span, hint: "compare it with something, e.g. x > 0")
    }
    return condition
  }

  /// Every operand is checked, so that all errors among them are reported.
  mutating func bindAll(_ operands: [SQLExpression], _ scope: inout ExpressionScope) throws(BindStop) -> [Expression] {
    var bound: [Expression] = []
    bound.reserveCapacity(operands.count)
    var failed = false
    for operand in operands {
      do throws(BindStop) { bound.append(try bind(operand, &scope)) } catch { failed = true }
    }
    if failed { throw BindStop() }
    return bound
  }

  mutating func bindCall(
    _ name: String, _ operands: [SQLExpression], at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    try resolve(name, try bindAll(operands, &scope), at: span)
  }

  mutating func resolve(_ name: String, _ operands: [Expression], at span: SourceSpan) throws(BindStop) -> Expression {
    do throws(MillraceError) { return try registry.resolve(name, operands) } catch { throw fail(error, at: span) }
  }

  private mutating func bindNegatable(
    _ name: String, _ operands: [SQLExpression], _ negated: Bool, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    let call = try bindCall(name, operands, at: span, &scope)
    return negated ? try resolve("NOT", [call], at: span) : call
  }

  // MARK: Names

  /// `column`, `table.column`, and access of row fields behind either; of this query, else of the nearest one around that has it.
  private mutating func bindName(
    _ parts: [Identifier], at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    var value: Expression
    var next: Int
    if let place = place(of: parts, scope.columns) {
      let column = try findColumn(place.name, qualifier: place.qualifier, at: span, scope.columns)
      scope.uses.append((column, span))
      value = .column(column, scope.columns[column].field)
      next = place.count
    } else if let (level, place) = outerPlace(of: parts, scope.columns) {
      let column = try findColumn(place.name, qualifier: place.qualifier, at: span, outerScopes[level].columns)
      outerScopes[level].uses.append((column, span))
      value = .outer(level: level, column: column, outerScopes[level].columns[column].field)
      next = place.count
    } else {
      throw try missing(parts, at: span, scope)
    }
    while next < parts.count {
      let part = parts[next]
      let operand = value
      value = try typed(at: part.span) { (registry) throws(MillraceError) in try registry.field(operand, part.text) }
      next += 1
    }
    return value
  }

  /// Reports a name that no query has.
  private mutating func missing(_ parts: [Identifier], at span: SourceSpan, _ scope: ExpressionScope) throws(BindStop) -> BindStop {
    guard parts.count > 1 else {
      _ = try findColumn(parts[0], qualifier: nil, at: span, scope.columns)
      return BindStop()
    }
    for columns in [scope.columns] + outerScopes.reversed().map(\.columns) where columns.contains(where: { $0.qualifier == parts[0].text })
    {
      _ = try findColumn(parts[1], qualifier: parts[0].text, at: span, columns)
    }
    return unknownQualifier(parts, scope)
  }

  /// How a name leads to a column, and how many of its parts that takes; nil when none of the columns is meant.
  private func place(of parts: [Identifier], _ columns: [ScopeColumn]) -> (name: Identifier, qualifier: String?, count: Int)? {
    let first = parts[0].text
    if parts.count > 1, columns.contains(where: { $0.qualifier == first && $0.name == parts[1].text }) { return (parts[1], first, 2) }
    // A table's name hides columns of its name.
    if parts.count > 1, columns.contains(where: { $0.qualifier == first }) { return nil }
    return columns.contains { $0.name == first && !$0.isShadowed } ? (parts[0], nil, 1) : nil
  }

  private func outerPlace(
    of parts: [Identifier], _ columns: [ScopeColumn]
  ) -> (level: Int, place: (name: Identifier, qualifier: String?, count: Int))? {
    // A table hides those of its name further out.
    func names(_ columns: [ScopeColumn]) -> Bool { parts.count > 1 && columns.contains { $0.qualifier == parts[0].text } }
    if names(columns) { return nil }
    for level in outerScopes.indices.reversed() {
      if let place = place(of: parts, outerScopes[level].columns) { return (level, place) }
      if names(outerScopes[level].columns) { return nil }
    }
    return nil
  }

  private mutating func findColumn(
    _ name: Identifier, qualifier: String?, at span: SourceSpan, _ columns: [ScopeColumn]
  ) throws(BindStop) -> Int {
    let matches = columns.indices.filter { index in
      let column = columns[index]
      if let qualifier { return column.qualifier == qualifier && column.name == name.text }
      return column.name == name.text && !column.isShadowed
    }
    if matches.count == 1 {
      if columns[matches[0]].isBroken { throw BindStop() }
      return matches[0]
    }
    if matches.isEmpty {
      let candidates = columns.filter { qualifier == nil ? !$0.isShadowed : $0.qualifier == qualifier }.map(\.name)
      if qualifier == nil, columns.contains(where: { $0.name == name.text }) {
        throw fail("\(name.text) is a computed column that is declared only later", at: name.span, hint: "declare it before this one")
      }
      let place = qualifier.map { " in \($0)" } ?? ""
      if columns.isEmpty {
        throw fail(
          "there is no column \(name.text) here", at: name.span,
          hint: qualifier == nil ? "write text in single quotes: '\(name.text)'" : nil)
      }
      throw fail(
        "no column is named \(name.text)\(place)", at: name.span,
        hint: didYouMean(name.text, among: candidates) ?? listing(candidates))
    }
    let tables = matches.compactMap { columns[$0].qualifier }
    let choices = tables.count == matches.count && Set(tables).count == tables.count
    throw fail(
      "the column \(name.text) is ambiguous: \(matches.count) relations have it", at: span,
      hint: choices ? "write \(tables.map { "\($0).\(name.text)" }.joined(separator: " or "))" : "rename one of them with AS")
  }

  private mutating func unknownQualifier(_ parts: [Identifier], _ scope: ExpressionScope) -> BindStop {
    let qualifiers = uniqued(scope.columns.compactMap(\.qualifier))
    let name = parts[0].text
    let hint = didYouMean(name, among: qualifiers + scope.columns.map(\.name))
    return fail("no table or column is named \(name) here", at: parts[0].span, hint: hint ?? listing(qualifiers))
  }

  private mutating func bindField(_ x: SQLExpression, _ name: Identifier, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    let operand = try bind(x, &scope)
    return try typed(at: name.span) { (registry) throws(MillraceError) in try registry.field(operand, name.text) }
  }

  // MARK: Operators

  private mutating func bindUnary(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    guard case .unary(let operation, let x) = e.kind else { throw BindStop() }
    switch operation {
    case .not: return try bindCall("NOT", [x], at: e.span, &scope)
    case .plus: return try bindCall("+", [x], at: e.span, &scope)
    case .minus:
      // The smallest BIGINT has no positive counterpart, so sign and digits are read as one.
      if case .literal(.exact(let text, let isDecimal)) = x.kind {
        return try exact(text, isDecimal: isDecimal, negative: true, at: e.span)
      }
      return try bindCall("-", [x], at: e.span, &scope)
    }
  }

  /// Walks down the left side of a chain such as `a + b + c` in a loop and types it on the way back.
  private mutating func bindBinaryChain(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    var spine: [(SQLBinaryOperator, SQLExpression, SourceSpan)] = []
    var node = e
    while case .binary(let operation, let left, let right) = node.kind {
      spine.append((operation, right, node.span))
      node = left
    }
    var value: Expression?
    do throws(BindStop) { value = try bind(node, &scope) } catch {}
    for (operation, operand, span) in spine.reversed() {
      let right: Expression
      do throws(BindStop) { right = try bind(operand, &scope) } catch {
        value = nil
        continue
      }
      guard let left = value else { continue }
      do throws(BindStop) { value = try resolve(operation.rawValue, [left, right], at: span) } catch { value = nil }
    }
    guard let value else { throw BindStop() }
    return value
  }

  /// AND and OR are associative, so long chains become balanced trees.
  private mutating func bindLogical(
    _ name: String, _ terms: [SQLExpression], at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    var level: [Expression] = []
    var failed = false
    for term in terms {
      do throws(BindStop) { level.append(try bindCondition(term, "an operand of \(name)", &scope)) } catch { failed = true }
    }
    if failed { throw BindStop() }
    while level.count > 1 {
      var next: [Expression] = []
      for index in stride(from: 0, to: level.count, by: 2) {
        next.append(index + 1 < level.count ? try resolve(name, [level[index], level[index + 1]], at: span) : level[index])
      }
      level = next
    }
    return level[0]
  }

  private mutating func bindTest(
    _ x: SQLExpression, _ test: SQLTruthTest, _ negated: Bool, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    let word =
      switch test {
      case .null: "NULL"
      case .true: "TRUE"
      case .false: "FALSE"
      case .unknown: "UNKNOWN"
      }
    return try bindCall("IS \(negated ? "NOT " : "")\(word)", [x], at: span, &scope)
  }

  private mutating func bindBetween(
    _ operands: [SQLExpression], _ negated: Bool, _ symmetric: Bool, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    let bound = try bindAll(operands, &scope)
    var result = try resolve("BETWEEN", bound, at: span)
    if symmetric {
      result = try resolve("OR", [result, try resolve("BETWEEN", [bound[0], bound[2], bound[1]], at: span)], at: span)
    }
    return negated ? try resolve("NOT", [result], at: span) : result
  }

  private mutating func bindConditional(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    guard case .conditional(let operand, let branches, let otherwise) = e.kind else { throw BindStop() }
    var failed = false
    var tested: Expression?
    if let operand {
      do throws(BindStop) { tested = try bind(operand, &scope) } catch { failed = true }
    }
    var bound: [(condition: Expression, value: Expression)] = []
    for branch in branches {
      do throws(BindStop) { bound.append(try bindBranch(branch, tested, isSimple: operand != nil, &scope)) } catch { failed = true }
    }
    var last: Expression?
    if let otherwise {
      do throws(BindStop) { last = try bind(otherwise, &scope) } catch { failed = true }
    }
    if failed { throw BindStop() }
    return try typed(at: e.span) { (registry) throws(MillraceError) in try registry.caseWhen(bound, otherwise: last) }
  }

  private mutating func bindBranch(
    _ branch: SQLConditionalBranch, _ tested: Expression?, isSimple: Bool, _ scope: inout ExpressionScope
  ) throws(BindStop) -> (condition: Expression, value: Expression) {
    let both = try bindAll([branch.condition, branch.result], &scope)
    if let tested { return (try resolve("=", [tested, both[0]], at: branch.condition.span), both[1]) }
    if isSimple { throw BindStop() }
    guard both[0].type == .boolean || both[0].type == .null else {
      throw fail("a condition of CASE must be BOOLEAN, not \(both[0].type)", at: branch.condition.span)
    }
    return (both[0], both[1])
  }

  private mutating func bindUnitCall(
    _ name: String, _ unit: SQLTimeUnit, _ operands: [SQLExpression], unitFirst: Bool, at span: SourceSpan,
    _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    let bound = try bindAll(operands, &scope)
    let literal = Expression.literal(.text(unit.rawValue), .text)
    return try resolve(name, unitFirst ? [literal] + bound : bound + [literal], at: span)
  }

  private mutating func bindCast(_ e: SQLExpression, _ scope: inout ExpressionScope) throws(BindStop) -> Expression {
    guard case .cast(let x, let target, let isTry) = e.kind else { throw BindStop() }
    let operand = try bind(x, &scope)
    let value = try typed(at: e.span) { (registry) throws(MillraceError) in try registry.cast(operand, to: target.type, isTry: isTry) }
    guard let length = target.length else { return value }
    guard target.type == .text else {
      throw unsupported("a cast to a binary type of a length", at: target.span, hint: "cast to BYTES")
    }
    let count = Expression.literal(.int(Int64(length)), .int32)
    if target.isFixedLength { return try resolve("RPAD", [value, count, .literal(.text(" "), .text)], at: e.span) }
    return try resolve("SUBSTRING", [value, .literal(.int(1), .int32), count], at: e.span)
  }
}
