/// Flink's key groups: the unit in which keyed state is stored, restored and moved between partitions.
public enum KeyGroup {
  /// Key groups of a job unless it says otherwise; fixed for the life of its state.
  public static let defaultMaxParallelism = 128

  /// The key group of a 32-bit key hash: Flink's `MathUtils.murmurHash(hash) % maxParallelism`.
  @inlinable public static func of(hash: Int32, maxParallelism: Int) -> Int {
    Int(murmur(hash)) % maxParallelism
  }

  /// The partition that owns a key group, as Flink's `KeyGroupRangeAssignment.computeOperatorIndexForKeyGroup`.
  @inlinable public static func partition(of keyGroup: Int, parallelism: Int, maxParallelism: Int) -> Int {
    keyGroup * parallelism / maxParallelism
  }

  /// The key groups that a partition owns.
  public static func range(partition: Int, parallelism: Int, maxParallelism: Int) -> Range<Int> {
    let start = (partition * maxParallelism + parallelism - 1) / parallelism
    let end = ((partition + 1) * maxParallelism - 1) / parallelism
    return start..<(end + 1)
  }

  /// MurmurHash3's 32-bit finalised hash of one word, made non-negative the way Flink does.
  @inlinable public static func murmur(_ code: Int32) -> Int32 {
    var h = UInt32(bitPattern: code)
    h = h &* 0xcc9e_2d51
    h = (h << 15) | (h >> 17)
    h = h &* 0x1b87_3593
    h = (h << 13) | (h >> 19)
    h = h &* 5 &+ 0xe654_6b64
    h ^= 4
    h ^= h >> 16
    h = h &* 0x85eb_ca6b
    h ^= h >> 13
    h = h &* 0xc2b2_ae35
    h ^= h >> 16
    let signed = Int32(bitPattern: h)
    if signed >= 0 { return signed }
    return signed == Int32.min ? 0 : -signed
  }
}
