import MillraceColumns
import MillracePlan

/// Puts together what a join of windows emits: pairs, and rows without a match where the kind keeps them, in the total order of the
/// left rows and, between those, of right rows that stand alone.
struct WindowMatches {
  private let kind: Join.Kind
  private let left: Batch
  private let right: Batch
  private var rows = (left: [Int32](), right: [Int32]())
  private var isMatched: [Bool]

  /// - Parameters: both sides in the total order.
  init(_ kind: Join.Kind, left: Batch, right: Batch) {
    (self.kind, self.left, self.right) = (kind, left, right)
    isMatched = [Bool](repeating: false, count: kind == .right || kind == .full ? right.rowCount : 0)
  }

  /// Adds the pairs of some left rows, ascending.
  mutating func add(_ matches: (left: [Int32], right: [Int32]), of rows: Range<Int>) {
    if !isMatched.isEmpty { for row in matches.right { isMatched[Int(row)] = true } }
    switch kind {
    case .inner, .right:
      self.rows.left.append(contentsOf: matches.left)
      self.rows.right.append(contentsOf: matches.right)
    case .left, .full, .semi, .anti:
      var at = 0
      for row in rows {
        let start = at
        while at < matches.left.count && Int(matches.left[at]) == row { at += 1 }
        if kind == .semi || kind == .anti {
          if (at > start) == (kind == .semi) { append(Int32(truncatingIfNeeded: row), -1) }
        } else if at == start {
          append(Int32(truncatingIfNeeded: row), -1)
        } else {
          self.rows.left.append(contentsOf: matches.left[start..<at])
          self.rows.right.append(contentsOf: matches.right[start..<at])
        }
      }
    }
  }

  private mutating func append(_ left: Int32, _ right: Int32) {
    rows.left.append(left)
    rows.right.append(right)
  }

  /// All that is emitted; -1 where a side has no row.
  mutating func finish() -> (left: [Int32], right: [Int32]) {
    let alone = isMatched.indices.filter { !isMatched[$0] }
    guard !alone.isEmpty, let lefts = RowOrder(left), let rights = RowOrder(right) else { return rows }
    var result = (left: [Int32](), right: [Int32]())
    var at = 0
    for row in alone {
      while at < rows.left.count, !rights.precedes(row, lefts, Int(rows.left[at])) {
        result.left.append(rows.left[at])
        result.right.append(rows.right[at])
        at += 1
      }
      result.left.append(-1)
      result.right.append(Int32(truncatingIfNeeded: row))
    }
    result.left.append(contentsOf: rows.left[at...])
    result.right.append(contentsOf: rows.right[at...])
    return withExtendedLifetime((left, right)) { result }
  }
}

extension RowOrder {
  /// nil for a batch without event times or order; the batch must outlive it.
  fileprivate init?(_ batch: Batch) {
    guard let times = batch.eventTimes, let order = batch.order else { return nil }
    self.init(times: times.pointer(Int64.self), order: order)
  }

  fileprivate func precedes(_ row: Int, _ other: RowOrder, _ otherRow: Int) -> Bool {
    times[row] != other.times[otherRow] ? times[row] < other.times[otherRow] : compareOrder(row, other, otherRow) < 0
  }
}
