import MillraceTypes

extension Column {
  /// Joins columns of one type end to end. An empty list gives an empty column.
  public static func concat(_ parts: [Column], type: DataType) -> Column {
    let parts = parts.filter { $0.count > 0 }
    if parts.count == 1 { return parts[0] }
    let n = parts.reduce(0) { $0 + $1.count }
    if n == 0 { return .nulls(type, count: 0) }
    var validity: Bitmap?
    if parts.contains(where: { $0.validity != nil }) {
      validity = joinBits(parts.map { part in part.validity.map { ($0, part.count) } ?? (nil, part.count) }, count: n)
    }
    let values: Values
    switch parts[0].values {
    case .none: values = .none
    case .bits: values = .bits(joinBits(parts.map { ($0.bits, $0.count) }, count: n))
    case .fixed:
      let width = type.fixedWidth ?? 8
      let out = Buffer(uninitialized: n * width)
      var at = 0
      for part in parts {
        if case .fixed(let buffer) = part.values { out.base.advanced(by: at).copyMemory(from: buffer.base, byteCount: part.count * width) }
        at += part.count * width
      }
      values = .fixed(out)
    case .variable:
      let total = parts.reduce(0) { $0 + Int($1.variable.offsets[$1.count] - $1.variable.offsets[0]) }
      let offsets = Buffer(uninitialized: (n + 1) * 4)
      let bytes = Buffer(uninitialized: total)
      let to = offsets.pointer(Int32.self)
      to[0] = 0
      var row = 0
      var at: Int32 = 0
      for part in parts {
        let (from, source) = part.variable
        let length = from[part.count] &- from[0]
        bytes.base.advanced(by: Int(at)).copyMemory(from: source + Int(from[0]), byteCount: Int(length))
        for i in 0..<part.count { to[row &+ i &+ 1] = at &+ from[i &+ 1] &- from[0] }
        row += part.count
        at = at &+ length
      }
      values = .variable(offsets: offsets, bytes: bytes)
    case .list(_, let firstChildren):
      let offsets = Buffer(uninitialized: (n + 1) * 4)
      let to = offsets.pointer(Int32.self)
      to[0] = 0
      var row = 0
      var at: Int32 = 0
      var childParts = Array(repeating: [Column](), count: firstChildren.count)
      for part in parts {
        guard case .list(let partOffsets, let children) = part.values else { continue }
        let from = partOffsets.pointer(Int32.self)
        for i in 0..<part.count { to[row &+ i &+ 1] = at &+ from[i &+ 1] &- from[0] }
        for (c, child) in children.enumerated() { childParts[c].append(child.slice(Int(from[0])..<Int(from[part.count]))) }
        row += part.count
        at = at &+ from[part.count] &- from[0]
      }
      values = .list(offsets: offsets, children: zip(firstChildren, childParts).map { concat($1, type: $0.type) })
    case .fields(let firstChildren):
      values = .fields(firstChildren.indices.map { c in concat(parts.map { $0.children[c] }, type: firstChildren[c].type) })
    }
    return Column(type: type, count: n, validity: validity, values: values)
  }

  private static func joinBits(_ parts: [(bits: Bitmap?, count: Int)], count: Int) -> Bitmap {
    let out = Buffer(zeroed: (count + 63) / 64 * 8)
    let target = out.pointer(UInt8.self)
    var at = 0
    for (bits, n) in parts {
      let bits = bits ?? Bitmap(repeating: true, count: n)
      Bitmap.copy(from: bits.buffer.pointer(UInt8.self), at: 0, to: target, at: at, count: n)
      at += n
    }
    return Bitmap(buffer: out, count: count)
  }
}

extension Batch {
  /// Joins batches of one schema end to end. A hidden column is kept only if it is present in every part; weights, late flags
  /// and arrival times (with nulls) are filled in where a part lacks them.
  public static func concat(_ parts: [Batch], schema: Schema) -> Batch {
    let parts = parts.filter { $0.rowCount > 0 }
    if parts.count == 1 { return parts[0] }
    let n = parts.reduce(0) { $0 + $1.rowCount }
    var result = Batch(
      schema: schema,
      columns: schema.fields.indices.map { c in .concat(parts.map { $0.columns[c] }, type: schema.fields[c].type) }, rowCount: n)
    func joined(_ path: KeyPath<Batch, Column?>, _ type: DataType) -> Column? {
      let columns = parts.compactMap { $0[keyPath: path] }
      return columns.count == parts.count && !parts.isEmpty ? .concat(columns, type: type) : nil
    }
    result.eventTimes = joined(\.eventTimes, .int64)
    result.order = joined(\.order, .bytes)
    if parts.contains(where: { $0.arrivalTimes != nil }) {
      result.arrivalTimes = .concat(parts.map { $0.arrivalTimes ?? .nulls(.int64, count: $0.rowCount) }, type: .int64)
    }
    result.positions = joined(\.positions, .int64)
    if parts.contains(where: { $0.weights != nil }) {
      result.weights = .concat(
        parts.map { $0.weights ?? .int64s(Array(repeating: 1, count: $0.rowCount)) }, type: .int64)
    }
    if parts.contains(where: { $0.late != nil }) {
      let columns = parts.map {
        Column(type: .boolean, count: $0.rowCount, values: .bits($0.late ?? Bitmap(repeating: false, count: $0.rowCount)))
      }
      result.late = Column.concat(columns, type: .boolean).bits
    }
    return result
  }
}
