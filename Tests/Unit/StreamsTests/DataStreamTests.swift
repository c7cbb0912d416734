import MillraceStreams
import Testing

/// Functions of single rows, unions, joins and windows of streams.
@Suite struct DataStreamTests {
  @Row struct Shout: Hashable {
    var author: String
    var words: [String]
    var links: Int32?
    @EventTime var at: Timestamp
  }

  @Row struct Word: Hashable {
    var author: String
    var word: String
  }

  @Test func filterAndMap() throws {
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self)
        .filter { $0.links ?? 0 > 1 }
        .map { Shout(author: $0.author.uppercased(), words: [$0.author, "\($0.messageID)"], links: $0.links, at: $0.sentAt) }
        .asTable()
    }
    #expect(rows.count > 20)
    #expect(rows.allSatisfy { !$0.contains("ann\"]") })
  }

  @Test func flatMapKeepsItsOrder() throws {
    let rows = try MessageJob().agree { job in
      try job.stream("messages", of: Message.self)
        .flatMap { message in (0..<Int(message.links ?? 0)).map { Word(author: message.author, word: "w\($0)") } }
        .asTable()
    }
    #expect(rows.count > 60)
  }
}
