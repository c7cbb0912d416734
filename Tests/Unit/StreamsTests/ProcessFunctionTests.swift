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
    #expect(rows.count > 120)
  }
}
