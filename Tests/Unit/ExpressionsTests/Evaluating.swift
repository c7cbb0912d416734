import MillraceColumns
import MillraceTypes

@testable import MillraceExpressions

/// Seeded random numbers: the same on every machine.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
  /// A seed far from those of other numbers.
  static func mixed(_ number: UInt64) -> UInt64 { (number &+ 1) &* 0xD1B5_4A32_D192_ED03 ^ 0x5851_F42D_4C95_7F2D }
  mutating func next() -> UInt64 {
    state = state &+ 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Ways for tests to write and evaluate expressions.
enum Evaluating {
  static let registry = FunctionRegistry.builtIn

  static func text(_ value: String) -> Expression { .literal(.text(value), .text) }
  static func int(_ value: Int64) -> Expression { .literal(.int(value), .int32) }
  static func double(_ value: Double) -> Expression { .literal(.float(value), .float64) }
  static func decimal(_ unscaled: Int128, _ precision: Int, _ scale: Int) -> Expression {
    .literal(.decimal(unscaled), .decimal(precision: precision, scale: scale))
  }
  static func timestamp(_ value: String, _ precision: Int = 3) -> Expression {
    let type = DataType.timestamp(precision: precision)
    return .literal(ExpressionEvaluator.constantValue(text(value).cast(to: type)) ?? .null, type)
  }
  static func date(_ value: String) -> Expression {
    .literal(ExpressionEvaluator.constantValue(text(value).cast(to: .date)) ?? .null, .date)
  }

  /// A call of a function over constants, computed.
  static func call(_ name: String, _ arguments: Expression...) throws -> Value {
    try constant(registry.resolve(name, arguments))
  }

  static func constant(_ expression: Expression) throws -> Value {
    let evaluator = try ExpressionEvaluator([expression], inputTypes: [])
    return try evaluator.evaluate(Batch(schema: Schema([]), columns: [], rowCount: 1))[0][0]
  }

  /// A computed constant as SQL writes it.
  static func sql(_ expression: Expression) throws -> String { try constant(expression).sql(expression.type) }
  static func sql(_ name: String, _ arguments: Expression...) throws -> String { try sql(registry.resolve(name, arguments)) }

  static func batch(_ columns: [Column]) -> Batch {
    Batch(
      schema: Schema(columns.enumerated().map { Field("c\($0)", $1.type) }), columns: columns, rowCount: columns.first?.count ?? 0)
  }

  static func columns(_ types: [DataType]) -> [Expression] { types.enumerated().map { .column($0, Field("c\($0)", $1)) } }

  static func evaluate(_ expression: Expression, _ columns: [Column]) throws -> Column {
    try ExpressionEvaluator([expression], inputTypes: columns.map(\.type)).evaluate(batch(columns))[0]
  }

  /// Random values of a type: a fifth null, many small, some at the edges of the type.
  static func randomColumn(_ type: DataType, _ count: Int, _ random: inout SeededRandom, nulls: Bool = true) -> Column {
    let values = (0..<count).map { _ in nulls && random.next() % 5 == 0 ? Value.null : randomValue(type, &random) }
    guard let column = try? Column(type: type, values) else { return .nulls(type, count: count) }
    return column
  }

  static func randomValue(_ type: DataType, _ random: inout SeededRandom) -> Value {
    func integer(_ low: Int64, _ high: Int64) -> Int64 {
      switch random.next() % 8 {
      case 0: low
      case 1: high
      case 2: Int64.random(in: low...high, using: &random)
      default: Int64.random(in: max(low, -20)...min(high, 20), using: &random)
      }
    }
    switch type {
    case .null: return .null
    case .boolean: return .bool(random.next() % 2 == 0)
    case .int8: return .int(integer(-128, 127))
    case .int16: return .int(integer(-32768, 32767))
    case .int32: return .int(integer(Int64(Int32.min), Int64(Int32.max)))
    case .int64: return .int(integer(.min, .max))
    case .float32: return .float(Double(Float.random(in: -1000...1000, using: &random)))
    case .float64:
      switch random.next() % 10 {
      case 0: return .float(0)
      case 1: return .float(-0.0)
      case 2: return .float(.infinity)
      case 3: return .float(Double.random(in: -1e300...1e300, using: &random))
      default: return .float(Double(Int64.random(in: -2000...2000, using: &random)) / 8)
      }
    case .decimal(let p, _):
      let limit = Int128.powerOfTen(p) - 1
      switch random.next() % 6 {
      case 0: return .decimal(limit)
      case 1: return .decimal(-limit)
      case 2: return .decimal(0)
      case 3: return .decimal((Int128(truncatingIfNeeded: random.next()) &* Int128(truncatingIfNeeded: random.next())) % (limit + 1))
      default: return .decimal(Int128(Int64.random(in: -999...999, using: &random)) % (limit + 1))
      }
    case .text:
      let words = ["", "a", "abc", "Hello World", "  blank ", "%x_", "ä", "straße", "日本語", "a,b,,c", "😀x", "aaa", "12", "-7.5", "b"]
      return .text(words[Int(random.next() % UInt64(words.count))])
    case .bytes: return .bytes([UInt8(truncatingIfNeeded: random.next()), 0, 200])
    case .date: return .int(Int64.random(in: -40_000...40_000, using: &random))
    case .time(let p): return .int(Int64.random(in: 0..<(86_400 * TimeUnit(precision: p).perSecond), using: &random))
    case .timestamp(let p), .timestampLTZ(let p):
      return .int(Int64.random(in: -3_000_000_000...5_000_000_000, using: &random) * TimeUnit(precision: p).perSecond / 7)
    case .intervalMonths: return .int(Int64.random(in: -40...40, using: &random))
    case .intervalMillis: return .int(Int64.random(in: -400_000_000...400_000_000, using: &random))
    case .array(let element): return .list((0..<Int(random.next() % 4)).map { _ in randomValue(element.type, &random) })
    case .map(let key, let value):
      let count = Int(random.next() % 3)
      return .map((0..<count).map { _ in randomValue(key.type, &random) }, (0..<count).map { _ in randomValue(value.type, &random) })
    case .row(let fields): return .row(fields.map { randomValue($0.type, &random) })
    }
  }

  /// Equality that takes NaN for itself and tells 0.0 from -0.0.
  static func same(_ a: Value, _ b: Value) -> Bool {
    switch (a, b) {
    case (.float(let x), .float(let y)): x.bitPattern == y.bitPattern || (x.isNaN && y.isNaN)
    case (.list(let xs), .list(let ys)), (.row(let xs), .row(let ys)): xs.count == ys.count && zip(xs, ys).allSatisfy { same($0, $1) }
    default: a == b
    }
  }
}
