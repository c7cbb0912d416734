/// What the last snapshot told of rows that are numbered in the order they came: how many there were, and their weights.
///
/// Weights are compared with a copy when the next snapshot is taken, so that nothing has to be noted when they change.
struct ToldRows {
  private var count = 0
  /// Weights at the last snapshot, where rows have any.
  private var weights: DenseArray<Int64>?
  /// Rows that were told of have gone without a word.
  private var hasLost = false

  var canTellChanges: Bool { !hasLost }

  /// Numbers of the rows that came since or have another weight, ascending; a row that came and went is left out.
  func changes(_ rowCount: Int, _ current: UnsafePointer<Int64>?) -> [Int32] {
    guard let current, let old = weights?.base else { return (min(count, rowCount)..<rowCount).map { Int32(truncatingIfNeeded: $0) } }
    var found: [Int32] = []
    for row in 0..<count where current[row] != old[row] { found.append(Int32(truncatingIfNeeded: row)) }
    for row in count..<rowCount where current[row] != 0 { found.append(Int32(truncatingIfNeeded: row)) }
    return found
  }

  /// A snapshot told of all rows.
  mutating func tell(_ rowCount: Int, _ current: UnsafePointer<Int64>?) {
    count = rowCount
    hasLost = false
    guard let current else { return }
    let copy = weights ?? DenseArray(fill: 0)
    copy.grow(to: rowCount)
    copy.base.update(from: current, count: rowCount)
    weights = copy
  }

  /// Only these rows are left, ascending, and numbered anew. Rows without weights that went were over: nobody has to hear of it.
  mutating func compacted(keeping live: [Int32]) {
    hasLost = hasLost || weights != nil
    count = live.firstIndex { Int($0) >= count } ?? live.count
  }
}
