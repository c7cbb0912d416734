import MillraceColumns
import MillraceTypes

/// Names of the units in EXTRACT, FLOOR ... TO, TIMESTAMPADD and TIMESTAMPDIFF. They reach functions as text literals.
enum TimeUnitName {
  static let extracted = [
    "EPOCH", "MILLENNIUM", "CENTURY", "DECADE", "YEAR", "ISOYEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOY", "DOW", "ISODOW", "HOUR",
    "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND",
  ]
  static let truncating = ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"]
  static let counted = ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"]

  /// The unit as an upper-case literal.
  static func checked(_ unit: Expression, function: String, allowed: [String]) throws(MillraceError) -> Expression {
    guard case .text(let text)? = unit.literal else {
      throw MillraceError(.invalidSQL, "\(function) needs a unit, one of \(allowed.joined(separator: ", "))")
    }
    var name = text.uppercased()
    if name.hasPrefix("SQL_TSI_") { name.removeFirst(8) }
    guard allowed.contains(name) else {
      let nearest = nearestName(to: name, among: allowed).map { "did you mean \($0)?" }
      throw MillraceError(
        .invalidSQL, "\(function) does not know the unit \(text)", hint: nearest ?? "use one of \(allowed.joined(separator: ", "))")
    }
    return .literal(.text(name), .text)
  }
}

/// Functions of dates, times and timestamps, in UTC: `FunctionRegistry.localised` puts the session's time zone in.
enum TimeFunctions {
  static let all: [ScalarFunction] =
    [
      ("YEAR", "YEAR"), ("QUARTER", "QUARTER"), ("MONTH", "MONTH"), ("WEEK", "WEEK"), ("DAYOFYEAR", "DOY"), ("DAYOFMONTH", "DAY"),
      ("DAYOFWEEK", "DOW"), ("HOUR", "HOUR"), ("MINUTE", "MINUTE"), ("SECOND", "SECOND"),
    ].map { name, unit in
      ScalarFunction(name, "\(name)(date or timestamp)") { (arguments) throws(MillraceError) in
        guard arguments.count == 1, let point = point(arguments[0]) else { return nil }
        return .call("EXTRACT", [.literal(.text(unit), .text), point], .int64)
      }
    }
    + [
      ScalarFunction("PROCTIME", "PROCTIME()") { (arguments) throws(MillraceError) in arguments.isEmpty ? .processingTime : nil },
      ScalarFunction("OVERLAPS", "(start, end or interval) OVERLAPS (start, end or interval)") { (arguments) throws(MillraceError) in
        guard arguments.count == 4 else { return nil }
        var points = arguments
        for i in [1, 3] where arguments[i].type.isInterval {
          guard let end = try ArithmeticFunctions.all.first(where: { $0.name == "+" })?.resolve([arguments[i - 1], arguments[i]]) else {
            return nil
          }
          points[i] = end
        }
        guard let type = TypeCoercion.common(points.map(\.type)), type.isDateOrTimestamp || type.timePrecision != nil else { return nil }
        points = points.map { $0.cast(to: type) }
        // Either end may come first.
        func edge(_ name: String, _ i: Int) -> Expression { .call(name, [points[i], points[i + 1]], type) }
        return .call(
          "AND",
          [
            .call("<=", [edge("LEAST", 0), edge("GREATEST", 2)], .boolean),
            .call("<=", [edge("LEAST", 2), edge("GREATEST", 0)], .boolean),
          ], .boolean)
      },
      ScalarFunction("EXTRACT", "EXTRACT(unit FROM date or time or timestamp or interval)") { (arguments) throws(MillraceError) in
        guard arguments.count == 2 else { return nil }
        let unit = try TimeUnitName.checked(arguments[0], function: "EXTRACT", allowed: TimeUnitName.extracted)
        if arguments[1].type.isInterval { return .call("EXTRACT", [unit, arguments[1]], .int64) }
        guard let point = point(arguments[1]) else { return nil }
        return .call("EXTRACT", [unit, point], .int64)
      },
      ScalarFunction("TIMESTAMPADD", "TIMESTAMPADD(unit, integer, date or timestamp)") { (arguments) throws(MillraceError) in
        guard arguments.count == 3 else { return nil }
        let unit = try TimeUnitName.checked(arguments[0], function: "TIMESTAMPADD", allowed: TimeUnitName.counted)
        guard let count = Parameter.integer.coerce(arguments[1]), var point = point(arguments[2]) else { return nil }
        if case .time = point.type { return nil }
        let isOfDays = ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY"].contains { unit.literal == .text($0) }
        if point.type == .date && !isOfDays { point = point.cast(to: .timestamp(precision: 3)) }
        return .call("TIMESTAMPADD", [unit, count, point], point.type)
      },
      ScalarFunction("TIMESTAMPDIFF", "TIMESTAMPDIFF(unit, from, to) of dates or timestamps") { (arguments) throws(MillraceError) in
        guard arguments.count == 3 else { return nil }
        let unit = try TimeUnitName.checked(arguments[0], function: "TIMESTAMPDIFF", allowed: TimeUnitName.counted)
        guard let from = point(arguments[1]), let to = point(arguments[2]), let type = TypeCoercion.common(from.type, to.type)
        else { return nil }
        return .call("TIMESTAMPDIFF", [unit, from.cast(to: type), to.cast(to: type)], .int32)
      },
      ScalarFunction("DATE_FORMAT", "DATE_FORMAT(timestamp or STRING, format)") { (arguments) throws(MillraceError) in
        guard arguments.count == 2, let format = Parameter.text.coerce(arguments[1]) else { return nil }
        if arguments[0].type == .text {
          return .call("DATE_FORMAT", [arguments[0].cast(to: .timestamp(precision: 3), isTry: true), format], .text)
        }
        guard let point = point(arguments[0]) else { return nil }
        return .call("DATE_FORMAT", [point, format], .text)
      },
      ScalarFunction(
        "TO_TIMESTAMP", "TO_TIMESTAMP(STRING [, format])", [.text, .text], optional: 1, isNullable: true,
        returns: .timestamp(precision: 3)),
      ScalarFunction("TO_DATE", "TO_DATE(STRING [, format])", [.text, .text], optional: 1, isNullable: true, returns: .date),
      ScalarFunction(
        "TO_TIMESTAMP_LTZ", "TO_TIMESTAMP_LTZ(numeric, precision 0 or 3)", "TO_TIMESTAMP_LTZ(STRING [, format [, zone]])"
      ) { (arguments) throws(MillraceError) in
        guard let first = arguments.first else { return nil }
        let type = DataType.timestampLTZ(precision: 3)
        if first.type.isNumeric {
          guard arguments.count <= 2 else { return nil }
          let precision = arguments.count == 2 ? arguments[1] : .literal(.int(3), .int32)
          guard precision.literal == .int(0) || precision.literal == .int(3) else {
            throw MillraceError(
              .invalidSQL, "TO_TIMESTAMP_LTZ needs 0 (seconds) or 3 (milliseconds) as its precision",
              hint: "for microseconds write TO_TIMESTAMP_LTZ(x / 1000, 3)")
          }
          let number: Expression =
            switch first.type {
            case .float32, .float64: first.cast(to: .float64)
            // Digits behind the point are cut off, as in Flink.
            case .decimal: first.cast(to: .int64, isTry: true)
            default: first.cast(to: .int64)
            }
          return .call("TO_TIMESTAMP_LTZ", [number, precision.cast(to: .int64)], type, isNullable: true)
        }
        let operands = arguments.compactMap(Parameter.text.coerce)
        guard operands.count == arguments.count, operands.count <= 3 else { return nil }
        // With a zone the registry puts it in.
        return .call(operands.count == 3 ? "TO_TIMESTAMP_IN" : "TO_TIMESTAMP", operands, type, isNullable: true)
      },
      ScalarFunction("UNIX_TIMESTAMP", "UNIX_TIMESTAMP(timestamp)", "UNIX_TIMESTAMP(STRING [, format])") {
        (arguments) throws(MillraceError) in
        guard let first = arguments.first else {
          throw FunctionRegistry.dependsOnClock("UNIX_TIMESTAMP()")
        }
        if arguments.count == 1, let point = point(first), point.type.isTimestamp || point.type == .date {
          return .call("EXTRACT", [.literal(.text("EPOCH"), .text), point], .int64)
        }
        let operands = arguments.compactMap(Parameter.text.coerce)
        guard operands.count == arguments.count, operands.count <= 2 else { return nil }
        // A local time of the session, so that its zone counts. Text that is no time gives the least BIGINT, as in Flink.
        let point = Expression.call("TO_TIMESTAMP", operands, .timestampLTZ(precision: 3), isNullable: true)
        let seconds = Expression.call("EXTRACT", [.literal(.text("EPOCH"), .text), point], .int64)
        let known = Expression.call("COALESCE", [seconds, .literal(.int(.min), .int64)], .int64, isNullable: false)
        let nulls = operands.filter(\.isNullable)
        if nulls.isEmpty { return known }
        let conditions = nulls.flatMap { [Expression.call("IS NULL", [$0], .boolean, isNullable: false), .null(.int64)] }
        return .conditional(conditions, otherwise: known)
      },
      ScalarFunction(
        "CONVERT_TZ", "CONVERT_TZ(STRING, from zone, to zone)", [.text, .text, .text], isNullable: true, returns: .text),
      ScalarFunction("FROM_UNIXTIME", "FROM_UNIXTIME(seconds [, format])") { (arguments) throws(MillraceError) in
        guard arguments.count == 1 || arguments.count == 2, let seconds = Parameter.integer.coerce(arguments[0]) else { return nil }
        let format = arguments.count == 2 ? Parameter.text.coerce(arguments[1]) : .literal(.text("yyyy-MM-dd HH:mm:ss"), .text)
        guard let format else { return nil }
        let point = Expression.call(
          "TO_TIMESTAMP_LTZ", [seconds, .literal(.int(0), .int64)], .timestampLTZ(precision: 3), isNullable: true)
        return .call("DATE_FORMAT", [point, format], .text)
      },
    ]

  private static func point(_ argument: Expression) -> Expression? {
    switch argument.type {
    case .date, .time, .timestamp, .timestampLTZ: argument
    case .null: .null(.timestamp(precision: 3))
    default: nil
    }
  }
}
