import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Numbers the rows of each partition of each window and emits the first of them once, when the watermark passes the window's end:
/// window top-N and window deduplication.
///
/// A row's event time becomes the window's end minus one millisecond (window_time). Rows come out in the total order: by that, then by
/// rank, the event time they had, and their own order bytes. Rows that can no longer come out are left out as they pile up.
public final class WindowRankOperator: Operator {
  private static let version: UInt8 = 1
  private static let rankOfResults: [UInt8] = [128, 255]
  /// Held rows are looked through when they are more than this and twice as many as were left the last time.
  private static let pruneRows = 16_384

  private let rank: Rank
  private let inputSchema: Schema
  private let context: OperatorContext
  private let clock: WindowClock
  private let keys: ExpressionEvaluator
  private let sortKeys: ExpressionEvaluator
  /// Position of the window's end among the partition keys.
  private let endKey: Int
  private var rows: WindowRows
  private var keptRows = 0

  public init(_ rank: Rank, context: OperatorContext) throws(MillraceError) {
    guard let window = rank.window else { throw MillraceError(.invalidInput, "a ranking within windows needs the windows of its input") }
    self.rank = rank
    self.context = context
    inputSchema = rank.input.schema
    clock = try WindowClock(window.kind, lagMicros: window.lagMicros)
    keys = try ExpressionEvaluator(rank.partitionKeys, schema: inputSchema)
    sortKeys = try ExpressionEvaluator(rank.sortKeys.map(\.expression), schema: inputSchema)
    endKey = window.end
    rows = WindowRows(schema: inputSchema, stepMicros: clock.stepMicros)
  }

  public var stateSize: StateSize { StateSize(keys: 0, bytes: rows.heldBytes) }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0, rank.limit.map({ $0 > 0 }) ?? true else { return }
    if let weights = batch.weights?.pointer(Int64.self), (0..<batch.rowCount).contains(where: { weights[$0] != 1 }) {
      throw .notSupported("a ranking within windows of an input that retracts rows", hint: "rank before what updates its results")
    }
    guard batch.eventTimes != nil, batch.order != nil else {
      throw MillraceError(
        .invalidInput, "rows without event time reached a ranking within windows",
        hint: "declare WATERMARK FOR on the table they come from")
    }
    try hold(batch)
    if rank.limit != nil && rows.liveCount > Self.pruneRows + 2 * keptRows { try prune() }
  }

  private func hold(_ batch: Batch) throws(MillraceError) {
    let ends = try WindowGrid.micros(try keys.evaluate(batch)[endKey], "window_end")
    var plain = batch
    plain.weights = nil
    rows.append(plain, ends: ends.pointer(Int64.self))
    withExtendedLifetime(ends) {}
  }

  /// Leaves out the rows whose number is beyond the limit already: further rows can only make it greater.
  private func prune() throws(MillraceError) {
    let (all, _) = rows.takeAsTheyCame(through: .max)
    rows = WindowRows(schema: inputSchema, stepMicros: clock.stepMicros)
    let ordered = all.inTotalOrder()
    try hold(ordered.take(rows: try ranked(ordered).rows))
    keptRows = rows.liveCount
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard let bound = clock.bound(watermark) else { return .beginning }
    let (due, _) = rows.takeAsTheyCame(through: bound)
    if due.rowCount > 0 {
      keptRows = min(keptRows, rows.liveCount)
      try emit(due.inTotalOrder(), into: &output)
    }
    return clock.output(after: bound)
  }

  /// The rows that come out, and their numbers.
  ///
  /// - Parameter batch: in the total order.
  private func ranked(_ batch: Batch) throws(MillraceError) -> (rows: [Int32], numbers: [Int64]) {
    let count = batch.rowCount
    let index = KeyIndex(types: rank.partitionKeys.map(\.type), maxParallelism: context.maxParallelism)
    var ids = [Int32](repeating: 0, count: count)
    let columns = try keys.evaluate(batch)
    ids.withUnsafeMutableBufferPointer { ids in
      if let base = ids.baseAddress { index.ids(of: columns, rowCount: count, into: base, insert: true) }
    }
    let encoded = SortKeys.encode(try sortKeys.evaluate(batch), rank.sortKeys, rowCount: count)
    let sorted = (0..<Int32(truncatingIfNeeded: count)).sorted { a, b in
      if ids[Int(a)] != ids[Int(b)] { return ids[Int(a)] < ids[Int(b)] }
      let comparison = ByteOrder.compare(encoded.slot(Int(a)), encoded.slot(Int(b)))
      return comparison != 0 ? comparison < 0 : a < b
    }
    let limit = Int64(rank.limit ?? .max)
    var chosen: [Int32] = []
    var numbers: [Int64] = []
    var (place, number) = (Int64(0), Int64(0))
    for (at, row) in sorted.enumerated() {
      let before = at > 0 && ids[Int(sorted[at - 1])] == ids[Int(row)] ? Int(sorted[at - 1]) : nil
      place = before == nil ? 1 : place + 1
      let ties = before.map { ByteOrder.compare(encoded.slot($0), encoded.slot(Int(row))) == 0 } ?? false
      switch rank.function {
      case .rowNumber: number = place
      case .rank: if !ties { number = place }
      case .denseRank: number = before == nil ? 1 : ties ? number : number + 1
      }
      if number <= limit {
        chosen.append(row)
        numbers.append(number)
      }
    }
    return (chosen, numbers)
  }

  private func emit(_ batch: Batch, into output: inout OperatorOutput) throws(MillraceError) {
    let (chosen, numbers) = try ranked(batch)
    var result = batch.take(rows: chosen)
    let ends = try WindowGrid.micros(try keys.evaluate(result)[endKey], "window_end")
    let times = ends.pointer(Int64.self)
    if let instants = result.eventTimes, let order = result.order {
      result.order = .joiningBytes(KeyEncoder.encode([instants], rowCount: result.rowCount, prefix: Self.rankOfResults), order)
    }
    result.eventTimes = .int64s((0..<result.rowCount).map { times[$0] &- WindowAggregateOperator.endToTimeMicros })
    withExtendedLifetime(ends) {}
    let columns = result.columns + (rank.showsNumber ? [Column.int64s(numbers)] : [])
    let ordered = result.replacing(schema: rank.schema, columns: columns).inTotalOrder()
    for from in stride(from: 0, to: ordered.rowCount, by: context.batchRows) {
      output.emit(ordered.slice(from..<min(ordered.rowCount, from + context.batchRows)))
    }
  }

  /// Per key group the rows that wait.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    let waiting = rows.waiting()
    for (keyGroup, part) in waiting.rowsByKeyGroup(try keys.evaluate(waiting), maxParallelism: context.maxParallelism).enumerated()
    where !part.isEmpty {
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(block: BatchCodec.encode(waiting.take(rows: part)))
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a ranking within windows")
    let batch = try BatchCodec.decode(try reader.readBlock(), schema: inputSchema)
    guard batch.rowCount == 0 || (batch.eventTimes != nil && batch.order != nil) else {
      throw MillraceError(.checkpointInvalid, "the state of a ranking within windows is damaged")
    }
    if batch.rowCount > 0 { try hold(batch) }
  }
}
