import MillraceColumns
import MillraceTypes

/// An aggregate function. Null arguments are ignored by all but `countStar`.
public enum AggregateFunction: String, Sendable, Hashable, CaseIterable {
  case countStar = "COUNT(*)"
  case count = "COUNT"
  /// Integers: same type, wrapping as Flink; decimal(p, s): decimal(38, s); floats: exact sum, rounded once.
  case sum = "SUM"
  /// Integers: same type, truncated toward zero, as Flink; decimal: decimal(38, max(6, s)); floats: exact sum / count.
  case avg = "AVG"
  case min = "MIN"
  case max = "MAX"
  case firstValue = "FIRST_VALUE"
  case lastValue = "LAST_VALUE"
  case stddevPop = "STDDEV_POP"
  case stddevSamp = "STDDEV_SAMP"
  case varPop = "VAR_POP"
  case varSamp = "VAR_SAMP"
  case approxCountDistinct = "APPROX_COUNT_DISTINCT"

  /// Whether the result depends on the order of rows of one instant.
  public var isOrderSensitive: Bool {
    switch self {
    case .countStar, .count, .sum, .avg, .min, .max, .stddevPop, .stddevSamp, .varPop, .varSamp, .approxCountDistinct: false
    default: true
    }
  }
}

/// One aggregate of a query, typed.
public struct AggregateCall: Sendable, Hashable {
  public var function: AggregateFunction
  /// Over the aggregate's input; empty for COUNT(*), else one.
  public var arguments: [Expression]
  /// `FILTER (WHERE ...)`.
  public var filter: Expression?
  public var isDistinct: Bool
  public var type: DataType
  public var isNullable: Bool

  public init(
    _ function: AggregateFunction, _ arguments: [Expression], filter: Expression? = nil, isDistinct: Bool = false, type: DataType,
    isNullable: Bool
  ) {
    self.function = function
    self.arguments = arguments
    self.filter = filter
    self.isDistinct = isDistinct
    self.type = type
    self.isNullable = isNullable
  }
}
