/// Hands out dense ids from 0 and takes them back; the last one freed is used first.
struct IDAllocator {
  private(set) var bound: Int32 = 0
  private var free: [Int32] = []

  var count: Int { Int(bound) - free.count }

  var heldBytes: Int { free.heldSlots }

  mutating func allocate() -> Int32 {
    if let id = free.popLast() { return id }
    bound &+= 1
    return bound &- 1
  }

  mutating func release(_ id: Int32) { free.append(id) }
}
