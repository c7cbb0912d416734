import MillraceColumns
import MillraceExpressions
import MillraceTypes
import Testing

@testable import MillraceOperators

@Suite struct SlidingStateTests {
  private func expectAgreement(_ actual: [[Value]], _ expected: [[Value]], _ calls: [SlidingCall], seed: UInt64) {
    #expect(actual.count == expected.count)
    var shown = 0
    for (ask, (a, e)) in zip(actual, expected).enumerated() {
      for (index, sliding) in calls.enumerated() where !NaiveWindows.agrees(a[index], e[index], sliding.call) {
        shown += 1
        if shown > 5 { return }
        let argument = sliding.call.arguments.first.map { "\($0.kind)" } ?? ""
        Issue.record(
          """
          seed \(seed), ask \(ask): \(sliding.call.function.rawValue) \(argument) distinct \(sliding.call.isDistinct) over \
          \(sliding.window) is \(a[index]), not \(e[index])
          """)
      }
    }
  }

  private func expectIdentical(_ actual: [[Value]], _ expected: [[Value]], _ calls: [SlidingCall], _ what: String) {
    #expect(actual.count == expected.count)
    for (ask, (a, e)) in zip(actual, expected).enumerated() {
      for (index, sliding) in calls.enumerated() where !a[index].isIdentical(to: e[index]) {
        Issue.record("\(what), ask \(ask): \(sliding.call.function.rawValue) over \(sliding.window) is \(a[index]), not \(e[index])")
        return
      }
    }
  }

  @Test(arguments: UInt64(1)...12) func agreesWithNaive(_ seed: UInt64) throws {
    let stream = SlidingStream.random(seed: seed, count: 600, keys: 3)
    let actual = try SlidingDriver(stream.calls).run(stream.events)
    expectAgreement(actual, stream.naive(), stream.calls, seed: seed)
  }

  @Test(arguments: UInt64(100)...103) func agreesWithNaiveOnLongKeys(_ seed: UInt64) throws {
    // Thousands of entries in one key: rings wrap, blocks of live bits fill, sketches squeeze.
    let stream = SlidingStream.random(seed: seed, count: 6_000, keys: 1, stepMicros: 1_000_000)
    var few = stream
    few.events = stream.events.enumerated().filter { index, event in
      if case .ask = event { return index % 40 == 0 || index > 5_900 }
      return true
    }.map(\.element)
    let actual = try SlidingDriver(few.calls).run(few.events)
    expectAgreement(actual, few.naive(), few.calls, seed: seed)
  }

  @Test func distinctOfManyValues() throws {
    // More than 512 live entries, with values that come again after any time.
    var random = SeededRandom(seed: 5)
    let windows: [SlidingWindow] = [.micros(1), .micros(1_000), .micros(40_000), .micros(900_000), .micros(3_000_000)]
    let calls =
      windows.map { SlidingStream.call(.count, 1, distinct: true, $0) } + [SlidingStream.call(.count, 1, distinct: true, .unbounded)]
    var events: [SlidingStream.Event] = []
    var values = [Value](repeating: .null, count: SlidingStream.fields.count)
    for i in 0..<20_000 {
      let time = Int64(i) * 200
      values[1] = .int(Int64.random(in: 0..<(i < 10_000 ? 4_000 : 300), using: &random) << 20)
      events.append(.enter(key: 0, row: .init(time: time, values: values)))
      if i % 701 == 0 { events.append(.ask(key: 0, now: time)) }
    }
    let stream = SlidingStream(calls: calls, events: events)
    expectAgreement(try SlidingDriver(calls).run(events), stream.naive(), calls, seed: 5)
  }

  @Test(arguments: UInt64(20)...25) func batchCutsDoNotMatter(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let stream = SlidingStream.random(seed: seed, count: 400, keys: 4)
    let whole = try SlidingDriver(stream.calls).run(stream.events)
    let cut = try SlidingDriver(stream.calls)
    var answers: [[Value]] = []
    var at = 0
    while at < stream.events.count {
      let end = min(stream.events.count, at + Int.random(in: 1...9, using: &random))
      answers += try cut.run(stream.events[at..<end])
      at = end
    }
    expectIdentical(answers, whole, stream.calls, "seed \(seed), cut")
  }

  /// Watermarks sweep and forget; nothing of that may be seen.
  @Test(arguments: UInt64(30)...37) func evictionDoesNotMatter(_ seed: UInt64) throws {
    let stream = SlidingStream.random(seed: seed, count: 500, keys: 40, rows: seed % 2 == 0)
    let whole = try SlidingDriver(stream.calls).run(stream.events)
    let swept = try SlidingDriver(stream.calls)
    var answers: [[Value]] = []
    for event in stream.events {
      swept.state.advance(to: event.time)
      answers += try swept.run([event])
    }
    expectIdentical(answers, whole, stream.calls, "seed \(seed), swept")
    if seed % 2 == 1 {
      let last = stream.events.map(\.time).max() ?? 0
      swept.state.advance(to: last + 100 * SlidingStream.day)
      #expect(swept.state.keyCount == 0)
    }
  }

  @Test(arguments: UInt64(40)...43) func restoresAtEveryPoint(_ seed: UInt64) throws {
    let stream = SlidingStream.random(seed: seed, count: 120, keys: 3)
    let whole = try SlidingDriver(stream.calls).run(stream.events)
    var driver = try SlidingDriver(stream.calls)
    var answers: [[Value]] = []
    for event in stream.events {
      answers += try driver.run([event])
      driver = try driver.restored()
    }
    expectIdentical(answers, whole, stream.calls, "seed \(seed), restored")
  }

  /// A window's value is the same for a state that has seen years and for one that has seen nothing but the window.
  @Test(arguments: UInt64(50)...53) func startingPointDoesNotMatter(_ seed: UInt64) throws {
    let stream = SlidingStream.random(seed: seed, count: 400, keys: 1, rows: false)
    let whole = try SlidingDriver(stream.calls).run(stream.events)
    var rows: [NaiveWindows.Row] = []
    var ask = 0
    for event in stream.events {
      switch event {
      case .enter(_, let row): rows.append(row)
      case .ask(let key, let now):
        defer { ask += 1 }
        guard key == 0, ask % 5 == 0 else { continue }
        for (index, sliding) in stream.calls.enumerated() where index % 7 == ask % 7 {
          guard case .micros(let length) = sliding.window else { continue }
          let window = rows.filter { $0.time >= now - length }
          let fresh = try SlidingDriver([sliding])
          let answer = try fresh.run(window.map { .enter(key: 0, row: $0) } + [.ask(key: 0, now: now)])
          if !answer[0][0].isIdentical(to: whole[ask][index]) {
            Issue.record("seed \(seed), ask \(ask): \(sliding) is \(whole[ask][index]), from its window alone \(answer[0][0])")
          }
        }
      }
    }
  }

  /// Sums and spreads of floats do not depend on the order of arrival.
  @Test(arguments: UInt64(60)...63) func floatsDoNotDependOnOrder(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let calls = [AggregateFunction.sum, .avg, .varPop, .varSamp, .stddevPop, .stddevSamp].flatMap { function in
      [2, 10].map { SlidingStream.call(function, $0, .micros(SlidingStream.day)) }
    }
    var rows = (0..<200).map { _ in NaiveWindows.Row(time: 5, values: SlidingStream.randomValues(&random)) }
    // Without values that are no numbers, so that there is something to compare.
    for i in rows.indices { if case .float(let v) = rows[i].values[10], !v.isFinite { rows[i].values[10] = .float(1e200) } }
    let first = try SlidingDriver(calls).run(rows.map { .enter(key: 0, row: $0) } + [.ask(key: 0, now: 5)])
    for _ in 0..<5 {
      rows.shuffle(using: &random)
      let again = try SlidingDriver(calls).run(rows.map { .enter(key: 0, row: $0) } + [.ask(key: 0, now: 5)])
      expectIdentical(again, first, calls, "seed \(seed), shuffled")
    }
  }

  @Test func damagedSnapshotsAreErrors() throws {
    let stream = SlidingStream.random(seed: 70, count: 150, keys: 2)
    let driver = try SlidingDriver(stream.calls)
    _ = try driver.run(stream.events)
    let ids = driver.state.index.allIDs()
    var writer = ByteWriter()
    driver.state.write(ids, into: &writer)
    var random = SeededRandom(seed: 71)
    var refused = 0
    for round in 0..<300 {
      var bytes = writer.bytes
      if round % 2 == 0 {
        bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
      } else {
        for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random) }
      }
      let other = try SlidingDriver(stream.calls)
      var reader = ByteReader(bytes)
      do throws(MillraceError) {
        try other.state.read(from: &reader)
        // Damage that still reads as state must answer without a trap.
        _ = try? other.run([.ask(key: 0, now: 1_900_000_000_000_000), .ask(key: 1, now: 1_900_000_000_000_000)])
      } catch {
        #expect(error.code == .checkpointInvalid)
        refused += 1
      }
    }
    #expect(refused > 100)
  }

  @Test func refusedCalls() {
    #expect(throws: MillraceError.self) { try SlidingLanes([SlidingStream.call(.sum, 1, distinct: true, .unbounded)]) }
  }
}
