import MillraceOperators
import MillraceStreams
import Testing

/// Timers by the clock, and rows as they arrive.
@Suite struct ClockTests {
  @Row struct Beat: Hashable {
    var author: String
    var count: Int
  }

  /// Says two milliseconds later how many rows have come.
  final class Heart: KeyedProcessFunction {
    let count = ValueState("count", default: 0)
    func process(_ message: Message.View, _ context: KeyedContext<String, Beat>) {
      count.value += 1
      context.registerClockTimer(at: context.clock + .milliseconds(2))
    }
    func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<String, Beat>) throws {
      guard timer.isByClock else { return }
      try context.emit(Beat(author: context.key, count: count.value))
    }
  }

  /// In simulation the clock moves with each step; timers fire in between and survive crashes.
  @Test(arguments: [RowOrder.eventTime, .arrival]) func clockTimersFire(_ order: RowOrder) throws {
    let messages = try MessageJob()
    for mode in MessageJob.modes where mode.crashes != nil {
      let rows = try messages.run(mode) { job in
        try job.stream("messages", of: Message.self).keyed(by: \.author).process(id: "heart", order: order) { Heart() }.asTable()
      }
      #expect(!rows.isEmpty, "\(mode)")
      #expect(rows.allSatisfy { row in ["ann", "bob", "cleo", "dan"].contains { row.contains($0) } })
    }
  }

  /// Rows as they arrive need no event time.
  @Test func arrivalNeedsNoWatermark() throws {
    final class Seen: KeyedProcessFunction {
      let count = ValueState("count", default: 0)
      func process(_ row: Beat.View, _ context: KeyedContext<String, Beat>) throws {
        count.value += row.count
        try context.emit(Beat(author: context.key, count: count.value))
      }
    }
    let messages = try MessageJob()
    func beats(_ job: Job, _ order: RowOrder) throws -> Table {
      try job.sql(
        "CREATE TABLE plain (author STRING NOT NULL, count INT NOT NULL) WITH ('connector' = 'filesystem', 'path' = '/in/plain.csv', 'format' = 'csv')"
      )
      return try job.stream("plain", of: Beat.self).keyed(by: \.author).process(id: "seen", order: order) { Seen() }.asTable()
    }
    try messages.store.writeDurably(Array("ann,1\nbob,2\nann,4\n".utf8), to: "/in/plain.csv")
    let rows = try messages.run(MessageJob.modes[0]) { try beats($0, .arrival) }
    #expect(rows.count == 3 && rows.contains { $0.contains("int(5)") })
    #expect { try messages.run(MessageJob.modes[0]) { try beats($0, .eventTime) } } throws: {
      "\($0)".contains("function seen needs the event time of its rows")
    }
  }
}
