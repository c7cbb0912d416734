import MillraceColumns
import MillraceTypes

extension FunctionRegistry {
  static let aggregateAliases: [String: AggregateFunction] = [
    "STDDEV": .stddevSamp, "VARIANCE": .varSamp, "BOOL_AND": .min, "EVERY": .min, "BOOL_OR": .max,
  ]

  static func aggregate(_ name: String) -> AggregateFunction? {
    let upper = name.uppercased()
    return aggregateAliases[upper] ?? (upper == "USER" ? nil : AggregateFunction(rawValue: upper))
  }

  /// The typed call of an aggregate function. `COUNT` without arguments is `COUNT(*)`.
  ///
  /// Result types: COUNT and APPROX_COUNT_DISTINCT BIGINT, never null; SUM the argument's type, DECIMAL(38, s) for decimals; AVG the
  /// argument's type, DECIMAL(38, max(6, s)) for decimals; MIN, MAX, FIRST_VALUE and LAST_VALUE the argument's type; deviations and
  /// variances DOUBLE (Flink narrows them to the argument's type). All but the counts are null over no rows.
  ///
  /// - Throws: `invalid-sql` for an unknown name, a filter that is not BOOLEAN, or unaccepted arguments.
  ///
  /// - Parameters:
  ///   - ignoresNulls: for ARRAY_AGG.
  ///   - absentOnNull: for JSON_OBJECTAGG and JSON_ARRAYAGG; nil is each one's default.
  public func resolveAggregate(
    _ name: String, _ arguments: [Expression], distinct: Bool = false, filter: Expression? = nil, ignoresNulls: Bool = false,
    absentOnNull: Bool? = nil
  ) throws(MillraceError) -> AggregateCall {
    guard var function = Self.aggregate(name) else {
      if user.aggregates[name.uppercased()] != nil {
        let condition = try Self.condition(filter, name.uppercased())
        if let call = try resolveUserAggregate(name, arguments, filter: condition, distinct: distinct) { return call }
      }
      let names = AggregateFunction.allCases.filter { $0 != .user }.map(\.rawValue)
      throw MillraceError(
        .invalidSQL, "no aggregate function is named \(name)",
        hint: nearestName(to: name, among: names).map { "did you mean \($0)?" } ?? "there are \(names.joined(separator: ", "))")
    }
    let typedFilter = try Self.condition(filter, function.rawValue)
    if Self.keepsRows(function) {
      let (operands, type) = try Self.kept(function, arguments, distinct, ignoresNulls, absentOnNull)
      return AggregateCall(function, operands, filter: typedFilter, isDistinct: distinct, type: type, isNullable: true)
    }
    if ["BOOL_AND", "EVERY", "BOOL_OR"].contains(name.uppercased()) {
      guard arguments.count == 1, let condition = arguments[0].coerced(to: .boolean) else {
        throw Self.refused(name.uppercased(), arguments, "\(name.uppercased())(BOOLEAN)")
      }
      return AggregateCall(function, [condition], filter: typedFilter, type: .boolean, isNullable: true)
    }
    if function == .count && arguments.isEmpty { function = .countStar }
    if function == .countStar {
      guard arguments.isEmpty, !distinct else { throw Self.refused("COUNT", arguments, "COUNT(*); COUNT([DISTINCT] value)") }
      return AggregateCall(.countStar, [], filter: typedFilter, type: .int64, isNullable: false)
    }
    guard arguments.count == 1 else {
      if function == .count && arguments.count > 1 {
        throw MillraceError.notSupported("COUNT of several values", hint: "count ROW(a, b), or one value")
      }
      throw Self.refused(function.rawValue, arguments, "\(function.rawValue)([DISTINCT] value)")
    }
    var argument = arguments[0]
    let type: DataType
    var isNullable = true
    var isDistinct = distinct
    switch function {
    case .count, .countStar, .approxCountDistinct:
      if argument.type == .null { argument = .null(.int32) }
      type = .int64
      isNullable = false
      if function == .approxCountDistinct { isDistinct = false }
    case .sum, .avg:
      guard argument.type.isNumeric else { throw Self.refused(function.rawValue, arguments, "\(function.rawValue)(numeric)") }
      if case .decimal(_, let scale) = argument.type {
        type = .decimal(precision: 38, scale: function == .sum ? scale : max(6, scale))
      } else {
        type = argument.type
      }
    case .stddevPop, .stddevSamp, .varPop, .varSamp:
      guard let number = Parameter.double.coerce(argument) else {
        throw Self.refused(function.rawValue, arguments, "\(function.rawValue)(numeric)")
      }
      argument = number
      type = .float64
    case .min, .max:
      guard ConditionalFunctions.isOrdered(argument.type) else {
        throw Self.refused(function.rawValue, arguments, "\(function.rawValue)(comparable)")
      }
      type = argument.type
      isDistinct = false
    case .firstValue, .lastValue:
      guard argument.type != .null else { throw Self.refused(function.rawValue, arguments, "\(function.rawValue)(value)") }
      type = argument.type
      isDistinct = false
    case .listAgg, .arrayAgg, .collect, .jsonObjectAgg, .jsonArrayAgg, .mode, .percentile, .approxQuantile, .approxTopK, .user:
      throw Self.refused(function.rawValue, arguments, "other arguments")
    }
    return AggregateCall(
      function, [argument], filter: typedFilter, isDistinct: isDistinct, type: type, isNullable: isNullable)
  }

  private static func condition(_ filter: Expression?, _ name: String) throws(MillraceError) -> Expression? {
    guard let filter else { return nil }
    guard let condition = filter.coerced(to: .boolean) else {
      throw MillraceError(.invalidSQL, "FILTER (WHERE ...) of \(name) must be BOOLEAN, not \(filter.type)")
    }
    return condition
  }

  static func refused(_ name: String, _ arguments: [Expression], _ accepted: String) -> MillraceError {
    let given = arguments.map(\.type.description).joined(separator: ", ")
    return MillraceError(.invalidSQL, "\(name) does not accept (\(given)); accepted: \(accepted)")
  }
}
