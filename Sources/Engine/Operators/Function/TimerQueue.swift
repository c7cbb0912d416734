/// Timers by key: each instant at most once per key. Taken out in the order of the instant at which they are due.
struct TimerQueue {
  private struct Entry {
    var due: Int64
    var time: Int64
    var id: Int32
  }
  struct Timer: Hashable {
    /// What it was registered for.
    var time: Int64
    /// When it fires: later than `time` if that had passed already.
    var due: Int64
  }

  /// By due time, the least first. Entries whose timer is gone stay until they come up.
  private var heap: [Entry] = []
  /// Per key id, ascending by time.
  private var live: [[Timer]] = []
  private(set) var count = 0
  /// The least due time of a timer; `EventTime.end` without one.
  private(set) var nextDue = Int64.max

  /// Whether it is new.
  @discardableResult mutating func add(_ id: Int32, _ timer: Timer) -> Bool {
    while live.count <= Int(id) { live.append([]) }
    let place = place(id, timer.time)
    if place < live[Int(id)].count, live[Int(id)][place].time == timer.time { return false }
    live[Int(id)].insert(timer, at: place)
    count += 1
    push(Entry(due: timer.due, time: timer.time, id: id))
    nextDue = min(nextDue, timer.due)
    return true
  }

  /// Whether it was there.
  @discardableResult mutating func remove(_ id: Int32, time: Int64) -> Bool {
    guard Int(id) < live.count else { return false }
    let place = place(id, time)
    guard place < live[Int(id)].count, live[Int(id)][place].time == time else { return false }
    let removed = live[Int(id)].remove(at: place)
    count -= 1
    if removed.due == nextDue { dropGone() }
    return true
  }

  func timers(_ id: Int32) -> [Timer] { Int(id) < live.count ? live[Int(id)] : [] }

  /// The timers due at the least due time, in no particular order. They stay until they are removed.
  func next() -> [(id: Int32, time: Int64)] {
    var found: [(id: Int32, time: Int64)] = []
    var pending = [0]
    while let at = pending.popLast() {
      guard at < heap.count, heap[at].due <= nextDue else { continue }
      let entry = heap[at]
      if isLive(entry) { found.append((entry.id, entry.time)) }
      pending.append(2 * at + 1)
      pending.append(2 * at + 2)
    }
    // A key id that was used again may have left the same entry twice.
    found = found.sorted { ($0.id, $0.time) < ($1.id, $1.time) }
    return found.indices.filter { $0 == 0 || found[$0 - 1] != found[$0] }.map { found[$0] }
  }

  private func isLive(_ entry: Entry) -> Bool {
    let place = place(entry.id, entry.time)
    let timers = live[Int(entry.id)]
    return place < timers.count && timers[place].time == entry.time && timers[place].due == entry.due
  }

  private mutating func dropGone() {
    while let first = heap.first, !isLive(first) { pop() }
    nextDue = heap.first?.due ?? .max
  }

  private func place(_ id: Int32, _ time: Int64) -> Int {
    let timers = live[Int(id)]
    var (low, high) = (0, timers.count)
    while low < high {
      let middle = (low + high) / 2
      if timers[middle].time < time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func push(_ entry: Entry) {
    heap.append(entry)
    var at = heap.count - 1
    while at > 0, heap[(at - 1) / 2].due > heap[at].due {
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
      for child in [2 * at + 1, 2 * at + 2] where child < heap.count && heap[child].due < heap[least].due { least = child }
      if least == at { return }
      heap.swapAt(at, least)
      at = least
    }
  }
}
