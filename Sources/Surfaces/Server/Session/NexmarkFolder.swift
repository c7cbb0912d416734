import MillraceConnectors
import MillraceEnvironment
import MillraceTypes

/// Writes the files of `millrace generate nexmark`, with progress on a terminal.
public struct NexmarkFolder {
  public var events: Int64
  public var seed: Int64
  public var rate: Int64
  public var outOfOrderMillis: Int64
  public var directory: String

  public init(events: Int64, seed: Int64, rate: Int64, outOfOrderMillis: Int64, directory: String) {
    self.events = events
    self.seed = seed
    self.rate = rate
    self.outOfOrderMillis = outOfOrderMillis
    self.directory = directory
  }

  /// Blocks until the files are in place.
  public func write(_ environment: Environment, cancellation: CancellationFlag) throws(MillraceError) {
    var files = NexmarkFiles(eventCount: events)
    files.seed = seed
    files.rate = rate
    files.outOfOrderMillis = outOfOrderMillis
    let console = environment.console
    let isWatched = console.isTerminal(.error)
    var shown: Int64 = -1
    try files.write(to: directory, files: environment.files) { (done) throws(MillraceError) in
      if cancellation.isCancelled { throw MillraceError(.cancelled, "stopped after \(done) events; nothing is left behind") }
      let percent = done * 100 / max(1, events)
      guard isWatched, percent != shown else { return }
      shown = percent
      console.write("\r\(percent)% of \(events) events", to: .error)
    }
    if isWatched { console.write("\n", to: .error) }
    console.write("\(events) events in \(directory)\n")
  }
}
