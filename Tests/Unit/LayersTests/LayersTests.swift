import MillraceStreams
import Testing

@testable import layers

/// The example's four ways of writing one job give one output.
@Suite struct LayersTests {
  private func outputs(_ change: (inout SessionOptions) -> Void = { _ in }) async throws -> [[String]] {
    let environment = Environment(
      files: MemoryFileStore(), clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
    var jobs = SpamJobs(environment: environment, folder: "/layers")
    change(&jobs.options)
    try jobs.writeMessages(count: 1500)
    var outputs: [[String]] = []
    for (name, way) in SpamJobs.all { outputs.append(try await jobs.run(name, way)) }
    return outputs
  }

  @Test func identicalByteForByte() async throws {
    let outputs = try await outputs()
    #expect(outputs[0].count == 1500)
    #expect(outputs[0].contains { $0.contains(",true,") } && outputs[0].contains { $0.contains(",false,") })
    for output in outputs.dropFirst() { #expect(output == outputs[0]) }
  }

  @Test func whateverThePartitionsAndBatches() async throws {
    let wanted = try await outputs()[0].sorted()
    for parallelism in [2, 3] {
      let outputs = try await outputs { options in
        options.job.parallelism = parallelism
        options.job.batchRows = 13
        options.job.mode = .streaming
      }
      for output in outputs { #expect(output.sorted() == wanted) }
    }
  }

  @Test func inputIsTheSameEveryTime() {
    let bytes = MessagesFile.bytes(count: 4000)
    #expect(bytes == MessagesFile.bytes(count: 4000))
    #expect(bytes.count < 300_000)
  }
}
