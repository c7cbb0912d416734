import MillraceConnectors
import MillraceEnvironment
import MillraceServer
import Testing

/// What of Flink's documented SQL runs, and what is refused by name.
@Suite struct FlinkSnippetTests {
  @Test(arguments: FlinkSnippet.all) func givesWhatIsListed(_ snippet: FlinkSnippet) throws {
    let store = MemoryFileStore()
    try store.makeFolder("/in")
    for (path, content) in FlinkSnippet.files { try store.writeDurably(Array(content.utf8), to: path) }
    let console = BufferedConsole()
    let environment = Environment(files: store, clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: console)
    let session = Session(environment: environment, options: SessionOptions())
    do {
      try session.run(text: FlinkSnippet.tables, name: "tables", output: .csv, changelog: false)
      try session.run(text: snippet.sql, name: "snippet", output: .csv, changelog: false)
    } catch {
      guard case .refused(let text) = snippet.outcome else { throw error }
      #expect("\(error)".contains(text), "\(error)")
      return
    }
    let lines = console.output.split(separator: "\n").map(String.init)
    switch snippet.outcome {
    // The last query's rows stand at the end.
    case .rows(let rows): #expect(lines.suffix(rows.count).sorted() == rows.sorted() && lines.count > rows.count)
    case .count(let count): #expect(lines.count == count + 1)
    case .refused(let text): Issue.record("it runs now; it was listed as refused: \(text)")
    }
  }

  @Test func topicsAreMany() { #expect(Set(FlinkSnippet.all.map(\.topic)).count == FlinkSnippet.all.count && FlinkSnippet.all.count > 60) }
}
