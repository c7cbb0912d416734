import MillraceTypes

extension Column {
  /// Gathers rows by index. An index of -1 gives a null.
  public func take(_ indices: UnsafeBufferPointer<Int32>) -> Column {
    take(indices, hasMissing: Self.hasMissing(indices))
  }

  fileprivate static func hasMissing(_ indices: UnsafeBufferPointer<Int32>) -> Bool {
    var least: Int32 = 0
    for index in indices { least = min(least, index) }
    return least < 0
  }

  /// Gathers rows by index, when it is known whether some index is -1.
  func take(_ indices: UnsafeBufferPointer<Int32>, hasMissing: Bool) -> Column {
    let n = indices.count
    var newValidity: Bitmap?
    if validity != nil || hasMissing {
      let out = Buffer(zeroed: (n + 63) / 64 * 8)
      let bits = out.pointer(UInt8.self)
      for i in 0..<n {
        let source = Int(indices[i])
        if source >= 0 && (validity?[source] ?? true) { bits[i >> 3] |= 1 << UInt8(truncatingIfNeeded: i & 7) }
      }
      newValidity = Bitmap(buffer: out, count: n)
    }
    let newValues: Values
    switch values {
    case .none: newValues = .none
    case .bits(let bits):
      let out = Buffer(zeroed: (n + 63) / 64 * 8)
      let target = out.pointer(UInt8.self)
      for i in 0..<n where indices[i] >= 0 && bits[Int(indices[i])] { target[i >> 3] |= 1 << UInt8(truncatingIfNeeded: i & 7) }
      newValues = .bits(Bitmap(buffer: out, count: n))
    case .fixed(let buffer):
      switch type.fixedWidth ?? 8 {
      case 1: newValues = .fixed(gather(buffer.pointer(UInt8.self), indices, hasMissing))
      case 2: newValues = .fixed(gather(buffer.pointer(UInt16.self), indices, hasMissing))
      case 4: newValues = .fixed(gather(buffer.pointer(UInt32.self), indices, hasMissing))
      case 16: newValues = .fixed(gather(buffer.pointer(UInt128.self), indices, hasMissing))
      default: newValues = .fixed(gather(buffer.pointer(UInt64.self), indices, hasMissing))
      }
    case .variable(let offsets, let bytes):
      let from = offsets.pointer(Int32.self)
      let newOffsets = Buffer(uninitialized: (n + 1) * 4)
      let to = newOffsets.pointer(Int32.self)
      to[0] = 0
      for i in 0..<n {
        let source = Int(indices[i])
        to[i &+ 1] = to[i] &+ (source < 0 ? 0 : from[source &+ 1] &- from[source])
      }
      let newBytes = Buffer(uninitialized: Int(to[n]))
      let (origin, target) = (bytes.pointer(UInt8.self), newBytes.pointer(UInt8.self))
      for i in 0..<n where indices[i] >= 0 {
        let source = Int(indices[i])
        (target + Int(to[i])).copyShort(from: origin + Int(from[source]), count: Int(from[source &+ 1] &- from[source]))
      }
      newValues = .variable(offsets: newOffsets, bytes: newBytes)
    case .list(let offsets, let children):
      let from = offsets.pointer(Int32.self)
      let newOffsets = Buffer(uninitialized: (n + 1) * 4)
      let to = newOffsets.pointer(Int32.self)
      to[0] = 0
      var childIndices: [Int32] = []
      for i in 0..<n {
        let source = Int(indices[i])
        if source >= 0 { for c in from[source]..<from[source &+ 1] { childIndices.append(c) } }
        to[i &+ 1] = Int32(truncatingIfNeeded: childIndices.count)
      }
      newValues = .list(offsets: newOffsets, children: children.map { child in childIndices.withUnsafeBufferPointer(child.take) })
    case .fields(let children): newValues = .fields(children.map { $0.take(indices, hasMissing: hasMissing) })
    }
    return Column(type: type, count: n, validity: newValidity, values: newValues)
  }

  /// Rows of a range. Values are shared with this column, whose memory stays alive with the slice; bits are copied.
  public func slice(_ range: Range<Int>) -> Column {
    if range == 0..<count { return self }
    let newValues: Values =
      switch values {
      case .none: .none
      case .bits(let bits): .bits(bits.slice(range))
      case .fixed(let buffer):
        .fixed(Self.view(buffer, (type.fixedWidth ?? 8) * range.lowerBound, (type.fixedWidth ?? 8) * range.count))
      case .variable(let offsets, let bytes):
        .variable(offsets: Self.view(offsets, 4 * range.lowerBound, 4 * (range.count + 1)), bytes: bytes)
      case .list(let offsets, let children):
        .list(offsets: Self.shifted(offsets, range), children: children.map { $0.slice(Self.elements(offsets, range)) })
      case .fields(let children): .fields(children.map { $0.slice(range) })
      }
    return Column(type: type, count: range.count, validity: validity?.slice(range), values: newValues)
  }

  private static func view(_ buffer: Buffer, _ start: Int, _ byteCount: Int) -> Buffer {
    Buffer(viewing: buffer, from: start, byteCount: byteCount)
  }

  private static func elements(_ offsets: Buffer, _ range: Range<Int>) -> Range<Int> {
    let from = offsets.pointer(Int32.self)
    return Int(from[range.lowerBound])..<Int(from[range.upperBound])
  }

  /// Offsets of a range, counted from its first.
  private static func shifted(_ offsets: Buffer, _ range: Range<Int>) -> Buffer {
    let from = offsets.pointer(Int32.self) + range.lowerBound
    let out = Buffer(uninitialized: (range.count + 1) * 4)
    let to = out.pointer(Int32.self)
    let start = from[0]
    for i in 0...range.count { to[i] = from[i] &- start }
    return out
  }
}

private func gather<T: BitwiseCopyable & FixedWidthInteger>(
  _ source: UnsafeMutablePointer<T>, _ indices: UnsafeBufferPointer<Int32>, _ hasMissing: Bool
) -> Buffer {
  let out = Buffer(uninitialized: indices.count * MemoryLayout<T>.stride)
  let target = out.pointer(T.self)
  if hasMissing {
    for i in 0..<indices.count { target[i] = indices[i] < 0 ? 0 : source[Int(indices[i])] }
  } else {
    for i in 0..<indices.count { target[i] = source[Int(indices[i])] }
  }
  return out
}

extension Batch {
  /// Gathers rows by index, hidden columns included. An index of -1 gives nulls.
  public func take(_ indices: UnsafeBufferPointer<Int32>) -> Batch {
    let hasMissing = Column.hasMissing(indices)
    func taken(_ column: Column) -> Column { column.take(indices, hasMissing: hasMissing) }
    var result = Batch(schema: schema, columns: columns.map(taken), rowCount: indices.count)
    result.weights = weights.map(taken)
    result.eventTimes = eventTimes.map(taken)
    result.order = order.map(taken)
    result.arrivalTimes = arrivalTimes.map(taken)
    result.positions = positions.map(taken)
    if let late { result.late = taken(Column(type: .boolean, count: rowCount, values: .bits(late))).bits }
    return result
  }

  /// Rows of a range, hidden columns included; see `Column.slice`.
  public func slice(_ range: Range<Int>) -> Batch {
    if range == 0..<rowCount { return self }
    var result = Batch(schema: schema, columns: columns.map { $0.slice(range) }, rowCount: range.count)
    result.weights = weights?.slice(range)
    result.eventTimes = eventTimes?.slice(range)
    result.order = order?.slice(range)
    result.arrivalTimes = arrivalTimes?.slice(range)
    result.positions = positions?.slice(range)
    result.late = late?.slice(range)
    return result
  }
}
