import MillraceExpressions
import MillraceTypes

@testable import MillraceColumns

/// Aggregates straight from their definitions, one row at a time: what the accumulators are compared with.
enum NaiveAggregate {
  /// - Parameter rows: of one group; weights may be any.
  static func value(_ call: AggregateCall, _ rows: [TestRow]) throws -> Value {
    var values: [(value: Value, row: TestRow)] = []
    var counted: Int64 = 0
    for row in rows {
      if let filter = call.filter, case .column(let c) = filter.kind, row.values[c] != .bool(true) { continue }
      counted += row.weight
      switch call.arguments.first?.kind {
      case .column(let c)?: if !row.values[c].isNull { values.append((row.values[c], row)) }
      // A row of one field keeps nulls.
      case .call("ROW", let fields)?: if case .column(let c) = fields[0].kind { values.append((row.values[c], row)) }
      default: break
      }
    }
    if call.function == .countStar { return .int(counted) }
    // Fold weights: what is in the multiset.
    var copies: [Value: Int64] = [:]
    for (value, row) in values { copies[value, default: 0] += row.weight }
    var bag: [Value] = []
    for (value, count) in copies where count > 0 {
      for _ in 0..<(call.isDistinct ? 1 : count) { bag.append(value) }
    }
    let type = call.arguments[0].type
    switch call.function {
    case .count: return .int(Int64(bag.count))
    case .approxCountDistinct: return .int(Int64(Set(bag).count))
    case .sum:
      if bag.isEmpty { return .null }
      if type.isFloating { return .float(bag.reduce(0) { $0 + double($1) }) }
      if type.isDecimal { return .decimal(bag.reduce(0) { $0 + integer($1) }) }
      let sum = bag.reduce(Int64(0)) { $0 &+ Int64(truncatingIfNeeded: integer($1)) }
      return .int(call.type == .int32 ? Int64(Int32(truncatingIfNeeded: sum)) : sum)
    case .avg:
      if bag.isEmpty { return .null }
      if type.isFloating { return .float(bag.reduce(0) { $0 + double($1) } / Double(bag.count)) }
      let sum = bag.reduce(Int128(0)) { $0 + integer($1) }
      guard case .decimal(_, let scale) = type, case .decimal(_, let resultScale) = call.type else {
        return .int(Int64(sum / Int128(bag.count)))
      }
      let scaled = sum * (0..<(resultScale - scale)).reduce(Int128(1)) { n, _ in n * 10 }
      let (q, r) = scaled.quotientAndRemainder(dividingBy: Int128(bag.count))
      return .decimal(q + (r.magnitude * 2 >= bag.count ? (scaled < 0 ? -1 : 1) : 0))
    case .min: return bag.min(by: precedes) ?? .null
    case .max: return bag.max(by: precedes) ?? .null
    case .firstValue, .lastValue:
      let inOrder = values.sorted { ($0.row.time ?? 0, $0.row.order) < ($1.row.time ?? 0, $1.row.order) }
      return (call.function == .firstValue ? inOrder.first : inOrder.last)?.value ?? .null
    case .varPop, .varSamp, .stddevPop, .stddevSamp:
      let isSample = call.function == .varSamp || call.function == .stddevSamp
      guard bag.count > (isSample ? 1 : 0) else { return .null }
      let mean = bag.reduce(0) { $0 + double($1) } / Double(bag.count)
      let variance = bag.reduce(0) { $0 + (double($1) - mean) * (double($1) - mean) } / Double(bag.count - (isSample ? 1 : 0))
      return .float(call.function == .varPop || call.function == .varSamp ? variance : variance.squareRoot())
    case .listAgg, .arrayAgg, .jsonArrayAgg:
      var inOrder = values.sorted { ($0.row.time ?? 0, $0.row.order) < ($1.row.time ?? 0, $1.row.order) }.map(\.value)
      if call.isDistinct { inOrder = inOrder.reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }
      if inOrder.isEmpty { return .null }
      if call.function == .arrayAgg { return .list(inOrder) }
      if call.function == .jsonArrayAgg {
        return .text("[" + inOrder.compactMap { if case .int(let number) = $0 { "\(number)" } else { nil } }.joined(separator: ",") + "]")
      }
      guard case .literal(.text(let separator)) = call.arguments[1].kind else { return .null }
      return .text(inOrder.map { if case .text(let text) = $0 { text } else { "" } }.joined(separator: separator))
    case .collect:
      let keys = Set(bag).sorted(by: precedes)
      return keys.isEmpty ? .null : .map(keys, keys.map { key in .int(Int64(bag.count { $0 == key })) })
    case .mode: return frequencies(bag).first?.value ?? .null
    case .approxTopK:
      guard case .literal(.int(let most)) = call.arguments[1].kind, !bag.isEmpty else { return .null }
      return .list(frequencies(bag).prefix(Int(most)).map { .row([$0.value, .int(Int64($0.count))]) })
    case .percentile, .approxQuantile:
      guard case .literal(.float(let part)) = call.arguments[1].kind, !bag.isEmpty else { return .null }
      let sorted = bag.map(double).sorted()
      let place = part * Double(sorted.count - 1)
      let below = Int(place.rounded(.down))
      if call.function == .approxQuantile { return .float(sorted[below]) }
      let above = min(sorted.count - 1, below + 1)
      return .float(sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below)))
    case .countStar, .jsonObjectAgg, .user: return .null
    }
  }

  /// The most frequent first, of equal counts the least value.
  private static func frequencies(_ bag: [Value]) -> [(value: Value, count: Int)] {
    let counted = Set(bag).map { value in (value: value, count: bag.count { $0 == value }) }
    return counted.sorted { $0.count == $1.count ? precedes($0.value, $1.value) : $0.count > $1.count }
  }

  static func double(_ value: Value) -> Double {
    switch value {
    case .float(let v): v
    case .int(let v): Double(v)
    default: .nan
    }
  }

  private static func integer(_ value: Value) -> Int128 {
    switch value {
    case .int(let v): Int128(v)
    case .decimal(let v): v
    default: 0
    }
  }

  private static func precedes(_ a: Value, _ b: Value) -> Bool {
    switch (a, b) {
    case (.int(let x), .int(let y)): x < y
    case (.decimal(let x), .decimal(let y)): x < y
    case (.float(let x), .float(let y)): x < y
    case (.text(let x), .text(let y)): Array(x.utf8).lexicographicallyPrecedes(Array(y.utf8))
    case (.bool(let x), .bool(let y)): !x && y
    default: false
    }
  }

  /// Whether two results agree: to the last bit, but for variances, whose definition rounds at every step.
  static func agree(_ call: AggregateCall, _ a: Value, _ b: Value) -> Bool {
    switch call.function {
    case .varPop, .varSamp, .stddevPop, .stddevSamp:
      guard case .float(let x) = a, case .float(let y) = b else { return a == b }
      return abs(x - y) <= 1e-9 * max(1, abs(x))
    case .approxQuantile:
      guard case .float(let x) = a, case .float(let y) = b else { return a == b }
      return abs(x - y) <= 0.01000001 * max(abs(x), abs(y))
    default: return a == b
    }
  }
}

/// The input and the aggregates that the aggregate tests share.
enum AggregateFixture {
  static let schema = Schema([
    Field("at", .timestamp(precision: 3), isNullable: false), Field("k", .int64), Field("name", .text),
    Field("i", .int32), Field("l", .int64, isNullable: false), Field("f", .float64), Field("d", .decimal(precision: 20, scale: 2)),
    Field("keep", .boolean), Field("g", .float32), Field("flag", .boolean),
  ])

  static func call(_ function: AggregateFunction, _ column: Int? = nil, distinct: Bool = false, filter: Bool = false) throws
    -> AggregateCall
  {
    try FunctionRegistry.builtIn.resolveAggregate(
      function == .countStar ? "COUNT" : function.rawValue, column.map { [schema.column($0)] } ?? [], distinct: distinct,
      filter: filter ? schema.column(7) : nil)
  }

  static func call(
    _ name: String, _ column: Int, _ constant: Value = .null, _ type: DataType = .null, distinct: Bool = false
  ) throws -> AggregateCall {
    try FunctionRegistry.builtIn.resolveAggregate(
      name, [schema.column(column)] + (constant.isNull ? [] : [Expression.literal(constant, type)]), distinct: distinct)
  }

  static func calls(retracting: Bool = false) throws -> [AggregateCall] {
    var calls = [
      try call(.countStar), try call(.countStar, filter: true), try call(.count, 3), try call(.count, 2, distinct: true),
      try call(.sum, 3), try call(.sum, 4), try call(.sum, 5), try call(.sum, 6), try call(.sum, 8), try call(.sum, 4, filter: true),
      try call(.avg, 3), try call(.avg, 5), try call(.avg, 6), try call(.sum, 3, distinct: true), try call(.avg, 5, distinct: true),
      try call(.min, 3), try call(.max, 4), try call(.min, 5), try call(.max, 6), try call(.min, 2), try call(.max, 2),
      try call(.max, 9), try call(.varPop, 5), try call(.stddevSamp, 5), try call(.max, 0),
      try call(.collect, 3), try call(.collect, 2, distinct: true), try call(.mode, 2), try call("PERCENTILE", 5, .float(0.3), .float64),
      try call("APPROX_TOP_K", 2, .int(2), .int32), try call("APPROX_QUANTILE", 5, .float(0.75), .float64), try call("BOOL_AND", 9),
      try call("BOOL_OR", 9),
    ]
    if !retracting {
      calls += [
        try call(.firstValue, 2), try call(.lastValue, 2), try call(.lastValue, 3, filter: true), try call(.approxCountDistinct, 3),
        try call(.listAgg, 2, filter: true), try call("LISTAGG", 2, .text("; "), .text, distinct: true), try call(.arrayAgg, 3),
        try call(.arrayAgg, 2, distinct: true), try call(.jsonArrayAgg, 3),
      ]
    }
    return calls
  }

  static func row(_ time: Int64, _ order: Int64, keys: Int, _ random: inout SeededRandom) -> TestRow {
    func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
    func maybe(_ value: Value) -> Value { pick(6) == 0 ? .null : value }
    return TestRow(
      values: [
        .int(time), maybe(.int(Int64(pick(keys)) << 35)), maybe(.text(["a", "b\0", "cc", "a longer name", ""][pick(5)])),
        maybe(.int(Int64(pick(5)) - 2 + (pick(20) == 0 ? 2_000_000_000 : 0))), .int(Int64(pick(1000)) - 500),
        maybe(.float(Double(pick(64)) / 8 - 4)), maybe(.decimal(Int128(pick(1000)) - 500)), maybe(.bool(pick(2) == 0)),
        maybe(.float(Double(pick(16)) / 4)), maybe(.bool(pick(9) == 0)),
      ], time: time * 1000, order: order)
  }
}
