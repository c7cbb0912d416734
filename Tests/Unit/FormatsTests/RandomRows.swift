import MillraceColumns
import MillraceTypes

@testable import MillraceFormats

/// A small seeded generator (xorshift64*), so that a printed seed repeats a run.
struct TestRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
  mutating func below(_ n: Int) -> Int { Int(next() % UInt64(n)) }
}

/// Random schemas and rows over every type.
struct RandomRows {
  var random: TestRandom
  /// JSON objects and Parquet maps want text keys.
  var textKeysOnly = true
  /// No value that a text format cannot tell from another.
  var allowsNulls = true

  init(seed: UInt64) { random = TestRandom(seed: seed) }

  static let scalars: [DataType] = [
    .boolean, .int8, .int16, .int32, .int64, .float32, .float64, .decimal(precision: 5, scale: 2), .decimal(precision: 38, scale: 0),
    .decimal(precision: 38, scale: 38), .decimal(precision: 18, scale: 6), .text, .bytes, .date, .time(precision: 0),
    .time(precision: 3), .time(precision: 6), .timestamp(precision: 0), .timestamp(precision: 3), .timestamp(precision: 6),
    .timestamp(precision: 9), .timestampLTZ(precision: 3), .timestampLTZ(precision: 6), .intervalMonths, .intervalMillis,
  ]

  mutating func type(depth: Int = 2) -> DataType {
    if depth > 0 && random.below(4) == 0 {
      switch random.below(3) {
      case 0: return .array(Field("element", type(depth: depth - 1)))
      case 1: return .map(key: Field("key", .text, isNullable: false), value: Field("value", type(depth: depth - 1)))
      default: return .row((0...random.below(3)).map { Field("f\($0)", type(depth: depth - 1)) })
      }
    }
    return Self.scalars[random.below(Self.scalars.count)]
  }

  mutating func fields(count: Int) -> [Field] { (0..<count).map { Field("c\($0)", type()) } }

  mutating func text() -> String {
    let pieces = [
      "a", "b", " ", "\"", "\\", "\n", "\r\n", ",", "é", "漢", "😀", "\t", "\u{1}", "null", "x".padding(40), "#", "'", "/", "}", "1", "NULL",
      "\u{7f}", "\u{2028}",
    ]
    return (0..<random.below(6)).map { _ in pieces[random.below(pieces.count)] }.joined()
  }

  mutating func value(_ field: Field) -> Value {
    if allowsNulls && field.isNullable && random.below(5) == 0 { return .null }
    switch field.type {
    case .null: return .null
    case .boolean: return .bool(random.below(2) == 0)
    case .int8: return .int(integer(Int64(Int8.min), Int64(Int8.max)))
    case .int16: return .int(integer(Int64(Int16.min), Int64(Int16.max)))
    case .int32: return .int(integer(Int64(Int32.min), Int64(Int32.max)))
    case .int64, .intervalMonths, .intervalMillis: return .int(integer(Int64.min, Int64.max))
    case .float32: return .float(Double(float32()))
    case .float64: return .float(float64())
    case .decimal(let precision, _):
      var limit: Int128 = 1
      for _ in 0..<precision { limit *= 10 }
      let raw = Int128(truncatingIfNeeded: random.next()) << 64 | Int128(truncatingIfNeeded: random.next())
      switch random.below(4) {
      case 0: return .decimal(limit - 1)
      case 1: return .decimal(1 - limit)
      case 2: return .decimal(raw % 100)
      default: return .decimal(raw % limit)
      }
    case .text: return .text(text())
    case .bytes: return .bytes((0..<random.below(9)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    case .date: return .int(Int64(random.below(80_000)) - 20_000)
    case .time(let p): return .int(cut(Int64(random.next() >> 1) % (86_400 * TimeUnit(precision: p).perSecond), p))
    case .timestamp(let p), .timestampLTZ(let p):
      let unit = TimeUnit(precision: p).perSecond
      return .int(cut((Int64(random.below(8_000_000_000)) - 2_000_000_000) * unit + Int64(random.below(Int(unit))), p))
    case .array(let element): return .list((0..<random.below(4)).map { _ in value(element) })
    case .map(_, let item):
      let keys = (0..<random.below(4)).map { "k\($0)" + text() }
      return .map(keys.map { .text($0) }, keys.map { _ in value(item) })
    case .row(let fields): return .row(fields.map { value($0) })
    }
  }

  private func cut(_ ticks: Int64, _ precision: Int) -> Int64 {
    var step: Int64 = 1
    for _ in precision..<TimeUnit(precision: precision).digits { step *= 10 }
    let rest = ticks % step
    return ticks - (rest < 0 ? rest + step : rest)
  }

  private mutating func integer(_ low: Int64, _ high: Int64) -> Int64 {
    switch random.below(5) {
    case 0: return low
    case 1: return high
    case 2: return 0
    case 3: return Int64(random.below(100))
    default: return low &+ Int64(bitPattern: random.next() % UInt64(bitPattern: high &- low))
    }
  }

  private mutating func float64() -> Double {
    switch random.below(6) {
    case 0: return [0, -0.0, .nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude][random.below(7)]
    case 1: return Double(random.below(1000)) / 100
    case 2: return Double(Int64(bitPattern: random.next()))
    default: return Double(bitPattern: random.next()).isNaN ? 1.5 : Double(bitPattern: random.next())
    }
  }

  private mutating func float32() -> Float {
    switch random.below(4) {
    case 0: return [0, -0.0, .nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude][random.below(7)]
    case 1: return Float(random.below(1000)) / 100
    default:
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      return value.isNaN ? 2.5 : value
    }
  }

  mutating func batch(_ fields: [Field], rows: Int) throws -> Batch {
    var columns: [Column] = []
    for field in fields { columns.append(try Column(type: field.type, (0..<rows).map { _ in value(field) })) }
    return Batch(schema: Schema(fields), columns: columns, rowCount: rows)
  }
}

extension String {
  fileprivate func padding(_ n: Int) -> String { String(repeating: self, count: n) }
}

/// Everything a reader gives, a description per row, and its lines.
func readAll(_ reader: any RowReader, batchRows: Int = 1000) throws -> (rows: [String], lines: [Int64]) {
  var rows: [String] = []
  var lines: [Int64] = []
  while let part = try reader.next(maxRows: batchRows) {
    rows += describe(part.columns, rows: part.rowCount)
    for i in 0..<part.rowCount { if case .int(let line) = part.lines[i] { lines.append(line) } }
  }
  return (rows, lines)
}
