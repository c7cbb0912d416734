import MillraceColumns
import MillraceTypes

/// Constructors and access of arrays, maps and rows.
enum CollectionKernels {
  static func field(_ index: Int, _ context: KernelContext) -> Kernel? {
    KernelTable.strict(context.type) { v, n in
      // A column of nulls may have no values at all.
      guard index < v[0].column.children.count else { return .null(context.type) }
      let child = v[0].column.children[index]
      let validity = Bitmap.both(v[0].column.validity, child.validity)
      return Vector(column: child.withValidity(validity), isConstant: v[0].isConstant, faults: v[0].faults)
    }
  }

  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    let type = context.type
    switch (name, context.operands.count) {
    case ("ROW", _):
      return { v, n in
        let column = Column(type: type, count: n, values: .fields(v.map { $0.expanded(n) }))
        return Loops.adding(Loops.faults(v), to: Vector(column: column))
      }
    case ("ARRAY", let count):
      guard case .array(let element) = type else { return nil }
      return { v, n in
        let children = [interleaved(v, n, element.type)]
        return Loops.adding(Loops.faults(v), to: Vector(column: list(type, n, stride: count, children)))
      }
    case ("MAP", let count):
      guard case .map(let key, let value) = type else { return nil }
      return { v, n in
        let keys = stride(from: 0, to: v.count, by: 2).map { v[$0] }
        let values = stride(from: 1, to: v.count, by: 2).map { v[$0] }
        let children = [interleaved(keys, n, key.type), interleaved(values, n, value.type)]
        return Loops.adding(Loops.faults(v), to: Vector(column: list(type, n, stride: count / 2, children)))
      }
    case ("CARDINALITY", 1):
      return KernelTable.strict(type) { v, n in
        guard case .list(let offsets, _) = v[0].column.values else { return .null(type) }
        let o = offsets.pointer(Int32.self)
        return Loops.rows(v, n, type, zero: Int32(0)) { o[$0 &+ 1] &- o[$0] }
      }
    case ("ELEMENT", 1):
      let reason = "ELEMENT of an array with more than one element, in \(context.text)"
      return KernelTable.strict(type) { v, n in
        guard case .list(let offsets, let children) = v[0].column.values else { return .null(type) }
        let o = offsets.pointer(Int32.self)
        var collector = FaultCollector(n)
        let result = gathered(v, n, children[0]) { i in
          if o[i &+ 1] &- o[i] > 1 { collector.mark(i) }
          return o[i &+ 1] &- o[i] == 1 ? o[i] : -1
        }
        return Loops.adding(collector.faults(reason), to: result)
      }
    case ("ITEM", 2):
      if case .array = context.operands[0].type {
        return KernelTable.strict(type) { v, n in
          let array = Vector(column: v[0].expanded(n), faults: v[0].faults)
          guard case .list(let offsets, let children) = array.column.values else { return .null(type) }
          let o = offsets.pointer(Int32.self)
          let index = Lane<Int64>(v[1])
          return gathered([array, v[1]], n, children[0]) { i in
            index[i] >= 1 && index[i] <= Int64(o[i &+ 1] &- o[i]) ? o[i] &+ Int32(truncatingIfNeeded: index[i]) &- 1 : -1
          }
        }
      }
      return KernelTable.strict(type) { v, n in
        let map = Vector(column: v[0].expanded(n), faults: v[0].faults)
        guard case .list(let offsets, let children) = map.column.values else { return .null(type) }
        let o = offsets.pointer(Int32.self)
        return gathered([map, v[1]], n, children[1]) { i in
          let wanted = v[1].column[v[1].isConstant ? 0 : i]
          return (o[i]..<o[i &+ 1]).last { children[0][Int($0)] == wanted } ?? -1
        }
      }
    default: return nil
    }
  }

  /// A list column whose rows all have the same number of elements.
  private static func list(_ type: DataType, _ n: Int, stride: Int, _ children: [Column]) -> Column {
    let offsets = Buffer((0...n).map { Int32(truncatingIfNeeded: $0 * stride) })
    return Column(type: type, count: n, values: .list(offsets: offsets, children: children))
  }

  /// Row 0 of each vector, then row 1 of each, and so on.
  private static func interleaved(_ v: [Vector], _ n: Int, _ type: DataType) -> Column {
    let all = Column.concat(v.map { $0.expanded(n) }, type: type)
    let indices = (0..<(n * v.count)).map { Int32(truncatingIfNeeded: $0 % v.count * n + $0 / v.count) }
    return indices.withUnsafeBufferPointer(all.take)
  }

  /// For each row the child's element that `body` points to; -1 is null.
  @inline(__always)
  private static func gathered(_ v: [Vector], _ n: Int, _ child: Column, _ body: (Int) -> Int32) -> Vector {
    let validity = Loops.validity(v)
    let indices = withExtendedLifetime(v) { (0..<n).map { validity?[$0] ?? true ? body($0) : -1 } }
    return Loops.adding(Loops.faults(v), to: Vector(column: indices.withUnsafeBufferPointer(child.take)))
  }
}
