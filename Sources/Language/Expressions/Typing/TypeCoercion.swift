import MillraceColumns
import MillraceTypes

/// Which types turn into which without being asked, and which may be cast when asked.
enum TypeCoercion {
  /// The type that holds every value of all the given types, as Flink finds it for CASE, COALESCE, UNION and IN;
  /// NULL when every type is NULL, nil when there is none.
  static func common(_ types: [DataType]) -> DataType? {
    var result = DataType.null
    for type in types {
      guard let next = common(result, type) else { return nil }
      result = next
    }
    return result
  }

  static func common(_ a: DataType, _ b: DataType) -> DataType? {
    if a == b || b == .null { return a }
    if a == .null { return b }
    if a.isNumeric && b.isNumeric { return commonNumeric(a, b) }
    switch (a, b) {
    case (.date, .timestamp), (.date, .timestampLTZ): return b
    case (.timestamp, .date), (.timestampLTZ, .date): return a
    case (.timestamp(let p), .timestamp(let q)): return .timestamp(precision: max(p, q))
    case (.timestampLTZ(let p), .timestampLTZ(let q)), (.timestamp(let p), .timestampLTZ(let q)),
      (.timestampLTZ(let p), .timestamp(let q)):
      return .timestampLTZ(precision: max(p, q))
    case (.time(let p), .time(let q)): return .time(precision: max(p, q))
    case (.array(let x), .array(let y)): return common(x, y).map { .array($0) }
    case (.map(let k, let v), .map(let l, let w)):
      guard let key = common(k, l), let value = common(v, w) else { return nil }
      return .map(key: key, value: value)
    case (.row(let xs), .row(let ys)) where xs.count == ys.count:
      var fields: [Field] = []
      for (x, y) in zip(xs, ys) {
        guard let field = common(x, y) else { return nil }
        fields.append(field)
      }
      return .row(fields)
    default: return nil
    }
  }

  private static func common(_ a: Field, _ b: Field) -> Field? {
    common(a.type, b.type).map { Field(a.name, $0, isNullable: a.isNullable || b.isNullable) }
  }

  private static func commonNumeric(_ a: DataType, _ b: DataType) -> DataType {
    if a == .float64 || b == .float64 { return .float64 }
    if a == .float32 || b == .float32 { return a.isDecimal || b.isDecimal ? .float64 : .float32 }
    guard a.isDecimal || b.isDecimal, let x = DecimalRules.exact(a), let y = DecimalRules.exact(b) else {
      return integerRank(a) >= integerRank(b) ? a : b
    }
    return DecimalRules.common(x, y)
  }

  static func integerRank(_ type: DataType) -> Int {
    switch type {
    case .int8: 1
    case .int16: 2
    case .int32: 3
    case .int64: 4
    default: 0
    }
  }

  /// The type both sides of a comparison take: the common type, or for text against something else that other type
  /// (Flink reads the text as it).
  static func comparison(_ a: DataType, _ b: DataType) -> DataType? {
    if let type = common(a, b) { return type }
    switch (a, b) {
    case (.text, _) where isReadFromText(b): return b
    case (_, .text) where isReadFromText(a): return a
    default: return nil
    }
  }

  private static func isReadFromText(_ type: DataType) -> Bool {
    switch type {
    case .boolean, .date, .time, .timestamp, .timestampLTZ: true
    default: type.isNumeric
    }
  }

  /// Whether a value of one type may be used where another is asked for without a CAST being written.
  static func isImplicit(_ from: DataType, _ to: DataType) -> Bool {
    if from == to || from == .null { return true }
    switch (from, to) {
    case (.decimal(let p, let s), .decimal(let q, let t)): return p - s <= q - t && s <= t
    case (_, .decimal(let p, let s)) where from.isInteger: return (DecimalRules.exact(from)?.precision ?? 39) <= p - s
    case (_, .float32), (_, .float64): return from.isNumeric && !(from == .float64 && to == .float32)
    default:
      if from.isInteger && to.isInteger { return integerRank(from) <= integerRank(to) }
      return common(from, to) == to
    }
  }

  /// Whether `CAST(from AS to)` is legal; values may still fail while running.
  static func isCastable(_ from: DataType, _ to: DataType) -> Bool {
    if from == to || from == .null { return true }
    switch (from, to) {
    case (.text, .intervalMonths), (.text, .intervalMillis): return false
    case (.text, .array), (.text, .map), (.text, .row): return false
    case (.array, .text), (.map, .text), (.row, .text): return false
    case (.text, _), (_, .text): return to != .null
    case (.boolean, _): return to.isNumeric
    case (_, .boolean): return from.isNumeric
    case (.date, .timestamp), (.date, .timestampLTZ), (.timestamp, .date), (.timestampLTZ, .date): return true
    case (.timestamp, .timestamp), (.timestamp, .timestampLTZ), (.timestampLTZ, .timestamp), (.timestampLTZ, .timestampLTZ):
      return true
    case (.time, .time), (.timestamp, .time), (.timestampLTZ, .time): return true
    case (.array(let x), .array(let y)): return isCastable(x.type, y.type)
    case (.map(let k, let v), .map(let l, let w)): return isCastable(k.type, l.type) && isCastable(v.type, w.type)
    case (.row(let xs), .row(let ys)): return xs.count == ys.count && zip(xs, ys).allSatisfy { isCastable($0.type, $1.type) }
    default: return from.isNumeric && to.isNumeric
    }
  }

  /// Whether a legal cast of a non-null value may give null without an error: a decimal that overflows.
  static func mayOverflowToNull(_ from: DataType, _ to: DataType) -> Bool {
    guard case .decimal(let p, let s) = to else { return false }
    guard let source = DecimalRules.exact(from) else { return from != .boolean }
    // Rounding away digits may carry into one more integer digit.
    let carry = source.scale > s ? 1 : 0
    return source.precision - source.scale + carry > p - s
  }
}
