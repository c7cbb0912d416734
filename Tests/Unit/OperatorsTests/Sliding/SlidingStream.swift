import MillraceColumns
import MillraceExpressions
import MillraceTypes

@testable import MillraceOperators

/// A random stream of entering and asking rows, with the aggregates asked for.
struct SlidingStream {
  enum Event {
    case enter(key: Int64, row: NaiveWindows.Row)
    case ask(key: Int64, now: Int64)
  }

  static let fields = [
    Field("i32", .int32), Field("i64", .int64), Field("f64", .float64), Field("f32", .float32),
    Field("dec", .decimal(precision: 20, scale: 3)), Field("text", .text), Field("flag", .boolean, isNullable: true),
    Field("day", .date), Field("i8", .int8), Field("at", .timestamp(precision: 3)), Field("wild", .float64),
  ]

  var calls: [SlidingCall]
  var events: [Event]

  static func column(_ index: Int) -> Expression { .column(index, fields[index]) }

  static func call(
    _ function: AggregateFunction, _ column: Int?, filter: Bool = false, distinct: Bool = false, _ window: SlidingWindow
  ) -> SlidingCall {
    let argument = column.map { Self.column($0) }
    let from = argument?.type ?? .int64
    let type: DataType
    switch function {
    case .countStar, .count, .approxCountDistinct: type = .int64
    case .stddevPop, .stddevSamp, .varPop, .varSamp: type = .float64
    case .sum, .avg:
      if case .decimal(_, let scale) = from {
        type = .decimal(precision: 38, scale: function == .sum ? scale : max(6, scale))
      } else {
        type = from
      }
    default: type = from
    }
    return SlidingCall(
      call: AggregateCall(
        function, argument.map { [$0] } ?? [], filter: filter ? Self.column(6) : nil, isDistinct: distinct, type: type, isNullable: true),
      window: window)
  }

  static let minute: Int64 = 60_000_000
  static let day: Int64 = 24 * 60 * minute

  static func randomWindow(_ random: inout SeededRandom, rows: Bool) -> SlidingWindow {
    let lengths: [Int64] = [0, 1, minute, 5 * minute, 60 * minute, day, 7 * day, 30 * day, Int64.random(in: 1...day, using: &random)]
    switch Int.random(in: 0..<(rows ? 10 : 8), using: &random) {
    case 9: return .unbounded
    case 8: return .rows(Int64.random(in: 0...40, using: &random))
    default: return .micros(lengths[Int.random(in: 0..<lengths.count, using: &random)])
    }
  }

  /// Every function over every type that it takes, each over a random window.
  static func everyCall(_ random: inout SeededRandom, rows: Bool = true) -> [SlidingCall] {
    var calls: [SlidingCall] = []
    func add(_ function: AggregateFunction, _ columns: [Int?], distinct: Bool = false, _ random: inout SeededRandom) {
      for column in columns {
        for _ in 0..<2 {
          calls.append(
            call(
              function, column, filter: Int.random(in: 0..<4, using: &random) == 0, distinct: distinct,
              randomWindow(&random, rows: rows)))
        }
      }
    }
    let all = Array(fields.indices)
    add(.countStar, [nil], &random)
    add(.count, all, &random)
    add(.count, all, distinct: true, &random)
    add(.approxCountDistinct, all, &random)
    add(.sum, [0, 1, 2, 3, 4, 8, 10], &random)
    add(.avg, [0, 1, 2, 3, 4, 8, 10], &random)
    for function in [AggregateFunction.min, .max, .firstValue, .lastValue] { add(function, all, &random) }
    for function in [AggregateFunction.stddevPop, .stddevSamp, .varPop, .varSamp] { add(function, [2], &random) }
    calls.shuffle(using: &random)
    return calls
  }

  static func randomValues(_ random: inout SeededRandom) -> [Value] {
    let few = Int64.random(in: -6...6, using: &random)
    let floats: [Double] = [0.1 * Double(few), -0.0, 1e16 * Double(few), 1e-9 * Double(few), Double(few)]
    let wild: [Double] = [.nan, .infinity, -.infinity, 1e300, -1e300, .leastNonzeroMagnitude, 1e-200, 1.5, -0.0, 0.1, 3e22]
    var values: [Value] = [
      .int(few * 100_000_000), .int(few == 6 ? .max - 3 : few == -6 ? .min + 2 : few),
      .float(floats[Int.random(in: 0..<5, using: &random)]), .float(Double(Float(0.3) * Float(few))),
      .decimal(Int128(few) * 1_234_567_890_123_456_789),
      .text(["", "a", "ab", "b\u{0}c", "é", "longer than fifteen bytes"][Int(few + 6) % 6]),
      .bool(few % 2 == 0), .int(few), .int(few * 20), .int(few * 1000),
      .float(Bool.random(using: &random) ? Double(few) : wild[Int.random(in: 0..<wild.count, using: &random)]),
    ]
    for index in values.indices where Int.random(in: 0..<6, using: &random) == 0 { values[index] = .null }
    return values
  }

  static func random(
    seed: UInt64, count: Int, keys: Int64, calls: [SlidingCall]? = nil, rows: Bool = true, stepMicros: Int64? = nil
  ) -> SlidingStream {
    var random = SeededRandom(seed: seed)
    let calls = calls ?? everyCall(&random, rows: rows)
    var events: [Event] = []
    var time: Int64 = 1_600_000_000_000_000
    for _ in 0..<count {
      // Ties, steady flow, and silences longer than most windows.
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<8: break
      case 19: time += Int64.random(in: 0...(40 * day), using: &random)
      case 16..<19: time += Int64.random(in: 0...(2 * day), using: &random)
      default: time += Int64.random(in: 0...(stepMicros ?? 3 * minute), using: &random)
      }
      let key = Int64.random(in: 0..<keys, using: &random)
      if Int.random(in: 0..<3, using: &random) == 0 {
        events.append(.ask(key: Int64.random(in: 0...keys, using: &random), now: time))
      } else {
        events.append(.enter(key: key, row: .init(time: time, values: randomValues(&random))))
      }
    }
    return SlidingStream(calls: calls, events: events)
  }

  /// What the obvious implementation answers, per ask.
  func naive() -> [[Value]] {
    var rows: [Int64: [NaiveWindows.Row]] = [:]
    var answers: [[Value]] = []
    for event in events {
      switch event {
      case .enter(let key, let row): rows[key, default: []].append(row)
      case .ask(let key, let now): answers.append(calls.map { NaiveWindows.value($0, rows[key] ?? [], now: now) })
      }
    }
    return answers
  }
}

/// Drives a `SlidingState` with events of a stream.
struct SlidingDriver {
  var state: SlidingState
  let calls: [SlidingCall]
  let list = SlidingStepList()

  init(_ calls: [SlidingCall]) throws {
    self.calls = calls
    state = try SlidingState(keyTypes: [.int64], branches: [calls], maxParallelism: 128)
  }

  /// Answers of the asks among the events, all in one run.
  func run(_ events: some Collection<SlidingStream.Event>) throws -> [[Value]] {
    var columns: [ColumnBuilder] = SlidingStream.fields.map { ColumnBuilder($0.type) }
    var entering: [Int64] = []
    var asking: [Int64] = []
    for event in events {
      switch event {
      case .enter(let key, let row):
        entering.append(key)
        for (builder, value) in zip(columns, row.values) { try builder.append(value) }
      case .ask(let key, _): asking.append(key)
      }
    }
    let schema = Schema(SlidingStream.fields)
    let batch = Batch(schema: schema, columns: columns.map { $0.finish() }, rowCount: entering.count)
    columns = []
    let lanes = state.branches[0]
    let values = try ExpressionEvaluator(lanes.expressions, schema: schema).evaluate(batch)
    var enterIDs = [Int32](repeating: 0, count: entering.count + 1)
    var askIDs = [Int32](repeating: 0, count: asking.count + 1)
    enterIDs.withUnsafeMutableBufferPointer { ids in
      if let base = ids.baseAddress { state.enterKeys([.int64s(entering)], rowCount: entering.count, into: base) }
    }
    askIDs.withUnsafeMutableBufferPointer { ids in
      if let base = ids.baseAddress { state.findKeys([.int64s(asking)], rowCount: asking.count, into: base) }
    }
    list.removeAll()
    list.reserve(events.count)
    var enters = 0
    var asks = 0
    for event in events {
      switch event {
      case .enter(_, let row):
        list.enter(enterIDs[enters], time: row.time, row: enters)
        enters += 1
      case .ask(_, let now):
        list.ask(askIDs[asks], time: now, place: asks)
        asks += 1
      }
    }
    lanes.load(values, rowCount: entering.count)
    let results = state.run(0, list, askCount: asks)
    lanes.unload()
    return (0..<asks).map { row in results.map { $0[row] } }
  }

  /// A driver that has only what a snapshot of this one says.
  func restored() throws -> SlidingDriver {
    let other = try SlidingDriver(calls)
    for (_, ids) in state.idsByKeyGroup() {
      var writer = ByteWriter()
      state.write(ids, into: &writer)
      var reader = ByteReader(writer.bytes)
      try other.state.read(from: &reader)
      if !reader.isAtEnd { throw MillraceError(.checkpointInvalid, "bytes are left over") }
    }
    return other
  }
}

extension SlidingStream.Event {
  var time: Int64 {
    switch self {
    case .enter(_, let row): row.time
    case .ask(_, let now): now
    }
  }
}

extension Value {
  /// Equality of bits: NaN equals itself, 0.0 is not -0.0.
  func isIdentical(to other: Value) -> Bool {
    if case .float(let a) = self, case .float(let b) = other { return a.bitPattern == b.bitPattern }
    return self == other
  }
}
