import MillraceColumns
import MillraceConnectors
import MillraceTypes
import Synchronization

/// Where the rows of a bare query end up. Lives outside the job, so that it survives a restart in the same process: rows are
/// added when the checkpoint that covers them is complete, each exactly once.
///
/// With a receiver it keeps nothing: rows are handed over as they come, which is once each as long as the job takes no checkpoints.
public final class ResultCollector: Sendable {
  /// Takes rows of one partition in the order they leave it; called by that partition's thread, which waits meanwhile.
  public typealias Receiver = @Sendable (Batch) -> Void

  private struct State {
    var batches: [Batch] = []
    /// Per partition the newest checkpoint whose rows are in.
    var committed: [Int: Int64] = [:]
  }
  private let state = Mutex(State())
  let receiver: Receiver?
  public init(receiver: Receiver? = nil) { self.receiver = receiver }

  func commit(_ batches: [Batch], partition: Int, checkpoint: Int64) {
    state.withLock { state in
      guard checkpoint > state.committed[partition, default: 0] else { return }
      state.committed[partition] = checkpoint
      state.batches.append(contentsOf: batches)
    }
  }

  /// All rows so far, in the total order where rows have one, then by all their values: the same for every parallelism and cut.
  /// Weights are kept: see `folded`.
  public func changes(schema: Schema) -> Batch { state.withLock { Batch.concat($0.batches, schema: schema) }.inTotalOrder() }

  /// Rows in the order they came: for queries with ORDER BY, whose rows come from one partition.
  public func arrived(schema: Schema) -> Batch { state.withLock { Batch.concat($0.batches, schema: schema) } }
}

/// The collector's two-phase sink, one per partition.
final class CollectSink: Sink {
  private let collector: ResultCollector
  private let schema: Schema
  private let partition: Int
  private let isDurable: Bool
  private var buffer: [Batch] = []
  private var prepared: [(id: Int64, batches: [Batch])] = []

  init(_ collector: ResultCollector, schema: Schema, partition: Int, isDurable: Bool) {
    self.collector = collector
    self.schema = schema
    self.partition = partition
    self.isDurable = isDurable
  }

  func open(restoring pending: [[UInt8]]?) throws(MillraceError) {
    for block in pending ?? [] where !block.isEmpty {
      var reader = ByteReader(block)
      let id = try reader.readInt64()
      let from = try reader.readCount()
      collector.commit([try BatchCodec.decode(try reader.readBlock(), schema: schema)], partition: from, checkpoint: id)
    }
  }

  func write(_ batch: Batch) throws(MillraceError) {
    if let receiver = collector.receiver { receiver(batch) } else { buffer.append(batch) }
  }

  func prepareCheckpoint(_ id: Int64) throws(MillraceError) -> [UInt8] {
    prepared.append((id, buffer))
    defer { buffer = [] }
    guard isDurable else { return [] }
    var out = ByteWriter()
    out.write(id)
    out.write(count: partition)
    out.write(block: BatchCodec.encode(Batch.concat(buffer, schema: schema)))
    return out.bytes
  }

  func commit(_ id: Int64) throws(MillraceError) {
    for entry in prepared where entry.id <= id { collector.commit(entry.batches, partition: partition, checkpoint: entry.id) }
    prepared.removeAll { $0.id <= id }
  }

  func abort() {
    buffer = []
    prepared = []
  }
}

extension Batch {
  /// Rows sorted by event time and order bytes where present, then by all visible values, retractions first.
  public func inTotalOrder() -> Batch {
    let values = KeyEncoder.encode(columns, rowCount: rowCount)
    let times = eventTimes?.pointer(Int64.self)
    func bytes(_ column: Column, _ row: Int) -> UnsafeBufferPointer<UInt8> {
      let (offsets, bytes) = column.variable
      return UnsafeBufferPointer(start: bytes + Int(offsets[row]), count: Int(offsets[row + 1] - offsets[row]))
    }
    func compare(_ column: Column?, _ a: Int, _ b: Int) -> Int {
      guard let column else { return 0 }
      let (x, y) = (bytes(column, a), bytes(column, b))
      if x.lexicographicallyPrecedes(y) { return -1 }
      return y.lexicographicallyPrecedes(x) ? 1 : 0
    }
    let weights = weights?.pointer(Int64.self)
    let rows = (0..<Int32(truncatingIfNeeded: rowCount)).sorted { left, right in
      let (a, b) = (Int(left), Int(right))
      if let times, times[a] != times[b] { return times[a] < times[b] }
      let byOrder = compare(order, a, b)
      if byOrder != 0 { return byOrder < 0 }
      if let weights, weights[a].signum() != weights[b].signum() { return weights[a] < weights[b] }
      let byValue = compare(values, a, b)
      return byValue != 0 ? byValue < 0 : a < b
    }
    return withExtendedLifetime(self) { rows.withUnsafeBufferPointer(take) }
  }

  /// The final table: equal rows' weights added up, each row repeated as often as its weight says. Order of first appearance.
  public func folded() throws(MillraceError) -> Batch {
    guard let weights else { return self }
    let w = weights.pointer(Int64.self)
    let keys = KeyEncoder.encode(columns, rowCount: rowCount)
    var totals: [ArraySlice<UInt8>: (weight: Int64, last: Int)] = [:]
    let (offsets, bytes) = keys.variable
    let all = Array(UnsafeBufferPointer(start: bytes, count: Int(offsets[rowCount])))
    for row in 0..<rowCount {
      let key = all[Int(offsets[row])..<Int(offsets[row + 1])]
      let old = totals[key] ?? (0, row)
      totals[key] = (old.weight + w[row], w[row] > 0 ? row : old.last)
    }
    var indices: [Int32] = []
    for (_, entry) in totals.sorted(by: { $0.value.last < $1.value.last }) {
      guard entry.weight >= 0 else {
        throw MillraceError(.invalidInput, "a row was retracted more often than it was inserted", subject: "query result")
      }
      for _ in 0..<entry.weight { indices.append(Int32(truncatingIfNeeded: entry.last)) }
    }
    var result = indices.withUnsafeBufferPointer(take)
    result.weights = nil
    return result
  }
}
