/// Sorts ids by a 64-bit key, least significant digit first; digits that are equal everywhere cost one counting pass together.
enum RadixSort {
  private static let digitBits: UInt64 = 11
  private static let digits = 6
  private static let buckets = 1 << 11

  /// Ids in the order of `keys`, read as signed numbers; `keys[i]` belongs to `ids[i]`.
  static func sorted(_ ids: [Int32], keys: [Int64]) -> [Int32] {
    let count = ids.count
    struct Pair: BitwiseCopyable {
      var key: UInt64
      var id: Int32
    }
    var from = UnsafeMutablePointer<Pair>.allocate(capacity: count)
    var to = UnsafeMutablePointer<Pair>.allocate(capacity: count)
    let counts = UnsafeMutablePointer<Int>.allocate(capacity: digits * buckets)
    defer {
      from.deallocate()
      to.deallocate()
      counts.deallocate()
    }
    counts.initialize(repeating: 0, count: digits * buckets)
    for i in 0..<count {
      let key = UInt64(bitPattern: keys[i]) ^ (1 << 63)
      from[i] = Pair(key: key, id: ids[i])
      for d in 0..<digits { counts[d &* buckets &+ Int((key &>> (UInt64(d) &* digitBits)) & 2047)] &+= 1 }
    }
    for d in 0..<digits {
      let shift = UInt64(d) &* digitBits
      let starts = counts + d * buckets
      if count > 0 && starts[Int((from[0].key &>> shift) & 2047)] == count { continue }
      var total = 0
      for b in 0..<buckets {
        let n = starts[b]
        starts[b] = total
        total &+= n
      }
      for i in 0..<count {
        let pair = from[i]
        let bucket = Int((pair.key &>> shift) & 2047)
        to[starts[bucket]] = pair
        starts[bucket] &+= 1
      }
      swap(&from, &to)
    }
    return (0..<count).map { from[$0].id }
  }
}
