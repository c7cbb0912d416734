import MillraceColumns
import MillraceTypes

/// Hashes keys a batch at a time, for exchanges: the same numbers as `KeyEncoder` gives key by key.
public enum KeyHasher {
  /// The 32-bit key hash of each row: what decides its key group.
  public static func hashes(of keys: [Column], rowCount: Int, into out: UnsafeMutablePointer<Int32>) {
    if keys.count == 1, keys[0].validity == nil, IntegerKeyTable.accepts(keys[0].type), case .fixed = keys[0].values {
      switch keys[0].type.fixedWidth ?? 8 {
      case 1: integers(keys[0].pointer(Int8.self), rowCount, out)
      case 2: integers(keys[0].pointer(Int16.self), rowCount, out)
      case 4: integers(keys[0].pointer(Int32.self), rowCount, out)
      default: integers(keys[0].pointer(Int64.self), rowCount, out)
      }
      withExtendedLifetime(keys) {}
      return
    }
    let encoded = KeyEncoder.encode(keys, rowCount: rowCount)
    let (offsets, bytes) = encoded.variable
    for i in 0..<rowCount {
      let start = Int(offsets[i])
      out[i] = KeyEncoder.keyGroupHash(KeyEncoder.hash(bytes + start, count: Int(offsets[i &+ 1]) &- start))
    }
    withExtendedLifetime(encoded) {}
  }

  /// The 32-bit key hash of each row.
  public static func hashes(of keys: [Column], rowCount: Int) -> [Int32] {
    [Int32](unsafeUninitializedCapacity: rowCount) { buffer, count in
      if let base = buffer.baseAddress { hashes(of: keys, rowCount: rowCount, into: base) }
      count = rowCount
    }
  }

  /// The partition that owns each row's key.
  public static func partitions(
    of keys: [Column], rowCount: Int, parallelism: Int, maxParallelism: Int, into out: UnsafeMutablePointer<Int32>
  ) {
    hashes(of: keys, rowCount: rowCount, into: out)
    let owners = (0..<maxParallelism).map {
      Int32(truncatingIfNeeded: KeyGroup.partition(of: $0, parallelism: parallelism, maxParallelism: maxParallelism))
    }
    owners.withUnsafeBufferPointer { owners in
      if maxParallelism & (maxParallelism - 1) == 0 {
        let mask = Int32(truncatingIfNeeded: maxParallelism - 1)
        for i in 0..<rowCount { out[i] = owners[Int(KeyGroup.murmur(out[i]) & mask)] }
      } else {
        for i in 0..<rowCount { out[i] = owners[KeyGroup.of(hash: out[i], maxParallelism: maxParallelism)] }
      }
    }
  }

  @inline(__always) private static func integers<T: FixedWidthInteger>(
    _ keys: UnsafePointer<T>, _ rowCount: Int, _ out: UnsafeMutablePointer<Int32>
  ) {
    for i in 0..<rowCount { out[i] = KeyEncoder.keyGroupHash(KeyEncoder.hash(int64: Int64(truncatingIfNeeded: keys[i]))) }
  }
}

extension Batch {
  /// The rows of each partition, in their order here; hidden columns go along.
  ///
  /// - Parameter partitions: one number in `0..<partitionCount` per row.
  public func split(by partitions: UnsafePointer<Int32>, partitionCount: Int) -> [Batch] {
    var starts = [Int](repeating: 0, count: partitionCount + 1)
    for i in 0..<rowCount { starts[Int(partitions[i]) + 1] &+= 1 }
    if let whole = (0..<partitionCount).first(where: { starts[$0 + 1] == rowCount }) {
      let empty = slice(0..<0)
      return (0..<partitionCount).map { $0 == whole ? self : empty }
    }
    for p in 0..<partitionCount { starts[p + 1] &+= starts[p] }
    var next = starts
    let indices = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, rowCount))
    defer { indices.deallocate() }
    next.withUnsafeMutableBufferPointer { next in
      for i in 0..<rowCount {
        let p = Int(partitions[i])
        indices[next[p]] = Int32(truncatingIfNeeded: i)
        next[p] &+= 1
      }
    }
    return (0..<partitionCount).map { p in
      take(UnsafeBufferPointer(start: indices + starts[p], count: starts[p + 1] - starts[p]))
    }
  }

  /// The rows by the partition that owns their key.
  ///
  /// - Parameter keys: key columns of this batch, already evaluated.
  public func hashPartition(
    keys: [Column], parallelism: Int, maxParallelism: Int = KeyGroup.defaultMaxParallelism
  ) -> [Batch] {
    if parallelism == 1 { return [self] }
    let partitions = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, rowCount))
    defer { partitions.deallocate() }
    KeyHasher.partitions(
      of: keys, rowCount: rowCount, parallelism: parallelism, maxParallelism: maxParallelism, into: partitions)
    return split(by: partitions, partitionCount: parallelism)
  }
}
