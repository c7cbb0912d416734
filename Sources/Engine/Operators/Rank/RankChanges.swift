/// Changes of a ranking on their way out.
struct RankChanges {
  private(set) var rows: [Int32] = []
  /// The number of the row, from 1.
  private(set) var numbers: [Int64] = []
  private(set) var weights: [Int64] = []
  private(set) var instants: [Int64] = []
  private var instantStart = 0

  @inline(__always) mutating func add(_ row: Int32, _ number: Int, _ weight: Int64) {
    rows.append(row)
    numbers.append(Int64(number))
    weights.append(weight)
  }

  /// Closes an instant.
  ///
  /// - Parameter consolidates: some changes may cancel out; those go, and equal changes become one.
  mutating func endInstant(_ instant: Int64, consolidates: Bool) {
    if consolidates && rows.count - instantStart > 1 { consolidate() }
    while instants.count < rows.count { instants.append(instant) }
    instantStart = rows.count
  }

  private mutating func consolidate() {
    let range = instantStart..<rows.count
    let sorted = range.sorted { (rows[$0], numbers[$0], $0) < (rows[$1], numbers[$1], $1) }
    var kept: [(Int32, Int64, Int64)] = []
    for at in sorted {
      if let last = kept.last, last.0 == rows[at], last.1 == numbers[at] {
        kept[kept.count - 1].2 += weights[at]
      } else {
        if kept.last?.2 == 0 { kept.removeLast() }
        kept.append((rows[at], numbers[at], weights[at]))
      }
    }
    if kept.last?.2 == 0 { kept.removeLast() }
    rows.removeSubrange(range)
    numbers.removeSubrange(range)
    weights.removeSubrange(range)
    for (row, number, weight) in kept { add(row, Int(number), weight) }
  }
}
