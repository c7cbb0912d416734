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
    case .int64: integers(name, type, Int64.self, reason: reason)
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
