import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Regular join of streams: inner, left, right, full, semi and anti, over inputs that may retract rows. Port 0 is the left input,
/// port 1 the right one.
///
/// An inner join of inputs that only insert emits each pair as soon as both rows are there, in whatever order they come: its event
/// time is the later of the two, its order bytes the left row's followed by the right row's. The other joins take rows in the total
/// order and emit the changes of each instant, consolidated: a left row is shown without a match exactly while the weights of its
/// matches add up to zero. Order bytes of a change are the rank of results, 0 for -1 and 1 for +1, then the rows'. Where one input has
/// no event time rows are taken as they come, and only the folded result is a function of the input.
///
/// Rows are kept for ever, except where a condition of the join bounds them by the other side's event time (`Join.expiry`), or where a
/// side has a time to live: a row is forgotten, without a retraction, when it has neither come nor gone for so long, measured in event
/// time where both inputs have it, else by the clock. What is counted as its matches stays. Null keys match nothing.
public final class StreamJoinOperator: Operator {
  private static let version: UInt8 = 2
  /// Candidate pairs looked at together.
  static let pairsAtOnce = 65_536

  let join: Join
  let context: OperatorContext
  let pairs: JoinPairs
  let residual: JoinResidual?
  let index: KeyIndex
  let sides: [StreamJoinSide]
  /// Pairs go out as they are found; see above.
  let isDirect: Bool
  /// Rows of both inputs have event times and wait for the watermark. Only where not `isDirect`.
  private let isOrdered: Bool
  private let hasEventTime: Bool
  /// The result retracts rows.
  let isUpdating: Bool
  private let buffer: TotalOrderBuffer
  private var watermark = EventTime.beginning
  /// Rows of a snapshot that are not in the sides yet, per port, in the order of its layers.
  private var restored: [[Batch]] = [[], []]
  /// Those of the newest layer that wait for the watermark, by port and key group.
  private var restoredWaiting: [[Int: [Batch]]] = [[:], [:]]
  private var waitingKeyGroups = [WaitingKeyGroups(), WaitingKeyGroups()]
  /// With a time to live only: rows with what is kept of them, per port.
  private var restoredWithTTL: [[Restored]] = [[], []]

  private struct Restored {
    var rows: Batch
    var weights: [Int64] = []
    var updates: [Int64] = []
    var matchWeights: [Int64] = []
  }

  private var hasTTL: Bool { sides.contains { $0.ttlMicros != nil } }

  /// - Parameter ttlMicros: of the rows of the left and of the right side.
  public init(_ join: Join, context: OperatorContext, ttlMicros: (left: Int64?, right: Int64?) = (nil, nil)) throws(MillraceError) {
    self.join = join
    hasEventTime = join.left.carriesEventTime && join.right.carriesEventTime
    self.context = context
    pairs = try JoinPairs(join)
    residual = try JoinResidual(join)
    index = KeyIndex(types: pairs.keyTypes, maxParallelism: context.maxParallelism)
    let updates = [join.left.isUpdating, join.right.isUpdating]
    isDirect = join.kind == .inner && updates == [false, false]
    isOrdered = !isDirect && join.left.carriesEventTime && join.right.carriesEventTime
    isUpdating = LogicalPlan.join(join).isUpdating
    let expiry = isDirect ? join.expiry : ([], [])
    sides = [
      try StreamJoinSide(join.left, isUpdating: updates[0], expiry: expiry.0, ttlMicros: ttlMicros.left),
      try StreamJoinSide(join.right, isUpdating: updates[1], expiry: expiry.1, ttlMicros: ttlMicros.right),
    ]
    buffer = TotalOrderBuffer(schemas: [join.left.schema, join.right.schema])
  }

  public var stateSize: StateSize {
    StateSize(keys: index.count, bytes: sides.reduce(index.heldBytes + buffer.heldBytes) { $0 + $1.heldBytes })
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    if isOrdered { return try buffer.push(batch, port: port) }
    if isDirect {
      try joinDirectly(batch, port, into: &output)
    } else {
      var batches = [Batch(schema: sides[0].schema, columns: [], rowCount: 0), Batch(schema: sides[1].schema, columns: [], rowCount: 0)]
      batches[port] = batch
      let sequence = [UInt8](repeating: UInt8(truncatingIfNeeded: port), count: batch.rowCount)
      try takeInstants(.init(batches: batches, sequence: sequence), isOrdered: false, into: &output)
    }
    forget()
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    self.watermark = watermark
    if isOrdered, let released = buffer.release(before: watermark) {
      try takeInstants(released, isOrdered: true, into: &output)
      forget()
    }
    return watermark
  }

  // MARK: pairs as they come

  private func joinDirectly(_ batch: Batch, _ port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    if let weights = batch.weights?.pointer(Int64.self), (0..<batch.rowCount).contains(where: { weights[$0] != 1 }) {
      throw MillraceError(.invalidInput, "an input that only inserts retracted a row", subject: "a join")
    }
    let (mine, other) = (sides[port], sides[1 - port])
    let times = hasEventTime ? batch.eventTimes?.pointer(Int64.self) : nil
    let now = unorderedInstant
    defer { withExtendedLifetime(batch) {} }
    let ids = pairs.ids(try pairs.keys(batch, isLeft: port == 0), rowCount: batch.rowCount, in: index, insert: true)
    for side in sides { side.growKeys(to: index.idBound) }
    var row = 0
    while row < batch.rowCount {
      var probes: [Int32] = []
      var found: [Int32] = []
      while row < batch.rowCount && found.count < Self.pairsAtOnce {
        let id = ids[row]
        if id >= 0 {
          var match = other.head(id)
          while match >= 0 {
            if !isAlive(match, of: other, with: times?[row] ?? now, of: mine) {
              match = other.rowBefore(match)
              continue
            }
            probes.append(Int32(truncatingIfNeeded: row))
            found.append(match)
            match = other.rowBefore(match)
          }
        }
        row += 1
      }
      try emitPairs(batch, port, probes, found, other, into: &output)
    }
    let first = mine.count
    try mine.append(batch, ids: ids)
    if mine.ttlMicros != nil {
      for row in 0..<batch.rowCount { mine.setUpdate(Int32(truncatingIfNeeded: first + row), times?[row] ?? now) }
    }
  }

  /// The instant of rows that have none of their own.
  var unorderedInstant: Int64 { sides[0].ttlMicros == nil && sides[1].ttlMicros == nil ? 0 : context.clock?() ?? 0 }

  /// Whether a stored row and a row of some instant are there together: the earlier one must not have run out.
  @inline(__always) private func isAlive(_ row: Int32, of other: StreamJoinSide, with instant: Int64, of mine: StreamJoinSide) -> Bool {
    guard other.ttlMicros != nil || mine.ttlMicros != nil else { return true }
    let update = other.ttlMicros == nil ? other.store.eventTimes?[Int(row)] ?? instant : other.update(row)
    if update <= instant { return !KeyExpiry.isExpired(since: update, at: instant, other.ttlMicros ?? .max) }
    return !KeyExpiry.isExpired(since: instant, at: update, mine.ttlMicros ?? .max)
  }

  /// Nothing that is still to come is before this.
  private var earliestToCome: Int64 { hasEventTime ? watermark : unorderedInstant }

  /// Emits the pairs of rows of a batch and stored rows of the other side for which the rest of the condition is true.
  private func emitPairs(
    _ batch: Batch, _ port: Int, _ probes: [Int32], _ found: [Int32], _ other: StreamJoinSide, into output: inout OperatorOutput
  ) throws(MillraceError) {
    guard !probes.isEmpty else { return }
    var (probes, found) = (probes, found)
    if let residual {
      let mine = probes.withUnsafeBufferPointer { probes in
        (port == 0 ? residual.leftColumns : residual.rightColumns).map { batch.columns[$0].take(probes) }
      }
      let theirs = other.store.gather(found, columns: port == 0 ? residual.rightColumns : residual.leftColumns)
      let selection = try residual.matching(port == 0 ? mine : theirs, port == 0 ? theirs : mine, count: probes.count)
      if selection.count == 0 { return }
      if !selection.isAll {
        let kept = Array(selection.indices)
        probes = kept.map { probes[Int($0)] }
        found = kept.map { found[Int($0)] }
      }
    }
    for start in stride(from: 0, to: probes.count, by: context.batchRows) {
      let range = start..<min(probes.count, start + context.batchRows)
      let mine = batch.take(rows: Array(probes[range]))
      let theirs = other.store.gather(Array(found[range]))
      let (left, right) = port == 0 ? (mine, theirs) : (theirs, mine)
      var joined = pairs.joined(left, right)
      joined.eventTimes = Self.later(left.eventTimes, right.eventTimes)
      joined.order = JoinPairs.order(left, right)
      joined.arrivalTimes = JoinPairs.arrivalTimes(left, right)
      output.emit(joined)
    }
  }

  static func later(_ a: Column?, _ b: Column?) -> Column? {
    guard let a, let b else { return nil }
    let (x, y) = (a.pointer(Int64.self), b.pointer(Int64.self))
    let out = Buffer(uninitialized: a.count * 8)
    let target = out.pointer(Int64.self)
    for i in 0..<a.count { target[i] = max(x[i], y[i]) }
    return withExtendedLifetime((a, b)) { Column(type: .int64, count: a.count, values: .fixed(out)) }
  }

  // MARK: forgetting

  private func forget() {
    guard sides.contains(where: { $0.shouldCompact(isWeighted: !isDirect) }) else { return }
    for side in sides { side.compact(keeping: side.liveRows(watermark: earliestToCome, isWeighted: !isDirect)) }
    index.remove(index.allIDs().filter { sides[0].head($0) < 0 && sides[1].head($0) < 0 })
  }

  // MARK: snapshots

  /// Per key group and port: rows with their weights, then the rows that wait for the watermark. An increment has the rows that came
  /// and those whose weight changed.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    try finishRestore()
    if hasTTL { return try snapshotWithTTL(into: &snapshot) }
    let (context, pairs, isWeighted) = (context, pairs, !isDirect)
    let isIncrement = snapshot.allowsIncrement && sides.allSatisfy(\.canTellChanges)
    snapshot.isIncrement = isIncrement
    var ports: [(held: FrozenRows, waiting: FrozenRows.Split, told: Set<Int>)] = []
    for port in 0...1 {
      let keys = { (batch: Batch) throws(MillraceError) -> [Column] in try pairs.keys(batch, isLeft: port == 0) }
      snapshot.liveCount += sides[port].liveCount(isWeighted: isWeighted)
      let (held, written) = try sides[port].freeze(
        isIncrement: isIncrement, watermark: watermark, isWeighted: isWeighted, maxParallelism: context.maxParallelism, keys: keys)
      snapshot.writtenCount += written
      let waiting = try FrozenRows([buffer.pending(port: port)], maxParallelism: context.maxParallelism, keys: keys).split()
      ports.append((held, waiting, waitingKeyGroups[port].next(waiting.keyGroups, isIncrement: isIncrement)))
    }
    let frozen = ports
    snapshot.encodeLater { emit throws(MillraceError) in
      let held = frozen.map { $0.held.split() }
      for keyGroup in 0..<context.maxParallelism {
        var writer = ByteWriter()
        writer.write(Self.version)
        for port in 0...1 where held[port].hasRows(keyGroup) || frozen[port].told.contains(keyGroup) {
          writer.write(UInt8(port))
          held[port].write(keyGroup, into: &writer)
          frozen[port].waiting.write(keyGroup, into: &writer)
        }
        if writer.bytes.count > 1 { try emit(keyGroup, writer.bytes) }
      }
    }
  }

  /// Whole, and per row the instant of its last update and the weight of its matches as well.
  private func snapshotWithTTL(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    var writers: [Int: ByteWriter] = [:]
    for port in 0...1 {
      let side = sides[port]
      let live = side.liveRows(watermark: earliestToCome, isWeighted: !isDirect)
      let rows = side.store.gather(live)
      let waiting = buffer.pending(port: port)
      let liveGroups = rows.rowsByKeyGroup(try pairs.keys(rows, isLeft: port == 0), maxParallelism: context.maxParallelism)
      let waitingGroups = waiting.rowsByKeyGroup(
        try pairs.keys(waiting, isLeft: port == 0), maxParallelism: context.maxParallelism)
      snapshot.liveCount += live.count
      snapshot.writtenCount += live.count
      for keyGroup in 0..<context.maxParallelism where !liveGroups[keyGroup].isEmpty || !waitingGroups[keyGroup].isEmpty {
        var writer = writers[keyGroup] ?? ByteWriter()
        if writer.bytes.isEmpty { writer.write(Self.version) }
        writer.write(UInt8(port))
        writer.write(block: BatchCodec.encode(rows.take(rows: liveGroups[keyGroup])))
        for place in liveGroups[keyGroup] {
          let row = live[Int(place)]
          writer.write(isDirect ? 1 : side.weight(row))
          writer.write(side.ttlMicros == nil ? KeyExpiry.never : side.update(row))
          writer.write(side.matchWeight(row))
        }
        writer.write(block: BatchCodec.encode(waiting.take(rows: waitingGroups[keyGroup])))
        writers[keyGroup] = writer
      }
    }
    for (keyGroup, writer) in writers { snapshot.keyGroups[keyGroup] = writer.bytes }
  }

  private func readWithTTL(_ reader: inout ByteReader, port: Int) throws(MillraceError) {
    let rows = try BatchCodec.decode(try reader.readBlock(), schema: sides[port].schema)
    var part = Restored(rows: rows)
    for _ in 0..<rows.rowCount {
      part.weights.append(try reader.readInt64())
      part.updates.append(try reader.readInt64())
      part.matchWeights.append(try reader.readInt64())
    }
    if rows.rowCount > 0 { restoredWithTTL[port].append(part) }
    try buffer.push(try BatchCodec.decode(try reader.readBlock(), schema: sides[port].schema), port: port)
  }

  private func placeRestoredWithTTL() throws(MillraceError) {
    for port in 0...1 {
      for part in restoredWithTTL[port] {
        let ids = pairs.ids(try pairs.keys(part.rows, isLeft: port == 0), rowCount: part.rows.rowCount, in: index, insert: true)
        for side in sides { side.growKeys(to: index.idBound) }
        for (row, number) in try sides[port].numbers(of: part.rows, ids: ids).enumerated() {
          sides[port].setWeight(number, part.weights[row])
          sides[port].setUpdate(number, part.updates[row])
          sides[port].setMatchWeight(number, part.matchWeights[row])
        }
      }
      restoredWithTTL[port] = []
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a join of streams")
    while !reader.isAtEnd {
      let port = Int(try reader.readUInt8())
      guard port <= 1 else { throw MillraceError(.checkpointInvalid, "the state of a join is damaged") }
      if hasTTL {
        try readWithTTL(&reader, port: port)
        continue
      }
      restored[port] += try FrozenRows.read(&reader, schema: sides[port].schema)
      restoredWaiting[port][keyGroup] = try FrozenRows.read(&reader, schema: sides[port].schema)
    }
  }

  public func finishRestore() throws(MillraceError) {
    // What is forgotten counts as a match still: the counts were kept.
    if hasTTL { return try placeRestoredWithTTL() }
    for port in 0...1 {
      for keyGroup in restoredWaiting[port].keys.sorted() {
        for batch in restoredWaiting[port][keyGroup] ?? [] { try buffer.push(batch, port: port) }
      }
      restoredWaiting[port] = [:]
    }
    guard !restored[0].isEmpty || !restored[1].isEmpty else { return }
    for port in 0...1 {
      for batch in restored[port] {
        var rows = batch
        rows.weights = nil
        let weights = batch.weights?.pointer(Int64.self)
        let ids = pairs.ids(try pairs.keys(rows, isLeft: port == 0), rowCount: rows.rowCount, in: index, insert: true)
        for side in sides { side.growKeys(to: index.idBound) }
        let numbers = try sides[port].numbers(of: rows, ids: ids)
        for (row, number) in numbers.enumerated() { sides[port].setWeight(number, weights?[row] ?? 1) }
        withExtendedLifetime(batch) {}
      }
      restored[port] = []
    }
    if !isDirect { try countMatches() }
  }
}
