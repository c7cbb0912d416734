/// Which events a split holds, and in which order they arrive.
///
/// Splits take turns by whole cycles of events: of `splitCount` splits, split s has the cycles s, s + splitCount, and so on. Its
/// events are counted from 0 in that order. With disorder, each group of `group` counts in a row is permuted by i -> (a i + c) mod group,
/// with a and c of the seed and the group; the group spans no more event time than the disorder that was asked for.
struct NexmarkSequence: Sendable {
  let cycle: Int64
  let split: Int64
  let splitCount: Int64
  /// 1: no disorder.
  let group: Int64
  let seed: UInt64
  /// Events of the split; nil without end.
  let count: Int64?

  init(_ settings: NexmarkSettings, split: Int, splitCount: Int, disorderMicros: Int64, eventCount: Int64?) {
    cycle = settings.cycle
    self.split = Int64(split)
    self.splitCount = Int64(splitCount)
    // Microseconds times events per second, without overflow.
    let perSplit = disorderMicros.multipliedReportingOverflow(by: settings.rate)
    let events = perSplit.overflow ? Int64.max / 1_000_000 : perSplit.partialValue / 1_000_000
    // From the first to the last of a group the other splits' cycles pass by: one more of them than the group fills.
    group = min(1 << 30, max(1, (events - (Int64(splitCount) - 1) * settings.cycle) / Int64(splitCount)))
    seed = settings.seed
    count = eventCount.map { total in
      let (cycles, rest) = total.quotientAndRemainder(dividingBy: settings.cycle)
      let (rounds, left) = cycles.quotientAndRemainder(dividingBy: Int64(splitCount))
      let whole = rounds + (left > Int64(split) ? 1 : 0)
      return whole * settings.cycle + (left == Int64(split) ? rest : 0)
    }
  }

  /// The event of a count.
  @inline(__always) func event(_ index: Int64) -> Int64 {
    if splitCount == 1 { return index }
    let (round, place) = index.quotientAndRemainder(dividingBy: cycle)
    return (round &* splitCount &+ split) &* cycle &+ place
  }

  /// The events that arrive as `start`, `start + 1`, ...
  func fill(_ events: UnsafeMutablePointer<Int64>, from start: Int64, count n: Int) {
    guard group > 1 else {
      for i in 0..<n { events[i] = event(start &+ Int64(i)) }
      return
    }
    var done = 0
    while done < n {
      let at = start + Int64(done)
      let number = at / group
      let first = number * group
      let size = min(group, (count ?? .max) - first)
      let (factor, offset) = permutation(number, size)
      let length = Int(min(Int64(n - done), first + size - at))
      // Below 2^30 each, so the product fits.
      var place = (factor * (at - first) + offset) % size
      for i in 0..<length {
        events[done &+ i] = event(first &+ place)
        place &+= factor
        if place >= size { place &-= size }
      }
      done += length
    }
  }

  private func permutation(_ number: Int64, _ size: Int64) -> (factor: Int64, offset: Int64) {
    guard size > 1 else { return (0, 0) }
    let word = NexmarkRandom.word(NexmarkRandom.mix(seed ^ 5), number)
    var factor = 1 + Int64(NexmarkRandom.low(word, UInt64(size - 1)))
    while Self.commonDivisor(factor, size) != 1 { factor = factor % (size - 1) + 1 }
    return (factor, Int64(NexmarkRandom.high(word, UInt64(size))))
  }

  private static func commonDivisor(_ a: Int64, _ b: Int64) -> Int64 {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}
