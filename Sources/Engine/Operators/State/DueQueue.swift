/// Numbers that are due at an instant, taken out in batches as time goes on. Made of buckets of a fixed width of time, of which
/// only the current one is sorted: adding and taking out cost the same however many there are.
struct DueQueue {
  private struct Entry: BitwiseCopyable {
    var time: Int64
    var number: Int32
  }

  private let width: Int64
  private var buckets: [Int64: [Entry]] = [:]
  /// Numbers of the buckets that have something: a heap, the least first.
  private var heap: [Int64] = []
  /// What was in buckets up to this one and is not due yet, by time, from `next` on.
  private var currentBucket = Int64.min
  private var current: [Entry] = []
  private var next = 0

  /// - Parameter widthMicros: about the distance of two instants at which something is taken out.
  init(widthMicros: Int64) { width = max(1, widthMicros) }

  var heldBytes: Int { buckets.values.reduce(current.heldSlots + heap.heldSlots) { $0 + $1.heldSlots } }

  private func bucket(_ time: Int64) -> Int64 {
    let (quotient, rest) = time.quotientAndRemainder(dividingBy: width)
    return rest < 0 ? quotient - 1 : quotient
  }

  mutating func add(_ number: Int32, at time: Int64) {
    let bucket = bucket(time)
    add(Entry(time: time, number: number), to: bucket)
  }

  private mutating func add(_ entry: Entry, to bucket: Int64) {
    if bucket <= currentBucket {
      current.insert(entry, at: place(of: entry.time))
    } else {
      let isNew = append(entry, to: &buckets[bucket, default: []])
      if isNew { push(bucket) }
    }
  }

  private func append(_ entry: Entry, to entries: inout [Entry]) -> Bool {
    entries.append(entry)
    return entries.count == 1
  }

  /// Adds the numbers from `first` on; number `first + i` is due at `times[i]`.
  mutating func add(from first: Int, _ times: UnsafePointer<Int64>, _ count: Int) {
    var i = 0
    while i < count {
      let bucket = bucket(times[i])
      let start = bucket &* width
      var end = i + 1
      while end < count, times[end] >= start, times[end] &- start < width { end += 1 }
      let run = (i..<end).map { Entry(time: times[$0], number: Int32(truncatingIfNeeded: first + $0)) }
      i = end
      if bucket <= currentBucket {
        for entry in run { add(entry, to: bucket) }
      } else {
        let isNew = buckets[bucket] == nil
        buckets[bucket, default: []].append(contentsOf: run)
        if isNew { push(bucket) }
      }
    }
  }

  /// Everything that is held, in no particular order.
  var numbers: [Int32] { current[next...].map(\.number) + buckets.values.flatMap { $0.map(\.number) } }

  /// Takes out everything that is due before `bound`.
  mutating func take(before bound: Int64) -> [Int32] {
    let limit = bucket(bound &- 1)
    var result: [Int32] = []
    takeCurrent(before: bound, into: &result)
    while let least = heap.first, least <= limit {
      pop()
      currentBucket = least
      current.append(contentsOf: buckets.removeValue(forKey: least) ?? [])
      if least == limit { current.sort { $0.time < $1.time } }
      takeCurrent(before: bound, into: &result)
    }
    return result
  }

  /// `current` is in order, or all of it is due.
  private mutating func takeCurrent(before bound: Int64, into result: inout [Int32]) {
    while next < current.count, current[next].time < bound {
      result.append(current[next].number)
      next += 1
    }
    if next == current.count {
      current.removeAll(keepingCapacity: true)
      next = 0
    }
  }

  private func place(of time: Int64) -> Int {
    var (low, high) = (next, current.count)
    while low < high {
      let middle = (low + high) / 2
      if current[middle].time <= time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func push(_ value: Int64) {
    heap.append(value)
    var at = heap.count - 1
    while at > 0, heap[(at - 1) / 2] > heap[at] {
      heap.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  private mutating func pop() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap[0] = last
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < heap.count && heap[child] < heap[least] { least = child }
      if least == at { return }
      heap.swapAt(at, least)
      at = least
    }
  }
}
