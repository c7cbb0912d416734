import MillraceColumns
import MillraceTypes

/// Aggregates that keep the values of a group, or a sketch of them.
extension FunctionRegistry {
  static func keepsRows(_ function: AggregateFunction) -> Bool {
    switch function {
    case .listAgg, .arrayAgg, .collect, .jsonObjectAgg, .jsonArrayAgg, .mode, .percentile, .approxQuantile, .approxTopK: true
    default: false
    }
  }

  /// The operands (see `AggregateFunction`) and the type.
  static func kept(
    _ function: AggregateFunction, _ arguments: [Expression], _ distinct: Bool, _ ignoresNulls: Bool, _ absentOnNull: Bool?
  ) throws(MillraceError) -> (operands: [Expression], type: DataType) {
    let name = function.rawValue
    func refused(_ form: String) -> MillraceError { Self.refused(name, arguments, form) }
    if distinct, ![.listAgg, .arrayAgg, .collect, .jsonArrayAgg].contains(function) {
      throw .notSupported("\(name)(DISTINCT ...)", hint: "select the distinct rows in a subquery")
    }
    switch function {
    case .listAgg:
      guard (1...2).contains(arguments.count), let value = Parameter.text.coerce(arguments[0]) else {
        throw refused("LISTAGG([DISTINCT] STRING [, separator])")
      }
      let separator = arguments.count == 2 ? Parameter.text.coerce(arguments[1]) : .literal(.text(","), .text)
      guard let separator, case .text? = separator.literal else {
        throw MillraceError(.invalidSQL, "the separator of LISTAGG must be a literal", hint: "write e.g. LISTAGG(x, '; ')")
      }
      return ([value, separator], .text)
    case .arrayAgg:
      guard arguments.count == 1, arguments[0].type != .null else { throw refused("ARRAY_AGG([DISTINCT] value)") }
      let value = arguments[0]
      let element = Field("element", value.type, isNullable: !ignoresNulls && value.isNullable)
      return ([ignoresNulls ? row([value], isNullable: value.isNullable) : row([value])], .array(element))
    case .collect:
      guard arguments.count == 1, arguments[0].type != .null else { throw refused("COLLECT([DISTINCT] value)") }
      let key = Field("key", arguments[0].type, isNullable: false)
      return ([arguments[0]], .map(key: key, value: Field("value", .int32, isNullable: false)))
    case .jsonObjectAgg:
      guard arguments.count == 2, let key = Parameter.text.coerce(arguments[0]) else { throw refused("JSON_OBJECTAGG(key VALUE value)") }
      return ([row([key, known(arguments[1])]), flags(absentOnNull ?? false, arguments[1])], .text)
    case .jsonArrayAgg:
      guard arguments.count == 1 else { throw refused("JSON_ARRAYAGG(value)") }
      return ([row([known(arguments[0])]), flags(absentOnNull ?? true, arguments[0])], .text)
    case .mode:
      guard arguments.count == 1, ConditionalFunctions.isOrdered(arguments[0].type) else { throw refused("MODE(comparable)") }
      return (arguments, arguments[0].type)
    case .approxTopK:
      guard arguments.count == 2, ConditionalFunctions.isOrdered(arguments[0].type), case .int(let most)? = arguments[1].literal,
        (1...10_000).contains(most)
      else { throw refused("APPROX_TOP_K(comparable, count from 1 to 10000)") }
      let fields = [Field("value", arguments[0].type, isNullable: false), Field("count", .int64, isNullable: false)]
      return (
        [arguments[0], arguments[1].cast(to: .int64)], .array(Field("element", .row(fields), isNullable: false))
      )
    default: return try quantile(function, arguments)
    }
  }

  private static func quantile(
    _ function: AggregateFunction, _ arguments: [Expression]
  ) throws(MillraceError) -> (operands: [Expression], type: DataType) {
    let form = function == .percentile ? "PERCENTILE(numeric, part or array of parts [, frequency])" : "APPROX_QUANTILE(numeric, part)"
    guard (2...(function == .percentile ? 3 : 2)).contains(arguments.count), let value = Parameter.double.coerce(arguments[0]),
      let given = ExpressionEvaluator.constantValue(arguments[1])
    else { throw refused(function.rawValue, arguments, form) }
    var type = DataType.float64
    let parts: Expression
    func number(_ value: Value, _ type: DataType) throws(MillraceError) -> Value {
      let converted = ExpressionEvaluator.constantValue(Expression.literal(value, type).cast(to: .float64))
      guard type.isNumeric, case .float(let part)? = converted, part >= 0, part <= 1 else {
        throw MillraceError(.invalidSQL, "the part of \(function.rawValue) must be a constant from 0 to 1")
      }
      return .float(part)
    }
    if case .list(let values) = given, case .array(let element) = arguments[1].type, function == .percentile, !values.isEmpty {
      var all: [Value] = []
      for value in values { all.append(try number(value, element.type)) }
      type = .array(Field("element", .float64, isNullable: false))
      parts = .literal(.list(all), type)
    } else {
      parts = .literal(try number(given, arguments[1].type), .float64)
    }
    guard arguments.count == 3 else { return ([value, parts], type) }
    guard let frequency = Parameter.integer.coerce(arguments[2]) else { throw refused(function.rawValue, arguments, form) }
    return ([row([value, frequency]), parts], type)
  }

  /// A row of values; null with its only value where nulls are to be left out.
  private static func row(_ values: [Expression], isNullable: Bool = false) -> Expression {
    let type = DataType.row(values.enumerated().map { Field("EXPR$\($0)", $1.type, isNullable: $1.isNullable) })
    let row = Expression.call("ROW", values, type, isNullable: false)
    if !isNullable { return row }
    return .conditional([.call("IS NOT NULL", [values[0]], .boolean, isNullable: false), row], otherwise: .null(type))
  }

  private static func known(_ value: Expression) -> Expression { value.type == .null ? .null(.int32) : value }

  private static func flags(_ isAbsent: Bool, _ value: Expression) -> Expression {
    .literal(.text((isAbsent ? "ABSENT " : "NULL ") + (JSONFunctions.isJSON(value) ? "j" : "v")), .text)
  }
}
