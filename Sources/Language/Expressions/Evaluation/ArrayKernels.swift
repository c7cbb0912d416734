import MillraceColumns
import MillraceTypes

/// Functions of arrays. Elements are never copied one by one: a function picks rows of all elements that its operands hold, which
/// are told apart by the bytes of `KeyEncoder`.
enum ArrayKernels {
  /// The elements of every operand, end to end.
  private struct Pool {
    let column: Column
    private let keys: Column
    /// Per operand: whether it is an array, where its elements begin, and its offsets.
    private let parts: [(base: Int32, offsets: Buffer?)]

    init(_ operands: [Column], _ type: DataType) {
      var columns: [Column] = []
      var parts: [(Int32, Buffer?)] = []
      var at = 0
      for operand in operands {
        if case .list(let offsets, let children) = operand.values, operand.type != type {
          columns.append(children[0])
          parts.append((Int32(truncatingIfNeeded: at), offsets))
        } else {
          columns.append(operand)
          parts.append((Int32(truncatingIfNeeded: at), nil))
        }
        at += columns[columns.count - 1].count
      }
      column = .concat(columns, type: type)
      keys = KeyEncoder.encode([column], rowCount: column.count)
      self.parts = parts
    }

    /// The elements of an operand's array, or the operand itself.
    @inline(__always) func elements(_ operand: Int, _ row: Int) -> Range<Int32> {
      let (base, offsets) = parts[operand]
      guard let o = offsets?.pointer(Int32.self) else {
        let at = base &+ Int32(truncatingIfNeeded: row)
        return at..<(at &+ 1)
      }
      return (base &+ o[row])..<(base &+ o[row &+ 1])
    }

    @inline(__always) func key(_ element: Int32) -> Bytes {
      let (offsets, bytes) = keys.variable
      let start = Int(offsets[Int(element)])
      return Bytes(start: bytes + start, count: Int(offsets[Int(element) &+ 1]) &- start)
    }

    @inline(__always) func isNull(_ element: Int32) -> Bool { column.isNull(Int(element)) }
    @inline(__always) func equal(_ a: Int32, _ b: Int32) -> Bool { ComparisonKernels.equal(key(a), key(b)) }
    @inline(__always) func precedes(_ a: Int32, _ b: Int32) -> Bool { key(a).lexicographicallyPrecedes(key(b)) }

    func contains(_ range: Range<Int32>, _ element: Int32) -> Bool { range.contains { equal($0, element) } }
  }

  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    guard name.hasPrefix("ARRAY_") else { return nil }
    let type = context.type
    switch name {
    case "ARRAY_JOIN": return KernelTable.strict(type, joined)
    case "ARRAY_MAX", "ARRAY_MIN": return KernelTable.strict(type) { v, n in extreme(v, n, isMax: name == "ARRAY_MAX") }
    case "ARRAY_CONTAINS", "ARRAY_POSITION":
      guard case .array(let element) = context.operands[0].type else { return nil }
      return { v, n in search(v, n, element.type, type, isTest: name == "ARRAY_CONTAINS") }
    case "ARRAY_SLICE", "ARRAY_SORT":
      return KernelTable.strict(type) { v, n in name == "ARRAY_SLICE" ? slice(v, n, type) : sort(v, n, type) }
    default: break
    }
    guard case .array(let element) = type else { return nil }
    let elementType = element.type
    // A null element is an element; only arrays may be null.
    let arrays = context.operands.indices.filter { context.operands[$0].type != elementType || name == "ARRAY_CONCAT" }
    return { v, n in
      let operands = v.map { $0.expanded(n) }
      let pool = Pool(operands, elementType)
      var validity: Bitmap?
      for array in arrays { validity = Bitmap.both(validity, operands[array].validity) }
      var chosen: [Int32] = []
      var offsets: [Int32] = [0]
      offsets.reserveCapacity(n + 1)
      for row in 0..<n {
        if validity?[row] ?? true { choose(name, pool, operands.count, row, &chosen) }
        offsets.append(Int32(truncatingIfNeeded: chosen.count))
      }
      let child = chosen.withUnsafeBufferPointer(pool.column.take)
      let column = Column(type: type, count: n, validity: validity, values: .list(offsets: Buffer(offsets), children: [child]))
      return Loops.adding(Loops.faults(v), to: Vector(column: column))
    }
  }

  /// Appends the elements of a row's result.
  private static func choose(_ name: String, _ pool: Pool, _ operandCount: Int, _ row: Int, _ out: inout [Int32]) {
    let first = pool.elements(0, row)
    switch name {
    case "ARRAY_REVERSE": out.append(contentsOf: first.reversed())
    case "ARRAY_DISTINCT": appendDistinct([first], pool, &out) { _ in true }
    case "ARRAY_CONCAT", "ARRAY_APPEND": for operand in 0..<operandCount { out.append(contentsOf: pool.elements(operand, row)) }
    case "ARRAY_PREPEND":
      out.append(contentsOf: pool.elements(1, row))
      out.append(contentsOf: first)
    case "ARRAY_REMOVE":
      let unwanted = pool.elements(1, row).lowerBound
      out.append(contentsOf: first.filter { !pool.equal($0, unwanted) })
    case "ARRAY_UNION": appendDistinct([first, pool.elements(1, row)], pool, &out) { _ in true }
    case "ARRAY_EXCEPT":
      let second = pool.elements(1, row)
      appendDistinct([first], pool, &out) { !pool.contains(second, $0) }
    case "ARRAY_INTERSECT":
      let second = pool.elements(1, row)
      appendDistinct([first], pool, &out) { pool.contains(second, $0) }
    default: break
    }
  }

  private static func appendDistinct(_ ranges: [Range<Int32>], _ pool: Pool, _ out: inout [Int32], _ isWanted: (Int32) -> Bool) {
    let start = out.count
    for range in ranges {
      for element in range where isWanted(element) {
        if !out[start...].contains(where: { pool.equal($0, element) }) { out.append(element) }
      }
    }
  }

  /// The first place of an element from 1, 0 when there is none; or whether there is one.
  private static func search(_ v: [Vector], _ n: Int, _ elementType: DataType, _ type: DataType, isTest: Bool) -> Vector {
    if v[0].isNullConstant || (!isTest && v[1].isNullConstant) { return .null(type) }
    let operands = v.map { $0.expanded(n) }
    let pool = Pool(operands, elementType)
    let strict = isTest ? [v[0]] : v
    func place(_ row: Int) -> Int32 {
      let wanted = pool.elements(1, row).lowerBound
      let elements = pool.elements(0, row)
      for element in elements where pool.equal(element, wanted) { return element &- elements.lowerBound &+ 1 }
      return 0
    }
    let result = isTest ? Loops.test(strict, n) { place($0) > 0 } : Loops.rows(strict, n, type, zero: Int32(0)) { place($0) }
    return isTest ? Loops.adding(v[1].faults, to: result) : result
  }

  /// The greatest or least element that is not null; null when there is none.
  private static func extreme(_ v: [Vector], _ n: Int, isMax: Bool) -> Vector {
    guard case .list(_, let children) = v[0].column.values else { return v[0] }
    let pool = Pool([v[0].column], children[0].type)
    let indices = (0..<n).map { row -> Int32 in
      if v[0].column.isNull(row) { return -1 }
      var best: Int32 = -1
      for element in pool.elements(0, row) where !pool.isNull(element) {
        if best < 0 || (isMax ? pool.precedes(best, element) : pool.precedes(element, best)) { best = element }
      }
      return best
    }
    return Loops.adding(v[0].faults, to: Vector(column: indices.withUnsafeBufferPointer(pool.column.take)))
  }

  /// From one place to another, both inclusive: from 1, 0 being 1 too, or from the end when negative.
  private static func slice(_ v: [Vector], _ n: Int, _ type: DataType) -> Vector {
    let start = Lane<Int64>(v[1])
    let end = v.count == 3 ? Lane<Int64>(v[2]) : nil
    return picked(v, n, type) { row, elements in
      let count = Int64(elements.count)
      func place(_ value: Int64) -> Int64 { value < 0 ? count &+ value &+ 1 : value }
      let from = place(start[row])
      let to = min(count, end.map { place($0[row]) } ?? count)
      let first = max(1, from)
      if to < first || from > count { return [] }
      let base = Int64(elements.lowerBound)
      return ((base + first - 1)..<(base + to)).map { Int32(truncatingIfNeeded: $0) }
    }
  }

  /// Ascending with nulls first, or descending with nulls last, unless told otherwise. Equal elements keep their order.
  private static func sort(_ v: [Vector], _ n: Int, _ type: DataType) -> Vector {
    guard case .array(let element) = type else { return .null(type) }
    let array = v[0].expanded(n)
    let pool = Pool([array], element.type)
    let ascending = v.count > 1 ? v[1].bits(n) : nil
    let nullsFirst = v.count > 2 ? v[2].bits(n) : nil
    return picked([Vector(column: array, faults: v[0].faults)] + v.dropFirst(), n, type) { row, elements in
      let isAscending = ascending?[row] ?? true
      let takesNullsFirst = nullsFirst?[row] ?? isAscending
      let nulls = elements.filter(pool.isNull)
      let rest = elements.filter { !pool.isNull($0) }.enumerated().sorted { a, b in
        if pool.equal(a.element, b.element) { return a.offset < b.offset }
        return pool.precedes(a.element, b.element) == isAscending
      }.map(\.element)
      return takesNullsFirst ? nulls + rest : rest + nulls
    }
  }

  /// An array of some of the elements of the first operand's.
  private static func picked(_ v: [Vector], _ n: Int, _ type: DataType, _ body: (Int, Range<Int32>) -> [Int32]) -> Vector {
    let array = v[0].expanded(n)
    guard case .list(let offsets, let children) = array.values else { return .null(type) }
    let o = offsets.pointer(Int32.self)
    let validity = Bitmap.both(array.validity, Loops.validity(Array(v.dropFirst())))
    var chosen: [Int32] = []
    var ends: [Int32] = [0]
    for row in 0..<n {
      if validity?[row] ?? true { chosen.append(contentsOf: body(row, o[row]..<o[row &+ 1])) }
      ends.append(Int32(truncatingIfNeeded: chosen.count))
    }
    let child = chosen.withUnsafeBufferPointer(children[0].take)
    let column = Column(type: type, count: n, validity: validity, values: .list(offsets: Buffer(ends), children: [child]))
    return Loops.adding(Loops.faults(v), to: Vector(column: column))
  }

  /// Null elements are left out unless there is a text for them.
  private static func joined(_ v: [Vector], _ n: Int) -> Vector {
    let array = v[0].expanded(n)
    guard case .list(let offsets, let children) = array.values else { return .null(.text) }
    let o = offsets.pointer(Int32.self)
    let elements = TextLane(Vector(column: children[0]))
    let separator = TextLane(v[1])
    let replacement = v.count == 3 ? TextLane(v[2]) : nil
    return Loops.text([Vector(column: array, faults: v[0].faults)] + v.dropFirst(), n) { i, out in
      var isFirst = true
      for element in Int(o[i])..<Int(o[i &+ 1]) {
        let isNull = children[0].isNull(element)
        if isNull && replacement == nil { continue }
        if !isFirst { out.append(separator[i]) }
        isFirst = false
        out.append(isNull ? replacement?[i] ?? elements[element] : elements[element])
      }
      return true
    }
  }
}
