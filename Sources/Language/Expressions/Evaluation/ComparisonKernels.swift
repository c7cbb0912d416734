import MillraceColumns
import MillraceTypes

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Comparisons, IN, and IS [NOT] DISTINCT FROM. Both sides have one type; floats compare as IEEE 754 has it.
enum ComparisonKernels {
  static func kernel(_ name: String, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    switch name {
    case "=", "<>", "<", "<=", ">", ">=":
      guard context.operands.count == 2 else { return nil }
      return comparison(name, context.operands[0].type).map { KernelTable.strict(.boolean, $0) }
    case "IS DISTINCT FROM", "IS NOT DISTINCT FROM":
      guard context.operands.count == 2, let equals = comparison("=", context.operands[0].type) else { return nil }
      let wanted = name == "IS NOT DISTINCT FROM"
      return { v, n in distinct(v, n, equals, wanted) }
    case "IN": return MembershipKernels.kernel(context)
    default: return nil
    }
  }

  static func comparison(_ name: String, _ type: DataType) -> Kernel? {
    switch Physical(type) {
    case .int8: ordered(name, Int8.self)
    case .int16: ordered(name, Int16.self)
    case .int32: ordered(name, Int32.self)
    case .int64: ordered(name, Int64.self)
    case .float: ordered(name, Float.self)
    case .double: ordered(name, Double.self)
    case .decimal: ordered(name, Int128.self)
    case .bytes: text(name)
    case .bits: boolean(name)
    case .nested: nested(name)
    }
  }

  @inline(__always)
  private static func ordered<T: Comparable & BitwiseCopyable & Sendable>(_ name: String, _: T.Type) -> Kernel? {
    switch name {
    case "=": { v, n in Loops.predicate(v[0], v[1], n) { (a: T, b: T) in a == b } }
    case "<>": { v, n in Loops.predicate(v[0], v[1], n) { (a: T, b: T) in a != b } }
    case "<": { v, n in Loops.predicate(v[0], v[1], n) { (a: T, b: T) in a < b } }
    case "<=": { v, n in Loops.predicate(v[0], v[1], n) { (a: T, b: T) in a <= b } }
    case ">": { v, n in Loops.predicate(v[0], v[1], n) { (a: T, b: T) in a > b } }
    case ">=": { v, n in Loops.predicate(v[0], v[1], n) { (a: T, b: T) in a >= b } }
    default: nil
    }
  }

  /// Bytewise order, which is code point order for UTF-8.
  @inline(__always) static func order(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
    let shared = min(a.count, b.count)
    if shared > 0, let x = a.baseAddress, let y = b.baseAddress {
      let result = memcmp(x, y, shared)
      if result != 0 { return Int(result) }
    }
    return a.count &- b.count
  }

  @inline(__always) static func equal(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    guard a.count > 0, let x = a.baseAddress, let y = b.baseAddress else { return true }
    return memcmp(x, y, a.count) == 0
  }

  private static func text(_ name: String) -> Kernel? {
    func test(_ body: @escaping @Sendable (Int) -> Bool) -> Kernel {
      { v, n in
        let a = TextLane(v[0])
        let b = TextLane(v[1])
        return Loops.test(v, n) { body(order(a[$0], b[$0])) }
      }
    }
    switch name {
    case "=":
      return { v, n in
        let a = TextLane(v[0])
        let b = TextLane(v[1])
        return Loops.test(v, n) { equal(a[$0], b[$0]) }
      }
    case "<>":
      return { v, n in
        let a = TextLane(v[0])
        let b = TextLane(v[1])
        return Loops.test(v, n) { !equal(a[$0], b[$0]) }
      }
    case "<": return test { $0 < 0 }
    case "<=": return test { $0 <= 0 }
    case ">": return test { $0 > 0 }
    case ">=": return test { $0 >= 0 }
    default: return nil
    }
  }

  /// FALSE is less than TRUE.
  private static func boolean(_ name: String) -> Kernel? {
    func combine(_ body: @escaping @Sendable (UInt8, UInt8) -> UInt8) -> Kernel {
      { v, n in
        Loops.boolean(v[0].bits(n).combined(v[1].bits(n), body), validity: Loops.validity(v), faults: Loops.faults(v))
      }
    }
    switch name {
    case "=": return combine { ~($0 ^ $1) }
    case "<>": return combine { $0 ^ $1 }
    case "<": return combine { ~$0 & $1 }
    case "<=": return combine { ~$0 | $1 }
    case ">": return combine { $0 & ~$1 }
    case ">=": return combine { $0 | ~$1 }
    default: return nil
    }
  }

  /// Arrays, maps and rows compare by value; nulls inside are equal to each other.
  private static func nested(_ name: String) -> Kernel? {
    guard name == "=" || name == "<>" else { return nil }
    return { v, n in
      Loops.test(v, n) { i in
        let isEqual = v[0].column[v[0].isConstant ? 0 : i] == v[1].column[v[1].isConstant ? 0 : i]
        return isEqual == (name == "=")
      }
    }
  }

  private static func distinct(_ v: [Vector], _ n: Int, _ equals: Kernel, _ wanted: Bool) -> Vector {
    let bothValid = v[0].validBits(n).intersection(v[1].validBits(n))
    let bothNull = v[0].validBits(n).union(v[1].validBits(n)).inverted()
    var same = bothNull
    if !v[0].isNullConstant && !v[1].isNullConstant { same = same.union(equals(v, n).bits(n).intersection(bothValid)) }
    return Loops.adding(Loops.faults(v), to: Loops.boolean(wanted ? same : same.inverted(), validity: nil))
  }
}
