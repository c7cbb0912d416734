import MillraceColumns
import MillraceTypes

/// Arithmetic of two decimals. When the operands' digits cannot overflow 128 bits the loop is plain integer arithmetic; only
/// results that had to give up scale take the exact path with 256-bit intermediates.
enum DecimalKernels {
  static func kernel(_ name: String, _ a: DataType, _ b: DataType, _ type: DataType, reason: String) -> Kernel? {
    guard case .decimal(let p1, let s1) = a, case .decimal(let p2, let s2) = b, case .decimal(let precision, let scale) = type,
      let unlimited = DecimalRules.unlimited(name, (p1, s1), (p2, s2))
    else { return nil }
    let fits = unlimited.precision <= DecimalRules.precisionMax && unlimited.scale == scale
    switch name {
    case "+", "-":
      let sign: Int128 = name == "-" ? -1 : 1
      if fits {
        let left = Int128.powerOfTen(scale - s1)
        let right = Int128.powerOfTen(scale - s2) * sign
        return { v, n in Loops.binary(v[0], v[1], n, type) { (x: Int128, y: Int128) in x &* left &+ y &* right } }
      }
      return { v, n in
        rows(v, n, type) { x, y in DecimalMath.add(x, s1, y &* sign, s2, to: scale, precision: precision) }
      }
    case "*":
      if fits { return { v, n in Loops.binary(v[0], v[1], n, type) { (x: Int128, y: Int128) in x &* y } } }
      return { v, n in
        rows(v, n, type) { x, y in DecimalMath.multiply(x, y, scale: s1 + s2, to: scale, precision: precision) }
      }
    case "/":
      return { v, n in
        ArithmeticKernels.checked(v, n, Int128.self, reason) {
          rows(v, n, type) { x, y in y == 0 ? nil : DecimalMath.divide(x, s1, y, s2, to: scale, precision: precision) }
        }
      }
    case "%":
      return { v, n in
        ArithmeticKernels.checked(v, n, Int128.self, reason) {
          rows(v, n, type) { x, y in y == 0 ? nil : DecimalMath.remainder(x, s1, y, s2, to: scale, precision: precision) }
        }
      }
    default: return nil
    }
  }

  @inline(__always)
  private static func rows(_ v: [Vector], _ n: Int, _ type: DataType, _ body: (Int128, Int128) -> Int128?) -> Vector {
    let x = Lane<Int128>(v[0])
    let y = Lane<Int128>(v[1])
    return Loops.rows(v, n, type, zero: Int128(0)) { body(x[$0], y[$0]) }
  }
}
