import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// What an ordered OVER needs of its input: keys of partitions, sort keys as bytes, and the values that its functions read.
struct OrderedOverInputs {
  /// The input's columns, then the values that are no column of it.
  let storedSchema: Schema
  /// The stored column of the sort key that RANGE distances are measured on; nil where none is.
  let rangeColumn: Int?
  private let keyCount: Int
  private let sortKeys: [Sort.Key]
  private let keyValues: ExpressionEvaluator
  /// Partition keys, sort keys, values.
  private let values: ExpressionEvaluator
  /// Per call the stored columns of its arguments and its filter.
  private let places: [(arguments: [Int], filter: Int?)]

  init(_ over: OrderedOver) throws(MillraceError) {
    let input = over.input.schema
    var extra: [Expression] = []
    func place(_ expression: Expression) -> Int {
      if case .column(let index) = expression.kind { return index }
      if let known = extra.firstIndex(of: expression) { return input.count + known }
      extra.append(expression)
      return input.count + extra.count - 1
    }
    places = over.calls.map { ($0.arguments.map(place), $0.filter.map(place)) }
    rangeColumn = over.calls.contains(where: \.measuresRange) ? over.sortKeys.first.map { place($0.expression) } : nil
    keyCount = over.partitionKeys.count
    sortKeys = over.sortKeys
    keyValues = try ExpressionEvaluator(over.partitionKeys, schema: input)
    values = try ExpressionEvaluator(over.partitionKeys + over.sortKeys.map(\.expression) + extra, schema: input)
    storedSchema = Schema(input.fields + extra.enumerated().map { Field("\($0)", $1.type, isNullable: $1.isNullable) })
  }

  struct Prepared {
    var partitionKeys: [Column]
    /// BYTES whose order is that of the rows.
    var sortKeys: Column
    var stored: Batch
  }

  func evaluate(_ batch: Batch) throws(MillraceError) -> Prepared {
    let columns = try values.evaluate(batch)
    let behind = keyCount + sortKeys.count
    var stored = batch.replacing(schema: storedSchema, columns: batch.columns + columns[behind...])
    stored.weights = nil
    return Prepared(
      partitionKeys: Array(columns[..<keyCount]),
      sortKeys: SortKeys.encode(Array(columns[keyCount..<behind]), sortKeys, rowCount: batch.rowCount), stored: stored)
  }

  func partitionKeys(_ batch: Batch) throws(MillraceError) -> [Column] { try keyValues.evaluate(batch) }

  // MARK: functions

  /// The functions of the calls, and the same in groups of equal frames.
  func makeFunctions(
    _ over: OrderedOver, _ rows: OrderedRows, _ rangeKeys: RangeKeys?
  ) throws(MillraceError) -> (all: [FrameFunction], groups: [FrameGroup]) {
    var all: [FrameFunction] = []
    var groups: [FrameGroup] = []
    var frames: [OrderedOver.Frame] = []
    for call in over.calls where !frames.contains(call.effectiveFrame) { frames.append(call.effectiveFrame) }
    for frame in frames {
      let calls = over.calls.indices.filter { over.calls[$0].effectiveFrame == frame }
      let functions = try makeFunctions(over, calls, rows)
      all += functions
      groups.append(FrameGroup(frame, rows: rows, rangeKeys: rangeKeys, functions: functions))
    }
    return (all, groups)
  }

  private func makeFunctions(_ over: OrderedOver, _ calls: [Int], _ rows: OrderedRows) throws(MillraceError) -> [FrameFunction] {
    var functions: [FrameFunction] = []
    var plain: [Int] = []
    var distinct: [Int] = []
    var listed: [Int] = []
    for index in calls {
      let call = over.calls[index]
      let (arguments, filter) = places[index]
      switch call.function {
      case .lag(let n), .lead(let n):
        let rows = Int(clamping: n)
        let distance = if case .lag = call.function { 0 - rows } else { rows }
        functions.append(
          ShiftFunction(
            call: index, argument: arguments[0], defaultColumn: arguments.count > 1 ? arguments[1] : nil, distance: distance))
      case .nthValue(let n): functions.append(NthFunction(call: index, argument: arguments[0], place: n))
      case .ntile, .percentRank, .cumeDist: functions.append(PartitionPlaceFunction(call: index, call.function, rows: rows))
      case .aggregate(let function, let isDistinct):
        switch function {
        case .firstValue, .lastValue:
          functions.append(EdgeFunction(call: index, argument: arguments[0], filter: filter, isLast: function == .lastValue))
        case .min, .max:
          functions.append(
            ExtremeFunction(call: index, argument: arguments[0], filter: filter, type: call.type, isMax: function == .max))
        default:
          guard let aggregate = call.aggregate, SlidingAggregates.accepts(aggregate) else {
            listed.append(index)
            continue
          }
          if isDistinct { distinct.append(index) } else { plain.append(index) }
        }
      }
    }
    func aggregates(_ indices: [Int]) -> [AggregateCall] { indices.compactMap { over.calls[$0].aggregate } }
    func columns(_ indices: [Int]) -> [(argument: Int?, filter: Int?)] { indices.map { (places[$0].arguments.first, places[$0].filter) } }
    if !plain.isEmpty { functions.append(try SlidingAggregates(calls: plain, aggregates(plain), columns: columns(plain))) }
    if !distinct.isEmpty { functions.append(try SlidingAggregates(calls: distinct, aggregates(distinct), columns: columns(distinct))) }
    if !listed.isEmpty { functions.append(try ListedAggregates(calls: listed, aggregates(listed), columns: columns(listed))) }
    return functions
  }
}

extension OrderedOver.Call {
  /// The frame whose changes change the result.
  var effectiveFrame: OrderedOver.Frame {
    switch function {
    case .lag(let n): .init(isRange: false, start: .preceding(.rows(n)), end: .preceding(.rows(n)))
    case .lead(let n): .init(isRange: false, start: .following(.rows(n)), end: .following(.rows(n)))
    case .ntile, .percentRank, .cumeDist: .all
    case .aggregate, .nthValue: frame
    }
  }

  /// A RANGE frame has a distance.
  fileprivate var measuresRange: Bool {
    let frame = effectiveFrame
    guard frame.isRange else { return false }
    return [frame.start, frame.end].contains { bound in
      switch bound {
      case .preceding, .following: true
      case .unboundedPreceding, .currentRow, .unboundedFollowing: false
      }
    }
  }
}

extension OrderedOver {
  /// How many rows back frames reach; nil for without end.
  var reach: Int? {
    var most = 0
    for call in calls {
      let frame = call.effectiveFrame
      guard !frame.isRange else { return nil }
      switch frame.start {
      case .unboundedPreceding: return nil
      case .preceding(.rows(let n)): most = max(most, Int(clamping: n))
      default: break
      }
    }
    return most < 1 << 30 ? most : nil
  }
}
