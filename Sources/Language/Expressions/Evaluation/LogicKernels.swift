import MillraceColumns
import MillraceTypes

/// AND, OR, NOT and the tests IS [NOT] NULL, TRUE, FALSE, UNKNOWN in three-valued logic, on bitmaps.
enum LogicKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    switch name {
    case "AND": return { v, n in and(v, n) }
    case "OR": return { v, n in or(v, n) }
    case "NOT":
      return KernelTable.strict(.boolean) { v, n in
        Loops.boolean(v[0].bits(n).inverted(), validity: v[0].validity, faults: v[0].faults)
      }
    case "IS NULL", "IS UNKNOWN": return test { valid, _ in valid.inverted() }
    case "IS NOT NULL", "IS NOT UNKNOWN": return test { valid, _ in valid }
    case "IS TRUE": return test { valid, bits in valid.intersection(bits()) }
    case "IS NOT TRUE": return test { valid, bits in valid.intersection(bits()).inverted() }
    case "IS FALSE": return test { valid, bits in valid.subtracting(bits()) }
    case "IS NOT FALSE": return test { valid, bits in valid.subtracting(bits()).inverted() }
    default: return nil
    }
  }

  /// The value bits are asked for only by tests of truth, whose operand is BOOLEAN.
  private static func test(_ body: @escaping @Sendable (Bitmap, () -> Bitmap) -> Bitmap) -> Kernel {
    { v, n in
      let result = Loops.boolean(body(v[0].validBits(n)) { v[0].bits(n) }, validity: nil)
      return Loops.adding(v[0].faults, to: result)
    }
  }

  static func and(_ v: [Vector], _ n: Int) -> Vector { connect(v, n, deciding: false) }
  static func or(_ v: [Vector], _ n: Int) -> Vector { connect(v, n, deciding: true) }

  /// A side of the deciding value (FALSE for AND, TRUE for OR) decides, whatever the other is, null and faults included.
  private static func connect(_ v: [Vector], _ n: Int, deciding: Bool) -> Vector {
    let (x, y) = (v[0], v[1])
    let a = x.bits(n)
    let b = y.bits(n)
    if x.column.validity == nil && y.column.validity == nil && x.faults == nil && y.faults == nil {
      return Loops.boolean(deciding ? a.union(b) : a.intersection(b), validity: nil)
    }
    let validA = x.validBits(n)
    let validB = y.validBits(n)
    let decidedA = deciding ? validA.intersection(a) : validA.subtracting(a)
    let decidedB = deciding ? validB.intersection(b) : validB.subtracting(b)
    let decided = decidedA.union(decidedB)
    let valid = decided.union(validA.intersection(validB))
    var result = Loops.boolean(deciding ? decided : decided.inverted(), validity: valid.isFull ? nil : valid)
    result.faults = RowFaults.merged(
      x.faults?.restricted(to: decidedB.inverted()), y.faults?.restricted(to: decidedA.inverted()))
    return result
  }
}
