import MillraceColumns
import MillraceTypes

/// `x IN (a, b, ...)`: TRUE when x equals one, else NULL when x or one of them is null, else FALSE.
enum MembershipKernels {
  /// Literal lists above this length are looked up in a hash table instead of compared one by one.
  private static let comparedMax = 8

  static func kernel(_ context: KernelContext) -> Kernel? {
    guard context.operands.count >= 2, let equals = ComparisonKernels.comparison("=", context.operands[0].type) else { return nil }
    let list = Array(context.operands.dropFirst())
    let literals = list.compactMap(\.literal)
    if literals.count == list.count && list.count > comparedMax, let table = hashed(context.operands[0].type, literals) { return table }
    return { v, n in
      var result: Vector?
      for candidate in v.dropFirst() {
        let next = v[0].isNullConstant || candidate.isNullConstant ? Vector.null(.boolean) : equals([v[0], candidate], n)
        result = result.map { LogicKernels.or([$0, next], n) } ?? next
      }
      return result ?? .null(.boolean)
    }
  }

  private static func hashed(_ type: DataType, _ literals: [Value]) -> Kernel? {
    let hasNull = literals.contains(.null)
    /// Misses are unknown, not false, when the list has a null.
    @Sendable func finish(_ result: Vector) -> Vector {
      guard hasNull else { return result }
      let hits = result.column.bits
      let validity = result.column.validity.map { $0.intersection(hits) } ?? hits
      return Loops.boolean(hits, validity: validity, faults: result.faults)
    }
    switch Physical(type) {
    case .int8: return integers(literals, Int8.self, finish)
    case .int16: return integers(literals, Int16.self, finish)
    case .int32: return integers(literals, Int32.self, finish)
    case .int64: return integers(literals, Int64.self, finish)
    case .bytes:
      let table = ByteSet(
        literals.compactMap { value -> [UInt8]? in
          switch value {
          case .text(let text): Array(text.utf8)
          case .bytes(let bytes): bytes
          default: nil
          }
        })
      return { v, n in
        if v[0].isNullConstant { return .null(.boolean) }
        let x = TextLane(v[0])
        return finish(Loops.test([v[0]], n) { table.contains(x[$0]) })
      }
    default: return nil
    }
  }

  @inline(__always)
  private static func integers<T: FixedWidthInteger & BitwiseCopyable & Sendable>(
    _ literals: [Value], _: T.Type, _ finish: @escaping @Sendable (Vector) -> Vector
  ) -> Kernel {
    let table = IntegerSet(literals.compactMap { if case .int(let value) = $0 { value } else { nil } })
    return { v, n in
      if v[0].isNullConstant { return .null(.boolean) }
      let x = Lane<T>(v[0])
      return finish(Loops.test([v[0]], n) { table.contains(Int64(truncatingIfNeeded: x[$0])) })
    }
  }
}

/// A fixed set of integers by open addressing.
private struct IntegerSet: Sendable {
  private let slots: [Int64]
  private let isUsed: [Bool]
  private let mask: Int

  init(_ values: [Int64]) {
    var capacity = 16
    while capacity < values.count * 2 { capacity *= 2 }
    var slots = [Int64](repeating: 0, count: capacity)
    var isUsed = [Bool](repeating: false, count: capacity)
    for value in values {
      var slot = Self.hash(value) & (capacity - 1)
      while isUsed[slot] && slots[slot] != value { slot = (slot + 1) & (capacity - 1) }
      slots[slot] = value
      isUsed[slot] = true
    }
    self.slots = slots
    self.isUsed = isUsed
    mask = capacity - 1
  }

  @inline(__always) private static func hash(_ value: Int64) -> Int {
    let product = UInt64(bitPattern: value) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: (product ^ (product >> 32)) & 0x7FFF_FFFF)
  }

  @inline(__always) func contains(_ value: Int64) -> Bool {
    var slot = Self.hash(value) & mask
    while isUsed[slot] {
      if slots[slot] == value { return true }
      slot = (slot &+ 1) & mask
    }
    return false
  }
}

/// A fixed set of byte strings by open addressing.
private struct ByteSet: Sendable {
  private let slots: [[UInt8]?]
  private let mask: Int

  init(_ values: [[UInt8]]) {
    var capacity = 16
    while capacity < values.count * 2 { capacity *= 2 }
    var slots = [[UInt8]?](repeating: nil, count: capacity)
    for value in values {
      var slot = value.withUnsafeBufferPointer { Self.hash($0) } & (capacity - 1)
      while let taken = slots[slot], taken != value { slot = (slot + 1) & (capacity - 1) }
      slots[slot] = value
    }
    self.slots = slots
    mask = capacity - 1
  }

  @inline(__always) private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    guard bytes.count > 0, let base = bytes.baseAddress else { return 0 }
    return Int(truncatingIfNeeded: KeyEncoder.hash(base, count: bytes.count) & 0x7FFF_FFFF)
  }

  func contains(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var slot = Self.hash(bytes) & mask
    while let taken = slots[slot] {
      if taken.withUnsafeBufferPointer({ ComparisonKernels.equal($0, bytes) }) { return true }
      slot = (slot &+ 1) & mask
    }
    return false
  }
}
