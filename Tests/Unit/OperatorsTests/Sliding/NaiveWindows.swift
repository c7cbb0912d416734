import MillraceColumns
import MillraceExpressions
import MillraceTypes

@testable import MillraceOperators

/// Sliding aggregates the obvious way: look at every row of the window.
enum NaiveWindows {
  /// A row of one key, in order.
  struct Row {
    var time: Int64
    /// Column values.
    var values: [Value]
  }

  static func value(_ sliding: SlidingCall, _ rows: [Row], now: Int64) -> Value {
    let call = sliding.call
    let window: [Row]
    switch sliding.window {
    case .micros(let length):
      let (bound, overflow) = now.subtractingReportingOverflow(length)
      window = rows.filter { $0.time >= (overflow ? .min : bound) }
    case .rows(let n): window = Array(rows.suffix(Int(n)))
    case .unbounded: window = rows
    }
    func column(_ expression: Expression, _ row: Row) -> Value {
      if case .column(let index) = expression.kind { row.values[index] } else { .null }
    }
    let passed = window.filter { row in call.filter.map { column($0, row) == .bool(true) } ?? true }
    guard let argument = call.arguments.first else { return .int(Int64(passed.count)) }
    let values = passed.map { column(argument, $0) }.filter { $0 != .null }
    switch call.function {
    case .countStar, .count: return .int(Int64(call.isDistinct ? Set(values.map(canonical)).count : values.count))
    case .approxCountDistinct: return .int(Int64(Set(values.map(canonical)).count))
    default: break
    }
    guard let first = values.first, let last = values.last else { return .null }
    switch call.function {
    case .firstValue: return first
    case .lastValue: return last
    case .min: return values.reduce(first) { isLess($1, $0) || !isLess($0, $1) ? $1 : $0 }
    case .max: return values.reduce(first) { isLess($1, $0) ? $0 : $1 }
    case .sum, .avg: return sum(values, call)
    default: return variance(values, call)
    }
  }

  static func canonical(_ value: Value) -> Value {
    if case .float(let v) = value { return .int(Int64(bitPattern: KeyEncoder.orderedBits(v))) }
    return value
  }

  static func isLess(_ a: Value, _ b: Value) -> Bool {
    switch (a, b) {
    case (.int(let x), .int(let y)): x < y
    case (.float(let x), .float(let y)): KeyEncoder.orderedBits(x) < KeyEncoder.orderedBits(y)
    case (.decimal(let x), .decimal(let y)): x < y
    case (.text(let x), .text(let y)): Array(x.utf8).lexicographicallyPrecedes(Array(y.utf8))
    case (.bool(let x), .bool(let y)): !x && y
    default: false
    }
  }

  private static func sum(_ values: [Value], _ call: AggregateCall) -> Value {
    let n = values.count
    switch call.type {
    case .decimal(_, let scale):
      let total = values.reduce(Int128(0)) { if case .decimal(let v) = $1 { $0 + v } else { $0 } }
      let limit = (0..<38).reduce(Int128(1)) { n, _ in n * 10 }
      if call.function == .sum { return total.magnitude < limit.magnitude ? .decimal(total) : .null }
      guard case .decimal(_, let from) = call.arguments[0].type else { return .null }
      let scaled = total * (0..<(scale - from)).reduce(Int128(1)) { n, _ in n * 10 }
      let (q, r) = scaled.magnitude.quotientAndRemainder(dividingBy: UInt128(n))
      let rounded = Int128(q) + (r * 2 >= UInt128(n) ? 1 : 0)
      return .decimal(total < 0 ? -rounded : rounded)
    case .float32, .float64:
      let exact = exactSum(values.compactMap { if case .float(let v) = $0 { v } else { nil } })
      let result = call.function == .sum ? exact : exact / Double(n)
      return .float(call.type == .float32 ? Double(Float(result)) : result)
    default:
      let total = values.reduce(Int128(0)) { if case .int(let v) = $1 { $0 + Int128(v) } else { $0 } }
      let result = call.function == .sum ? total : total / Int128(n)
      switch call.type {
      case .int8: return .int(Int64(Int8(truncatingIfNeeded: result)))
      case .int16: return .int(Int64(Int16(truncatingIfNeeded: result)))
      case .int32: return .int(Int64(Int32(truncatingIfNeeded: result)))
      default: return .int(Int64(truncatingIfNeeded: result))
      }
    }
  }

  /// Shewchuk's sum with non-overlapping partials, rounded once (as Python's fsum), by another road than the engine's.
  static func exactSum(_ values: [Double]) -> Double {
    if values.contains(where: { !$0.isFinite }) {
      return values.filter { !$0.isFinite }.reduce(0, +)
    }
    // Partials may overflow on the way where the sum does not: halve everything huge.
    var partials: [Double] = []
    for var x in values {
      var kept: [Double] = []
      for var y in partials {
        if x.magnitude < y.magnitude { swap(&x, &y) }
        let high = x + y
        let low = y - (high - x)
        if low != 0 { kept.append(low) }
        x = high
      }
      kept.append(x)
      partials = kept
    }
    guard var high = partials.popLast() else { return 0 }
    var low = 0.0
    while let y = partials.popLast() {
      let x = high
      high = x + y
      low = y - (high - x)
      if low != 0 { break }
    }
    if let next = partials.last, (low < 0 && next < 0) || (low > 0 && next > 0) {
      let y = low * 2
      let x = high + y
      if y == x - high { high = x }
    }
    return high == 0 ? 0 : high
  }

  private static func variance(_ values: [Value], _ call: AggregateCall) -> Value {
    let numbers = values.compactMap { if case .float(let v) = $0 { v } else { nil } }
    let isSample = call.function == .varSamp || call.function == .stddevSamp
    if isSample && numbers.count < 2 { return .null }
    if numbers.contains(where: { !$0.isFinite }) { return .float(.nan) }
    if numbers.allSatisfy({ $0 == numbers[0] }) { return .float(0) }
    let mean = exactSum(numbers) / Double(numbers.count)
    let squares = exactSum(numbers.map { ($0 - mean) * ($0 - mean) })
    let variance = squares / Double(isSample ? numbers.count - 1 : numbers.count)
    return .float(call.function == .stddevPop || call.function == .stddevSamp ? variance.squareRoot() : variance)
  }

  /// Whether a result agrees: to the bit, but for variances (their own arithmetic here is not exact) and sketches.
  static func agrees(_ actual: Value, _ expected: Value, _ call: AggregateCall) -> Bool {
    switch (actual, expected) {
    case (.float(let a), .float(let b)):
      if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
      switch call.function {
      case .varPop, .varSamp: return abs(a - b) <= 1e-9 * max(abs(a), abs(b)) + 1e-25
      case .stddevPop, .stddevSamp: return abs(a - b) <= 1e-9 * max(abs(a), abs(b)) + 1e-12
      case .min, .max: return KeyEncoder.orderedBits(a) == KeyEncoder.orderedBits(b)
      default: return a.bitPattern == b.bitPattern
      }
    case (.int(let a), .int(let b)) where call.function == .approxCountDistinct:
      return abs(a - b) <= 1 + b / 12
    default: return actual == expected
    }
  }
}
