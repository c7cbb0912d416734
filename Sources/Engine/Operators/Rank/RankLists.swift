/// Row numbers of each key in their order. Short lists lie side by side in one block; long ones are arrays of their own.
final class RankLists {
  /// Longest list that lies in the block.
  private static let shortLimit = 32
  /// Rows of a list; .max for all.
  let limit: Int
  private let isShort: Bool
  private let counts = DenseArray<Int32>(fill: 0)
  private let slots: DenseArray<Int32>
  private var long: [[Int32]] = []

  /// - Parameter limit: a list never holds more than this.
  init(limit: Int) {
    self.limit = limit
    isShort = limit <= Self.shortLimit
    slots = DenseArray(fill: -1, capacity: isShort ? 64 * max(1, limit) : 16)
  }

  var heldBytes: Int { long.reduce(counts.heldBytes + slots.heldBytes + long.heldSlots) { $0 + $1.heldSlots } }

  /// Makes keys below `bound` usable.
  func grow(to bound: Int) {
    counts.grow(to: bound)
    if isShort { slots.grow(to: bound * max(1, limit)) } else { while long.count < bound { long.append([]) } }
  }

  @inline(__always) func count(_ id: Int32) -> Int { Int(counts.base[Int(id)]) }

  @inline(__always) func row(_ id: Int32, _ at: Int) -> Int32 {
    isShort ? slots.base[Int(id) &* limit &+ at] : long[Int(id)][at]
  }

  /// Puts a row in. A list that would get too long loses its last row, which is returned; else -1.
  func insert(_ row: Int32, _ id: Int32, at position: Int) -> Int32 {
    let count = count(id)
    if isShort {
      let list = slots.base + Int(id) &* limit
      let dropped: Int32 = count == limit ? list[limit &- 1] : -1
      var i = min(count, limit &- 1)
      while i > position {
        list[i] = list[i &- 1]
        i &-= 1
      }
      list[position] = row
      if count < limit { counts.base[Int(id)] &+= 1 }
      return dropped
    }
    long[Int(id)].insert(row, at: position)
    if count == limit { return long[Int(id)].removeLast() }
    counts.base[Int(id)] &+= 1
    return -1
  }

  func remove(_ id: Int32, at position: Int) {
    let count = count(id)
    if isShort {
      let list = slots.base + Int(id) &* limit
      for i in position..<(count - 1) { list[i] = list[i + 1] }
    } else {
      long[Int(id)].remove(at: position)
    }
    counts.base[Int(id)] &-= 1
  }

  func removeAll(_ id: Int32) {
    if !isShort { long[Int(id)] = [] }
    counts.base[Int(id)] = 0
  }

  /// Every row of a list.
  func rows(_ id: Int32) -> [Int32] { (0..<count(id)).map { row(id, $0) } }

  /// Numbers rows anew.
  func renumber(_ ids: [Int32], _ map: (Int32) -> Int32) {
    for id in ids {
      for at in 0..<count(id) {
        if isShort {
          slots.base[Int(id) * limit + at] = map(slots.base[Int(id) * limit + at])
        } else {
          long[Int(id)][at] = map(long[Int(id)][at])
        }
      }
    }
  }
}
