import MillraceColumns
import MillraceEnvironment
import MillraceFormats
import MillraceTypes

/// `'connector' = 'print'`: writes each row to standard output as Flink does, `+I[1, text, 2026-01-31T12:00]`.
///
/// `-D` is written for a row that goes away. Not transactional: after a restore rows since the last checkpoint are written again.
public struct PrintConnector: ConnectorFactory {
  public init() {}
  public let name = "print"
  public let options: [ConnectorOption] = [
    ConnectorOption("print-identifier", .text, "written before each row, as `identifier> `"),
    ConnectorOption("standard-error", .boolean, "write to standard error instead of standard output"),
    ConnectorOption("sink.parallelism", .integer, "accepted; the job's parallelism counts"),
  ]

  public func makeSink(_ request: SinkRequest, _ options: ConnectorOptions) throws(MillraceError) -> any Sink {
    var prefix = options.text("print-identifier") ?? ""
    if request.parallelism > 1 { prefix += (prefix.isEmpty ? "" : ":") + "\(request.partition + 1)" }
    if !prefix.isEmpty { prefix += "> " }
    return PrintSink(
      console: request.environment.console, stream: options.boolean("standard-error") == true ? .error : .output, prefix: prefix)
  }
}

final class PrintSink: Sink {
  private let console: any Console
  private let stream: ConsoleStream
  private let prefix: String
  private let output = TextOutput(capacity: 1 << 14)

  init(console: any Console, stream: ConsoleStream, prefix: String) {
    self.console = console
    self.stream = stream
    self.prefix = prefix
  }

  func write(_ batch: Batch) throws(MillraceError) {
    let weights = batch.weights
    for row in 0..<batch.rowCount {
      var weight: Int64 = 1
      if let weights { weight = weights.pointer(Int64.self)[row] }
      // A weight of n stands for n equal rows.
      for _ in 0..<weight.magnitude {
        output.append(text: prefix)
        output.append(text: weight > 0 ? "+I[" : "-D[")
        for (index, column) in batch.columns.enumerated() {
          if index > 0 { output.append(text: ", ") }
          DisplayText.append(column, row, to: output)
        }
        output.append(text: "]\n")
      }
      if output.count >= 1 << 15 { flush() }
    }
    flush()
  }

  private func flush() {
    console.write(output.bytes, to: stream)
    output.removeAll()
  }
}
