import MillraceColumns
import MillraceTypes

extension Expression {
  /// Whether computing it may be an error for some row: an integer or decimal division, a CAST of text, a pattern that is not a
  /// literal. Rules move such expressions only to where they see no row that they would not have seen before.
  public var canFail: Bool {
    switch kind {
    case .column, .literal: return false
    case .user: return true
    case .call("INSTANT_OF", let arguments): if arguments[2].literal == .bool(false) { return true }
    case .call("/", let arguments), .call("%", let arguments):
      if !type.isFloating && arguments.count == 2 && !arguments[1].isNonZeroLiteral { return true }
    case .call("ELEMENT", _), .call("$SINGLE_VALUE", _), .call("MAP_FROM_ARRAYS", _): return true
    case .call("JSON_OBJECT", let arguments):
      if stride(from: 1, to: arguments.count, by: 2).contains(where: { arguments[$0].isNullable }) { return true }
    case .call("JSON_EXISTS", let arguments), .call("JSON_VALUE", let arguments), .call("JSON_QUERY", let arguments):
      if arguments.dropFirst(2).contains(where: { $0.literal == .text("ERROR") }) { return true }
    case .call("STR_TO_MAP", let arguments): if arguments.dropFirst().contains(where: { !$0.isLiteral }) { return true }
    case .call("LIKE", let arguments): if arguments.count == 3 && !arguments[1].isLiteral { return true }
    case .call(let name, let arguments) where name.hasPrefix("REGEXP"): if !arguments[1].isLiteral { return true }
    case .cast(let operand, let isTry):
      if !isTry && operand.type != type && operand.type.holdsText && !(operand.type == .text && type == .bytes) { return true }
    default: break
    }
    return operands.contains(where: \.canFail)
  }

  private var isNonZeroLiteral: Bool {
    switch literal {
    case .some(.int(let value)): value != 0
    case .some(.decimal(let value)): value != 0
    default: false
    }
  }
}

extension DataType {
  /// Whether it is text or has text inside.
  fileprivate var holdsText: Bool {
    switch self {
    case .text: true
    case .array(let element): element.type.holdsText
    case .map(let key, let value): key.type.holdsText || value.type.holdsText
    case .row(let fields): fields.contains { $0.type.holdsText }
    default: false
    }
  }
}
