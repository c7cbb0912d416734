import MillraceStreams

/// Writes messages, judges them in four ways and compares what came out.
///
///     swift run layers [FOLDER]
@main struct Layers {
  static func main() async throws {
    let folder = CommandLine.arguments.dropFirst().first ?? "layers-output"
    let jobs = SpamJobs(environment: SystemEnvironment.real, folder: folder)
    try jobs.writeMessages(count: 4000)
    var first: [String]?
    for (name, way) in SpamJobs.all {
      let lines = try await jobs.run(name, way)
      let flagged = lines.count { $0.contains(",true,") }
      let verdict = first.map { $0 == lines ? ", identical to sql" : ", DIFFERS from sql" } ?? ""
      print("\(name): \(lines.count) verdicts, \(flagged) flagged\(verdict)")
      if let first, first != lines { throw MillraceError(.invalidInput, "the \(name) layer gives other rows than sql") }
      first = first ?? lines
    }
  }
}
