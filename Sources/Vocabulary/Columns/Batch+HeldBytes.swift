extension Column {
  /// Bytes of the memory that the column keeps alive, without the allocator's own. Memory shared with other columns
  /// counts in each; of a slice its own part counts.
  public var heldBytes: Int {
    let mask = validity?.buffer.byteCount ?? 0
    switch values {
    case .none: return mask
    case .bits(let bits): return mask + bits.buffer.byteCount
    case .fixed(let buffer): return mask + buffer.byteCount
    case .variable(let offsets, let bytes): return mask + offsets.byteCount + bytes.byteCount
    case .list(let offsets, let children): return children.reduce(mask + offsets.byteCount) { $0 + $1.heldBytes }
    case .fields(let children): return children.reduce(mask) { $0 + $1.heldBytes }
    }
  }
}

extension Batch {
  /// Bytes of the memory that the batch keeps alive, hidden columns included.
  public var heldBytes: Int {
    let hidden = [weights, eventTimes, order, arrivalTimes, positions].reduce(0) { $0 + ($1?.heldBytes ?? 0) }
    return columns.reduce(hidden + (late?.buffer.byteCount ?? 0)) { $0 + $1.heldBytes }
  }
}
