import MillraceColumns
import MillraceTypes

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Functions of numbers. Functions of DOUBLE follow IEEE 754: the logarithm of a negative number is NaN, not an error.
enum MathKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    let type = context.type
    if context.operands.isEmpty {
      let constant: Double
      switch name {
      case "PI": constant = .pi
      case "E": constant = M_E
      default: return nil
      }
      return { _, n in
        Vector(column: Column(type: .float64, count: n, values: .fixed(Buffer(Array(repeating: constant, count: n)))))
      }
    }
    if let kernel = double(name, context.operands.count) { return KernelTable.strict(type, kernel) }
    let kernel: Kernel?
    switch (name, context.operands.count) {
    case ("ABS", 1): kernel = abs(type)
    case ("SIGN", 1): kernel = sign(type)
    case ("CEIL", 1): kernel = whole(context.operands[0].type, type, isCeiling: true)
    case ("FLOOR", 1): kernel = whole(context.operands[0].type, type, isCeiling: false)
    case ("ROUND", 2): kernel = round(context.operands[0].type, type, isTruncating: false)
    case ("TRUNCATE", 2): kernel = round(context.operands[0].type, type, isTruncating: true)
    default: kernel = nil
    }
    return kernel.map { KernelTable.strict(type, $0) }
  }

  static func sine(_ x: Double) -> Double { sin(x) }

  private static func double(_ name: String, _ count: Int) -> Kernel? {
    func one(_ body: @escaping @Sendable (Double) -> Double) -> Kernel { { v, n in Loops.unary(v[0], n, .float64, body) } }
    func two(_ body: @escaping @Sendable (Double, Double) -> Double) -> Kernel { { v, n in Loops.binary(v[0], v[1], n, .float64, body) } }
    switch (name, count) {
    case ("SQRT", 1): return { v, n in Loops.unary(v[0], n, .float64) { (x: Double) in x.squareRoot() } }
    case ("EXP", 1): return one { exp($0) }
    case ("LN", 1): return one { log($0) }
    case ("LOG10", 1): return one { log10($0) }
    case ("LOG2", 1): return one { log2($0) }
    case ("SIN", 1): return one { sin($0) }
    case ("COS", 1): return one { cos($0) }
    case ("TAN", 1): return one { tan($0) }
    case ("COT", 1): return one { 1 / tan($0) }
    case ("ASIN", 1): return one { asin($0) }
    case ("ACOS", 1): return one { acos($0) }
    case ("ATAN", 1): return one { atan($0) }
    case ("SINH", 1): return one { sinh($0) }
    case ("COSH", 1): return one { cosh($0) }
    case ("TANH", 1): return one { tanh($0) }
    case ("CBRT", 1): return one { cbrt($0) }
    case ("DEGREES", 1): return one { $0 / .pi * 180 }
    case ("RADIANS", 1): return one { $0 / 180 * .pi }
    case ("POWER", 2): return two { pow($0, $1) }
    case ("ATAN2", 2): return two { atan2($0, $1) }
    case ("LOG", 2): return two { log($1) / log($0) }
    default: return nil
    }
  }

  private static func abs(_ type: DataType) -> Kernel? {
    switch Physical(type) {
    case .int8: { v, n in Loops.unary(v[0], n, type) { (a: Int8) in a < 0 ? 0 &- a : a } }
    case .int16: { v, n in Loops.unary(v[0], n, type) { (a: Int16) in a < 0 ? 0 &- a : a } }
    case .int32: { v, n in Loops.unary(v[0], n, type) { (a: Int32) in a < 0 ? 0 &- a : a } }
    case .int64: { v, n in Loops.unary(v[0], n, type) { (a: Int64) in a < 0 ? 0 &- a : a } }
    case .float: { v, n in Loops.unary(v[0], n, type) { (a: Float) in a.magnitude } }
    case .double: { v, n in Loops.unary(v[0], n, type) { (a: Double) in a.magnitude } }
    case .decimal: { v, n in Loops.unary(v[0], n, type) { (a: Int128) in a < 0 ? 0 &- a : a } }
    default: nil
    }
  }

  private static func sign(_ type: DataType) -> Kernel? {
    switch Physical(type) {
    case .int8: return { v, n in Loops.unary(v[0], n, type) { (a: Int8) in a.signum() } }
    case .int16: return { v, n in Loops.unary(v[0], n, type) { (a: Int16) in a.signum() } }
    case .int32: return { v, n in Loops.unary(v[0], n, type) { (a: Int32) in a.signum() } }
    case .int64: return { v, n in Loops.unary(v[0], n, type) { (a: Int64) in a.signum() } }
    case .float: return { v, n in Loops.unary(v[0], n, type) { (a: Float) in a > 0 ? 1 : a < 0 ? -1 : a } }
    case .double: return { v, n in Loops.unary(v[0], n, type) { (a: Double) in a > 0 ? 1 : a < 0 ? -1 : a } }
    case .decimal:
      guard case .decimal(_, let scale) = type else { return nil }
      let one = Int128.powerOfTen(scale)
      return { v, n in Loops.unary(v[0], n, type) { (a: Int128) in a > 0 ? one : a < 0 ? 0 &- one : 0 } }
    default: return nil
    }
  }

  private static func whole(_ from: DataType, _ type: DataType, isCeiling: Bool) -> Kernel? {
    switch from {
    case .float32:
      return { v, n in Loops.unary(v[0], n, type) { (a: Float) in isCeiling ? a.rounded(.up) : a.rounded(.down) } }
    case .float64:
      return { v, n in Loops.unary(v[0], n, type) { (a: Double) in isCeiling ? a.rounded(.up) : a.rounded(.down) } }
    case .decimal(_, let scale):
      let divisor = Int128.powerOfTen(scale)
      return { v, n in
        Loops.unary(v[0], n, type) { (a: Int128) in
          let (quotient, remainder) = a.quotientAndRemainder(dividingBy: divisor)
          if isCeiling { return remainder > 0 ? quotient &+ 1 : quotient }
          return remainder < 0 ? quotient &- 1 : quotient
        }
      }
    default:
      guard from.isInteger else { return nil }
      return { v, _ in v[0] }
    }
  }

  private static func round(_ from: DataType, _ type: DataType, isTruncating: Bool) -> Kernel? {
    @Sendable func digits(_ v: [Vector]) -> Lane<Int64> { Lane<Int64>(v[1]) }
    switch Physical(from) {
    case .int8: return { v, n in integers(v, n, type, Int8.self, isTruncating) }
    case .int16: return { v, n in integers(v, n, type, Int16.self, isTruncating) }
    case .int32: return { v, n in integers(v, n, type, Int32.self, isTruncating) }
    case .int64: return { v, n in integers(v, n, type, Int64.self, isTruncating) }
    case .float:
      return { v, n in
        let (x, d) = (Lane<Float>(v[0]), digits(v))
        return Loops.rows(v, n, type, zero: Float(0)) { Float(rounded(Double(x[$0]), d[$0], isTruncating)) }
      }
    case .double:
      return { v, n in
        let (x, d) = (Lane<Double>(v[0]), digits(v))
        return Loops.rows(v, n, type, zero: Double(0)) { rounded(x[$0], d[$0], isTruncating) }
      }
    case .decimal:
      guard case .decimal(_, let scale) = from, case .decimal(let precision, let resultScale) = type else { return nil }
      return { v, n in
        let (x, d) = (Lane<Int128>(v[0]), digits(v))
        return Loops.rows(v, n, type, zero: Int128(0)) {
          decimal(x[$0], scale, Int(max(-40, min(40, d[$0]))), resultScale, precision, isTruncating)
        }
      }
    default: return nil
    }
  }

  @inline(__always)
  private static func integers<T: FixedWidthInteger & BitwiseCopyable & Sendable>(
    _ v: [Vector], _ n: Int, _ type: DataType, _: T.Type, _ isTruncating: Bool
  ) -> Vector {
    let (x, d) = (Lane<T>(v[0]), Lane<Int64>(v[1]))
    return Loops.rows(v, n, type, zero: T(0)) { i in
      d[i] >= 0 ? x[i] : decimal(Int128(x[i]), 0, Int(max(-40, d[i])), 0, 38, isTruncating).map { T(truncatingIfNeeded: $0) }
    }
  }

  /// Rounds to so many digits after the point (before it when negative) and gives the value at another scale.
  private static func decimal(
    _ value: Int128, _ scale: Int, _ digits: Int, _ resultScale: Int, _ precision: Int, _ isTruncating: Bool
  ) -> Int128? {
    if digits >= scale { return DecimalMath.rescale(value, from: scale, to: resultScale, precision: precision) }
    let drop = scale - digits
    if drop > 38 { return 0 }
    let divisor = Int128.powerOfTen(drop)
    var (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    if !isTruncating && remainder.magnitude >= (divisor / 2).magnitude { quotient &+= value < 0 ? -1 : 1 }
    return DecimalMath.rescale(quotient, from: digits, to: resultScale, precision: precision)
  }

  /// Rounds the shortest decimal that stands for the double, as Flink does: ROUND(2.675, 2) is 2.68.
  private static func rounded(_ value: Double, _ digits: Int64, _ isTruncating: Bool) -> Double {
    guard value.isFinite else { return value }
    if digits == 0 { return value.rounded(isTruncating ? .towardZero : .toNearestOrAwayFromZero) }
    if digits > 30 { return value }
    if digits < 0 {
      let unit = pow(10, Double(-max(-400, digits)))
      return unit.isInfinite ? 0 : (value / unit).rounded(isTruncating ? .towardZero : .toNearestOrAwayFromZero) * unit
    }
    // All digits of a double beyond 2^53 stand before the point.
    if value.magnitude >= 9_007_199_254_740_992 { return value }
    guard let exact = DecimalMath.decimal(value, precision: 38, scale: min(20, Int(digits) + 1)) else { return value }
    let scale = min(20, Int(digits) + 1)
    if digits >= 20 { return value }
    // The extra digit keeps the first cut from rounding up to a half that was not one.
    if isTruncating {
      let (quotient, _) = exact.quotientAndRemainder(dividingBy: 10)
      return DecimalMath.double(quotient, scale: scale - 1)
    }
    guard let direct = DecimalMath.decimal(value, precision: 38, scale: Int(digits)) else { return value }
    return DecimalMath.double(direct, scale: Int(digits))
  }
}
