import MillraceTypes

extension Column {
  /// Gathers rows by index. An index of -1 gives a null.
  public func take(_ indices: UnsafeBufferPointer<Int32>) -> Column {
    let n = indices.count
    var newValidity: Bitmap?
    let hasMissing = indices.contains { $0 < 0 }
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
      for i in 0..<n where indices[i] >= 0 {
        let source = Int(indices[i])
        newBytes.base.advanced(by: Int(to[i])).copyMemory(
          from: bytes.base.advanced(by: Int(from[source])), byteCount: Int(from[source &+ 1] &- from[source]))
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
    case .fields(let children): newValues = .fields(children.map { $0.take(indices) })
    }
    return Column(type: type, count: n, validity: newValidity, values: newValues)
  }

  /// Rows of a range, copied.
  public func slice(_ range: Range<Int>) -> Column {
    if range == 0..<count { return self }
    let indices = range.map { Int32(truncatingIfNeeded: $0) }
    return indices.withUnsafeBufferPointer(take)
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
  /// Gathers rows by index, hidden columns included. Indices must be within the batch.
  public func take(_ indices: UnsafeBufferPointer<Int32>) -> Batch {
    var result = Batch(schema: schema, columns: columns.map { $0.take(indices) }, rowCount: indices.count)
    result.weights = weights?.take(indices)
    result.eventTimes = eventTimes?.take(indices)
    result.order = order?.take(indices)
    result.arrivalTimes = arrivalTimes?.take(indices)
    result.positions = positions?.take(indices)
    if let late { result.late = Column(type: .boolean, count: rowCount, values: .bits(late)).take(indices).bits }
    return result
  }

  public func slice(_ range: Range<Int>) -> Batch {
    if range == 0..<rowCount { return self }
    let indices = range.map { Int32(truncatingIfNeeded: $0) }
    return indices.withUnsafeBufferPointer(take)
  }
}
