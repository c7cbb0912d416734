import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// What both joins share: keys of the two sides, and rows put together from pairs of row numbers.
struct JoinPairs {
  let schema: Schema
  private let leftKeys: ExpressionEvaluator
  private let rightKeys: ExpressionEvaluator
  private let residual: ExpressionEvaluator?
  let keyTypes: [DataType]

  init(_ join: Join) throws(MillraceError) {
    // SEMI and ANTI joins look at pairs too, though they only emit left rows.
    schema = join.kind.isLeftOnly ? Schema(join.left.schema.fields + join.right.schema.fields) : join.schema
    leftKeys = try ExpressionEvaluator(join.leftKeys, schema: join.left.schema)
    rightKeys = try ExpressionEvaluator(join.rightKeys, schema: join.right.schema)
    keyTypes = join.leftKeys.map(\.type)
    guard join.leftKeys.count == join.rightKeys.count else {
      throw MillraceError(.invalidSQL, "a join has \(join.leftKeys.count) keys on the left and \(join.rightKeys.count) on the right")
    }
    if let condition = join.residual {
      residual = try ExpressionEvaluator(condition.conjuncts, schema: Schema(join.left.schema.fields + join.right.schema.fields))
    } else {
      residual = nil
    }
  }

  func keys(_ batch: Batch, isLeft: Bool) throws(MillraceError) -> [Column] { try (isLeft ? leftKeys : rightKeys).evaluate(batch) }

  var hasResidual: Bool { residual != nil }

  /// Ids of the rows' keys; -1 where some key is null, which matches nothing, or is not in the index.
  func ids(_ keys: [Column], rowCount: Int, in index: KeyIndex, insert: Bool) -> [Int32] {
    guard rowCount > 0 else { return [] }
    var ids = [Int32](repeating: -1, count: rowCount)
    let hasNulls = keys.contains { $0.nullCount > 0 }
    guard hasNulls else {
      ids.withUnsafeMutableBufferPointer { ids in
        if let base = ids.baseAddress { index.ids(of: keys, rowCount: rowCount, into: base, insert: insert) }
      }
      return ids
    }
    let valid = (0..<Int32(truncatingIfNeeded: rowCount)).filter { row in keys.allSatisfy { !$0.isNull(Int(row)) } }
    var some = [Int32](repeating: -1, count: valid.count)
    let columns = valid.withUnsafeBufferPointer { valid in keys.map { $0.take(valid) } }
    some.withUnsafeMutableBufferPointer { ids in
      if let base = ids.baseAddress { index.ids(of: columns, rowCount: valid.count, into: base, insert: insert) }
    }
    for (row, id) in zip(valid, some) { ids[Int(row)] = id }
    return ids
  }

  /// Left columns, then right columns.
  func joined(_ left: Batch, _ right: Batch) -> Batch {
    Batch(schema: schema, columns: left.columns + right.columns, rowCount: left.rowCount)
  }

  /// The pairs for which the residual condition is true.
  ///
  /// - Parameter gather: the rows of some pairs, left and right.
  func matching(
    _ pairs: [(left: Int, right: Int)], chunk: Int,
    gather: (ArraySlice<(left: Int, right: Int)>) -> (left: Batch, right: Batch)
  ) throws(MillraceError) -> [(left: Int, right: Int)] {
    guard let residual else { return pairs }
    var kept: [(left: Int, right: Int)] = []
    for start in stride(from: 0, to: pairs.count, by: max(1, chunk)) {
      let part = pairs[start..<min(pairs.count, start + max(1, chunk))]
      let (left, right) = gather(part)
      let selection = try residual.evaluateFilter(joined(left, right))
      if selection.isAll {
        kept.append(contentsOf: part)
      } else {
        for row in selection.indices { kept.append(part[start + Int(row)]) }
      }
    }
    return kept
  }

  /// Order bytes of joined rows: the left row's, then the right row's.
  static func order(_ left: Batch, _ right: Batch) -> Column? {
    switch (left.order, right.order) {
    case (let a?, let b?): .joiningBytes(a, b)
    case (let one?, nil), (nil, let one?): one
    case (nil, nil): nil
    }
  }

  /// Arrival times of joined rows: the later of both, or the one that there is.
  static func arrivalTimes(_ left: Batch, _ right: Batch) -> Column? {
    guard let a = left.arrivalTimes, let b = right.arrivalTimes else { return left.arrivalTimes ?? right.arrivalTimes }
    let (x, y) = (a.pointer(Int64.self), b.pointer(Int64.self))
    let count = left.rowCount
    let times = Buffer(uninitialized: count * 8)
    let out = times.pointer(Int64.self)
    if a.validity == nil && b.validity == nil {
      for i in 0..<count { out[i] = max(x[i], y[i]) }
      return withExtendedLifetime((a, b)) { Column(type: .int64, count: count, values: .fixed(times)) }
    }
    var valid = [Bool](repeating: true, count: count)
    for i in 0..<count {
      switch (a.isNull(i), b.isNull(i)) {
      case (false, false): out[i] = max(x[i], y[i])
      case (false, true): out[i] = x[i]
      case (true, false): out[i] = y[i]
      case (true, true): (out[i], valid[i]) = (0, false)
      }
    }
    return withExtendedLifetime((a, b)) { Column(type: .int64, count: count, validity: Bitmap(valid), values: .fixed(times)) }
  }
}
