import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

@Suite struct ArithmeticTests {
  private func check(
    _ name: String, _ a: DataType, _ b: DataType, seed: UInt64, rows: Int = 533, _ expected: (Value, Value) -> Value?
  ) throws {
    var random = SeededRandom(seed)
    let x = Evaluating.randomColumn(a, rows, &random)
    let y = Evaluating.randomColumn(b, rows, &random)
    let expression = try Evaluating.registry.resolve(name, Evaluating.columns([a, b]))
    let keep = (0..<rows).filter { x.isNull($0) || y.isNull($0) || expected(x[$0], y[$0]) != nil }.map { Int32($0) }
    let (left, right) = keep.withUnsafeBufferPointer { (x.take($0), y.take($0)) }
    let result = try Evaluating.evaluate(expression, [left, right])
    for i in 0..<left.count {
      let wanted: Value? = left.isNull(i) || right.isNull(i) ? .null : expected(left[i], right[i])
      let given = result[i]
      #expect(
        wanted.map { Evaluating.same($0, given) } ?? false,
        "seed \(seed): \(left[i]) \(name) \(right[i]) = \(given), not \(String(describing: wanted))")
      if wanted.map({ !Evaluating.same($0, given) }) ?? true { return }
    }
  }

  private func wrap(_ value: Int128, _ type: DataType) -> Value {
    switch type {
    case .int8: .int(Int64(Int8(truncatingIfNeeded: value)))
    case .int16: .int(Int64(Int16(truncatingIfNeeded: value)))
    case .int32: .int(Int64(Int32(truncatingIfNeeded: value)))
    default: .int(Int64(truncatingIfNeeded: value))
    }
  }

  @Test(arguments: [DataType.int8, .int16, .int32, .int64])
  func integersWrap(_ type: DataType) throws {
    func compute(_ body: @escaping (Int128, Int128) -> Int128?) -> (Value, Value) -> Value? {
      { a, b in
        guard case .int(let x) = a, case .int(let y) = b else { return nil }
        return body(Int128(x), Int128(y)).map { wrap($0, type) }
      }
    }
    try check("+", type, type, seed: 1, compute { $0 + $1 })
    try check("-", type, type, seed: 2, compute { $0 - $1 })
    try check("*", type, type, seed: 3, compute { $0 * $1 })
    try check("/", type, type, seed: 4, compute { $1 == 0 ? nil : $0 / $1 })
    try check("%", type, type, seed: 5, compute { $1 == 0 ? nil : $0 % $1 })
  }

  @Test func divisionByConstantsIsExact() throws {
    var random = SeededRandom(12)
    let divisors: [Int64] = [2, 3, 7, 10, 123, 1000, 1_000_003, 1 << 32, (1 << 61) - 1, 1 << 61, .max, 1, -1, -7, .min]
    for divisor in divisors + (0..<60).map({ _ in Int64(bitPattern: random.next() >> (random.next() % 63)) }) where divisor != 0 {
      let column = Evaluating.randomColumn(.int64, 400, &random, nulls: false)
      let x = Expression.column(0, Field("x", .int64))
      let d = Expression.literal(.int(divisor), .int64)
      let quotient = try Evaluating.evaluate(Evaluating.registry.resolve("/", [x, d]), [column])
      let remainder = try Evaluating.evaluate(Evaluating.registry.resolve("%", [x, d]), [column])
      for i in 0..<400 {
        guard case .int(let value) = column[i] else { continue }
        let wanted = divisor == -1 ? (0 &- value, 0) : (value / divisor, value % divisor)
        #expect(quotient[i] == .int(wanted.0) && remainder[i] == .int(wanted.1), "seed 12: \(value) by \(divisor)")
      }
    }
  }

  @Test func doublesFollowIEEE() throws {
    func compute(_ body: @escaping (Double, Double) -> Double) -> (Value, Value) -> Value? {
      { a, b in
        guard case .float(let x) = a, case .float(let y) = b else { return nil }
        return .float(body(x, y))
      }
    }
    try check("+", .float64, .float64, seed: 6, compute { $0 + $1 })
    try check("/", .float64, .float64, seed: 7, compute { $0 / $1 })
    try check("%", .float64, .float64, seed: 8, compute { $0.truncatingRemainder(dividingBy: $1) })
  }

  @Test func integerDivisionByZeroNamesTheExpression() throws {
    let expression = try Evaluating.registry.resolve("/", Evaluating.columns([.int32, .int32]))
    let columns = [try Column(type: .int32, [.int(1), .int(2)]), try Column(type: .int32, [.int(1), .int(0)])]
    let evaluator = try ExpressionEvaluator([expression], inputTypes: [.int32, .int32], names: ["price", "n"])
    let error = #expect(throws: MillraceError.self) { try evaluator.evaluate(Evaluating.batch(columns)) }
    #expect(error?.code == .arithmetic)
    #expect(error?.message == "division by zero in price / n")
  }

  @Test func divisionByZeroOfANullIsNull() throws {
    let expression = try Evaluating.registry.resolve("/", Evaluating.columns([.int32, .int32]))
    let result = try Evaluating.evaluate(expression, [try Column(type: .int32, [.null]), try Column(type: .int32, [.int(0)])])
    #expect(result[0] == .null)
  }

  @Test func resultTypes() throws {
    func type(_ name: String, _ a: DataType, _ b: DataType) throws -> DataType {
      try Evaluating.registry.resolve(name, Evaluating.columns([a, b])).type
    }
    #expect(try type("+", .int32, .int64) == .int64)
    #expect(try type("/", .int32, .int32) == .int32)
    #expect(try type("+", .int64, .float32) == .float32)
    #expect(try type("+", .decimal(precision: 5, scale: 2), .float32) == .float64)
    #expect(try type("%", .int64, .int32) == .int32)
    #expect(try type("+", .decimal(precision: 10, scale: 2), .decimal(precision: 5, scale: 4)) == .decimal(precision: 13, scale: 4))
    #expect(try type("*", .decimal(precision: 10, scale: 2), .decimal(precision: 5, scale: 4)) == .decimal(precision: 16, scale: 6))
    #expect(try type("/", .decimal(precision: 10, scale: 2), .decimal(precision: 5, scale: 4)) == .decimal(precision: 20, scale: 8))
    #expect(try type("%", .decimal(precision: 10, scale: 2), .decimal(precision: 5, scale: 4)) == .decimal(precision: 5, scale: 4))
    #expect(try type("*", .int64, .decimal(precision: 3, scale: 2)) == .decimal(precision: 23, scale: 2))
    #expect(try type("+", .int32, .decimal(precision: 3, scale: 2)) == .decimal(precision: 13, scale: 2))
    #expect(try type("*", .decimal(precision: 38, scale: 10), .decimal(precision: 38, scale: 10)) == .decimal(precision: 38, scale: 6))
    #expect(try type("-", .timestamp(precision: 6), .intervalMillis) == .timestamp(precision: 6))
    #expect(try type("+", .intervalMonths, .date) == .date)
  }

  /// Decimals against long addition and multiplication on arrays of digits: slow, and easy to see to be right.
  @Test(arguments: [(5, 2, 7, 3), (18, 4, 18, 2), (38, 10, 38, 0), (38, 30, 38, 5), (38, 0, 38, 38), (20, 0, 19, 9), (38, 6, 10, 2)])
  func decimalsAgainstDigitArithmetic(_ shape: (Int, Int, Int, Int)) throws {
    let (p1, s1, p2, s2) = shape
    let (a, b) = (DataType.decimal(precision: p1, scale: s1), DataType.decimal(precision: p2, scale: s2))
    for name in ["+", "-", "*", "/", "%"] {
      guard case .decimal(let precision, let scale) = try Evaluating.registry.resolve(name, Evaluating.columns([a, b])).type else {
        Issue.record("no decimal")
        return
      }
      try check(name, a, b, seed: UInt64(p1 * 100 + s2), rows: 220) { x, y in
        guard case .decimal(let u) = x, case .decimal(let v) = y else { return nil }
        if v == 0 && (name == "/" || name == "%") { return nil }
        let (left, right) = (Digits(u, shift: max(s1, s2) - s1), Digits(v, shift: max(s1, s2) - s2))
        let common = max(s1, s2)
        let result: Digits
        switch name {
        case "+": result = left.plus(right).rounded(dropping: common - scale)
        case "-": result = left.plus(right.negated()).rounded(dropping: common - scale)
        case "*": result = Digits(u, shift: 0).times(Digits(v, shift: 0)).rounded(dropping: s1 + s2 - scale)
        case "/":
          result = left.divided(by: right, scale: scale + 1).rounded(dropping: 1, sticky: left.hasRest(dividedBy: right, scale: scale + 1))
        default: result = left.remainder(by: right).rounded(dropping: common - scale)
        }
        return result.value(digitsMax: precision).map { .decimal($0) } ?? .null
      }
    }
  }
}

/// A signed number as decimal digits, least significant first.
private struct Digits {
  var digits: [Int]
  var isNegative: Bool

  init(_ value: Int128, shift: Int) {
    digits = Array(repeating: 0, count: shift) + String(value.magnitude).reversed().compactMap { $0.wholeNumberValue }
    isNegative = value < 0
    trim()
  }

  private mutating func trim() { while let last = digits.last, last == 0 { digits.removeLast() } }

  func negated() -> Digits {
    var copy = self
    copy.isNegative.toggle()
    return copy
  }

  private static func less(_ a: [Int], _ b: [Int]) -> Bool {
    if a.count != b.count { return a.count < b.count }
    for i in a.indices.reversed() where a[i] != b[i] { return a[i] < b[i] }
    return false
  }

  private static func minus(_ a: [Int], _ b: [Int]) -> [Int] {
    var result = a
    for i in a.indices {
      result[i] -= i < b.count ? b[i] : 0
      if result[i] < 0 {
        result[i] += 10
        result[i + 1] -= 1
      }
    }
    while let last = result.last, last == 0 { result.removeLast() }
    return result
  }

  func plus(_ other: Digits) -> Digits {
    var result = self
    if isNegative == other.isNegative {
      result.digits = []
      var carry = 0
      for i in 0..<(max(digits.count, other.digits.count) + 1) {
        let sum = (i < digits.count ? digits[i] : 0) + (i < other.digits.count ? other.digits[i] : 0) + carry
        result.digits.append(sum % 10)
        carry = sum / 10
      }
    } else if Self.less(digits, other.digits) {
      result.digits = Self.minus(other.digits, digits)
      result.isNegative = other.isNegative
    } else {
      result.digits = Self.minus(digits, other.digits)
    }
    result.trim()
    return result
  }

  func times(_ other: Digits) -> Digits {
    var result = self
    result.isNegative = isNegative != other.isNegative
    result.digits = Array(repeating: 0, count: digits.count + other.digits.count + 1)
    for i in digits.indices {
      for j in other.digits.indices { result.digits[i + j] += digits[i] * other.digits[j] }
      for k in i..<(result.digits.count - 1) where result.digits[k] > 9 {
        result.digits[k + 1] += result.digits[k] / 10
        result.digits[k] %= 10
      }
    }
    result.trim()
    return result
  }

  private func longDivision(_ other: Digits, scale: Int) -> (quotient: [Int], rest: [Int]) {
    var rest: [Int] = []
    var quotient: [Int] = []
    for digit in digits.reversed() + Array(repeating: 0, count: scale) {
      rest.insert(digit, at: 0)
      while let last = rest.last, last == 0 { rest.removeLast() }
      var count = 0
      while !Self.less(rest, other.digits) {
        rest = Self.minus(rest, other.digits)
        count += 1
      }
      quotient.insert(count, at: 0)
    }
    return (quotient, rest)
  }

  func divided(by other: Digits, scale: Int) -> Digits {
    var result = self
    result.isNegative = isNegative != other.isNegative
    result.digits = longDivision(other, scale: scale).quotient
    result.trim()
    return result
  }

  func hasRest(dividedBy other: Digits, scale: Int) -> Bool { !longDivision(other, scale: scale).rest.isEmpty }

  func remainder(by other: Digits) -> Digits {
    var result = self
    result.digits = longDivision(other, scale: 0).rest
    return result
  }

  func rounded(dropping count: Int, sticky: Bool = false) -> Digits {
    guard count > 0 else { return self }
    var result = self
    let isUp = digits.count >= count && digits[count - 1] >= 5
    result.digits = Array(digits.dropFirst(count))
    if !isUp { return result }
    var one = Digits(1, shift: 0)
    one.isNegative = isNegative
    return result.plus(one)
  }

  func value(digitsMax: Int) -> Int128? {
    guard digits.count <= digitsMax else { return nil }
    var result: Int128 = 0
    for digit in digits.reversed() { result = result * 10 + Int128(digit) }
    return isNegative ? -result : result
  }
}
