import MillraceStreams
import Testing

/// Functions with keyed state and timers.
@Suite struct ProcessFunctionTests {
  @Row struct Count: Hashable {
    var author: String
    var messages: Int
    var total: Double
    @EventTime var at: Timestamp
  }

  final class RunningCount: KeyedProcessFunction {
    let count = ValueState("count", default: 0)
    let total = ValueState("total", default: 0.0)

    func process(_ message: Message.View, _ context: KeyedContext<String, Count>) throws {
      count.value += 1
      total.value += message.score
      if count.value % 3 == 0 { context.registerTimer(at: context.timestamp + .seconds(2)) }
      if count.value == 7 { count.clear() }
      try context.emit(Count(author: context.key, messages: count.value, total: total.value, at: context.timestamp))
    }

    func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<String, Count>) throws {
      try context.emit(Count(author: context.key, messages: -count.value, total: total.value, at: context.timestamp))
    }
  }

  @Test func stateAndTimers() throws {
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "count") { RunningCount() }.asTable()
    }
    #expect(rows.count > 140)
    // The first row of an author and the timer two seconds after the third.
    #expect(rows.contains { $0.contains("int(1)") } && rows.contains { $0.contains("int(-") })
  }

  /// The same counts from SQL.
  @Test func equalsOverInSQL() throws {
    final class Total: KeyedProcessFunction {
      let count = ValueState("count", default: 0)
      func process(_ message: Message.View, _ context: KeyedContext<String, Count>) throws {
        count.value += 1
        try context.emit(Count(author: context.key, messages: count.value, total: message.score, at: message.sentAt))
      }
    }
    let messages = try MessageJob()
    let mine = try messages.run(MessageJob.modes[0]) { job in
      try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "total") { Total() }.asTable()
    }
    let theirs = try messages.run(MessageJob.modes[0]) { job in
      try job.query(
        """
        SELECT author, COUNT(*) OVER (PARTITION BY author ORDER BY sent_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS messages,
          score AS total, CAST(sent_at AS TIMESTAMP_LTZ(6)) AS at
        FROM messages
        """)
    }
    #expect(mine == theirs)
  }

  @Test func aComputedKey() throws {
    final class PerBucket: KeyedProcessFunction {
      let count = ValueState("count", default: 0)
      func process(_ message: Message.View, _ context: KeyedContext<Int64?, Count>) throws {
        count.value += 1
        try context.emit(
          Count(author: context.key.map { "\($0)" } ?? "none", messages: count.value, total: message.score, at: message.sentAt))
      }
    }
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self).keyed { $0.links.map { Int64($0) % 2 } }.process(id: "buckets") { PerBucket() }.asTable()
    }
    #expect(rows.count == 120)
    #expect(rows.contains { $0.contains("none") })
  }

  // MARK: timers

  /// Registers, deletes and re-registers timers, also from timers, and says what fires when.
  final class TimerTrace: KeyedProcessFunction {
    let fired = ValueState("fired", default: 0)

    func process(_ message: Message.View, _ context: KeyedContext<String, Count>) throws {
      // Twice the same is once; what has passed fires behind the rows of this instant.
      context.registerTimer(at: context.timestamp + .milliseconds(1500))
      context.registerTimer(at: context.timestamp + .milliseconds(1500))
      if message.messageID % 4 == 0 { context.registerTimer(at: context.timestamp - .seconds(5)) }
      if message.messageID % 5 == 0 { context.deleteTimer(at: context.timestamp + .milliseconds(1500)) }
    }

    func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<String, Count>) throws {
      fired.value += 1
      if fired.value % 4 == 1 { context.registerTimer(at: timer.time) }
      try context.emit(
        Count(author: context.key, messages: fired.value, total: Double(timer.time.micros), at: context.timestamp))
    }
  }

  @Test func timersFireInOrder() throws {
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "timers") { TimerTrace() }.asTable()
    }
    #expect(rows.count > 120)
  }

  @Test func timersWithoutEndAreAnError() throws {
    final class Endless: KeyedProcessFunction {
      let seen = ValueState("seen", default: false)
      func process(_ message: Message.View, _ context: KeyedContext<String, Count>) { context.registerTimer(at: context.timestamp) }
      func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<String, Count>) { context.registerTimer(at: timer.time + .hours(1)) }
    }
    let messages = try MessageJob(count: 4, files: 1)
    #expect {
      try messages.run(MessageJob.modes[0]) { job in
        try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "endless") { Endless() }.asTable()
      }
    } throws: {
      "\($0)".contains("function endless: input has ended, but timers register timers without end")
    }
  }

  // MARK: states

  @Row struct Snapshot: Hashable {
    var author: String
    var text: String
  }

  /// Every kind of state with many types.
  final class EveryState: KeyedProcessFunction {
    let last = ValueState<Message?>("last")
    let flags = ValueState("flags", default: [true])
    let scores = ListState<Double>("scores")
    let byLinks = MapState<Int32, [String]>("by links")
    let times = MapState<Timestamp, Int64?>("times")

    func process(_ message: Message.View, _ context: KeyedContext<String, Snapshot>) throws {
      let before = last.value.map { "\($0.messageID) \($0.links.map { "\($0)" } ?? "-") \($0.sentAt)" } ?? "none"
      last.value = message.row
      flags.value.append(message.messageID % 2 == 0)
      scores.append(message.score)
      if message.messageID % 6 == 0 { scores.removeAll { $0 < message.score / 2 } }
      byLinks[message.links ?? -1, default: []].append("\(message.messageID)")
      if message.messageID % 7 == 0 { byLinks[message.links ?? -1] = nil }
      times[message.sentAt] = message.links.map { Int64($0) }
      let text =
        "\(before) | \(flags.value.count) | \(scores.elements) | "
        + byLinks.entries.map { "\($0.key): \($0.value.joined(separator: "+"))" }.joined(separator: ", ") + " | "
        + times.entries.suffix(2).map { "\($0.key) \($0.value.map { "\($0)" } ?? "-")" }.joined(separator: ", ")
      try context.emit(Snapshot(author: context.key, text: text))
    }
  }

  @Test func everyStateSurvives() throws {
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "states") { EveryState() }.asTable()
    }
    #expect(rows.count == 120)
    #expect(rows.contains { $0.contains("none | 2 |") })
  }

  final class Expiring: KeyedProcessFunction {
    let value = ValueState<Int64?>("value", timeToLive: TimeToLive(.seconds(2)))
    let list = ListState<Int64>("list", timeToLive: TimeToLive(.seconds(5)))
    let map = MapState<Int32, Int64>("map", timeToLive: TimeToLive(.seconds(4), refreshesOnRead: true))

    func process(_ message: Message.View, _ context: KeyedContext<String, Snapshot>) throws {
      let before = "\(value.value.map { "\($0)" } ?? "-") \(list.elements) \(map.keys)"
      if message.messageID % 2 == 0 { value.value = message.messageID }
      list.append(message.messageID)
      map[message.links ?? 0] = message.messageID
      _ = map[1]
      try context.emit(Snapshot(author: context.key, text: before))
    }
  }

  /// Values are seen for their life time, by event time: to the instant, in every mode.
  @Test func statesExpire() throws {
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "expiring") { Expiring() }.asTable()
    }
    #expect(rows.contains { $0.contains("\"- [") && !$0.contains("[] []") })
  }

  // MARK: two inputs

  /// Says of each message without links how many links its author had given before.
  final class LinksSoFar: KeyedPairFunction {
    let links = ValueState("links", default: Int64(0))
    let waiting = ListState<Int64>("waiting")

    func processFirst(_ linked: Message.View, _ context: KeyedContext<String, Snapshot>) {
      links.value += Int64(linked.links ?? 0)
      context.registerTimer(at: context.timestamp + .seconds(3))
    }

    func processSecond(_ plain: Message.View, _ context: KeyedContext<String, Snapshot>) throws {
      waiting.append(plain.messageID)
      try context.emit(Snapshot(author: context.key, text: "\(plain.messageID): \(links.value)"))
    }

    func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<String, Snapshot>) throws {
      try context.emit(Snapshot(author: context.key, text: "\(waiting.elements) \(links.value)"))
      waiting.clear()
    }
  }

  @Test func twoInputsShareState() throws {
    let rows = try MessageJob().agree { job in
      let all = try job.stream("messages", of: Message.self)
      let linked = try all.filter { $0.links ?? 0 > 0 }.keyed(by: \.author)
      let plain = try all.filter { $0.links ?? 0 == 0 }.keyed { $0.author }
      return try linked.process(with: plain, id: "links so far") { LinksSoFar() }.asTable()
    }
    #expect(rows.count > 60)
    #expect(rows.contains { $0.contains(": 0\"") } && rows.contains { $0.contains("] ") })
  }

  // MARK: side outputs

  static let odd = OutputTag<Snapshot>("odd")

  final class Split: KeyedProcessFunction {
    func process(_ message: Message.View, _ context: KeyedContext<String, Count>) throws {
      if message.messageID % 2 == 1 {
        try context.emit(Snapshot(author: message.author, text: "\(message.messageID)"), to: ProcessFunctionTests.odd)
      } else {
        try context.emit(Count(author: message.author, messages: 1, total: message.score, at: message.sentAt))
      }
    }
  }

  @Test func sideOutputs() throws {
    let messages = try MessageJob()
    func split(_ job: Job) throws -> DataStream<Count> {
      try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "split", sideOutputs: [Self.odd.declared]) { Split() }
    }
    let main = try messages.agree { try split($0).asTable() }
    let side = try messages.agree { try split($0).sideOutput(Self.odd).asTable() }
    #expect(main.count == 60 && side.count == 60)
    // The main output's event time is good for windows.
    let windows = try messages.agree { job in
      try split(job).asTable().window(.tumble(on: "at", size: .seconds(10)))
        .groupBy(col("window_start"), col("window_end"), col("author")).select(col("window_start"), col("author"), .sum(col("messages")))
    }
    #expect(windows.count > 8)
  }

  @Test func undeclaredSideOutputsAreErrors() throws {
    let messages = try MessageJob()
    #expect {
      try messages.run(MessageJob.modes[0]) { job in
        try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "split") { Split() }.asTable()
      }
    } throws: {
      "\($0)".contains("function split: the function was not declared with the side output 'odd'")
    }
    let job = try messages.job(MessageJob.modes[0])
    let stream = try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "split") { Split() }
    #expect { try stream.sideOutput(Self.odd) } throws: { "\($0)".contains("side output odd") }
    #expect { try job.stream("messages", of: Message.self).sideOutput(Self.odd) } throws: { "\($0)".contains("not the direct result") }
  }

  // MARK: what is refused

  @Test func updatingInputsAreRefusedByName() throws {
    @Sendable func counts(_ job: Job) throws -> DataStream<AuthorCount> {
      try job.query("SELECT author, COUNT(*) AS messages FROM messages GROUP BY author").asStream(of: AuthorCount.self)
    }
    let messages = try MessageJob()
    #expect {
      try messages.run(MessageJob.modes[0]) { try counts($0).keyed(by: \.author).process(id: "plain") { Plain() }.asTable() }
    } throws: {
      "\($0)".contains("function plain") && "\($0)".contains("its input retracts rows")
    }
    // With the weight of each row in view it may.
    let rows = try messages.agree { try counts($0).keyed(by: \.author).process(id: "knowing") { Knowing() }.asTable() }
    #expect(rows.count > 4)
  }

  @Row struct AuthorCount: Hashable {
    var author: String
    var messages: Int64
  }

  final class Plain: KeyedProcessFunction {
    func process(_ row: AuthorCount.View, _ context: KeyedContext<String, AuthorCount>) throws { try context.emit(row.row) }
  }

  final class Knowing: KeyedProcessFunction {
    static let acceptsUpdates = true
    let sum = ValueState("sum", default: Int64(0))
    func process(_ row: AuthorCount.View, _ context: KeyedContext<String, AuthorCount>) throws {
      sum.value += Int64(context.weight) * row.messages
      if context.weight > 0 { try context.emit(AuthorCount(author: context.key, messages: sum.value)) }
    }
  }

  @Test func eventTimeDoesNotGoBack() throws {
    final class Early: KeyedProcessFunction {
      func process(_ message: Message.View, _ context: KeyedContext<String, Count>) throws {
        try context.emit(Count(author: context.key, messages: 1, total: 0, at: message.sentAt - .seconds(1)))
      }
    }
    let messages = try MessageJob(count: 4, files: 1)
    #expect {
      try messages.run(MessageJob.modes[0]) { job in
        try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "early") { Early() }.asTable()
      }
    } throws: {
      "\($0)".contains("function early: a row with the event time") && "\($0)".contains("event time does not go back")
    }
  }

  @Test func errorsOfTheCodeNameTheFunction() throws {
    struct Broken: Error, CustomStringConvertible { var description: String { "the code broke" } }
    final class Failing: KeyedProcessFunction {
      func process(_ message: Message.View, _ context: KeyedContext<String, Count>) throws { throw Broken() }
    }
    let messages = try MessageJob(count: 4, files: 1)
    #expect {
      try messages.run(MessageJob.modes[0]) { job in
        try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "failing") { Failing() }.asTable()
      }
    } throws: {
      "\($0)" == "function failing: the code broke"
    }
  }

  @Test func idsAndStateNamesAreUnique() throws {
    final class Twice: KeyedProcessFunction {
      let a = ValueState("a", default: 0)
      let b = ListState<Int>("a")
      func process(_ message: Message.View, _ context: KeyedContext<String, Count>) {}
    }
    let job = try MessageJob().job(MessageJob.modes[0])
    let keyed = try job.stream("messages", of: Message.self).keyed(by: \.author)
    #expect { try keyed.process(id: "twice") { Twice() } } throws: { "\($0)".contains("two states are named 'a'") }
    _ = try keyed.process(id: "count") { RunningCount() }
    #expect { try keyed.process(id: "count") { RunningCount() } } throws: { "\($0)".contains("two functions have the id 'count'") }
  }
}
