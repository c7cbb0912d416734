import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// What an aggregate that keeps its rows makes of them.
struct KeptRowsResult {
  enum Form {
    /// LISTAGG: texts with a separator between.
    case list(separator: [UInt8])
    /// ARRAY_AGG, of rows of one field.
    case array
    /// COLLECT: the values and how often each occurs.
    case counts
    /// JSON_OBJECTAGG of rows of key and value, JSON_ARRAYAGG of rows of one field.
    case jsonObject(keepsNulls: Bool, isJSON: Bool)
    case jsonArray(keepsNulls: Bool, isJSON: Bool)
    /// MODE: the most frequent value, of several the least.
    case mode
    /// PERCENTILE: between the two nearest values in proportion. `isWeighted` for rows of value and frequency.
    case percentiles([Double], isList: Bool, isWeighted: Bool)
    /// APPROX_TOP_K: the most frequent values with their counts, of equal counts the least value first.
    case top(Int)
  }

  let form: Form
  let type: DataType
  let isDistinct: Bool

  var isOrdered: Bool {
    switch form {
    case .list, .array, .jsonObject, .jsonArray: true
    case .counts, .mode, .percentiles, .top: false
    }
  }

  /// - Parameters:
  ///   - values: of all groups, end to end, each group's in its order.
  ///   - copies: per value.
  ///   - ends: per group, behind its last value.
  func column(_ values: Column, _ copies: [Int64], _ ends: [Int]) throws(MillraceError) -> Column {
    switch form {
    case .array: return array(values, copies, ends)
    case .counts: return counts(values, copies, ends)
    case .mode: return chosen(values, ranges(ends).map { best($0, copies) })
    case .top(let most): return top(values, copies, ends, most)
    default: break
    }
    let builder = ColumnBuilder(type, capacity: ends.count)
    for range in ranges(ends) {
      if range.isEmpty { builder.appendNull() } else { try append(values, copies, range, to: builder) }
    }
    return builder.finish()
  }

  private func ranges(_ ends: [Int]) -> [Range<Int>] { ends.indices.map { ($0 == 0 ? 0 : ends[$0 - 1])..<ends[$0] } }

  private func append(_ values: Column, _ copies: [Int64], _ range: Range<Int>, to builder: ColumnBuilder) throws(MillraceError) {
    switch form {
    case .list(let separator): list(values, copies, range, separator, builder)
    case .jsonObject(let keepsNulls, let isJSON): try object(values, copies, range, keepsNulls, isJSON, builder)
    case .jsonArray(let keepsNulls, let isJSON):
      var text: [UInt8] = [91]
      for i in range where keepsNulls || !values.children[0].isNull(i) {
        for _ in 0..<copies[i] {
          if text.count > 1 { text.append(44) }
          Self.json(values.children[0], i, isJSON, &text)
        }
      }
      text.append(93)
      text.withUnsafeBytes { builder.append(bytes: $0) }
    case .percentiles(let wanted, let isList, let isWeighted): percentiles(values, copies, range, wanted, isList, isWeighted, builder)
    default: builder.appendNull()
    }
  }

  private func list(_ values: Column, _ copies: [Int64], _ range: Range<Int>, _ separator: [UInt8], _ builder: ColumnBuilder) {
    let (offsets, bytes) = values.variable
    var text: [UInt8] = []
    var isFirst = true
    for i in range {
      for _ in 0..<copies[i] {
        if !isFirst { text += separator }
        isFirst = false
        text.append(contentsOf: UnsafeBufferPointer(start: bytes + Int(offsets[i]), count: Int(offsets[i &+ 1] &- offsets[i])))
      }
    }
    text.withUnsafeBytes { builder.append(bytes: $0) }
  }

  private static func json(_ column: Column, _ row: Int, _ isJSON: Bool, _ text: inout [UInt8]) {
    if isJSON, !column.isNull(row), case .text(let raw) = column[row] {
      text += Array(raw.utf8)
    } else {
      JSONEncoding.append(column, row, to: &text)
    }
  }

  private func object(
    _ values: Column, _ copies: [Int64], _ range: Range<Int>, _ keepsNulls: Bool, _ isJSON: Bool, _ builder: ColumnBuilder
  ) throws(MillraceError) {
    var text: [UInt8] = [123]
    var keys: Set<Value> = []
    let (key, value) = (values.children[0], values.children[1])
    for i in range {
      let name = key[i]
      guard !name.isNull else {
        throw MillraceError(.arithmetic, "a key of JSON_OBJECTAGG is null", hint: "leave such rows out with FILTER")
      }
      guard copies[i] == 1, keys.insert(name).inserted else {
        throw MillraceError(.arithmetic, "JSON_OBJECTAGG has the key \(name.sql(key.type)) twice", hint: "group so that keys are unique")
      }
      if value.isNull(i) && !keepsNulls { continue }
      if text.count > 1 { text.append(44) }
      JSONEncoding.append(key, i, to: &text)
      text.append(58)
      Self.json(value, i, isJSON, &text)
    }
    text.append(125)
    text.withUnsafeBytes { builder.append(bytes: $0) }
  }

  // MARK: picked values

  private func chosen(_ values: Column, _ indices: [Int?]) -> Column {
    indices.map { Int32(truncatingIfNeeded: $0 ?? -1) }.withUnsafeBufferPointer(values.take)
  }

  private func best(_ range: Range<Int>, _ copies: [Int64]) -> Int? {
    var best: Int?
    for i in range where best.map({ copies[i] > copies[$0] }) ?? true { best = i }
    return best
  }

  /// A list column over picked values; null for a group without any.
  private func lists(_ picked: [[Int32]], _ children: ([Int32]) -> [Column]) -> Column {
    var offsets: [Int32] = [0]
    for group in picked { offsets.append(offsets[offsets.count - 1] &+ Int32(truncatingIfNeeded: group.count)) }
    let validity = picked.contains(where: \.isEmpty) ? Bitmap(picked.map { !$0.isEmpty }) : nil
    return Column(
      type: type, count: picked.count, validity: validity,
      values: .list(offsets: Buffer(offsets), children: children(picked.flatMap { $0 })))
  }

  private func array(_ values: Column, _ copies: [Int64], _ ends: [Int]) -> Column {
    let picked = ranges(ends).map { range in
      range.flatMap { i in Array(repeating: Int32(truncatingIfNeeded: i), count: Int(copies[i])) }
    }
    return lists(picked) { [$0.withUnsafeBufferPointer(values.children[0].take)] }
  }

  private func counts(_ values: Column, _ copies: [Int64], _ ends: [Int]) -> Column {
    let picked = ranges(ends).map { $0.map { Int32(truncatingIfNeeded: $0) } }
    return lists(picked) { all in
      let numbers = all.map { Int32(clamping: copies[Int($0)]) }
      return [all.withUnsafeBufferPointer(values.take), Column(type: .int32, count: all.count, values: .fixed(Buffer(numbers)))]
    }
  }

  private func top(_ values: Column, _ copies: [Int64], _ ends: [Int], _ most: Int) -> Column {
    let picked = ranges(ends).map { range in
      Array(range.sorted { (copies[$1], $0) < (copies[$0], $1) }.prefix(most).map { Int32(truncatingIfNeeded: $0) })
    }
    guard case .array(let element) = type else { return .nulls(type, count: ends.count) }
    return lists(picked) { all in
      let columns = [all.withUnsafeBufferPointer(values.take), Column.int64s(all.map { copies[Int($0)] })]
      return [Column(type: element.type, count: all.count, values: .fields(columns))]
    }
  }

  // MARK: percentiles

  /// For a part p of n values in order the place p * (n - 1), from 0.
  private func percentiles(
    _ values: Column, _ copies: [Int64], _ range: Range<Int>, _ wanted: [Double], _ isList: Bool, _ isWeighted: Bool,
    _ builder: ColumnBuilder
  ) {
    let column = isWeighted ? values.children[0] : values
    let numbers = column.pointer(Double.self)
    var runs: [(value: Double, end: Int64)] = []
    var total: Int64 = 0
    for i in range {
      var times = copies[i]
      if isWeighted {
        if column.isNull(i) || values.children[1].isNull(i) { continue }
        let frequency = values.children[1].pointer(Int64.self)[i]
        if frequency <= 0 { continue }
        times = times.multipliedReportingOverflow(by: frequency).partialValue
      }
      total &+= times
      runs.append((numbers[i], total))
    }
    if total <= 0 {
      builder.appendNull()
      return
    }
    func value(_ place: Int64) -> Double {
      var low = 0
      var high = runs.count - 1
      while low < high {
        let middle = (low + high) / 2
        if runs[middle].end <= place { low = middle + 1 } else { high = middle }
      }
      return runs[low].value
    }
    let results = wanted.map { part in
      let place = part * Double(total - 1)
      let below = place.rounded(.down)
      let (a, b) = (value(Int64(below)), value(min(total - 1, Int64(below) + 1)))
      return place == below || a == b ? a : a + (b - a) * (place - below)
    }
    if isList {
      for result in results { builder.children[0].append(fixed: result) }
      builder.appendList()
    } else {
      builder.append(fixed: results[0])
    }
  }
}
