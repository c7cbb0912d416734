import MillraceColumns
import MillraceExpressions
import MillraceTypes

extension Expression {
  /// Roughly what computing it for a row costs, in kernels: 0 for a column or literal, 1 for arithmetic or a comparison.
  var cost: Int {
    let operands = operands.reduce(0) { $0 + $1.cost }
    switch kind {
    case .column, .literal, .field: return operands
    case .cast(let operand, _): return operands + (operand.type == .text || type == .text ? 8 : 1)
    case .caseWhen: return operands + 1
    case .user: return operands + 64
    case .call(let name, _):
      if name.hasPrefix("REGEXP") || name == "MD5" || name.hasPrefix("SHA") || name.hasPrefix("JSON_") { return operands + 64 }
      if name == "LIKE" || name == "DATE_FORMAT" || name == "TO_TIMESTAMP" || name == "TO_DATE" { return operands + 16 }
      return operands + (type == .text ? 8 : 1)
    }
  }

  /// From this cost on a value is kept rather than computed again.
  static let expensive = 8

  /// Nodes of the tree.
  var size: Int { operands.reduce(1) { $0 + $1.size } }

  var isLiteral: Bool { if case .literal = kind { true } else { false } }

  /// The position when it is nothing but a column.
  var columnIndex: Int? { if case .column(let index) = kind { index } else { nil } }

  /// With other values for the input's columns. The result keeps the type and `isNullable` that the expression had.
  func substituting(_ values: [Expression]) -> Expression {
    var result = transformed { node in node.columnIndex.map { values[$0] } ?? node }
    result.isNullable = isNullable
    return result
  }
}
