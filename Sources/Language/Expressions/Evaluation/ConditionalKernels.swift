import MillraceColumns
import MillraceTypes

/// CASE, COALESCE, GREATEST and LEAST. Every branch is computed for every row; a row keeps only what it needs, faults included.
enum ConditionalKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    let type = context.type
    switch name {
    case "COALESCE": return { v, n in coalesce(v, n, type) }
    case "GREATEST": return extreme(">", type)
    case "LEAST": return extreme("<", type)
    default: return nil
    }
  }

  static func caseWhen(_ context: KernelContext) -> Kernel? {
    let type = context.type
    return { v, n in
      let branchCount = v.count / 2
      let choice = Buffer(uninitialized: n * 2)
      let chosen = choice.pointer(UInt16.self)
      for i in 0..<n { chosen[i] = UInt16(truncatingIfNeeded: branchCount) }
      // From the last branch to the first, so that the first true condition has the last word.
      for branch in stride(from: branchCount - 1, through: 0, by: -1) {
        let condition = v[branch * 2]
        if condition.isNullConstant { continue }
        let bits =
          condition.column.validity.map { condition.isConstant ? condition.bits(n) : $0.intersection(condition.column.bits) }
          ?? condition.bits(n)
        let code = UInt16(truncatingIfNeeded: branch)
        for i in 0..<n { chosen[i] = bits[i] ? code : chosen[i] }
      }
      let values = (0...branchCount).map { $0 == branchCount ? v[v.count - 1] : v[$0 * 2 + 1] }
      var result = select(values, UnsafePointer(chosen), n, type)
      if v.contains(where: { $0.faults != nil }) {
        result = withFaults(result, conditions: (0..<branchCount).map { v[$0 * 2] }, values, UnsafePointer(chosen), n)
      }
      return withExtendedLifetime(choice) { result }
    }
  }

  /// A row is in fault when the value it takes is, or a condition that it had to ask.
  private static func withFaults(
    _ result: Vector, conditions: [Vector], _ values: [Vector], _ chosen: UnsafePointer<UInt16>, _ n: Int
  ) -> Vector {
    var faults: RowFaults?
    for (k, value) in values.enumerated() {
      guard let own = value.faults else { continue }
      faults = RowFaults.merged(faults, own.restricted(to: Loops.bits(n) { Int(chosen[$0]) == k }))
    }
    for (k, condition) in conditions.enumerated() {
      guard let own = condition.faults else { continue }
      faults = RowFaults.merged(faults, own.restricted(to: Loops.bits(n) { Int(chosen[$0]) > k }))
    }
    return Loops.adding(faults, to: result)
  }

  private static func coalesce(_ v: [Vector], _ n: Int, _ type: DataType) -> Vector {
    let choice = Buffer(uninitialized: n * 2)
    let chosen = choice.pointer(UInt16.self)
    for i in 0..<n { chosen[i] = UInt16(truncatingIfNeeded: v.count - 1) }
    for k in stride(from: v.count - 2, through: 0, by: -1) {
      let code = UInt16(truncatingIfNeeded: k)
      // A value in fault is null, but it was asked for: it must not be passed over.
      let faults = v[k].faults?.rows
      let valid = v[k].validBits(n)
      for i in 0..<n { chosen[i] = valid[i] || (faults?[i] ?? false) ? code : chosen[i] }
    }
    let result = select(v, UnsafePointer(chosen), n, type)
    let hasFaults = v.contains { $0.faults != nil }
    return withExtendedLifetime(choice) { hasFaults ? withFaults(result, conditions: [], v, UnsafePointer(chosen), n) : result }
  }

  /// For each row the value of the source chosen for it.
  static func select(_ sources: [Vector], _ chosen: UnsafePointer<UInt16>, _ n: Int, _ type: DataType) -> Vector {
    var validity: Bitmap?
    if sources.contains(where: { $0.column.validity != nil }) {
      let masks = sources.map { $0.validBits(n) }
      validity = Loops.bits(n) { masks[Int(chosen[$0])][$0] }
    }
    let values: Column.Values
    switch Physical(type) {
    case .int8: values = .fixed(fixed(sources, chosen, n, UInt8.self))
    case .int16: values = .fixed(fixed(sources, chosen, n, UInt16.self))
    case .int32, .float: values = .fixed(fixed(sources, chosen, n, UInt32.self))
    case .int64, .double: values = .fixed(fixed(sources, chosen, n, UInt64.self))
    case .decimal: values = .fixed(fixed(sources, chosen, n, UInt128.self))
    case .bits:
      let masks = sources.map { $0.bits(n) }
      values = .bits(Loops.bits(n) { masks[Int(chosen[$0])][$0] })
    case .bytes:
      let lanes = sources.map(TextLane.init)
      let output = TextOutput(rows: n)
      withExtendedLifetime(sources) {
        for i in 0..<n {
          if validity?[i] ?? true { output.append(lanes[Int(chosen[i])][i]) }
          output.endRow()
        }
      }
      values = output.values
    case .nested:
      let all = Column.concat(sources.map { $0.expanded(n) }, type: type)
      let indices = (0..<n).map { Int32(truncatingIfNeeded: Int(chosen[$0]) &* n &+ $0) }
      values = indices.withUnsafeBufferPointer(all.take).values
    }
    return Vector(column: Column(type: type, count: n, validity: validity, values: values))
  }

  @inline(__always)
  private static func fixed<T: FixedWidthInteger & BitwiseCopyable>(
    _ sources: [Vector], _ chosen: UnsafePointer<UInt16>, _ n: Int, _: T.Type
  ) -> Buffer {
    let out = Buffer(uninitialized: n * MemoryLayout<T>.stride)
    let target = out.pointer(T.self)
    withExtendedLifetime(sources) {
      for (k, source) in sources.enumerated() {
        let from = source.column.pointer(T.self)
        let code = UInt16(truncatingIfNeeded: k)
        if source.isConstant {
          let value = from[0]
          if k == 0 { for i in 0..<n { target[i] = value } } else { for i in 0..<n { target[i] = chosen[i] == code ? value : target[i] } }
        } else if k == 0 {
          for i in 0..<n { target[i] = from[i] }
        } else {
          for i in 0..<n { target[i] = chosen[i] == code ? from[i] : target[i] }
        }
      }
    }
    return out
  }

  private static func extreme(_ comparison: String, _ type: DataType) -> Kernel? {
    guard let wins = ComparisonKernels.comparison(comparison, type) else { return nil }
    return KernelTable.strict(type) { v, n in
      var best = v[0]
      let choice = Buffer(uninitialized: n * 2)
      let chosen = choice.pointer(UInt16.self)
      for next in v.dropFirst() {
        let bits = wins([next, best], n).bits(n)
        for i in 0..<n { chosen[i] = bits[i] ? 1 : 0 }
        best = select([best, next], UnsafePointer(chosen), n, type)
      }
      let validity = Loops.validity(v)
      if best.isConstant { return best }
      return Loops.adding(Loops.faults(v), to: Vector(column: best.column.withValidity(validity)))
    }
  }
}
