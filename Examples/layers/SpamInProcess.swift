import MillraceStreams

/// The job as code over the rows of each author, with state of its own and timers that clean it.
enum SpamInProcess: SpamJob {
  @Row struct Recent {
    var sentAt: Timestamp
    var hasLink: Bool
  }

  final class Judge: KeyedProcessFunction {
    let recent = ListState<Recent>("recent")

    func process(_ message: Message.View, _ context: KeyedContext<Int64, Verdict>) throws {
      let now = message.sentAt
      recent.append(Recent(sentAt: now, hasLink: message.content.contains("http")))
      forget(before: now - Rule.span)
      var links = 0
      recent.forEach { links += $0.hasLink ? 1 : 0 }
      let count = recent.count
      let share = Double(links) / Double(count)
      try context.emit(
        Verdict(
          messageID: message.messageID, authorID: context.key, messages10m: Int64(count), linkShare: share,
          flagged: Rule.flags(messages: Int64(count), share: share), sentAt: now))
      context.registerTimer(at: now + Rule.span)
    }

    /// Ten minutes after each message: it is of no use to any later one.
    func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<Int64, Verdict>) {
      forget(before: timer.time - Rule.span + .microseconds(1))
    }

    private func forget(before time: Timestamp) { recent.removeAll { $0.sentAt < time } }
  }

  static func build(_ job: Job) throws {
    try job.stream("messages", of: Message.self)
      .keyed(by: \.authorID)
      .process(id: "judge") { Judge() }
      .insert(into: "verdicts")
  }
}
