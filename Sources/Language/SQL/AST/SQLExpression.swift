import MillraceTypes

/// A scalar expression as written, with its place.
package struct SQLExpression: Sendable, Hashable {
  package var kind: Kind
  package var span: SourceSpan
  /// Levels of expressions below and including this one; the parser bounds it so that recursion over the tree is safe.
  package var height: Int32 = 1

  package indirect enum Kind: Sendable, Hashable {
    case literal(SQLLiteral)
    /// `a`, `t.a`, `t.a.field`: the binder decides where the column ends and field access begins.
    case name([Identifier])
    case unary(SQLUnaryOperator, SQLExpression)
    case binary(SQLBinaryOperator, SQLExpression, SQLExpression)
    /// Two or more terms of a chain of AND, or of OR.
    case logical(isAnd: Bool, [SQLExpression])
    case isTest(SQLExpression, SQLTruthTest, negated: Bool)
    case isDistinct(SQLExpression, SQLExpression, negated: Bool)
    case between(SQLExpression, low: SQLExpression, high: SQLExpression, negated: Bool, symmetric: Bool)
    case inList(SQLExpression, [SQLExpression], negated: Bool)
    case inQuery(SQLExpression, SQLQuery, negated: Bool)
    /// `x > ANY (SELECT ...)`, `x = ALL (SELECT ...)`
    case quantified(SQLExpression, SQLBinaryOperator, SQLQuery, isAll: Bool)
    case like(SQLExpression, pattern: SQLExpression, escape: SQLExpression?, negated: Bool, similar: Bool)
    case exists(SQLQuery)
    case subquery(SQLQuery)
    case conditional(operand: SQLExpression?, branches: [SQLConditionalBranch], otherwise: SQLExpression?)
    case cast(SQLExpression, SQLTypeName, isTry: Bool)
    case extract(SQLTimeUnit, SQLExpression)
    /// FLOOR(x TO unit), CEIL(x TO unit)
    case truncate(SQLExpression, to: SQLTimeUnit, up: Bool)
    case trim(SQLTrimSide, characters: SQLExpression?, SQLExpression)
    case timestampAdd(SQLTimeUnit, SQLExpression, SQLExpression)
    case timestampDiff(SQLTimeUnit, SQLExpression, SQLExpression)
    case call(SQLCall)
    case array([SQLExpression])
    case map([SQLExpression])
    case row([SQLExpression])
    case element(SQLExpression, index: SQLExpression)
    case field(SQLExpression, Identifier)
    /// What could not be parsed; already reported.
    case invalid
  }

  package init(_ kind: Kind, span: SourceSpan, height: Int32 = 1) {
    self.kind = kind
    self.span = span
    self.height = height
  }
}

package struct SQLConditionalBranch: Sendable, Hashable {
  package var condition: SQLExpression
  package var result: SQLExpression
}

package enum SQLUnaryOperator: Sendable, Hashable {
  case not, plus, minus
}

package enum SQLBinaryOperator: String, Sendable, Hashable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case remainder = "%"
  case concatenate = "||"
  case equal = "="
  case notEqual = "<>"
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
}

package enum SQLTruthTest: Sendable, Hashable {
  case null, `true`, `false`, unknown
}

package enum SQLTrimSide: Sendable, Hashable {
  case both, leading, trailing
}

/// A function call, aggregates included.
package struct SQLCall: Sendable, Hashable {
  package var name: Identifier
  package var arguments: [SQLExpression]
  /// COUNT(*)
  package var isStar = false
  package var isDistinct = false
  package var filter: SQLExpression?
  package var over: SQLOver?
  /// IGNORE NULLS (true) or RESPECT NULLS (false).
  package var ignoresNulls: Bool?
  /// Written without parentheses, as CURRENT_TIMESTAMP is.
  package var isNiladic = false
  /// Of a JSON function.
  package var json: SQLJSONClauses? {
    get { if case .some(let clauses) = jsonBox { clauses } else { nil } }
    set { jsonBox = newValue.map { .some($0) } ?? .none }
  }
  /// On the heap, so that the parser's frames stay small.
  private indirect enum JSONBox: Sendable, Hashable {
    case none
    case some(SQLJSONClauses)
  }
  private var jsonBox = JSONBox.none

  package init(_ name: Identifier, _ arguments: [SQLExpression]) {
    self.name = name
    self.arguments = arguments
  }
}

/// What the JSON functions say behind their arguments.
package struct SQLJSONClauses: Sendable, Hashable {
  package indirect enum Behaviour: Sendable, Hashable {
    /// NULL, ERROR, TRUE, FALSE, UNKNOWN, EMPTY ARRAY, EMPTY OBJECT
    case word(String)
    /// DEFAULT x
    case otherwise(SQLExpression)
  }
  package var returning: SQLTypeName?
  package var onEmpty: Behaviour?
  package var onError: Behaviour?
  /// WITHOUT, CONDITIONAL or UNCONDITIONAL
  package var wrapper = "WITHOUT"
  /// ABSENT ON NULL (true) or NULL ON NULL (false).
  package var absentOnNull: Bool?
}
