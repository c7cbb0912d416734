import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Computes what has no columns, and drops parts of AND, OR and CASE that cannot matter.
///
/// A constant that cannot be computed stays: it is an error only if a row asks for it.
enum FoldConstants: PlanRule {
  static let name = "fold-constants"

  static func apply(_ plan: LogicalPlan, _ context: RuleContext) -> LogicalPlan? {
    let result = plan.mappingExpressions(fold)
    return result == plan ? nil : result
  }

  static func fold(_ expression: Expression) -> Expression { expression.transformed(folded) }

  private static func folded(_ node: Expression) -> Expression {
    switch node.kind {
    case .column, .literal: return node
    case .call("AND", let arguments): return connected(node, arguments, deciding: false)
    case .call("OR", let arguments): return connected(node, arguments, deciding: true)
    case .caseWhen(let branches, let otherwise): return chosen(node, branches, otherwise)
    default: return constant(node)
    }
  }

  private static func constant(_ node: Expression) -> Expression {
    guard !node.operands.isEmpty, node.operands.allSatisfy({ if case .literal = $0.kind { true } else { false } }),
      let value = ExpressionEvaluator.constantValue(node)
    else { return node }
    // Arrays, maps and rows stay calls: their literals would say less in EXPLAIN and save nothing.
    switch node.type {
    case .array, .map, .row: return node
    default: return Expression(.literal(value), type: node.type, isNullable: node.isNullable)
    }
  }

  private static func connected(_ node: Expression, _ arguments: [Expression], deciding: Bool) -> Expression {
    var parts: [Expression] = []
    for part in arguments {
      if case .literal(.bool(let value)) = part.kind {
        if value == deciding { return Expression(.literal(.bool(deciding)), type: .boolean, isNullable: node.isNullable) }
      } else if !parts.contains(part) {
        parts.append(part)
      }
    }
    guard let first = parts.first else { return Expression(.literal(.bool(!deciding)), type: .boolean, isNullable: node.isNullable) }
    if parts.count == arguments.count { return constant(node) }
    if parts.count > 1 { return node }
    var only = first
    only.isNullable = node.isNullable
    return only
  }

  private static func chosen(_ node: Expression, _ branches: [Expression], _ otherwise: Expression) -> Expression {
    var kept: [Expression] = []
    var last = otherwise
    for i in stride(from: 0, to: branches.count - 1, by: 2) {
      if case .literal(let value) = branches[i].kind {
        guard value == .bool(true) else { continue }
        last = branches[i + 1]
        break
      }
      kept += [branches[i], branches[i + 1]]
    }
    if kept.count == branches.count { return node }
    var result = kept.isEmpty ? last : Expression(.caseWhen(kept, otherwise: last), type: node.type, isNullable: node.isNullable)
    result.isNullable = node.isNullable
    return result
  }
}
