import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Inner and left join of two streams whose event times lie within an interval of each other:
/// `right.time BETWEEN left.time + lower AND left.time + upper`. Port 0 is the left input, port 1 the right one.
///
/// A pair's event time is the later of the two rows'. A left row without a match is emitted when the watermark passes the last
/// instant at which one could still come, and that instant (or the row's own, if later) is its event time. So no row is ever
/// late, and rows come out in the total order: event time, then the left row's order bytes followed by the right row's.
/// Rows are forgotten when nothing can match them any more. Null keys match nothing.
public final class IntervalJoinOperator: Operator {
  private static let version: UInt8 = 1

  private let join: Join
  private let interval: Join.Interval
  private let context: OperatorContext
  private let pairs: JoinPairs
  private let index: KeyIndex
  private let buffer: TotalOrderBuffer
  private let sides: [IntervalJoinSide]
  /// Live rows of each key on both sides.
  private let liveRows = DenseArray<Int64>(fill: 0)
  /// Left rows before this number have been seen to by the expiry scan; those it left open are in `open`.
  private var scanned = 0
  private var open: [Int] = []
  /// Rows from a snapshot, not yet put in order, per port; with the matched flags of the left ones.
  private var restored: [[Batch]] = [[], []]
  private var restoredMatches: [[Bool]] = []

  public init(_ join: Join, context: OperatorContext) throws(MillraceError) {
    guard let interval = join.interval else {
      throw MillraceError(.invalidInput, "an interval join needs the interval between its event times")
    }
    guard join.kind == .inner || join.kind == .left else {
      throw .notSupported(
        "\(join.kind.rawValue) JOIN of streams by an interval", hint: "use INNER or LEFT JOIN (swap the sides of a RIGHT JOIN)")
    }
    self.join = join
    self.interval = interval
    self.context = context
    pairs = try JoinPairs(join)
    index = KeyIndex(types: pairs.keyTypes, maxParallelism: context.maxParallelism)
    buffer = TotalOrderBuffer(schemas: [join.left.schema, join.right.schema])
    sides = [
      IntervalJoinSide(schema: join.left.schema, offsets: Self.offsets(join.left, interval.leftTime)),
      IntervalJoinSide(schema: join.right.schema, offsets: Self.offsets(join.right, interval.rightTime)),
    ]
  }

  private static func offsets(_ plan: LogicalPlan, _ column: Int) -> (min: Int64, max: Int64) {
    switch plan.timeAttribute(of: column) {
    case .exact(let offset): (offset, offset)
    case .bounded(let lead, let lag): (0 &- lead, lag)
    case nil: (0, 0)
    }
  }

  private var left: IntervalJoinSide { sides[0] }
  private var right: IntervalJoinSide { sides[1] }

  public var stateSize: StateSize {
    StateSize(keys: index.count, bytes: sides.reduce(index.heldBytes + buffer.heldBytes + liveRows.heldBytes) { $0 + $1.heldBytes })
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    if let weights = batch.weights?.pointer(Int64.self), (0..<batch.rowCount).contains(where: { weights[$0] != 1 }) {
      throw .notSupported("an interval join of an input that retracts rows", hint: "join the streams before aggregating them")
    }
    var plain = batch
    plain.weights = nil
    try buffer.push(plain, port: port)
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard watermark > -(1 << 61) else { return .beginning }
    try placeRestored()
    var found: [Result] = []
    if let released = buffer.release(before: watermark) { try match(released, into: &found) }
    if join.kind == .left { expire(watermark, into: &found) }
    try emit(found, into: &output)
    forget(watermark)
    return watermark
  }

  /// A row to emit: -1 for no right row.
  private struct Result {
    var left: Int
    var right: Int
    var time: Int64
  }

  // MARK: matching

  private func match(_ released: TotalOrderBuffer.Released, into found: inout [Result]) throws(MillraceError) {
    let starts = sides.map(\.end)
    for port in 0...1 { try append(released.batches[port], port) }
    var candidates: [(left: Int, right: Int)] = []
    // New left rows meet every right row, new right rows the left ones from before.
    for number in starts[0]..<left.end {
      let time = left.time(number)
      right.forEach(
        id: left.id(number), from: time.saturating(interval.lowerMicros), through: time.saturating(interval.upperMicros), before: .max
      ) { candidates.append((number, $0)) }
    }
    for number in starts[1]..<right.end {
      let time = right.time(number)
      left.forEach(
        id: right.id(number), from: time.saturating(0 &- interval.upperMicros), through: time.saturating(0 &- interval.lowerMicros),
        before: starts[0]
      ) { candidates.append(($0, number)) }
    }
    let matches = try pairs.matching(candidates, chunk: context.batchRows) { part in
      (left.log.gather(part.map(\.left)), right.log.gather(part.map(\.right)))
    }
    for match in matches {
      left.setMatched(match.left)
      found.append(
        Result(left: match.left, right: match.right, time: max(left.eventTime(match.left), right.eventTime(match.right))))
    }
  }

  private func append(_ batch: Batch, _ port: Int) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    let ids = pairs.ids(try pairs.keys(batch, isLeft: port == 0), rowCount: batch.rowCount, in: index, insert: true)
    liveRows.grow(to: index.idBound)
    for id in ids where id >= 0 { liveRows[Int(id)] += 1 }
    let column = port == 0 ? interval.leftTime : interval.rightTime
    let schema = port == 0 ? join.left.schema : join.right.schema
    let times = try WindowGrid.micros(batch.columns[column], schema.fields[column].name)
    sides[port].append(batch, times: times.pointer(Int64.self), ids: ids, idBound: index.idBound)
    withExtendedLifetime(times) {}
  }

  // MARK: left rows without a match

  /// The last event time of a right row that could match.
  private func deadline(_ number: Int) -> Int64 { left.time(number).saturating(interval.upperMicros).saturating(right.offsetMax) }

  private func expire(_ watermark: EventTime, into found: inout [Result]) {
    func isOver(_ deadline: Int64) -> Bool { watermark == .end || deadline < watermark }
    func close(_ number: Int) {
      if !left.isMatched(number) {
        found.append(Result(left: number, right: -1, time: max(left.eventTime(number), deadline(number))))
      }
    }
    open.removeAll { number in
      guard isOver(deadline(number)) else { return false }
      close(number)
      return true
    }
    while scanned < left.end {
      // No later row has an earlier event time, so none has a deadline before this.
      let earliest = left.eventTime(scanned).saturating(0 &- left.offsetMax).saturating(interval.upperMicros)
        .saturating(right.offsetMax)
      guard isOver(earliest) else { break }
      if isOver(deadline(scanned)) { close(scanned) } else { open.append(scanned) }
      scanned += 1
    }
  }

  // MARK: forgetting

  private func forget(_ watermark: EventTime) {
    guard watermark != .end else { return }
    var empty: [Int32] = []
    func forgotten(_ id: Int32) {
      liveRows[Int(id)] -= 1
      if liveRows[Int(id)] == 0 { empty.append(id) }
    }
    let firstOpen = join.kind == .left ? open.first.map { min($0, scanned) } ?? scanned : Int.max
    left.drop { number in
      number < firstOpen
        && left.eventTime(number).saturating(0 &- left.offsetMin).saturating(interval.upperMicros).saturating(right.offsetMax) < watermark
    } forgotten: {
      forgotten($0)
    }
    right.drop { number in
      right.eventTime(number).saturating(0 &- right.offsetMin).saturating(0 &- interval.lowerMicros).saturating(left.offsetMax) < watermark
    } forgotten: {
      forgotten($0)
    }
    index.remove(empty)
  }

  // MARK: emitting

  private func emit(_ found: [Result], into output: inout OperatorOutput) throws(MillraceError) {
    guard !found.isEmpty else { return }
    let l = left.log.gather(found.map(\.left))
    let r = right.log.gather(found.map(\.right))
    var batch = pairs.joined(l, r)
    batch.eventTimes = .int64s(found.map(\.time))
    batch.order = JoinPairs.order(l, r)
    batch.arrivalTimes = JoinPairs.arrivalTimes(l, r)
    guard let order = batch.order else { return }
    let rows = (0..<Int32(truncatingIfNeeded: found.count)).sorted { a, b in
      let (x, y) = (found[Int(a)], found[Int(b)])
      if x.time != y.time { return x.time < y.time }
      return ByteOrder.compare(order.slot(Int(a)), order.slot(Int(b))) < 0
    }
    for start in stride(from: 0, to: rows.count, by: context.batchRows) {
      output.emit(batch.take(rows: Array(rows[start..<min(rows.count, start + context.batchRows)])))
    }
  }

  // MARK: snapshots

  /// Per key group: left rows that may still matter with their matched flags, right rows, then the rows that wait for the
  /// watermark.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    try placeRestored()
    var writers: [Int: ByteWriter] = [:]
    for port in 0...1 {
      let side = sides[port]
      let live = side.log.all()
      let waiting = buffer.pending(port: port)
      let liveGroups = live.rowsByKeyGroup(try pairs.keys(live, isLeft: port == 0), maxParallelism: context.maxParallelism)
      let waitingGroups = waiting.rowsByKeyGroup(
        try pairs.keys(waiting, isLeft: port == 0), maxParallelism: context.maxParallelism)
      for keyGroup in 0..<context.maxParallelism where !liveGroups[keyGroup].isEmpty || !waitingGroups[keyGroup].isEmpty {
        var writer = writers[keyGroup] ?? ByteWriter()
        if writer.bytes.isEmpty { writer.write(Self.version) }
        writer.write(UInt8(port))
        let rows = liveGroups[keyGroup]
        writer.write(block: BatchCodec.encode(live.take(rows: rows)))
        writer.write(
          block: rows.map { row in
            // 1: has a match (or was emitted without one): nothing is left to say about it.
            port == 0 && isClosed(side.start + Int(row)) ? 1 : 0
          })
        writer.write(block: BatchCodec.encode(waiting.take(rows: waitingGroups[keyGroup])))
        writers[keyGroup] = writer
      }
    }
    for (keyGroup, writer) in writers { snapshot.keyGroups[keyGroup] = writer.bytes }
  }

  private func isClosed(_ number: Int) -> Bool {
    left.isMatched(number) || (join.kind == .left && number < scanned && !open.contains(number))
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "an interval join")
    while !reader.isAtEnd {
      let port = Int(try reader.readUInt8())
      guard port <= 1 else { throw MillraceError(.checkpointInvalid, "the state of an interval join is damaged") }
      let schema = port == 0 ? join.left.schema : join.right.schema
      let live = try BatchCodec.decode(try reader.readBlock(), schema: schema)
      let flags = try reader.readBlock()
      guard flags.count == live.rowCount, live.rowCount == 0 || (live.eventTimes != nil && live.order != nil) else {
        throw MillraceError(.checkpointInvalid, "the state of an interval join is damaged")
      }
      if live.rowCount > 0 {
        restored[port].append(live)
        if port == 0 { restoredMatches.append(flags.map { $0 != 0 }) }
      }
      try buffer.push(try BatchCodec.decode(try reader.readBlock(), schema: schema), port: port)
    }
  }

  /// Restored rows come by key group; here they go into the logs in the total order.
  private func placeRestored() throws(MillraceError) {
    for port in 0...1 where !restored[port].isEmpty {
      let all = Batch.concat(restored[port], schema: port == 0 ? join.left.schema : join.right.schema)
      let order = all.rowsInOrder()
      let first = sides[port].end
      try append(all.take(rows: order), port)
      if port == 0 {
        let flags = restoredMatches.flatMap { $0 }
        for (place, row) in order.enumerated() where flags[Int(row)] { left.setMatched(first + place) }
        restoredMatches = []
      }
      restored[port] = []
    }
  }
}

extension Int64 {
  /// The sum, held at the ends of the range.
  @inline(__always) func saturating(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }
}
