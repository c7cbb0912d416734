import MillraceExpressions
import MillracePlan
import MillraceTypes

@testable import MillraceColumns

/// OVER in any order straight from its definition: the whole table at an instant, each row's frame looked for one row at a time.
struct NaiveOrderedOver {
  let over: OrderedOver
  let isUpdating: Bool

  /// The result over a table: per row its values, then one per call.
  ///
  /// - Parameter rows: one per copy, weights 1.
  func table(_ rows: [TestRow]) throws -> [[Value]: Int64] {
    var partitions: [[Value]: [TestRow]] = [:]
    for row in rows { partitions[over.partitionKeys.map { row.values[column($0)] }, default: []].append(row) }
    var result: [[Value]: Int64] = [:]
    for members in partitions.values {
      let sorted = members.sorted { compare($0, $1) < 0 }
      for (position, row) in sorted.enumerated() {
        result[row.values + (try over.calls.map { try value($0, sorted, position) }), default: 0] += 1
      }
    }
    return result
  }

  private func column(_ e: Expression) -> Int { if case .column(let c) = e.kind { c } else { 0 } }

  // MARK: order

  private func encoded(_ row: TestRow, _ column: Int) -> [UInt8] {
    guard let values = try? Column(type: AggregateFixture.schema.fields[column].type, [row.values[column]]) else { return [] }
    var bytes: [UInt8] = []
    KeyEncoder.append(values, 0, to: &bytes)
    return bytes
  }

  private func compareKeys(_ a: TestRow, _ b: TestRow) -> Int {
    for key in over.sortKeys {
      let c = column(key.expression)
      let (x, y) = (a.values[c], b.values[c])
      if x == y { continue }
      if x.isNull || y.isNull { return x.isNull == key.nullsFirst ? -1 : 1 }
      let isLess = encoded(a, c).lexicographicallyPrecedes(encoded(b, c))
      return isLess == key.isAscending ? -1 : 1
    }
    return 0
  }

  private func compare(_ a: TestRow, _ b: TestRow) -> Int {
    let order = compareKeys(a, b)
    if order != 0 { return order }
    if !isUpdating, a.time != b.time || a.order != b.order { return (a.time ?? 0, a.order) < (b.time ?? 0, b.order) ? -1 : 1 }
    for c in AggregateFixture.schema.fields.indices where a.values[c] != b.values[c] {
      return encoded(a, c).lexicographicallyPrecedes(encoded(b, c)) ? -1 : 1
    }
    return 0
  }

  // MARK: frames

  private func number(_ row: TestRow) -> Double? {
    guard let key = over.sortKeys.first else { return nil }
    let scale: Double =
      switch key.expression.type {
      case .timestamp: 1_000_000
      default: 1
      }
    switch row.values[column(key.expression)] {
    case .int(let n): return Double(n) * scale * (key.isAscending ? 1 : -1)
    case .decimal(let n): return Double(n) * (key.isAscending ? 1 : -1)
    case .float(let x): return x * (key.isAscending ? 1 : -1)
    default: return nil
    }
  }

  private func distance(_ distance: OrderedOver.Distance) -> Double {
    switch distance {
    case .rows(let n): Double(n)
    case .units(let n): Double(n)
    case .float(let x): x
    }
  }

  /// Where a row stands to a bound of the frame of the row at a position: before it (negative), on it, behind it.
  private func place(_ candidate: Int, _ bound: OrderedOver.Bound, _ position: Int, _ sorted: [TestRow], _ isRange: Bool) -> Double {
    switch bound {
    case .unboundedPreceding: return 1
    case .unboundedFollowing: return -1
    case .currentRow: return isRange ? Double(compareKeys(sorted[candidate], sorted[position])) : Double(candidate - position)
    case .preceding(let d), .following(let d):
      let sign: Double = if case .preceding = bound { -1 } else { 1 }
      if !isRange { return Double(candidate) - (Double(position) + sign * distance(d)) }
      guard let own = number(sorted[position]), let other = number(sorted[candidate]) else {
        return Double(compareKeys(sorted[candidate], sorted[position]))
      }
      return other - (own + sign * distance(d))
    }
  }

  private func frame(_ frame: OrderedOver.Frame, _ sorted: [TestRow], _ position: Int) -> [Int] {
    sorted.indices.filter { candidate in
      guard place(candidate, frame.start, position, sorted, frame.isRange) >= 0,
        place(candidate, frame.end, position, sorted, frame.isRange) <= 0
      else { return false }
      switch frame.exclusion {
      case nil: return true
      case .currentRow: return candidate != position
      case .group: return compareKeys(sorted[candidate], sorted[position]) != 0
      case .ties: return candidate == position || compareKeys(sorted[candidate], sorted[position]) != 0
      }
    }
  }

  // MARK: functions

  private func value(_ call: OrderedOver.Call, _ sorted: [TestRow], _ position: Int) throws -> Value {
    let count = sorted.count
    func shifted(_ at: Int) -> Value {
      if sorted.indices.contains(at) { return sorted[at].values[column(call.arguments[0])] }
      return call.arguments.count > 1 ? sorted[position].values[column(call.arguments[1])] : .null
    }
    let before = sorted.indices.filter { compareKeys(sorted[$0], sorted[position]) < 0 }.count
    switch call.function {
    case .lag(let n): return shifted(position - Int(n))
    case .lead(let n): return shifted(position + Int(n))
    case .ntile(let parts):
      // Deals out sizes, the larger parts first.
      var at = 0
      for part in 0..<Int(parts) {
        at += count / Int(parts) + (part < count % Int(parts) ? 1 : 0)
        if position < at { return .int(Int64(part + 1)) }
      }
      return .null
    case .percentRank: return .float(count == 1 ? 0 : Double(before) / Double(count - 1))
    case .cumeDist:
      return .float(Double(sorted.indices.filter { compareKeys(sorted[$0], sorted[position]) <= 0 }.count) / Double(count))
    case .nthValue(let n):
      let rows = frame(call.frame, sorted, position)
      return rows.count >= Int(n) ? sorted[rows[Int(n) - 1]].values[column(call.arguments[0])] : .null
    case .aggregate:
      guard let aggregate = call.aggregate else { return .null }
      let rows = frame(call.frame, sorted, position).map { at in
        var row = sorted[at]
        (row.time, row.order) = (Int64(at), 0)
        return row
      }
      return try NaiveAggregate.value(aggregate, rows)
    }
  }
}
