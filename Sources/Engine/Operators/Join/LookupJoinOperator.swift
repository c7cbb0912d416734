import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Every left row with the rows of a bounded relation, which is there whole from the start. The only port is the left input.
///
/// Keeps nothing of what passes: rows go out as they come, with the event time, order bytes and weight of the left row, those
/// with several matches in the order of the right rows. Null keys match nothing.
public final class LookupJoinOperator: Operator {
  /// Candidate pairs looked at together.
  private static let pairsAtOnce = 65_536

  private let join: Join
  private let context: OperatorContext
  private let pairs: JoinPairs
  private let residual: JoinResidual?
  private let rows: Batch
  private let index: KeyIndex
  /// Per key its first row; per row the next with its key.
  private let first: DenseArray<Int32>
  private let next: [Int32]
  private let isUnique: Bool

  /// - Parameter rows: all rows of `join.right`.
  public init(_ temporal: TemporalJoin, rows: Batch, context: OperatorContext) throws(MillraceError) {
    join = temporal.join
    self.context = context
    pairs = try JoinPairs(join)
    residual = try JoinResidual(join)
    self.rows = rows
    index = KeyIndex(types: pairs.keyTypes, maxParallelism: context.maxParallelism)
    let ids = pairs.ids(try pairs.keys(rows, isLeft: false), rowCount: rows.rowCount, in: index, insert: true)
    first = DenseArray(fill: -1, capacity: max(16, index.idBound))
    var next = [Int32](repeating: -1, count: rows.rowCount)
    var isUnique = true
    for row in stride(from: rows.rowCount - 1, through: 0, by: -1) where ids[row] >= 0 {
      let old = first[Int(ids[row])]
      if old >= 0 { isUnique = false }
      next[row] = old
      first[Int(ids[row])] = Int32(truncatingIfNeeded: row)
    }
    self.next = next
    self.isUnique = isUnique
  }

  public var stateSize: StateSize {
    StateSize(keys: index.count, bytes: rows.heldBytes + index.heldBytes + first.heldBytes + next.heldSlots)
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    let ids = pairs.ids(try pairs.keys(batch, isLeft: true), rowCount: batch.rowCount, in: index, insert: false)
    if isUnique { return try joinUnique(batch, ids, into: &output) }
    var row = 0
    while row < batch.rowCount {
      let begin = row
      var left: [Int32] = []
      var right: [Int32] = []
      while row < batch.rowCount && right.count < Self.pairsAtOnce {
        var match = ids[row] >= 0 ? first.base[Int(ids[row])] : -1
        while match >= 0 {
          left.append(Int32(truncatingIfNeeded: row))
          right.append(match)
          match = next[Int(match)]
        }
        row += 1
      }
      if let residual { try check(batch, &left, &right, residual) }
      if join.kind == .left { (left, right) = Self.withUnmatched(begin..<row, left, right) }
      emit(batch, left, right, into: &output)
    }
  }

  /// At most one match per row: one array of matches, and where each has one nothing is copied.
  private func joinUnique(_ batch: Batch, _ ids: [Int32], into output: inout OperatorOutput) throws(MillraceError) {
    let count = batch.rowCount
    let first = first.base
    var left = [Int32](unsafeUninitializedCapacity: count) { _, n in n = 0 }
    var right = [Int32](unsafeUninitializedCapacity: count) { _, n in n = 0 }
    for row in 0..<count {
      let id = ids[row]
      let match = id >= 0 ? first[Int(id)] : -1
      guard match >= 0 else { continue }
      left.append(Int32(truncatingIfNeeded: row))
      right.append(match)
    }
    if let residual { try check(batch, &left, &right, residual) }
    if join.kind == .left { (left, right) = Self.withUnmatched(0..<count, left, right) }
    emit(batch, left, right, into: &output)
  }

  /// Keeps the pairs for which the rest of the condition is true.
  private func check(_ batch: Batch, _ left: inout [Int32], _ right: inout [Int32], _ residual: JoinResidual) throws(MillraceError) {
    guard !left.isEmpty else { return }
    let mine = left.withUnsafeBufferPointer { left in residual.leftColumns.map { batch.columns[$0].take(left) } }
    let theirs = right.withUnsafeBufferPointer { right in residual.rightColumns.map { rows.columns[$0].take(right) } }
    let selection = try residual.matching(mine, theirs, count: left.count)
    if selection.isAll { return }
    let kept = Array(selection.indices)
    (left, right) = (kept.map { left[Int($0)] }, kept.map { right[Int($0)] })
  }

  /// The pairs with one with nothing for each row that has none.
  static func withUnmatched(_ range: Range<Int>, _ left: [Int32], _ right: [Int32]) -> (left: [Int32], right: [Int32]) {
    var (allLeft, allRight): ([Int32], [Int32]) = ([], [])
    var at = 0
    for row in range {
      let number = Int32(truncatingIfNeeded: row)
      if at == left.count || left[at] != number {
        allLeft.append(number)
        allRight.append(-1)
      }
      while at < left.count && left[at] == number {
        allLeft.append(number)
        allRight.append(right[at])
        at += 1
      }
    }
    return (allLeft, allRight)
  }

  private func emit(_ batch: Batch, _ left: [Int32], _ right: [Int32], into output: inout OperatorOutput) {
    for start in stride(from: 0, to: left.count, by: context.batchRows) {
      let range = start..<min(left.count, start + context.batchRows)
      let isWhole = range.count == batch.rowCount && isUnique
      let mine = isWhole ? batch : batch.take(rows: Array(left[range]))
      let theirs = right[range].withUnsafeBufferPointer { right in rows.columns.map { $0.take(right) } }
      output.emit(mine.replacing(schema: join.schema, columns: mine.columns + theirs))
    }
  }
}
