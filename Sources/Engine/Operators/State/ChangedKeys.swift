import MillraceColumns
import MillraceTypes

/// The keys of an index that have changed, and those that have gone, since the last snapshot.
final class ChangedKeys {
  /// Non-zero where the key of an id has changed.
  private let flags = DenseArray<UInt8>(fill: 0)
  /// Keys that have gone, encoded, one behind the other.
  private var removed: [UInt8] = []
  private var removedEnds: [Int32] = [0]
  /// So many have gone that it is better to say what is left.
  private(set) var hasLost = false
  private static let removedBytesLimit = 1 << 28

  var heldBytes: Int { flags.heldBytes + removed.capacity + removedEnds.heldSlots }

  /// Keys have changed.
  @inline(__always) func mark(_ ids: [Int32], bound: Int) {
    flags.grow(to: bound)
    let flags = flags.base
    for id in ids { flags[Int(id)] = 1 }
  }

  /// Keys go; called before the index forgets them.
  func remove(_ ids: [Int32], from index: KeyIndex) {
    guard !hasLost else { return }
    flags.grow(to: index.idBound)
    for id in ids {
      flags[Int(id)] = 0
      index.appendKey(ofID: id, to: &removed)
      removedEnds.append(Int32(truncatingIfNeeded: removed.count))
    }
    if removed.count > Self.removedBytesLimit || removedEnds.count > index.count + 65_536 { giveUp() }
  }

  /// From now on nothing has to be noted until the next snapshot, which must be a whole one.
  func giveUp() {
    hasLost = true
    (removed, removedEnds) = ([], [0])
  }

  /// Ids whose keys have changed, ascending.
  func ids(bound: Int) -> [Int32] {
    flags.grow(to: bound)
    var ids: [Int32] = []
    let flags = UnsafePointer(flags.base)
    for id in 0..<bound where flags[id] != 0 { ids.append(Int32(truncatingIfNeeded: id)) }
    return ids
  }

  /// The keys that have gone, encoded, by key group: BYTES columns.
  func removedKeys(maxParallelism: Int) -> [Column] {
    let all = Column(type: .bytes, count: removedEnds.count - 1, values: .variable(offsets: Buffer(removedEnds), bytes: Buffer(removed)))
    var rows = [[Int32]](repeating: [], count: maxParallelism)
    for row in 0..<all.count {
      let key = all.slot(row)
      guard let base = key.baseAddress else { continue }
      let hash = KeyEncoder.keyGroupHash(KeyEncoder.hash(base, count: key.count))
      rows[KeyGroup.of(hash: hash, maxParallelism: maxParallelism)].append(Int32(truncatingIfNeeded: row))
    }
    return rows.map { $0.withUnsafeBufferPointer(all.take).withValidity(nil) }
  }

  /// A snapshot has been taken.
  func reset() {
    flags.reset()
    (removed, removedEnds) = ([], [0])
    hasLost = false
  }
}
