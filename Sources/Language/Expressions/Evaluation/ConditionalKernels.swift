import MillraceColumns
import MillraceTypes

/// CASE, COALESCE, GREATEST and LEAST. Every branch is computed for every row; a row keeps only what it needs, faults included.
enum ConditionalKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    let type = context.type
    switch name {
    case "COALESCE": return { v, n in coalesce(v, n, type) }
    case "$SINGLE_VALUE": return singleValue
    case "GREATEST": return extreme(">", type)
    case "LEAST": return extreme("<", type)
    default: return nil
    }
  }

  /// Rows shared out among sources: each row belongs to one.
  private struct Choice {
    /// Per source its rows.
    var rows: [Bitmap] = []
    /// Rows without a source so far.
    var open: Bitmap

    init(_ n: Int) { open = Bitmap(repeating: true, count: n) }

    /// Gives the next source the open rows of a bitmap.
    mutating func add(_ wanted: Bitmap) {
      rows.append(wanted.intersection(open))
      open = open.subtracting(wanted)
    }
  }

  static func caseWhen(_ context: KernelContext) -> Kernel? {
    let type = context.type
    return { v, n in
      var choice = Choice(n)
      var values: [Vector] = []
      var faults: RowFaults?
      for branch in 0..<(v.count / 2) {
        let condition = v[branch * 2]
        values.append(v[branch * 2 + 1])
        // A condition counts where no earlier one was true.
        if let own = condition.faults { faults = RowFaults.merged(faults, own.restricted(to: choice.open)) }
        if condition.isNullConstant {
          choice.rows.append(Bitmap(repeating: false, count: n))
        } else if let validity = condition.validity {
          choice.add(validity.intersection(condition.column.bits))
        } else {
          choice.add(condition.bits(n))
        }
      }
      values.append(v[v.count - 1])
      choice.rows.append(choice.open)
      return Loops.adding(faults, to: select(values, choice.rows, n, type))
    }
  }

  /// The second operand; a fault where the first, a number of rows, is above 1.
  private static func singleValue(_ v: [Vector], _ n: Int) -> Vector {
    let counts = v[0].expanded(n)
    var collector = FaultCollector(n)
    for row in 0..<n where !counts.isNull(row) && counts.pointer(Int64.self)[row] > 1 { collector.mark(row) }
    var result = Vector(column: v[1].expanded(n))
    if let faults = collector.faults("a subquery that is used as a value has more than one row") {
      result.column = result.column.withValidity(Bitmap.both(result.column.validity, faults.rows.inverted()))
      result.faults = faults
    }
    return Loops.adding(Loops.faults(v), to: result)
  }

  private static func coalesce(_ v: [Vector], _ n: Int, _ type: DataType) -> Vector {
    var choice = Choice(n)
    for value in v.dropLast() {
      // A value in fault is null, but it was asked for: it must not be passed over.
      let valid = value.validBits(n)
      choice.add(value.faults.map { valid.union($0.rows) } ?? valid)
    }
    choice.rows.append(choice.open)
    return select(v, choice.rows, n, type)
  }

  /// For each row the value of the source it belongs to, with that value's fault.
  static func select(_ sources: [Vector], _ rows: [Bitmap], _ n: Int, _ type: DataType) -> Vector {
    var validity: Bitmap?
    if sources.contains(where: { $0.column.validity != nil }) {
      var valid = Bitmap(repeating: false, count: n)
      for (source, own) in zip(sources, rows) where !source.isNullConstant {
        valid = valid.union(source.validity.map { $0.intersection(own) } ?? own)
      }
      validity = valid
    }
    let values: Column.Values
    switch Physical(type) {
    case .int8: values = .fixed(fixed(sources, rows, n, UInt8.self))
    case .int16: values = .fixed(fixed(sources, rows, n, UInt16.self))
    case .int32, .float: values = .fixed(fixed(sources, rows, n, UInt32.self))
    case .int64, .double: values = .fixed(fixed(sources, rows, n, UInt64.self))
    case .decimal: values = .fixed(fixed(sources, rows, n, UInt128.self))
    case .bits:
      var bits = Bitmap(repeating: false, count: n)
      for (source, own) in zip(sources, rows) where !source.isNullConstant { bits = bits.union(source.bits(n).intersection(own)) }
      values = .bits(bits)
    case .bytes:
      let lanes = sources.map(TextLane.init)
      let owner = owners(rows, n)
      let output = TextOutput(rows: n)
      withExtendedLifetime(sources) {
        for i in 0..<n {
          if validity?[i] ?? true { output.append(lanes[Int(owner[i])][i]) }
          output.endRow()
        }
      }
      values = output.values
    case .nested:
      let all = Column.concat(sources.map { $0.expanded(n) }, type: type)
      let owner = owners(rows, n)
      let indices = (0..<n).map { Int32(truncatingIfNeeded: Int(owner[$0]) &* n &+ $0) }
      values = indices.withUnsafeBufferPointer(all.take).values
    }
    var faults: RowFaults?
    for (source, own) in zip(sources, rows) { faults = RowFaults.merged(faults, source.faults?.restricted(to: own)) }
    return Loops.adding(faults, to: Vector(column: Column(type: type, count: n, validity: validity, values: values)))
  }

  /// Per row the number of its source.
  private static func owners(_ rows: [Bitmap], _ n: Int) -> [Int32] {
    var owners = [Int32](repeating: 0, count: n)
    for (k, own) in rows.enumerated().dropFirst() {
      let mask = own.byteMask()
      let bytes = mask.pointer(UInt8.self)
      let code = Int32(truncatingIfNeeded: k)
      withExtendedLifetime(mask) { for i in 0..<n { owners[i] = bytes[i] != 0 ? code : owners[i] } }
    }
    return owners
  }

  @inline(__always)
  private static func fixed<T: FixedWidthInteger & BitwiseCopyable>(_ sources: [Vector], _ rows: [Bitmap], _ n: Int, _: T.Type) -> Buffer {
    let out = Buffer(uninitialized: n * MemoryLayout<T>.stride)
    let target = out.pointer(T.self)
    // The last source first, as it is; the others over it.
    for (k, source) in sources.enumerated().reversed() {
      let from = source.column.pointer(T.self)
      withExtendedLifetime(source) {
        if k == sources.count - 1 {
          if source.isConstant {
            let value = from[0]
            for i in 0..<n { target[i] = value }
          } else {
            for i in 0..<n { target[i] = from[i] }
          }
          return
        }
        let mask = rows[k].byteMask()
        let bytes = mask.pointer(UInt8.self)
        withExtendedLifetime(mask) {
          if source.isConstant {
            let value = from[0]
            for i in 0..<n { target[i] = bytes[i] != 0 ? value : target[i] }
          } else {
            for i in 0..<n { target[i] = bytes[i] != 0 ? from[i] : target[i] }
          }
        }
      }
    }
    return out
  }

  private static func extreme(_ comparison: String, _ type: DataType) -> Kernel? {
    guard let wins = ComparisonKernels.comparison(comparison, type) else { return nil }
    return KernelTable.strict(type) { v, n in
      var best = v[0]
      best.faults = nil
      for next in v.dropFirst() {
        let bits = wins([next, best], n).bits(n)
        best = select([Vector(column: next.column, isConstant: next.isConstant), best], [bits, bits.inverted()], n, type)
      }
      if best.isConstant { return best }
      return Loops.adding(Loops.faults(v), to: Vector(column: best.column.withValidity(Loops.validity(v))))
    }
  }
}
