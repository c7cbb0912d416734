/// The ids of an index in canonical key order, kept up to date at the cost of what changed.
struct SortedKeys {
  private enum Place { static let absent: UInt8 = 0, sorted: UInt8 = 1, pending: UInt8 = 2 }
  private let places = DenseArray<UInt8>(fill: Place.absent)
  private var sorted: [Int32] = []
  private var pending: [Int32] = []
  private var hasGaps = false

  var heldBytes: Int { places.heldBytes + sorted.heldSlots + pending.heldSlots }

  /// An id came into use.
  mutating func insert(_ id: Int32) {
    places.grow(to: Int(id) + 1)
    if places[Int(id)] != Place.absent { return }
    places[Int(id)] = Place.pending
    pending.append(id)
  }

  /// An id goes out of use; it may come back for another key.
  mutating func remove(_ id: Int32) {
    if places[Int(id)] == Place.sorted { hasGaps = true }
    places[Int(id)] = Place.absent
  }

  /// All ids in use, in order.
  mutating func ids(of index: KeyIndex) -> [Int32] {
    if hasGaps {
      sorted.removeAll { places[Int($0)] != Place.sorted }
      hasGaps = false
    }
    guard !pending.isEmpty else { return sorted }
    var new: [Int32] = []
    new.reserveCapacity(pending.count)
    for id in pending where places[Int(id)] == Place.pending {
      places[Int(id)] = Place.sorted
      new.append(id)
    }
    pending.removeAll(keepingCapacity: true)
    sorted = index.merged(sorted, index.sorted(new))
    return sorted
  }
}
