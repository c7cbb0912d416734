import MillraceColumns
import MillraceTypes

/// `+ - * / %` and unary minus.
///
/// Integers wrap, as in Flink; dividing an integer or decimal by zero puts the row in fault; floats follow IEEE 754; decimals
/// that do not fit become null.
enum ArithmeticKernels {
  static func kernel(_ name: String, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    guard ["+", "-", "*", "/", "%"].contains(name) else { return nil }
    let type = context.type
    if context.operands.count == 1 { return negation(type).map { KernelTable.strict(type, $0) } }
    guard context.operands.count == 2 else { return nil }
    let (a, b) = (context.operands[0].type, context.operands[1].type)
    let kernel: Kernel?
    if a.isDecimal && b.isDecimal {
      kernel = DecimalKernels.kernel(name, a, b, type, reason: "division by zero in \(context.text)")
    } else if a == b && a == type && (a.isNumeric || a.isInterval) {
      kernel = numeric(name, type, reason: "division by zero in \(context.text)")
    } else if a.isInterval && b == .int64 {
      kernel = integers(name, type, Int64.self, reason: "division by zero in \(context.text)")
    } else {
      kernel = TimeKernels.arithmetic(name, a, b, type)
    }
    return kernel.map { KernelTable.strict(type, $0) }
  }

  private static func numeric(_ name: String, _ type: DataType, reason: String) -> Kernel? {
    switch Physical(type) {
    case .int8: integers(name, type, Int8.self, reason: reason)
    case .int16: integers(name, type, Int16.self, reason: reason)
    case .int32: integers(name, type, Int32.self, reason: reason)
    case .int64: constantDivisor(name, type) { integers(name, type, Int64.self, reason: reason) }
    case .float: floats(name, type, Float.self)
    case .double: floats(name, type, Double.self)
    default: nil
    }
  }

  @inline(__always)
  private static func integers<T: FixedWidthInteger & BitwiseCopyable & Sendable>(
    _ name: String, _ type: DataType, _: T.Type, reason: String
  ) -> Kernel? {
    switch name {
    case "+": { v, n in Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in a &+ b } }
    case "-": { v, n in Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in a &- b } }
    case "*": { v, n in Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in a &* b } }
    case "/":
      { v, n in
        checked(v, n, T.self, reason) {
          // The quotient of the least value and -1 wraps to itself.
          Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in b == -1 ? 0 &- a : a / (b == 0 ? 1 : b) }
        }
      }
    case "%":
      { v, n in
        checked(v, n, T.self, reason) {
          Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in b == -1 || b == 0 ? 0 : a % b }
        }
      }
    default: nil
    }
  }

  /// BIGINT divided by a constant: multiplication by its reciprocal, a third of the time of the processor's division.
  private static func constantDivisor(_ name: String, _ type: DataType, _ general: () -> Kernel?) -> Kernel? {
    guard let general = general() else { return nil }
    guard name == "/" || name == "%" else { return general }
    let isRemainder = name == "%"
    return { v, n in
      guard v[1].isConstant, !v[0].isConstant, let reciprocal = Reciprocal(v[1].column.pointer(Int64.self)[0]) else { return general(v, n) }
      if isRemainder { return Loops.unary(v[0], n, type) { (a: Int64) in reciprocal.remainder(a) } }
      return Loops.unary(v[0], n, type) { (a: Int64) in reciprocal.quotient(a) }
    }
  }

  /// Puts rows with a divisor of zero in fault.
  @inline(__always)
  static func checked<T: BinaryInteger & BitwiseCopyable>(
    _ operands: [Vector], _ rows: Int, _: T.Type, _ reason: String, _ body: () -> Vector
  ) -> Vector {
    let divisor = operands[1]
    let b = divisor.column.pointer(T.self)
    if divisor.isConstant && b[0] != 0 { return body() }
    var collector = FaultCollector(rows)
    withExtendedLifetime(operands) {
      let step = divisor.isConstant ? 0 : 1
      for i in 0..<rows where b[i &* step] == 0 && !operands[0].isNull(i) && !divisor.isNull(i) { collector.mark(i) }
    }
    return Loops.adding(collector.faults(reason), to: body())
  }

  @inline(__always)
  private static func floats<T: BinaryFloatingPoint & BitwiseCopyable & Sendable>(_ name: String, _ type: DataType, _: T.Type) -> Kernel? {
    switch name {
    case "+": { v, n in Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in a + b } }
    case "-": { v, n in Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in a - b } }
    case "*": { v, n in Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in a * b } }
    case "/": { v, n in Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in a / b } }
    case "%": { v, n in Loops.binary(v[0], v[1], n, type) { (a: T, b: T) in a.truncatingRemainder(dividingBy: b) } }
    default: nil
    }
  }

  private static func negation(_ type: DataType) -> Kernel? {
    switch Physical(type) {
    case .int8: { v, n in Loops.unary(v[0], n, type) { (a: Int8) in 0 &- a } }
    case .int16: { v, n in Loops.unary(v[0], n, type) { (a: Int16) in 0 &- a } }
    case .int32: { v, n in Loops.unary(v[0], n, type) { (a: Int32) in 0 &- a } }
    case .int64: { v, n in Loops.unary(v[0], n, type) { (a: Int64) in 0 &- a } }
    case .float: { v, n in Loops.unary(v[0], n, type) { (a: Float) in -a } }
    case .double: { v, n in Loops.unary(v[0], n, type) { (a: Double) in -a } }
    case .decimal: { v, n in Loops.unary(v[0], n, type) { (a: Int128) in 0 &- a } }
    default: nil
    }
  }
}

/// Exact division of any Int64 by a fixed divisor of 2 or more (Granlund and Montgomery 1994, with magnitudes of at most 2^63).
///
/// With l = ceil(log2 d) and m = ceil(2^(63+l) / d), m < 2^64, and x * m / 2^(63+l) falls short of the next integer for every
/// x <= 2^63, since m * d exceeds 2^(63+l) by less than d <= 2^l.
struct Reciprocal: Sendable {
  private let divisor: UInt64
  private let multiplier: UInt64
  private let shift: UInt64

  /// nil for a divisor below 2, and for one so large that dividing by it is a comparison.
  init?(_ value: Int64) {
    guard value >= 2, value <= 1 << 61 else { return nil }
    divisor = UInt64(value)
    let bits = UInt64(64 - (divisor - 1).leadingZeroBitCount)
    let power = UInt128(1) << UInt128(63 + bits)
    multiplier = UInt64(truncatingIfNeeded: (power + UInt128(divisor) - 1) / UInt128(divisor))
    shift = bits - 1
  }

  @inline(__always) private func divide(_ magnitude: UInt64) -> UInt64 {
    magnitude.multipliedFullWidth(by: multiplier).high &>> shift
  }

  @inline(__always) func quotient(_ value: Int64) -> Int64 {
    let sign = value &>> 63
    let result = Int64(bitPattern: divide(UInt64(bitPattern: (value ^ sign) &- sign)))
    return (result ^ sign) &- sign
  }

  @inline(__always) func remainder(_ value: Int64) -> Int64 {
    let sign = value &>> 63
    let magnitude = UInt64(bitPattern: (value ^ sign) &- sign)
    let result = Int64(bitPattern: magnitude &- divide(magnitude) &* divisor)
    return (result ^ sign) &- sign
  }
}
