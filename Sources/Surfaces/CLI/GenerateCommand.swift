import ArgumentParser
import MillraceServer

struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Write made-up data.", subcommands: [GenerateNexmarkCommand.self])
}

struct GenerateNexmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nexmark", abstract: "Write the events of the Nexmark auction site as files.",
    discussion: """
      DIR gets events.ndjson (persons, auctions and bids interleaved in order of arrival: event_type 0, 1 or 2 and one object named \
      person, auction or bid), persons.ndjson, auctions.ndjson, bids.ndjson, and side_input.csv (key,value without a header, three of four keys \
      below 10000). The same options give the same bytes, and the same events as a table WITH ('connector' = 'nexmark').
      """)

  @Option(help: "Events: of 50, one person, three auctions and 46 bids.")
  var events: Int64 = 100_000
  @Option(help: "Of all random values.")
  var seed: Int64 = 0
  @Option(help: "Events per second of event time; up to 1000 every event has an instant of its own.")
  var rate: Int64 = 10_000
  @Option(help: "Events arrive out of order by at most so many milliseconds of event time; the events are the same.")
  var outOfOrderMs: Int64 = 0
  @Option(help: "Folder for the files; made if it is not there.")
  var dir: String

  func validate() throws {
    guard (0...(1 << 52)).contains(events) else { throw ValidationError("--events must be from 0 to 2^52.") }
    guard (1...1_000_000_000).contains(rate) else { throw ValidationError("--rate must be from 1 to 1000000000.") }
    guard (0...86_400_000).contains(outOfOrderMs) else { throw ValidationError("--out-of-order-ms must be from 0 to 86400000.") }
  }

  func run() throws {
    try CommandRunner.run { cancellation in
      try NexmarkFolder(events: events, seed: seed, rate: rate, outOfOrderMillis: outOfOrderMs, directory: dir).write(
        SystemEnvironment.real, cancellation: cancellation)
    }
  }
}
