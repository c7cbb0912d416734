/// A Flink SQL type. Nullability lives on `Field` and on expressions, not here.
///
/// Physical form in a column (see `Column`):
/// - `boolean`: one byte mask per row is never stored; a validity-style bitmap is.
/// - `int8 ... int64`, `float32`, `float64`: the number.
/// - `decimal`: unscaled value as a 128-bit two's complement integer.
/// - `text` (CHAR, VARCHAR, STRING) and `bytes` (BINARY, VARBINARY, BYTES): Int32 offsets and bytes; text is UTF-8.
/// - `date`: days since 1970-01-01 as Int32. `time`: units since midnight as Int64.
/// - `timestamp`, `timestampLTZ`: units since 1970-01-01T00:00:00 (UTC for LTZ) as Int64.
/// - The unit of `time` and of both timestamps follows the precision: 0-3 milliseconds, 4-6 microseconds, 7-9 nanoseconds.
/// - `intervalMonths`: Int64 months. `intervalMillis`: Int64 milliseconds.
public indirect enum DataType: Sendable, Hashable {
  case null
  case boolean
  case int8, int16, int32, int64
  case float32, float64
  case decimal(precision: Int, scale: Int)
  case text
  case bytes
  case date
  case time(precision: Int)
  case timestamp(precision: Int)
  case timestampLTZ(precision: Int)
  case intervalMonths
  case intervalMillis
  case array(Field)
  case map(key: Field, value: Field)
  case row([Field])
}

/// The unit in which a timestamp or time of some precision is stored.
public enum TimeUnit: Int64, Sendable, Hashable {
  case millis = 1_000
  case micros = 1_000_000
  case nanos = 1_000_000_000

  /// 0-3 digits are milliseconds, 4-6 microseconds, 7-9 nanoseconds.
  @inlinable public init(precision: Int) { self = precision <= 3 ? .millis : precision <= 6 ? .micros : .nanos }
  /// Ticks of this unit in one second.
  @inlinable public var perSecond: Int64 { rawValue }
}

/// A named, possibly nullable column or row field.
public struct Field: Sendable, Hashable {
  public var name: String
  public var type: DataType
  public var isNullable: Bool

  public init(_ name: String, _ type: DataType, isNullable: Bool = true) {
    self.name = name
    self.type = type
    self.isNullable = isNullable
  }
}

/// The ordered, named columns of a relation. Names may repeat in intermediate relations.
public struct Schema: Sendable, Hashable {
  public var fields: [Field]
  public init(_ fields: [Field]) { self.fields = fields }
  public var count: Int { fields.count }
  /// The first field of that exact name.
  public func index(of name: String) -> Int? { fields.firstIndex { $0.name == name } }
}

extension DataType {
  public var isInteger: Bool {
    switch self {
    case .int8, .int16, .int32, .int64: true
    default: false
    }
  }
  public var isFloating: Bool {
    switch self {
    case .float32, .float64: true
    default: false
    }
  }
  public var isDecimal: Bool { if case .decimal = self { true } else { false } }
  /// ARRAY, MAP or ROW.
  public var isNested: Bool {
    switch self {
    case .array, .map, .row: true
    default: false
    }
  }

  public var isNumeric: Bool { isInteger || isFloating || isDecimal }
  public var isTimestamp: Bool {
    switch self {
    case .timestamp, .timestampLTZ: true
    default: false
    }
  }
  public var isInterval: Bool { self == .intervalMonths || self == .intervalMillis }
  /// Fractional digits of a time or timestamp type.
  public var timePrecision: Int? {
    switch self {
    case .time(let p), .timestamp(let p), .timestampLTZ(let p): p
    default: nil
    }
  }
  public var timeUnit: TimeUnit? { timePrecision.map(TimeUnit.init(precision:)) }
}

extension DataType: CustomStringConvertible {
  /// The type as Flink SQL writes it, e.g. `DECIMAL(10, 2)`.
  public var description: String {
    switch self {
    case .null: "NULL"
    case .boolean: "BOOLEAN"
    case .int8: "TINYINT"
    case .int16: "SMALLINT"
    case .int32: "INT"
    case .int64: "BIGINT"
    case .float32: "FLOAT"
    case .float64: "DOUBLE"
    case .decimal(let p, let s): "DECIMAL(\(p), \(s))"
    case .text: "STRING"
    case .bytes: "BYTES"
    case .date: "DATE"
    case .time(let p): "TIME(\(p))"
    case .timestamp(let p): "TIMESTAMP(\(p))"
    case .timestampLTZ(let p): "TIMESTAMP_LTZ(\(p))"
    case .intervalMonths: "INTERVAL YEAR TO MONTH"
    case .intervalMillis: "INTERVAL DAY TO SECOND(3)"
    case .array(let e): "ARRAY<\(e.type)>"
    case .map(let k, let v): "MAP<\(k.type), \(v.type)>"
    case .row(let fs): "ROW<" + fs.map { "`\($0.name)` \($0.type)" }.joined(separator: ", ") + ">"
    }
  }
}
