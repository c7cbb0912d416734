import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Which rows of a key a sliding aggregate is over, counted back from the asking row.
enum SlidingWindow: Sendable, Hashable {
  /// Rows whose time is at or after now minus so many microseconds.
  case micros(Int64)
  /// The last so many rows, whether or not they pass the aggregate's own filter.
  case rows(Int64)
  case unbounded

  fileprivate var measure: Measure {
    switch self {
    case .micros: .time
    case .rows: .ordinal
    case .unbounded: .unbounded
    }
  }

  fileprivate var length: Int64 {
    switch self {
    case .micros(let length), .rows(let length): max(0, length)
    case .unbounded: 0
    }
  }

  fileprivate enum Measure: Hashable { case time, ordinal, unbounded }
}

/// An aggregate call with its window.
struct SlidingCall: Sendable, Hashable {
  var call: AggregateCall
  var window: SlidingWindow
}

/// All aggregates of one branch (one input of a feature view, or one kind of OVER frame), for every key.
///
/// Calls with the same argument, filter and measure share a lane, and within it one structure for all their windows.
final class SlidingLanes {
  private struct LaneKey: Hashable {
    var argument: Int?
    var filter: Int?
    var measure: SlidingWindow.Measure
  }

  private final class Lane {
    let key: LaneKey
    let rows: LaneRows
    var components: [SlidingComponent] = []
    init(_ key: LaneKey, _ type: DataType?) {
      self.key = key
      rows = LaneRows(type)
    }
  }

  /// What has to be computed for each row of the branch: arguments and filters, each once.
  private(set) var expressions: [Expression] = []
  let results: [SlidingResult]
  /// Whether some window counts rows.
  let countsRows: Bool
  /// Longest window in microseconds; nil when there is none of that kind.
  let longestMicros: Int64?
  /// Whether a key, once seen, has something for ever.
  let isEndless: Bool
  private var lanes: [Lane] = []

  /// - Throws: `not-supported` for DISTINCT in anything but COUNT, and for FIRST_VALUE and LAST_VALUE of nested values.
  init(_ calls: [SlidingCall]) throws(MillraceError) {
    results = calls.map { SlidingResult($0.call.type) }
    countsRows = calls.contains { $0.window.measure == .ordinal }
    longestMicros = calls.filter { $0.window.measure == .time }.map(\.window.length).max()
    isEndless = calls.contains { $0.window.measure != .time }
    var members: [(lane: Lane, calls: [Int])] = []
    for (index, sliding) in calls.enumerated() {
      let call = sliding.call
      try Self.check(call)
      let key = LaneKey(
        argument: place(Self.argument(of: call)), filter: place(call.arguments.isEmpty ? call.filter : nil), measure: sliding.window.measure
      )
      if let known = members.firstIndex(where: { $0.lane.key == key }) {
        members[known].calls.append(index)
      } else {
        members.append((Lane(key, call.arguments.first?.type), [index]))
      }
    }
    for (lane, indices) in members {
      lane.components = components(of: lane, calls, indices)
      lanes.append(lane)
    }
  }

  /// Rows that a filter refuses count as null: that way a value is never computed where the filter is not true.
  private static func argument(of call: AggregateCall) -> Expression? {
    guard let argument = call.arguments.first, let filter = call.filter else { return call.arguments.first }
    return Expression(.caseWhen([filter, argument], otherwise: .null(argument.type)), type: argument.type, isNullable: true)
  }

  private func place(_ expression: Expression?) -> Int? {
    guard let expression else { return nil }
    if let known = expressions.firstIndex(of: expression) { return known }
    expressions.append(expression)
    return expressions.count - 1
  }

  private static func check(_ call: AggregateCall) throws(MillraceError) {
    if !call.function.canSlide {
      throw .notSupported("\(call.name) over a sliding window", hint: "use it with GROUP BY, over TUMBLE or HOP for instance")
    }
    if call.isDistinct && call.function != .count {
      throw .notSupported("\(call.function.rawValue)(DISTINCT ...) over a sliding window", hint: "COUNT(DISTINCT ...) is there")
    }
    switch (call.function, call.arguments.first?.type) {
    case (.firstValue, .array?), (.firstValue, .map?), (.firstValue, .row?), (.lastValue, .array?), (.lastValue, .map?),
      (.lastValue, .row?), (.min, .array?), (.min, .map?), (.min, .row?), (.max, .array?), (.max, .map?), (.max, .row?):
      throw .notSupported(
        "\(call.function.rawValue) of \(call.type) over a sliding window", hint: "take its fields one by one")
    default: break
    }
  }

  var heldBytes: Int { lanes.reduce(0) { $0 + $1.components.reduce(0) { $0 + $1.heldBytes } } }

  // MARK: building

  private enum Structure: Hashable { case ring, minimum, maximum, distinct, sketch, first, last }

  private func components(of lane: Lane, _ calls: [SlidingCall], _ indices: [Int]) -> [SlidingComponent] {
    var groups: [(structure: Structure, calls: [Int])] = []
    for index in indices {
      let structure = Self.structure(calls[index].call, isUnbounded: lane.key.measure == .unbounded)
      if let known = groups.firstIndex(where: { $0.structure == structure }) {
        groups[known].calls.append(index)
      } else {
        groups.append((structure, [index]))
      }
    }
    let form = lane.rows.form
    let isFloat = lane.rows.isFloat
    return groups.map { structure, members in
      let isUnbounded = lane.key.measure == .unbounded
      let lengths = isUnbounded ? [] : Array(Set(members.map { calls[$0].window.length })).sorted()
      let outputs = members.map { index in
        SlidingOutput(
          function: Self.function(calls[index].call), length: lengths.firstIndex(of: calls[index].window.length) ?? 0,
          result: results[index])
      }
      switch structure {
      case .ring:
        return PrefixRing(
          form: form, sums: Self.sums(members.map { calls[$0].call }), keepsValues: outputs.contains { $0.function == .first },
          lengths: lengths, outputs: outputs, decimalDigits: members.map { Self.averageDigits(calls[$0].call) })
      case .minimum, .maximum:
        return ExtremeDeque(form: form, isFloat: isFloat, isMax: structure == .maximum, lengths: lengths, outputs: outputs)
      case .distinct: return DistinctSet(form: form, isFloat: isFloat, lengths: lengths, outputs: outputs)
      case .sketch: return SlidingSketch(lengths: lengths, outputs: outputs)
      case .first, .last: return LatestValue(form: form, keepsFirst: structure == .first, lengths: lengths, outputs: outputs)
      }
    }
  }

  private static func structure(_ call: AggregateCall, isUnbounded: Bool) -> Structure {
    switch call.function {
    case .min: .minimum
    case .max: .maximum
    case .count: call.isDistinct ? .distinct : .ring
    case .approxCountDistinct: .sketch
    case .lastValue: .last
    case .firstValue: isUnbounded ? .first : .ring
    default: .ring
    }
  }

  private static func function(_ call: AggregateCall) -> SlidingFunction {
    let type = call.arguments.first?.type
    switch call.function {
    case .countStar: return .count
    case .count: return call.isDistinct ? .distinct : .count
    case .sum: return type?.isFloating == true ? .floatSum : type?.isDecimal == true ? .decimalSum : .integerSum
    case .avg: return type?.isFloating == true ? .floatAverage : type?.isDecimal == true ? .decimalAverage : .integerAverage
    case .min: return .minimum
    case .max: return .maximum
    case .firstValue: return .first
    case .lastValue: return .last
    case .stddevPop: return .deviationPopulation
    case .stddevSamp: return .deviationSample
    case .varPop: return .variancePopulation
    case .varSamp: return .varianceSample
    case .approxCountDistinct: return .approximateDistinct
    // Refused by `check`.
    default: return .count
    }
  }

  /// The sums that these calls need; all have the lane's argument.
  private static func sums(_ calls: [AggregateCall]) -> PrefixRing.Sums {
    var result = PrefixRing.Sums.none
    for call in calls {
      let needed: PrefixRing.Sums
      switch call.function {
      case .stddevPop, .stddevSamp, .varPop, .varSamp: needed = .moments
      case .sum, .avg:
        switch call.arguments[0].type {
        case .float32, .float64: needed = .float
        case .decimal: needed = .wide
        // The sum of many BIGINTs may need more than 64 bits before it is divided.
        case .int64: needed = call.function == .avg ? .wide : .integer
        default: needed = .integer
        }
      default: needed = .none
      }
      if needed.wordCount > result.wordCount { result = needed }
    }
    return result
  }

  private static func averageDigits(_ call: AggregateCall) -> Int {
    guard call.function == .avg, case .decimal(_, let from)? = call.arguments.first?.type, case .decimal(_, let to) = call.type else {
      return 0
    }
    return max(0, to - from)
  }

  // MARK: running

  func grow(to bound: Int) { forEach { $0.grow(to: bound) } }

  /// Takes the values of `expressions` for the rows that the next runs refer to.
  func load(_ columns: [Column], rowCount: Int) {
    for lane in lanes {
      lane.rows.load(
        argument: lane.key.argument.map { columns[$0] }, filter: lane.key.filter.map { columns[$0] }, rowCount: rowCount)
    }
  }

  func unload() { for lane in lanes { lane.rows.unload() } }

  /// Runs steps, whose marks are times in `times` and ordinals in `ordinals` (only looked at when rows are counted).
  func run(times: SlidingSteps, ordinals: SlidingSteps, askCount: Int) {
    for result in results { result.begin(count: askCount) }
    for lane in lanes {
      for component in lane.components { component.run(lane.key.measure == .ordinal ? ordinals : times, lane.rows) }
    }
  }

  /// Drops what no window at or after `now` can hold; true when the key has nothing left.
  func sweep(_ key: Int32, now: Int64) -> Bool {
    var isEmpty = true
    for lane in lanes where lane.key.measure != .ordinal {
      for component in lane.components where !component.sweep(key, now: now) { isEmpty = false }
    }
    return isEmpty
  }

  func clear(_ key: Int32) { forEach { $0.clear(key) } }

  func write(_ key: Int32, into writer: inout ByteWriter) { forEach { $0.write(key, into: &writer) } }

  func read(_ key: Int32, from reader: inout ByteReader) throws(MillraceError) {
    for lane in lanes { for component in lane.components { try component.read(key, from: &reader) } }
  }

  private func forEach(_ body: (SlidingComponent) -> Void) {
    for lane in lanes { for component in lane.components { body(component) } }
  }
}
