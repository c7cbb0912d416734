import Testing

@testable import MillraceOperators

/// Timers against a list that is searched.
@Suite struct TimerQueueTests {
  private struct Entry: Hashable {
    var id: Int32
    var time: Int64
    var due: Int64
  }

  @Test(arguments: 0..<20) func againstAList(_ seed: UInt64) {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func next(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    var queue = TimerQueue()
    var list: Set<Entry> = []
    for _ in 0..<600 {
      let entry = Entry(id: Int32(next(5)), time: Int64(next(40)), due: 0)
      switch next(4) {
      case 0, 1:
        let isNew = !list.contains { $0.id == entry.id && $0.time == entry.time }
        let due = entry.time + Int64(next(3))
        #expect(queue.add(entry.id, .init(time: entry.time, due: due)) == isNew)
        if isNew { list.insert(Entry(id: entry.id, time: entry.time, due: due)) }
      case 2:
        let known = list.first { $0.id == entry.id && $0.time == entry.time }
        #expect(queue.remove(entry.id, time: entry.time) == (known != nil))
        if let known { list.remove(known) }
      default:
        let least = list.map(\.due).min()
        #expect(queue.nextDue == least ?? .max)
        let wanted = list.filter { $0.due == least }.map { "\($0.id) \($0.time)" }.sorted()
        guard least != nil else { continue }
        #expect(queue.next().map { "\($0.id) \($0.time)" }.sorted() == wanted)
        if next(2) == 0 {
          for (id, time) in queue.next() {
            queue.remove(id, time: time)
            list = list.filter { $0.id != id || $0.time != time }
          }
        }
      }
      #expect(queue.count == list.count)
    }
  }
}
