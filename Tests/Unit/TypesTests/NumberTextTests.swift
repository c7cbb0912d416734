import MillraceTypes
import Testing

@Suite struct NumberTextTests {
  private func double(_ text: String) -> Double? { Array(text.utf8).withUnsafeBytes { NumberText.parseDouble($0) } }
  private func integer(_ text: String) -> Int64? { Array(text.utf8).withUnsafeBytes { NumberText.parseInteger($0) } }
  private func decimal(_ text: String, _ p: Int, _ s: Int) -> NumberText.DecimalResult {
    Array(text.utf8).withUnsafeBytes { NumberText.parseDecimal($0, precision: p, scale: s) }
  }

  @Test func integers() {
    #expect(integer(" 42 ") == 42)
    #expect(integer("-9223372036854775808") == .min)
    #expect(integer("9223372036854775807") == .max)
    #expect(integer("+7.99") == 7)
    for text in ["", "-", "9223372036854775808", "-9223372036854775809", "1e3", "0x1", "1 2", "."] {
      #expect(integer(text) == nil, "\(text)")
    }
  }

  @Test func doublesReadAndWriteBack() {
    var state: UInt64 = 11
    for _ in 0..<50_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = Double(bitPattern: state ^ (state >> 31))
      guard value.isFinite else { continue }
      #expect(double(NumberText.string(value)) == value, "seed 11: \(value)")
      #expect(double(value.description) == value, "seed 11: \(value)")
    }
    #expect(double("NaN")?.isNaN == true)
    #expect(double("-Infinity") == -.infinity)
    for text in ["", ".", "e5", "1e", "0x10", "1.2.3", "abc", "1 2", "--1"] { #expect(double(text) == nil, "\(text)") }
  }

  @Test func doublesInJavaForm() {
    let cases: [(Double, String)] = [
      (0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (100, "100.0"), (0.001, "0.001"), (0.0001, "1.0E-4"), (1234567, "1234567.0"),
      (9_999_999, "9999999.0"), (10_000_000, "1.0E7"), (1.5e10, "1.5E10"), (1e16, "1.0E16"), (1.25e-7, "1.25E-7"), (0.1, "0.1"),
      (.nan, "NaN"), (.infinity, "Infinity"), (-.infinity, "-Infinity"), (123.456, "123.456"), (.leastNonzeroMagnitude, "5.0E-324"),
    ]
    for (value, text) in cases { #expect(NumberText.string(value) == text) }
  }

  @Test func decimals() {
    #expect(decimal("12.345", 10, 2) == .value(1235))
    #expect(decimal("-12.345", 10, 2) == .value(-1235))
    #expect(decimal("12.3449", 10, 2) == .value(1234))
    #expect(decimal("1e2", 5, 1) == .value(1000))
    #expect(decimal("99.995", 4, 2) == .overflow)
    #expect(decimal("1000", 3, 0) == .overflow)
    #expect(decimal("0.05e-3", 10, 2) == .value(0))
    #expect(decimal("99999999999999999999999999999999999999", 38, 0) == .value(Int128("99999999999999999999999999999999999999") ?? 0))
    #expect(decimal("999999999999999999999999999999999999999", 38, 0) == .overflow)
    for text in ["", ".", "1.2.3", "x", "1e", "1e9999999"] { #expect(decimal(text, 10, 2) == .malformed, "\(text)") }
    #expect(NumberText.string(decimal: -5, scale: 2) == "-0.05")
    #expect(NumberText.string(decimal: 123, scale: 0) == "123")
    #expect(NumberText.string(decimal: 0, scale: 3) == "0.000")
    #expect(NumberText.string(decimal: Int128(10) * 100_000_000_000_000_000_000, scale: 20) == "10.00000000000000000000")
  }
}
