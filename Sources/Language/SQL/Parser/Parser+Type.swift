import MillraceTypes

extension Parser {
  /// The types that DDL and CAST may name.
  private static let typeNames = [
    "STRING", "VARCHAR", "CHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL",
    "NUMERIC", "BYTES", "VARBINARY", "BINARY", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL", "ARRAY", "MAP", "ROW",
  ]

  /// A type with its nullability: `DECIMAL(10, 2) NOT NULL`.
  mutating func parseType() throws(ParseStop) -> SQLTypeName {
    let start = index
    var type = try nested { (p) throws(ParseStop) in try p.parseTypeName() }
    if take(.not) {
      try expect(.null, "after NOT")
      type.isNullable = false
    } else {
      _ = take(.null)
    }
    // `INT ARRAY` is the standard's other spelling.
    if at(.array) || at(.multiset) { throw unsupported("the postfix \(token.keyword.rawValue)", hint: "write ARRAY<\(type.type)>") }
    type.span = span(from: start)
    return type
  }

  private mutating func parseTypeName() throws(ParseStop) -> SQLTypeName {
    let first = token
    guard first.kind == .word else { throw unexpected("a type such as STRING or BIGINT") }
    func simple(_ type: DataType) -> SQLTypeName { SQLTypeName(type: type, span: first.span) }
    switch first.keyword {
    case .array, .map, .row, .multiset: return try parseCompositeType()
    case .interval: return try parseIntervalType()
    default: break
    }
    advance()
    switch first.keyword {
    case .string: return simple(.text)
    case .boolean: return simple(.boolean)
    case .tinyint: return simple(.int8)
    case .smallint: return simple(.int16)
    case .int, .integer: return simple(.int32)
    case .bigint: return simple(.int64)
    case .float: return simple(.float32)
    case .double:
      _ = take(.precision)
      return simple(.float64)
    case .bytes: return simple(.bytes)
    case .date: return simple(.date)
    case .varchar: return try parseLength(simple(.text), fixed: false)
    case .char, .character:
      if text(token).uppercased() == "VARYING", token.kind == .word {
        advance()
        return try parseLength(simple(.text), fixed: false)
      }
      return try parseLength(simple(.text), fixed: true)
    case .varbinary: return try parseLength(simple(.bytes), fixed: false)
    case .binary: return try parseLength(simple(.bytes), fixed: true)
    case .decimal, .numeric, .dec: return try parseDecimal(first)
    case .time:
      let precision = try parsePrecision(default: 0)
      if at(.without) { try parseTimeZone() }
      return simple(.time(precision: precision))
    case .timestamp: return simple(try parseTimestampType())
    case .timestampLTZ: return simple(.timestampLTZ(precision: try parsePrecision(default: 6)))
    default:
      index -= 1
      let name = text(first).uppercased()
      if ["RAW", "SYMBOL", "VARIANT", "STRUCTURED"].contains(name) { throw unsupported("the type \(name)") }
      let aliases = [
        "TEXT": "STRING", "LONG": "BIGINT", "BOOL": "BOOLEAN", "REAL": "FLOAT", "FLOAT8": "DOUBLE", "FLOAT64": "DOUBLE", "INT64": "BIGINT",
        "INT32": "INT", "DATETIME": "TIMESTAMP", "TIMESTAMPTZ": "TIMESTAMP_LTZ", "BLOB": "BYTES",
      ]
      let near = aliases[name] ?? nearestName(to: name, among: Self.typeNames)
      throw unexpected("a type", hint: near.map { "did you mean \($0)?" })
    }
  }

  /// A number in parentheses, or nil.
  private mutating func parseTypeParameter() throws(ParseStop) -> (value: Int, span: SourceSpan)? {
    guard take(.leftParenthesis) else { return nil }
    guard token.kind == .integer, let value = Int(text(token)) else { throw unexpected("a number") }
    let place = token.span
    advance()
    return (value, place)
  }

  private mutating func parseLength(_ type: SQLTypeName, fixed: Bool) throws(ParseStop) -> SQLTypeName {
    var type = type
    let opening = token
    guard let length = try parseTypeParameter() else {
      // CHAR and BINARY alone are of length 1, VARCHAR and VARBINARY too in Flink; a bare VARCHAR is nearly always
      // meant as text of any length.
      if fixed {
        type.length = 1
        type.isFixedLength = true
      }
      return type
    }
    try expectClosing(opening)
    guard length.value >= 1, length.value <= Int(Int32.max) else {
      report("a length must be from 1 to \(Int32.max)", at: length.span)
      throw ParseStop()
    }
    type.isFixedLength = fixed
    // VARCHAR(2147483647) is how Flink spells STRING.
    type.length = length.value == Int(Int32.max) ? nil : length.value
    return type
  }

  private mutating func parseDecimal(_ first: Token) throws(ParseStop) -> SQLTypeName {
    let opening = token
    var precision = 10
    var scale = 0
    if let given = try parseTypeParameter() {
      precision = given.value
      if take(.comma) {
        guard token.kind == .integer, let value = Int(text(token)) else { throw unexpected("the scale of the decimal") }
        scale = value
        advance()
      }
      try expectClosing(opening)
    }
    guard precision >= 1, precision <= 38, scale <= precision else {
      report(
        "DECIMAL(\(precision), \(scale)) does not exist", at: first.span,
        hint: "a precision is from 1 to 38, a scale from 0 to the precision")
      throw ParseStop()
    }
    return SQLTypeName(type: .decimal(precision: precision, scale: scale), span: first.span)
  }

  private mutating func parsePrecision(default standard: Int) throws(ParseStop) -> Int {
    let opening = token
    guard let precision = try parseTypeParameter() else { return standard }
    try expectClosing(opening)
    guard precision.value <= 9 else {
      report("a precision of time is from 0 to 9 digits", at: precision.span)
      throw ParseStop()
    }
    return precision.value
  }

  /// `WITHOUT TIME ZONE`, after checking that WITHOUT or WITH is at hand.
  private mutating func parseTimeZone() throws(ParseStop) {
    advance()
    try expect(.time, "ZONE")
    try expect(.zone, "after TIME")
  }

  private mutating func parseTimestampType() throws(ParseStop) -> DataType {
    let precision = try parsePrecision(default: 6)
    if at(.without) {
      try parseTimeZone()
    } else if at(.with), peek().keyword == .local {
      advance()
      try parseTimeZone()
      return .timestampLTZ(precision: precision)
    } else if at(.with), peek().keyword == .time {
      throw unsupported("TIMESTAMP WITH TIME ZONE", hint: "use TIMESTAMP_LTZ(\(precision)), an instant shown in the session's time zone")
    }
    return .timestamp(precision: precision)
  }

  private mutating func parseIntervalType() throws(ParseStop) -> SQLTypeName {
    let start = index
    advance()
    let first = try parseTimeUnit()
    if at(.leftParenthesis) {
      let opening = token
      _ = try parseTypeParameter()
      try expectClosing(opening)
    }
    var last = first
    if take(.to) {
      last = try parseTimeUnit()
      if at(.leftParenthesis) {
        let opening = token
        _ = try parseTypeParameter()
        try expectClosing(opening)
      }
    }
    func isCalendar(_ unit: SQLTimeUnit) -> Bool { unit == .year || unit == .month || unit == .quarter }
    guard isCalendar(first) == isCalendar(last) else {
      report(
        "INTERVAL cannot go from \(first.rawValue) to \(last.rawValue)", at: span(from: start), hint: "use YEAR TO MONTH or DAY TO SECOND")
      throw ParseStop()
    }
    return SQLTypeName(type: isCalendar(first) ? .intervalMonths : .intervalMillis, span: span(from: start))
  }

  // MARK: Composite types

  private mutating func parseCompositeType() throws(ParseStop) -> SQLTypeName {
    let start = index
    let keyword = token.keyword
    if keyword == .multiset { throw unsupported("MULTISET") }
    advance()
    // ROW also takes parentheses, as the standard writes it.
    let usesParentheses = keyword == .row && at(.leftParenthesis)
    let opening = token
    if usesParentheses {
      advance()
    } else if keyword == .row, at(.notEqual) {
      advance()
      return SQLTypeName(type: .row([]), span: span(from: start))
    } else {
      try expect(.less, "after \(keyword.rawValue)")
    }
    let type: DataType
    switch keyword {
    case .array:
      let element = try parseType()
      type = .array(Field("element", element.type, isNullable: element.isNullable))
    case .map:
      let key = try parseType()
      try expect(.comma, "between the key and value types of MAP")
      let value = try parseType()
      type = .map(
        key: Field("key", key.type, isNullable: key.isNullable), value: Field("value", value.type, isNullable: value.isNullable))
    default: type = .row(try parseRowFields())
    }
    if usesParentheses { try expectClosing(opening) } else { try expect(.greater, "to close \(keyword.rawValue)<...>") }
    return SQLTypeName(type: type, span: span(from: start))
  }

  private mutating func parseRowFields() throws(ParseStop) -> [Field] {
    var fields: [Field] = []
    repeat {
      let name = try parseName("the name of a field")
      _ = take(.colon)
      let type = try parseType()
      _ = token.kind == .string ? try parseText("a comment").text : ""
      fields.append(Field(name.text, type.type, isNullable: type.isNullable))
    } while take(.comma)
    return fields
  }
}
