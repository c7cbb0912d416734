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
  /// Text values with a separator (the second argument) between them, in the total order.
  case listAgg = "LISTAGG"
  /// Values in the total order, nulls included (each in a row of one field) unless they are ignored.
  case arrayAgg = "ARRAY_AGG"
  /// The values and how often each occurs, as a map.
  case collect = "COLLECT"
  /// Rows of key and value as a JSON object; the second argument is `NULL` or `ABSENT`, then `j` for values that are JSON.
  case jsonObjectAgg = "JSON_OBJECTAGG"
  /// Rows of one field as a JSON array; the second argument as of the former.
  case jsonArrayAgg = "JSON_ARRAYAGG"
  /// The most frequent value, of several the least.
  case mode = "MODE"
  /// Exact quantiles; the second argument is the part, or an array of parts.
  case percentile = "PERCENTILE"
  /// A quantile with a relative error of at most 1/128.
  case approxQuantile = "APPROX_QUANTILE"
  /// The most frequent values with their counts; counts are exact.
  case approxTopK = "APPROX_TOP_K"
  /// A function of the user's: `AggregateCall.user`.
  case user = "USER"

  /// Whether it can be kept up to date as a window slides over the rows: what feature views need.
  public var canSlide: Bool {
    switch self {
    case .listAgg, .arrayAgg, .collect, .jsonObjectAgg, .jsonArrayAgg, .mode, .percentile, .approxQuantile, .approxTopK, .user: false
    default: true
    }
  }

  /// Whether the result depends on the order of rows of one instant.
  public var isOrderSensitive: Bool {
    switch self {
    case .countStar, .count, .sum, .avg, .min, .max, .stddevPop, .stddevSamp, .varPop, .varSamp, .approxCountDistinct, .collect,
      .mode, .percentile, .approxQuantile, .approxTopK, .user:
      false
    default: true
    }
  }
}

/// One aggregate of a query, typed.
public struct AggregateCall: Sendable, Hashable {
  public var function: AggregateFunction
  /// Over the aggregate's input; empty for COUNT(*), else one, then literals for some functions.
  public var arguments: [Expression]
  /// `FILTER (WHERE ...)`.
  public var filter: Expression?
  public var isDistinct: Bool
  public var type: DataType
  public var isNullable: Bool
  /// For `AggregateFunction.user`.
  public var user: UserAggregateReference?

  /// As SQL calls it.
  public var name: String { user?.function.name.uppercased() ?? function.rawValue }

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
