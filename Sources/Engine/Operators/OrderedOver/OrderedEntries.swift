/// A row's place in the order of its partition, and where its results are.
struct OrderedEntry: BitwiseCopyable {
  /// Number in the operator's row store. A row of weight n has n places next to each other.
  var row: Int32
  /// -1 until results were computed.
  var slot: Int32
}

/// The rows of a partition in order: a list of short runs, so that a place is found and made in little more than the logarithm
/// of their number.
struct OrderedEntries {
  private static let runMax = 512

  /// None is empty.
  private var runs: [[OrderedEntry]] = []
  private(set) var count = 0

  init() {}

  /// - Parameter entries: in order.
  init(_ entries: [OrderedEntry]) {
    count = entries.count
    for start in stride(from: 0, to: entries.count, by: Self.runMax / 2) {
      runs.append(Array(entries[start..<min(entries.count, start + Self.runMax / 2)]))
    }
  }

  var heldBytes: Int { runs.reduce(runs.heldSlots) { $0 + $1.heldSlots } }

  /// The run and the place in it of a position below `count`.
  private func place(_ position: Int) -> (run: Int, at: Int) {
    var rest = position
    for (index, run) in runs.enumerated() {
      if rest < run.count { return (index, rest) }
      rest -= run.count
    }
    return (runs.count, 0)
  }

  subscript(position: Int) -> OrderedEntry {
    if runs.count == 1 { return runs[0][position] }
    let place = place(position)
    return runs[place.run][place.at]
  }

  /// The first position whose row does not precede what is asked for; rows that do come first.
  @inline(__always)
  func firstPosition(where precedes: (Int32) -> Bool) -> Int {
    // The first run whose first row does not precede; the position is in the run before it, or at its end.
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if precedes(runs[middle][0].row) { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return 0 }
    var start = 0
    for index in 0..<(low - 1) { start += runs[index].count }
    let run = runs[low - 1]
    (low, high) = (0, run.count)
    while low < high {
      let middle = (low + high) / 2
      if precedes(run[middle].row) { low = middle + 1 } else { high = middle }
    }
    return start + low
  }

  /// Puts places for a row before a position.
  mutating func insert(row: Int32, copies: Int, at position: Int) {
    for _ in 0..<copies {
      let entry = OrderedEntry(row: row, slot: -1)
      if runs.isEmpty {
        runs.append([entry])
      } else {
        var (run, at) = position == count ? (runs.count - 1, runs[runs.count - 1].count) : place(position)
        if runs[run].count >= Self.runMax {
          let half = runs[run].count / 2
          let tail = Array(runs[run][half...])
          runs[run].removeSubrange(half...)
          runs.insert(tail, at: run + 1)
          if at > half { (run, at) = (run + 1, at - half) }
        }
        runs[run].insert(entry, at: at)
      }
      count += 1
    }
  }

  /// Takes out places; they are added to `out`.
  mutating func remove(_ range: Range<Int>, into out: inout [OrderedEntry]) {
    var left = range.count
    while left > 0 {
      let (run, at) = place(range.lowerBound)
      let here = min(left, runs[run].count - at)
      out.append(contentsOf: runs[run][at..<(at + here)])
      runs[run].removeSubrange(at..<(at + here))
      if runs[run].isEmpty { runs.remove(at: run) }
      left -= here
      count -= here
    }
  }

  /// Entries of a range, in order.
  func copy(_ range: Range<Int>, into out: UnsafeMutablePointer<OrderedEntry>) {
    guard !range.isEmpty else { return }
    var (run, at) = place(range.lowerBound)
    var done = 0
    while done < range.count {
      let here = min(range.count - done, runs[run].count - at)
      runs[run].withUnsafeBufferPointer { source in
        if let base = source.baseAddress { (out + done).update(from: base + at, count: here) }
      }
      done += here
      run += 1
      at = 0
    }
  }

  /// Replaces the slots of a range.
  mutating func setSlots(_ range: Range<Int>, _ slots: UnsafePointer<Int32>) {
    guard !range.isEmpty else { return }
    var (run, at) = place(range.lowerBound)
    var done = 0
    while done < range.count {
      let here = min(range.count - done, runs[run].count - at)
      runs[run].withUnsafeMutableBufferPointer { target in for i in 0..<here { target[at + i].slot = slots[done + i] } }
      done += here
      run += 1
      at = 0
    }
  }

  /// Renumbers rows.
  mutating func mapRows(_ map: UnsafePointer<Int32>) {
    for run in runs.indices {
      runs[run].withUnsafeMutableBufferPointer { target in for i in target.indices { target[i].row = map[Int(target[i].row)] } }
    }
  }

  func forEach(_ body: (OrderedEntry) -> Void) { for run in runs { for entry in run { body(entry) } } }
}
