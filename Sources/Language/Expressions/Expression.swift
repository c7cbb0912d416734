import MillraceColumns
import MillraceTypes

/// A typed scalar expression over the columns of one input relation. Built by the binder through `FunctionRegistry`,
/// rewritten by the planner, evaluated a batch at a time by `ExpressionEvaluator`.
///
/// The value carries no source span: errors with spans are found while binding; equality is structural (needed for common
/// sub-expressions).
public struct Expression: Sendable, Hashable {
  public indirect enum Kind: Sendable, Hashable {
    /// Column of the input, by position.
    case column(Int)
    case literal(Value)
    /// A registered function or operator by canonical upper-case name: `+ - * / % || = <> < <= > >= AND OR NOT`,
    /// `IS NULL`, `IS NOT NULL`, `IS DISTINCT FROM`, `LIKE`, `IN`, `COALESCE`, `UPPER`, ... Arguments are already coerced.
    case call(String, [Expression])
    /// `isTry`: a value that cannot be converted becomes null instead of an error.
    case cast(Expression, isTry: Bool)
    /// Searched CASE: condition and value in pairs, then the ELSE value (a null literal when absent).
    case caseWhen([Expression], otherwise: Expression)
    /// A field of a row-typed expression.
    case field(Expression, Int)
    /// A function that a user has registered.
    case user(UserScalarReference, [Expression])
  }

  public var kind: Kind
  public var type: DataType
  public var isNullable: Bool

  public init(_ kind: Kind, type: DataType, isNullable: Bool) {
    self.kind = kind
    self.type = type
    self.isNullable = isNullable
  }

  public static func column(_ index: Int, _ field: Field) -> Expression {
    Expression(.column(index), type: field.type, isNullable: field.isNullable)
  }

  public static func literal(_ value: Value, _ type: DataType) -> Expression {
    Expression(.literal(value), type: type, isNullable: value.isNull)
  }

  public static func null(_ type: DataType) -> Expression { literal(.null, type) }
  public static let `true` = literal(.bool(true), .boolean)

  /// Direct operands.
  public var operands: [Expression] {
    switch kind {
    case .column, .literal: []
    case .call(_, let arguments), .user(_, let arguments): arguments
    case .cast(let operand, _), .field(let operand, _): [operand]
    case .caseWhen(let branches, let otherwise): branches + [otherwise]
    }
  }

  /// The same node over other operands (as many as `operands` has).
  public func withOperands(_ operands: [Expression]) -> Expression {
    var copy = self
    switch kind {
    case .column, .literal: break
    case .call(let name, _): copy.kind = .call(name, operands)
    case .user(let function, _): copy.kind = .user(function, operands)
    case .cast(_, let isTry): copy.kind = .cast(operands[0], isTry: isTry)
    case .field(_, let index): copy.kind = .field(operands[0], index)
    case .caseWhen: copy.kind = .caseWhen(Array(operands.dropLast()), otherwise: operands[operands.count - 1])
    }
    return copy
  }

  /// Rewrites bottom-up.
  public func transformed(_ rewrite: (Expression) -> Expression) -> Expression {
    let operands = operands
    return rewrite(operands.isEmpty ? self : withOperands(operands.map { $0.transformed(rewrite) }))
  }

  /// Positions of the input columns that are read.
  public var referencedColumns: Set<Int> {
    if case .column(let index) = kind { return [index] }
    return operands.reduce(into: []) { $0.formUnion($1.referencedColumns) }
  }

  /// The same expression with input columns renumbered.
  public func mappingColumns(_ map: (Int) -> Int) -> Expression {
    transformed { node in
      guard case .column(let index) = node.kind else { return node }
      var copy = node
      copy.kind = .column(map(index))
      return copy
    }
  }

  static let processingTimeName = "PROCTIME"

  /// PROCTIME(), of type TIMESTAMP_LTZ(3): the time of a lookup join or of a processing-time window. Its value, where one is asked
  /// for, is when the row reached Millrace, else the clock of the evaluator.
  public static let processingTime = Expression(
    .call(processingTimeName, []), type: .timestampLTZ(precision: 3), isNullable: false)

  /// Whether it is PROCTIME() itself.
  public var isProcessingTime: Bool { if case .call(Self.processingTimeName, _) = kind { true } else { false } }

  /// Whether its value depends on the clock.
  public var readsClock: Bool { isProcessingTime || operands.contains(where: \.readsClock) }

  /// The parts of a conjunction, in order.
  public var conjuncts: [Expression] {
    if case .call("AND", let arguments) = kind { return arguments.flatMap(\.conjuncts) }
    return [self]
  }

  /// AND of all parts; TRUE when there is none.
  public static func conjunction(_ parts: [Expression]) -> Expression {
    guard var result = parts.first else { return .true }
    for part in parts.dropFirst() {
      result = Expression(.call("AND", [result, part]), type: .boolean, isNullable: result.isNullable || part.isNullable)
    }
    return result
  }
}
