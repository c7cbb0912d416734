import MillraceColumns
import MillraceTypes

/// The scalar and aggregate functions that SQL and the Swift API can call: finds one by name, checks the types of its
/// arguments, inserts the casts that Flink SQL makes unasked, and returns the typed call.
///
/// Names compare without case. Operators go by their sign (`+`, `<>`, `AND`, `IS NOT NULL`, `||`), with unary minus as `-` of one
/// argument. Special forms take their parts in order: `EXTRACT(unit literal, x)`, `TIMESTAMPADD(unit literal, n, x)`,
/// `FLOOR(x, unit literal)`, `POSITION(search, text)`, `TRIM(text, characters)` (`LTRIM`/`RTRIM` for LEADING/TRAILING),
/// `LIKE(text, pattern [, escape])`, `IN(x, a, b, ...)`, `ITEM(collection, index)`, `ARRAY`, `MAP` (keys and values alternating), `ROW`.
/// What is returned need not be a call of that name: `IF` becomes CASE, `YEAR` becomes `EXTRACT`.
public struct FunctionRegistry: Sendable {
  public static let builtIn = FunctionRegistry()
  private let functions: [String: ScalarFunction]
  var user = UserFunctions()
  let zoneFiles: ZoneFiles?
  /// The session's time zone as a literal; nil is UTC.
  var localZone: Expression?

  /// - Parameter zoneFiles: the time zone database; without it only UTC and fixed offsets are known.
  public init(zoneFiles: ZoneFiles? = nil) {
    self.zoneFiles = zoneFiles
    var functions: [String: ScalarFunction] = [:]
    let families = [
      ArithmeticFunctions.all, ComparisonFunctions.all, ConditionalFunctions.all, MathFunctions.all, TextFunctions.all,
      TimeFunctions.all, CollectionFunctions.all, ArrayFunctions.all, MapFunctions.all, EncodingFunctions.all, JSONFunctions.all,
    ]
    for family in families { for function in family { functions[function.name] = function } }
    self.functions = functions
  }

  private static let aliases: [String: String] = [
    "!=": "<>", "==": "=", "MOD": "%", "POW": "POWER", "CEILING": "CEIL", "SUBSTR": "SUBSTRING", "CHARACTER_LENGTH": "CHAR_LENGTH",
    "LENGTH": "CHAR_LENGTH", "LCASE": "LOWER", "UCASE": "UPPER", "BTRIM": "TRIM", "NVL": "IFNULL",
    "RLIKE": "REGEXP", "DAY": "DAYOFMONTH",
  ]

  /// Functions whose value would depend on when or where it runs.
  private static let nondeterministic: Set<String> = [
    "NOW", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_ROW_TIMESTAMP", "RAND",
    "RAND_INTEGER", "UUID", "CURRENT_WATERMARK", "CURRENT_DATABASE",
  ]

  /// Names of the scalar and aggregate functions a query may write, sorted; operators and special forms are left out.
  public var functionNames: [String] {
    let scalars = (Array(functions.keys) + Array(Self.aliases.keys)).filter { name in
      name.utf8.allSatisfy { $0 == 95 || (65...90).contains($0) || (48...57).contains($0) }
        && !["AND", "OR", "NOT", "IN", "BETWEEN", "ITEM", "LIKE"].contains(name)
    }
    let aggregates = AggregateFunction.allCases.filter { $0 != .countStar }.map(\.rawValue) + Array(Self.aggregateAliases.keys)
    return (scalars + aggregates + user.names).sorted()
  }

  /// Whether a name is a scalar function or operator.
  public func isScalar(_ name: String) -> Bool {
    let name = Self.canonical(name)
    return functions[name] != nil || Self.nondeterministic.contains(name) || user.scalars[name] != nil
  }

  /// Whether a name is an aggregate function.
  public func isAggregate(_ name: String) -> Bool { Self.aggregate(name) != nil || user.aggregates[name.uppercased()] != nil }

  private static func canonical(_ name: String) -> String {
    let upper = name.uppercased()
    return aliases[upper] ?? upper
  }

  static func dependsOnClock(_ name: String) -> MillraceError {
    .notSupported(
      "\(name): results must not depend on the clock or on chance, so that history and the live stream agree",
      hint: "use the event-time column of the row instead")
  }

  /// The typed call of a scalar function or operator.
  ///
  /// - Throws: `invalid-sql` for an unknown name or unaccepted types (the message lists what is accepted), `not-supported` for a
  ///   function that depends on the clock.
  public func resolve(_ name: String, _ arguments: [Expression]) throws(MillraceError) -> Expression {
    let canonical = Self.canonical(name)
    if Self.nondeterministic.contains(canonical) { throw Self.dependsOnClock(name.uppercased()) }
    if let call = try resolveUser(canonical, arguments) { return call }
    guard let function = functions[canonical] else {
      let nearest = nearestName(to: name, among: functionNames).map { "did you mean \($0)?" }
      throw MillraceError(.invalidSQL, "no function is named \(name)", hint: nearest)
    }
    if let call = try function.resolve(arguments) { return localised(try converted(call)) }
    let given = arguments.map(\.type.description).joined(separator: ", ")
    throw MillraceError(
      .invalidSQL, "\(name.uppercased()) does not accept (\(given)); accepted: \(function.forms.joined(separator: "; "))",
      hint: Self.castHint(arguments))
  }

  private static func castHint(_ arguments: [Expression]) -> String? {
    let hasText = arguments.contains { $0.type == .text }
    let hasNumber = arguments.contains { $0.type.isNumeric }
    if hasText && hasNumber { return "convert one side, as in CAST(x AS DOUBLE) or CAST(x AS STRING)" }
    if !arguments.isEmpty && arguments.allSatisfy({ $0.type == .null }) { return "give NULL a type, as in CAST(NULL AS INT)" }
    return nil
  }

  /// `CAST(x AS type)`, or `TRY_CAST`.
  ///
  /// - Throws: `invalid-sql` when no value of the one type can become the other.
  public func cast(_ operand: Expression, to type: DataType, isTry: Bool = false) throws(MillraceError) -> Expression {
    guard TypeCoercion.isCastable(operand.type, type) else {
      var hint: String?
      if operand.type.isNumeric && type.isTimestamp {
        hint = "use TO_TIMESTAMP_LTZ(x, 0) for seconds, TO_TIMESTAMP_LTZ(x, 3) for milliseconds"
      }
      if operand.type.isTimestamp && type.isNumeric { hint = "use EXTRACT(EPOCH FROM x) for seconds since 1970" }
      throw MillraceError(.invalidSQL, "\(operand.type) cannot be cast to \(type)", hint: hint)
    }
    return localised(operand.cast(to: type, isTry: isTry))
  }

  /// The cast of a value into a column of a sink, or the coercion of a union's branch: as `cast`, but only where Flink casts
  /// unasked (any numeric into any numeric, and whatever is implicit elsewhere).
  ///
  /// - Throws: `invalid-sql` when a CAST has to be written.
  public func assign(_ operand: Expression, to type: DataType) throws(MillraceError) -> Expression {
    guard Self.isAssignable(operand.type, type), TypeCoercion.isCastable(operand.type, type) else {
      throw MillraceError(
        .invalidSQL, "a value of type \(operand.type) does not fit a column of type \(type)", hint: "write CAST(... AS \(type))")
    }
    return localised(operand.cast(to: type))
  }

  /// The fields of rows go by position, whatever their names.
  private static func isAssignable(_ from: DataType, _ to: DataType) -> Bool {
    switch (from, to) {
    case (.row(let a), .row(let b)): a.count == b.count && zip(a, b).allSatisfy { isAssignable($0.type, $1.type) }
    case (.array(let a), .array(let b)): isAssignable(a.type, b.type)
    case (.map(let key, let value), .map(let toKey, let toValue)):
      isAssignable(key.type, toKey.type) && isAssignable(value.type, toValue.type)
    default:
      TypeCoercion.isImplicit(from, to) || (from.isNumeric && to.isNumeric) || (from.isTimestamp && to.isTimestamp)
        || (from.isDateOrTimestamp && to.isDateOrTimestamp)
    }
  }

  /// The type that all of these take in CASE, COALESCE, VALUES or UNION; NULL when all are NULL, nil when there is none.
  public func commonType(_ types: [DataType]) -> DataType? { TypeCoercion.common(types) }

  /// Searched CASE; for the simple form pass `x = value` as conditions. A missing ELSE is NULL.
  ///
  /// - Throws: `invalid-sql` when a condition is not BOOLEAN or the values have no common type.
  public func caseWhen(
    _ branches: [(condition: Expression, value: Expression)], otherwise: Expression? = nil
  ) throws(MillraceError) -> Expression {
    let values = branches.map(\.value) + [otherwise ?? .null(.null)]
    guard let type = TypeCoercion.common(values.map(\.type)), type != .null else {
      let given = values.map(\.type.description).joined(separator: ", ")
      throw MillraceError(
        .invalidSQL, "the values of CASE have no common type: \(given)", hint: "cast them to one type, as in CAST(x AS STRING)")
    }
    var operands: [Expression] = []
    for branch in branches {
      guard let condition = branch.condition.coerced(to: .boolean) else {
        throw MillraceError(.invalidSQL, "a condition of CASE must be BOOLEAN, not \(branch.condition.type)")
      }
      operands.append(condition)
      operands.append(branch.value.cast(to: type))
    }
    return localised(.conditional(operands, otherwise: (otherwise ?? .null(.null)).cast(to: type)))
  }

  /// A field of a row by name.
  ///
  /// - Throws: `invalid-sql` when the operand is no row or has no such field.
  public func field(_ operand: Expression, _ name: String) throws(MillraceError) -> Expression {
    guard case .row(let fields) = operand.type else {
      throw MillraceError(.invalidSQL, "a value of type \(operand.type) has no field \(name)")
    }
    guard let index = fields.firstIndex(where: { $0.name == name }) else {
      let nearest = nearestName(to: name, among: fields.map(\.name)).map { "did you mean \($0)?" }
      throw MillraceError(.invalidSQL, "a value of type \(operand.type) has no field \(name)", hint: nearest)
    }
    return Expression(.field(operand, index), type: fields[index].type, isNullable: operand.isNullable || fields[index].isNullable)
  }
}

extension DataType {
  var isDateOrTimestamp: Bool { self == .date || isTimestamp }
}
