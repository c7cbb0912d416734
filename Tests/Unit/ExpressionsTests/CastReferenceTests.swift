import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

/// CAST between numbers and text against definitions in wide integers and digit by digit.
@Suite struct CastReferenceTests {
  private static let integers: [(type: DataType, bits: Int)] = [(.int8, 8), (.int16, 16), (.int32, 32), (.int64, 64)]

  /// The number modulo 2^bits, as a signed one.
  private static func wrapped(_ value: Int128, _ bits: Int) -> Int128 {
    let modulus = Int128(1) << bits
    let rest = ((value % modulus) + modulus) % modulus
    return rest >= modulus / 2 ? rest - modulus : rest
  }

  private func cast(_ values: [Value], _ from: DataType, _ to: DataType, isTry: Bool = false) throws -> [Value] {
    let expression = try Evaluating.registry.cast(Evaluating.columns([from])[0], to: to, isTry: isTry)
    let column = try Evaluating.evaluate(expression, [Column(type: from, values)])
    return (0..<values.count).map { column[$0] }
  }

  /// Edges of every width with their neighbours, small numbers, random ones.
  private static func numbers(_ bits: Int, _ random: inout SeededRandom) -> [Int128] {
    var numbers: [Int128] = []
    for width in [8, 16, 32, 53, 63, 64] where width <= bits {
      for edge in [Int128(1) << (width - 1), -(Int128(1) << (width - 1)), Int128(1) << (width - 2)] {
        for step in -2...2 as ClosedRange<Int128> { numbers.append(edge + step) }
      }
    }
    for _ in 0..<60 { numbers.append(Int128(Int64(truncatingIfNeeded: random.next()) >> Int64(random.next() % 63))) }
    let half = Int128(1) << (bits - 1)
    return numbers.filter { $0 >= -half && $0 < half }
  }

  @Test func integersWrapAndAreWritten() throws {
    var random = SeededRandom(5)
    for (from, bits) in Self.integers {
      let numbers = Self.numbers(bits, &random)
      let values = numbers.map { Value.int(Int64($0)) } + [.null]
      for (to, width) in Self.integers {
        #expect(try cast(values, from, to) == numbers.map { .int(Int64(Self.wrapped($0, width))) } + [.null], "\(from) to \(to)")
      }
      #expect(try cast(values, from, .text) == numbers.map { .text(String($0)) } + [.null])
      #expect(try cast(numbers.map { .text("  \($0) ") } + [.null], .text, from) == values)
      for (precision, scale) in [(5, 2), (19, 0), (38, 19), (3, 3)] {
        let expected = numbers.map { number -> Value in
          let limit = Int128.powerOfTen(precision - scale)
          return number > -limit && number < limit ? .decimal(number * Int128.powerOfTen(scale)) : .null
        }
        #expect(
          try cast(values, from, .decimal(precision: precision, scale: scale)) == expected + [.null], "\(from) to (\(precision), \(scale))")
      }
    }
  }

  /// Cut toward zero, at the ends of the range beyond it, NaN as 0; narrow types by way of INT, as Java does.
  @Test func floatsAreCutAndHeldInRange() throws {
    var random = SeededRandom(6)
    var floats: [Double] = [
      0, -0.0, 0.5, -0.5, 1.9999, -1.9999, .nan, .infinity, -.infinity, 1e300, -1e300, .leastNonzeroMagnitude, 2_147_483_647.9,
    ]
    for exponent in [7, 8, 15, 16, 31, 32, 52, 53, 62, 63, 64, 127] {
      let edge = Double(sign: .plus, exponent: exponent, significand: 1)
      for value in [edge, edge.nextUp, edge.nextDown, -edge, -edge.nextUp, -edge.nextDown] { floats.append(value) }
    }
    for _ in 0..<200 { floats.append(Double(Int64(truncatingIfNeeded: random.next()) >> Int64(random.next() % 60)) / 64) }
    func held(_ value: Double, _ bits: Int) -> Int128 {
      if value.isNaN { return 0 }
      let half = Double(sign: .plus, exponent: bits - 1, significand: 1)
      if value >= half { return (Int128(1) << (bits - 1)) - 1 }
      return value < -half ? -(Int128(1) << (bits - 1)) : Int128(value.rounded(.towardZero))
    }
    let values = floats.map { Value.float($0) } + [.null]
    for (to, bits) in Self.integers {
      let expected = floats.map { Value.int(Int64(bits < 32 ? Self.wrapped(held($0, 32), bits) : held($0, bits))) }
      #expect(try cast(values, .float64, to) == expected + [.null], "\(to)")
    }
    // Text is the shortest that reads back as the same bits.
    let texts = try cast(values, .float64, .text)
    let back = try cast(texts, .text, .float64)
    for (row, value) in floats.enumerated() { #expect(Evaluating.same(back[row], .float(value)), "\(value): \(texts[row])") }
  }

  @Test func decimalsAreWrittenDigitByDigit() throws {
    var random = SeededRandom(7)
    for (precision, scale) in [(1, 0), (5, 2), (10, 10), (38, 0), (38, 12), (38, 38)] {
      let limit = Int128.powerOfTen(precision)
      let unscaled: [Int128] =
        [0, 1, -1, limit - 1, 1 - limit, limit / 10, 9]
        + (0..<100).map { _ in
          let wide = Int128(truncatingIfNeeded: random.next()) << 64 | Int128(truncatingIfNeeded: random.next())
          return (wide >> Int128(random.next() % 127)) % limit
        }
      func written(_ value: Int128) -> String {
        var digits = String(value.magnitude)
        while digits.count <= scale { digits = "0" + digits }
        let point = digits.index(digits.endIndex, offsetBy: -scale)
        return (value < 0 ? "-" : "") + digits[..<point] + (scale > 0 ? "." + digits[point...] : "")
      }
      let type = DataType.decimal(precision: precision, scale: scale)
      let values = unscaled.filter { $0.magnitude < limit.magnitude }.map { Value.decimal($0) } + [.null]
      let texts = values.map { value -> Value in if case .decimal(let d) = value { .text(written(d)) } else { .null } }
      #expect(try cast(values, type, .text) == texts, "\(type)")
      #expect(try cast(texts, .text, type) == values, "\(type)")
      // To fewer digits: half away from zero, null where it does not fit.
      let narrow = DataType.decimal(precision: 6, scale: 1)
      let expected = values.map { value -> Value in
        guard case .decimal(let d) = value else { return .null }
        var rounded = d
        if scale > 1 {
          let unit = Int128.powerOfTen(scale - 1)
          let (whole, rest) = d.quotientAndRemainder(dividingBy: unit)
          rounded = whole + (rest.magnitude >= unit.magnitude - rest.magnitude ? (d < 0 ? -1 : 1) : 0)
        } else if scale == 0 {
          guard d.magnitude < 100_000 else { return .null }
          rounded = d * 10
        }
        return rounded.magnitude < 1_000_000 ? .decimal(rounded) : .null
      }
      #expect(try cast(values, type, narrow) == expected, "\(type) to \(narrow)")
    }
  }

  /// What may stand in a number, put together at random: read as the grammar says, or refused.
  @Test func integersAreReadAsTheirGrammarSays() throws {
    var random = SeededRandom(8)
    let pieces = ["0", "1", "9", "12", "9223372036854775807", "9223372036854775808", "+", "-", ".", " ", "\t", "e", "x", "é", "\u{0}", "٣"]
    var texts = (0..<3000).map { _ in (0..<Int(random.next() % 5)).map { _ in pieces[Int(random.next() % UInt64(pieces.count))] }.joined() }
    texts += [
      "127", "128", "-128", "-129", "32767", "32768", "2147483647", "-2147483649", "-9223372036854775808", "-9223372036854775809", "1.",
      ".5", "1.x",
    ]
    func read(_ text: String) -> Int128? {
      // Blanks around it do not count, nor do control characters, as in Java's trim().
      var points = Array(text.unicodeScalars)[...]
      while let first = points.first, first.value <= 32 { points.removeFirst() }
      while let last = points.last, last.value <= 32 { points.removeLast() }
      var isNegative = false
      if let sign = points.first, sign == "+" || sign == "-" {
        isNegative = sign == "-"
        points.removeFirst()
      }
      func isDigit(_ point: Unicode.Scalar) -> Bool { point >= "0" && point <= "9" }
      let digits = points.prefix(while: isDigit)
      guard !digits.isEmpty else { return nil }
      var rest = points.dropFirst(digits.count)
      if rest.first == "." { rest = rest.dropFirst().drop(while: isDigit) }
      guard rest.isEmpty else { return nil }
      var value: Int128 = 0
      for digit in digits {
        value = value * 10 + Int128(digit.value - 48)
        if value > Int128(1) << 100 { return nil }
      }
      return isNegative ? -value : value
    }
    for (type, bits) in Self.integers {
      let half = Int128(1) << (bits - 1)
      let expected = texts.map { text -> Value in read(text).flatMap { $0 >= -half && $0 < half ? .int(Int64($0)) : nil } ?? .null }
      let found = try cast(texts.map { .text($0) }, .text, type, isTry: true)
      for (row, text) in texts.enumerated() where found[row] != expected[row] {
        Issue.record("\(text.debugDescription) as \(type) is \(found[row]), not \(expected[row])")
        return
      }
    }
  }
}
