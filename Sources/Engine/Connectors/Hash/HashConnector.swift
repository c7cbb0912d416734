import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes

/// `'connector' = 'hash'`: keeps nothing of its rows but their number and a hash of the folded table, see `RowHash`.
///
/// For comparing big results: with other runs, other parallelism, other engines. At the end of the job each partition writes
/// `part-<sink>-<partition>.json` into the folder `path`, or without one a line to standard output; the hash of the table is the lanes of
/// all parts added up. Exactly once: the state travels through checkpoints.
public struct HashConnector: ConnectorFactory {
  public init() {}
  public let name = "hash"
  public let options: [ConnectorOption] = [
    ConnectorOption("path", .text, "folder for the result; otherwise it is written to standard output")
  ]

  public func makeSink(_ request: SinkRequest, _ options: ConnectorOptions) throws(MillraceError) -> any Sink {
    let path = options.text("path").map { $0.hasPrefix("file://") ? String($0.dropFirst(7)) : $0 }
    return HashSink(request, path: path)
  }

  public func check(_ options: ConnectorOptions) throws(MillraceError) {
    if let field = RowHash.unsupported(options.table.physicalSchema) {
      throw MillraceError.notSupported(
        "a hash over columns of type \(field.type)", subject: "table \(options.table.name), column \(field.name)",
        hint: "insert its elements or fields as columns of their own")
    }
  }
}

final class HashSink: Sink {
  private let request: SinkRequest
  private let path: String?
  private var hash = RowHash()

  init(_ request: SinkRequest, path: String?) {
    self.request = request
    self.path = path
  }

  func open(restoring pending: [[UInt8]]?) throws(MillraceError) {
    for part in pending ?? [] where !part.isEmpty { hash.add(try RowHash(stored: part)) }
  }

  func write(_ batch: Batch) throws(MillraceError) { hash.add(batch) }

  func prepareCheckpoint(_ id: Int64) throws(MillraceError) -> [UInt8] { hash.stored }

  func finish() throws(MillraceError) {
    let line = "{\"rows\":\(hash.rowCount),\"changes\":\(hash.changeCount),\"hash\":\"\(hash.text)\"}\n"
    guard let path else {
      let part = request.parallelism > 1 ? " (partition \(request.partition + 1) of \(request.parallelism))" : ""
      request.environment.console.write("\(request.table.name)\(part): \(line)")
      return
    }
    try request.environment.files.makeFolder(path)
    let files = request.environment.files
    let prefix = "part-\(request.ordinal)-"
    if request.partition == 0 {
      // Of a life with more partitions that ended here, before it had written them all.
      for name in try files.list(path) where name.hasPrefix(prefix) {
        if let part = Int(name.dropFirst(prefix.count).prefix { $0 != "." }), part >= request.parallelism {
          try files.remove(FilePath.join(path, name))
        }
      }
    }
    try files.writeDurably(Array(line.utf8), to: FilePath.join(path, "\(prefix)\(request.partition).json"))
  }
}
