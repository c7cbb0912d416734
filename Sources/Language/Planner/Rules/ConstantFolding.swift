import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Computes what does not depend on the row, and simplifies logic, CASE, COALESCE and tests for null by what is known.
///
/// What fails to be computed stays in place: whether it matters is decided row by row.
struct ConstantFolding: LocalRule {
  let name = "constant-folding"

  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool { true }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    let operation = rewriting.old.nodes[id].operation
    if case .values = operation { return nil }
    let folded = operation.mappingExpressions(Self.folded)
    if folded == operation { return nil }
    return rewriting.new.add(folded, inputs: rewriting.old.nodes[id].inputs.map { rewriting.node($0) })
  }

  static func folded(_ expression: Expression) -> Expression {
    var result = expression.transformed(step)
    // Schemas carry it, and are kept.
    result.isNullable = expression.isNullable
    return result
  }

  /// The operands are folded already.
  private static func step(_ node: Expression) -> Expression {
    switch node.kind {
    case .column, .literal: return node
    case .caseWhen(let branches, let otherwise): return conditional(node, branches, otherwise)
    case .call("AND", let operands): return logic(node, operands, deciding: false)
    case .call("OR", let operands): return logic(node, operands, deciding: true)
    case .call("COALESCE", let operands): return coalesce(node, operands)
    case .call("IS NULL", let operands) where operands.count == 1: return nullTest(node, operands[0], isNull: true)
    case .call("IS NOT NULL", let operands) where operands.count == 1: return nullTest(node, operands[0], isNull: false)
    case .call(let name, let operands) where comparisons.contains(name) && operands.contains(where: \.isNullLiteral):
      return operands.contains(where: \.canFail) ? node : .null(node.type)
    default: return computed(node)
    }
  }

  private static let comparisons: Set<String> = ["=", "<>", "<", "<=", ">", ">="]

  /// A side of the deciding value decides whatever the other is, even if that fails; the other literal is left out.
  private static func logic(_ node: Expression, _ operands: [Expression], deciding: Bool) -> Expression {
    if operands.contains(where: { $0.boolLiteral == deciding }) { return .literal(.bool(deciding), .boolean) }
    let rest = operands.filter { $0.boolLiteral != !deciding }
    if rest.isEmpty { return .literal(.bool(!deciding), .boolean) }
    if rest.count == 1 { return rest[0] }
    if rest.count == operands.count { return computed(node) }
    return node.withArguments(rest)
  }

  private static func conditional(_ node: Expression, _ branches: [Expression], _ otherwise: Expression) -> Expression {
    var kept: [Expression] = []
    for i in stride(from: 0, to: branches.count - 1, by: 2) {
      let condition = branches[i]
      if condition.isNullLiteral || condition.boolLiteral == false { continue }
      if condition.boolLiteral == true { return conditional(node, kept, last: branches[i + 1]) }
      kept += [condition, branches[i + 1]]
    }
    return conditional(node, kept, last: otherwise)
  }

  private static func conditional(_ node: Expression, _ branches: [Expression], last: Expression) -> Expression {
    if branches.isEmpty { return last }
    let values = stride(from: 1, to: branches.count, by: 2).map { branches[$0] } + [last]
    return Expression(
      .caseWhen(branches, otherwise: last), type: node.type, isNullable: node.isNullable && values.contains { $0.isNullable })
  }

  /// Nulls are passed over, and nothing after an operand that is never null is asked for.
  private static func coalesce(_ node: Expression, _ operands: [Expression]) -> Expression {
    var kept = operands.filter { !$0.isNullLiteral }
    if let last = kept.firstIndex(where: { !$0.isNullable && !$0.canFail }) { kept = Array(kept[...last]) }
    if kept.isEmpty { return .null(node.type) }
    if kept.count == 1 { return kept[0] }
    var result = node.withArguments(kept)
    result.isNullable = node.isNullable && kept.allSatisfy(\.isNullable)
    return result
  }

  private static func nullTest(_ node: Expression, _ operand: Expression, isNull: Bool) -> Expression {
    if operand.isLiteral { return .literal(.bool(operand.isNullLiteral == isNull), .boolean) }
    if operand.isNullable || operand.canFail { return node }
    return .literal(.bool(!isNull), .boolean)
  }

  /// Functions that may make a long text of short arguments.
  private static let growing: Set<String> = ["REPEAT", "LPAD", "RPAD"]

  private static func computed(_ node: Expression) -> Expression {
    if case .call(let name, _) = node.kind, growing.contains(name) { return node }
    switch node.type {
    case .array, .map, .row, .null: return node
    default: break
    }
    let operands = node.operands
    guard !operands.isEmpty, operands.allSatisfy(\.isLiteral), let value = ExpressionEvaluator.constantValue(node) else { return node }
    // NaN equals nothing, itself included: plans that hold it could not be compared.
    if case .float(let number) = value, number.isNaN { return node }
    return .literal(value, node.type)
  }
}

extension Expression {
  var isNullLiteral: Bool { if case .literal(.null) = kind { true } else { false } }
  var boolLiteral: Bool? { if case .literal(.bool(let value)) = kind { value } else { nil } }

  fileprivate func withArguments(_ arguments: [Expression]) -> Expression {
    guard case .call(let name, _) = kind else { return self }
    return Expression(.call(name, arguments), type: type, isNullable: isNullable)
  }
}
