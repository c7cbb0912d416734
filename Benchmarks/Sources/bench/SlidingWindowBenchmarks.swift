import MillraceColumns
import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillraceTypes

/// Thirty sliding windows as of every event, over the events before it: the ask and the update of each event are both counted in
/// its cost, with ordering by event time, key look-up and the building of output columns.
let slidingWindowBenchmarks = [
  slidingWindows("sliding-30-windows-10k-keys", keys: 10_000),
  slidingWindows("sliding-30-windows-1m-keys", keys: 1_000_000),
  // Windows of hundreds of thousands of rows: the cost must not follow their size.
  slidingWindows("sliding-30-windows-1-key", keys: 1),
]

private func slidingWindows(_ name: String, keys: Int64) -> Benchmark {
  Benchmark(name: name) { try SlidingWindowWorkload(name: name, keys: keys, events: 2_000_000, days: 60).run() }
}

private struct SlidingWindowWorkload {
  let name: String
  let keys: Int64
  let events: Int
  let days: Int64

  static let minute: Int64 = 60_000_000
  static let day = 1440 * minute
  static let lengths = [minute, 10 * minute, 60 * minute, day, 7 * day, 30 * day]
  static let table = TableDefinition(
    name: "events", schema: Schema([Field("user", .int64), Field("amount", .float64), Field("place", .int64)]))

  private enum Feature: CaseIterable { case count, sum, average, minimum, maximum, distinct }

  /// Count and distinct over six lengths, sum and average over five, minimum and maximum over four.
  private static let features: [(Feature, Int64)] = Feature.allCases.flatMap { feature in
    let skip =
      switch feature {
      case .count, .distinct: 0
      case .sum, .average: 1
      case .minimum, .maximum: 2
      }
    return lengths.dropFirst(skip).map { (feature, $0) }
  }

  private static func column(_ index: Int) -> Expression { .column(index, table.schema.fields[index]) }

  private static func call(_ feature: Feature) -> AggregateCall {
    switch feature {
    case .count: AggregateCall(.countStar, [], type: .int64, isNullable: false)
    case .sum: AggregateCall(.sum, [column(1)], type: .float64, isNullable: true)
    case .average: AggregateCall(.avg, [column(1)], type: .float64, isNullable: true)
    case .minimum: AggregateCall(.min, [column(1)], type: .float64, isNullable: true)
    case .maximum: AggregateCall(.max, [column(1)], type: .float64, isNullable: true)
    case .distinct: AggregateCall(.count, [column(2)], isDistinct: true, type: .int64, isNullable: false)
    }
  }

  private func join() -> AsOfJoin {
    let aggregates = Self.features.map { WindowedAggregate(call: Self.call($0.0), frame: .lastMicros($0.1)) }
    let view = FeatureViewDefinition(
      name: "user", keys: [Field("user", .int64)],
      branches: [.init(input: .scan(Scan(table: Self.table)), keys: [Self.column(0)], aggregates: aggregates)],
      features: aggregates.enumerated().map { index, aggregate in
        .init(
          field: Field("f\(index)", aggregate.call.type),
          expression: Expression(.column(index), type: aggregate.call.type, isNullable: aggregate.call.isNullable))
      })
    return AsOfJoin(input: .scan(Scan(table: Self.table)), view: view, keys: [Self.column(0)])
  }

  private struct Event {
    var time: Int64
    var user: Int64
    var amount: Double
    var place: Int64
  }

  private func makeEvents() -> [Event] {
    var random = SeededRandom(seed: 42)
    let step = days * Self.day / Int64(events)
    var time: Int64 = 1_700_000_000_000_000
    var lately: Int64 = 0
    return (0..<events).map { _ in
      time += Int64.random(in: 0...(2 * step), using: &random)
      // Every other event is by somebody who has just been there.
      let user =
        Bool.random(using: &random) ? lately &+ Int64.random(in: 0..<8, using: &random) : Int64.random(in: 0..<keys, using: &random)
      lately = user % keys
      return Event(
        time: time, user: (user % keys) &* 0x9E37_79B9, amount: Double(Int64.random(in: 1...100_000, using: &random)) / 100,
        place: Int64.random(in: 0..<50, using: &random))
    }
  }

  private func batches(_ events: [Event]) -> [Batch] {
    stride(from: 0, to: events.count, by: 4096).map { start in
      let slice = events[start..<min(events.count, start + 4096)]
      var batch = Batch(
        schema: Self.table.schema,
        columns: [
          .int64s(slice.map(\.user)),
          Column(type: .float64, count: slice.count, values: .fixed(Buffer(slice.map(\.amount)))),
          .int64s(slice.map(\.place)),
        ], rowCount: slice.count)
      batch.eventTimes = .int64s(slice.map(\.time))
      batch.order = KeyEncoder.encode([.int64s(slice.indices.map { Int64($0) })], rowCount: slice.count, prefix: [128, 0])
      return batch
    }
  }

  func run() throws {
    let events = makeEvents()
    let batches = batches(events)
    let op = try AsOfOperator(join(), outcomeRank: [127, 1], context: OperatorContext())
    let sampled = Set((0..<6).map { (keys / 7 * $0) &* 0x9E37_79B9 })
    // A naive pass over a key of all events takes too long: every so many of its rows are checked.
    let every = keys < 100 ? 50_021 : 1
    var checkedRows: [(event: Int, values: [Value])] = []
    var emitted = 0
    var nanos: Int64 = 0
    for (index, batch) in batches.enumerated() {
      var output = OperatorOutput()
      let start = cpuNanos()
      try op.process(batch, port: 0, into: &output)
      try op.process(batch, port: 1, into: &output)
      let isLast = index == batches.count - 1
      _ = try op.advance(to: isLast ? .end : events[(index + 1) * 4096].time, into: &output)
      nanos += cpuNanos() - start
      for batch in output.batches {
        let users = batch.columns[0].pointer(Int64.self)
        for row in 0..<batch.rowCount where sampled.contains(users[row]) && (emitted + row) % every == 0 {
          checkedRows.append((emitted + row, batch.row(row)))
        }
        emitted += batch.rowCount
      }
    }
    guard emitted == events.count else { throw WrongAnswer(description: "\(emitted) rows for \(events.count) events") }
    try check(checkedRows, events, sampled, every)
    Figure(
      name: name, events: events.count, nanos: nanos, checked: "\(checkedRows.count) rows by a naive pass",
      more: [("windows", "\(Self.features.count)")]
    ).printLine()
  }

  /// Every feature of the sampled users' rows, from a scan over all of their earlier events.
  private func check(_ rows: [(event: Int, values: [Value])], _ events: [Event], _ users: Set<Int64>, _ every: Int) throws {
    var history: [Int64: [Event]] = [:]
    var next = 0
    for (index, event) in events.enumerated() where users.contains(event.user) {
      defer { history[event.user, default: []].append(event) }
      guard index % every == 0 else { continue }
      guard next < rows.count, rows[next].event == index else { throw WrongAnswer(description: "event \(index) is not in its place") }
      let values = rows[next].values
      next += 1
      for (position, (feature, length)) in Self.features.enumerated() {
        let window = history[event.user, default: []].filter { $0.time >= event.time - length }
        let actual = values[4 + position]
        let expected = Self.expected(feature, window)
        guard Self.agrees(actual, expected) else {
          throw WrongAnswer(description: "event \(index), \(feature) over \(length): \(actual) is not \(expected)")
        }
      }
    }
  }

  private static func expected(_ feature: Feature, _ window: [Event]) -> Value {
    switch feature {
    case .count: return .int(Int64(window.count))
    case .distinct: return .int(Int64(Set(window.map(\.place)).count))
    case .sum: return window.isEmpty ? .null : .float(window.reduce(0) { $0 + $1.amount })
    case .average: return window.isEmpty ? .null : .float(window.reduce(0) { $0 + $1.amount } / Double(window.count))
    case .minimum: return window.map(\.amount).min().map { .float($0) } ?? .null
    case .maximum: return window.map(\.amount).max().map { .float($0) } ?? .null
    }
  }

  /// The naive sum rounds at every step: it agrees within what that loses.
  private static func agrees(_ a: Value, _ b: Value) -> Bool {
    if case .float(let x) = a, case .float(let y) = b { return abs(x - y) <= 1e-9 * max(abs(x), abs(y)) }
    return a == b
  }
}
