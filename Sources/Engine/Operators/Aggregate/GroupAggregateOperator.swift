import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// GROUP BY without windows: takes weighted rows and emits the changes of its result, -1 of a key's old row before +1 of its new.
///
/// Rows with event time are taken in the total order and changes consolidate per instant, so the changelog depends on the rows
/// alone. A change's event time is the instant; its order is the key, then 0 for -1 and 1 for +1. Rows without event time are
/// taken as they come and the final rows are emitted at the end of input, in canonical key order. Without keys there is one
/// group, which has a row even over empty input. Without aggregates this is SELECT DISTINCT.
///
/// With a time to live a group is forgotten when it had no row for so long, without a retraction; a later row begins it anew.
public final class GroupAggregateOperator: Operator {
  /// When results are emitted.
  public enum Emission: Sendable, Hashable {
    /// Changes per instant where rows have event time; otherwise final rows at the end of input.
    case perInstant
    /// Final rows at the end of input only.
    case atEnd
    /// As `perInstant`, but rows without event time give changes after each batch: then only the folded table is a function
    /// of the input.
    case perBatch
  }

  private static let version: UInt8 = 3
  /// Rows taken at once where each row's change is kept.
  private static let recordedRows = 1024
  /// Begins the order bytes of emitted rows: they come after the rows of tables.
  private static let rank: [UInt8] = [128, 255]

  private let schema: Schema
  private let inputSchema: Schema
  private let inputs: AggregateInputs
  private let index: KeyIndex
  private let table: AggregateTable
  private let context: OperatorContext
  private let emission: Emission
  private let isGlobal: Bool
  private let carriesEventTime: Bool
  private let buffer: TotalOrderBuffer
  private let keysOfBuffer: AggregateInputs
  /// Changes have gone out as they happened: nothing is left for the end but the row of an empty global group.
  private var emitsChanges: Bool
  /// The global group has a row.
  private var hasGlobalRow = false
  private var isFinished = false
  /// Per key id: its place among the changes of the instant at hand; -1 between instants.
  private let pairOfKey = DenseArray<Int32>(fill: -1)
  /// The input's key columns may stand in the output as they are: each value has one form only.
  private let hasCanonicalKeys: Bool
  private let expiry: KeyExpiry?

  /// What has changed since the last snapshot; nil before the first.
  private var changed: ChangedKeys?
  private var waitingKeyGroups = WaitingKeyGroups()
  /// Rows of a snapshot that wait for the watermark, by key group.
  private var restoredWaiting: [Int: [Batch]] = [:]

  /// - Parameter ttlMicros: of groups; only with an emission of changes.
  public init(
    _ aggregate: Aggregate, context: OperatorContext, emission: Emission = .perInstant, ttlMicros: Int64? = nil
  ) throws(MillraceError) {
    expiry = ttlMicros.map(KeyExpiry.init)
    schema = aggregate.schema
    inputSchema = aggregate.input.schema
    let types = inputSchema.fields.map(\.type)
    inputs = try AggregateInputs(keys: aggregate.keys, calls: aggregate.aggregates, inputTypes: types)
    keysOfBuffer = try AggregateInputs(keys: aggregate.keys, calls: [], inputTypes: types)
    index = KeyIndex(types: inputs.keyTypes, maxParallelism: context.maxParallelism)
    table = try AggregateTable(
      AggregateLayout(calls: aggregate.aggregates, retracts: aggregate.input.isUpdating, isForGood: true))
    self.context = context
    self.emission = emission
    isGlobal = aggregate.keys.isEmpty
    carriesEventTime = aggregate.input.carriesEventTime
    emitsChanges = emission == .perBatch
    hasCanonicalKeys = inputs.keyTypes.allSatisfy { !$0.isFloating && !$0.isNested }
    // One instant's rows change nothing for each other, except where an aggregate goes by their order.
    buffer = TotalOrderBuffer(schemas: [inputSchema], ordersTies: aggregate.aggregates.contains { $0.function.isOrderSensitive })
  }

  public var stateSize: StateSize {
    StateSize(keys: index.count, bytes: index.heldBytes + table.heldBytes + buffer.heldBytes + (changed?.heldBytes ?? 0))
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    if emission != .atEnd && takesInstants(batch) {
      emitsChanges = true
      try buffer.push(batch, port: 0)
      return
    }
    if let expiry, emission == .perBatch {
      for piece in try pieces(batch, expiry, instants: nil) { try takeBatch(piece, into: &output) }
      forgetEmpty(try prepare(batch).ids)
      if !isGlobal { forget(expiry.sweep(index.allIDs, keyCount: index.count, at: context.clock?() ?? 0)) }
      return
    }
    let prepared = try prepare(batch)
    guard emission == .perBatch else {
      try take(prepared)
      return
    }
    try takeBatch(batch, into: &output)
  }

  private func takeBatch(_ batch: Batch, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    let prepared = try prepare(batch)
    var changes = KeyedChanges()
    try apply(prepared, rows: nil, instants: nil, into: &changes)
    try finish(prepared, changes, withTimes: false, into: &output)
  }

  /// The rows in pieces, before each of which groups that have run out are forgotten: lazily, one after the other.
  private func pieces(
    _ batch: Batch, _ expiry: KeyExpiry, instants: UnsafePointer<Int64>?
  ) throws(MillraceError) -> LazyMapSequence<[KeyExpiry.Piece], Batch> {
    let ids = try prepare(batch).ids
    expiry.grow(to: index.idBound)
    let pieces = expiry.pieces(
      ids, instants: instants, now: context.clock?() ?? 0, weights: batch.weights?.pointer(Int64.self), count: table.rowCount)
    return pieces.lazy.map { [self] piece in
      table.clear(piece.expired)
      if isGlobal && !piece.expired.isEmpty { hasGlobalRow = false }
      return piece.rows.count == batch.rowCount ? batch : batch.take(rows: piece.rows)
    }
  }

  /// Forgets the groups among these without rows.
  private func forgetEmpty(_ ids: [Int32]) {
    guard !isGlobal else { return }
    var seen: Set<Int32> = []
    forget(ids.filter { table.rowCount($0) == 0 && seen.insert($0).inserted })
  }

  private func takesInstants(_ batch: Batch) -> Bool { batch.eventTimes != nil && carriesEventTime }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    if let released = buffer.release(before: watermark), released.batches[0].rowCount > 0 {
      let rows = released.batches[0]
      if let expiry {
        for piece in try pieces(rows, expiry, instants: rows.eventTimes?.pointer(Int64.self)) {
          try takeInstants(piece, into: &output)
        }
        forgetEmpty(try prepare(rows).ids)
        if watermark != .end && !isGlobal { forget(expiry.sweep(index.allIDs, keyCount: index.count, at: watermark)) }
      } else {
        try takeInstants(rows, into: &output)
      }
      withExtendedLifetime(rows) {}
    }
    if watermark == .end && !isFinished {
      isFinished = true
      try finishInput(into: &output)
    }
    return watermark
  }

  // MARK: taking rows

  /// A batch with its keys looked up and its arguments evaluated.
  private struct Prepared {
    var ids: [Int32]
    var arguments: AggregateArguments
    var weights: Column?
    var times: Column?
    var order: Column?
  }

  private func prepare(_ batch: Batch) throws(MillraceError) -> Prepared {
    let (keys, arguments) = try inputs.evaluate(batch)
    var ids = [Int32](repeating: 0, count: batch.rowCount)
    ids.withUnsafeMutableBufferPointer { ids in
      if let base = ids.baseAddress { index.ids(of: keys, rowCount: batch.rowCount, into: base, insert: true) }
    }
    table.grow(to: index.idBound)
    changed?.mark(ids, bound: index.idBound)
    return Prepared(ids: ids, arguments: arguments, weights: batch.weights, times: batch.eventTimes, order: batch.order)
  }

  private func take(_ rows: Prepared) throws(MillraceError) {
    try rows.ids.withUnsafeBufferPointer { ids throws(MillraceError) in
      guard let base = ids.baseAddress else { return }
      try table.update(base, ids.count, rows.arguments, weights: rows.weights, times: rows.times, order: rows.order)
    }
  }

  /// Rows in the order of their instants.
  private func takeInstants(_ batch: Batch, into output: inout OperatorOutput) throws(MillraceError) {
    guard table.recordsHistory else { return try takeRounds(batch, into: &output) }
    // Pieces whose history stays in the cache, cut between instants.
    var start = 0
    while start < batch.rowCount {
      var end = min(batch.rowCount, start + Self.recordedRows)
      if let times = batch.eventTimes?.pointer(Int64.self) { while end < batch.rowCount && times[end] == times[end - 1] { end += 1 } }
      try takeRecorded(batch.slice(start..<end), into: &output)
      start = end
    }
  }

  /// Row after row, keeping each group's state before and after; a key's changes within an instant become one.
  private func takeRecorded(_ batch: Batch, into output: inout OperatorOutput) throws(MillraceError) {
    guard let times = batch.eventTimes?.pointer(Int64.self) else { return }
    let (keys, arguments) = try inputs.evaluate(batch)
    let n = batch.rowCount
    var ids = [Int32](repeating: 0, count: n)
    try ids.withUnsafeMutableBufferPointer { ids throws(MillraceError) in
      guard let base = ids.baseAddress else { return }
      index.ids(of: keys, rowCount: n, into: base, insert: true)
      table.grow(to: index.idBound)
      try table.record(base, n, arguments, weights: batch.weights, times: batch.eventTimes, order: batch.order)
    }
    changed?.mark(ids, bound: index.idBound)
    let hadGlobalRow = hasGlobalRow
    if isGlobal { hasGlobalRow = true }
    // The first and the last row of each key in each instant.
    var firsts: [Int32] = []
    var lasts: [Int32] = []
    firsts.reserveCapacity(n)
    lasts.reserveCapacity(n)
    pairOfKey.grow(to: index.idBound)
    var start = 0
    while start < n {
      var end = start + 1
      while end < n && times[end] == times[start] { end += 1 }
      let before = firsts.count
      for row in start..<end {
        let id = Int(ids[row])
        let known = Int(pairOfKey.base[id])
        if end - start > 1, known >= before {
          lasts[known] = Int32(truncatingIfNeeded: row)
        } else {
          if end - start > 1 { pairOfKey.base[id] = Int32(truncatingIfNeeded: firsts.count) }
          firsts.append(Int32(truncatingIfNeeded: row))
          lasts.append(Int32(truncatingIfNeeded: row))
        }
      }
      if end - start > 1 { for row in start..<end { pairOfKey.base[Int(ids[row])] = -1 } }
      start = end
    }
    try emitRecorded(batch, keys, ids, firsts, lasts, hadGlobalRow: hadGlobalRow, into: &output)
    table.forgetHistory()
    // With a time to live, ids stay until all pieces are done.
    if batch.weights != nil && expiry == nil { forgetEmpty(ids) }
  }

  private func emitRecorded(
    _ batch: Batch, _ keys: [Column], _ ids: [Int32], _ firsts: [Int32], _ lasts: [Int32], hadGlobalRow: Bool,
    into output: inout OperatorOutput
  ) throws(MillraceError) {
    let count = firsts.count
    var states = [Int32](repeating: 0, count: 2 * count)
    for pair in 0..<count {
      states[2 &* pair] = 2 &* firsts[pair]
      states[2 &* pair &+ 1] = 2 &* lasts[pair] &+ 1
    }
    let results = try table.recordedResults(states)
    var isEqual = [UInt8](repeating: 1, count: count)
    for column in results { column.comparePairs(&isEqual) }
    // Positions among the states.
    var chosen: [Int32] = []
    chosen.reserveCapacity(2 * count)
    for pair in 0..<count {
      let isFirst = isGlobal ? !hadGlobalRow && firsts[pair] == 0 : table.recordedRowCount(Int(states[2 &* pair])) <= 0
      let isGone = !isGlobal && table.recordedRowCount(Int(states[2 &* pair &+ 1])) <= 0
      if !isFirst && !isGone && isEqual[pair] != 0 { continue }
      if !isFirst { chosen.append(Int32(truncatingIfNeeded: 2 &* pair)) }
      if !isGone { chosen.append(Int32(truncatingIfNeeded: 2 &* pair &+ 1)) }
    }
    if chosen.isEmpty { return }
    let rows = chosen.map { lasts[Int($0 >> 1)] }
    let isAll = chosen.count == states.count
    let keyColumns: [Column]
    if hasCanonicalKeys {
      keyColumns = rows.withUnsafeBufferPointer { rows in keys.map { $0.take(rows) } }
    } else {
      keyColumns = try index.keyColumns(rows.map { ids[Int($0)] })
    }
    let values = isAll ? results : chosen.withUnsafeBufferPointer { chosen in results.map { $0.take(chosen) } }
    var changes = Batch(schema: schema, columns: keyColumns + values, rowCount: chosen.count)
    if chosen.contains(where: { $0 & 1 == 0 }) { changes.weights = .int64s(chosen.map { $0 & 1 == 0 ? -1 : 1 }) }
    changes.eventTimes = rows.withUnsafeBufferPointer { rows in batch.eventTimes?.take(rows) }
    if context.needsOrder {
      changes.order = KeyedChanges.order(KeyEncoder.encode(keyColumns, rowCount: chosen.count, prefix: Self.rank), changes.weights)
    }
    emit(changes, into: &output)
  }

  /// Rows in the total order. A key's rows of one instant are taken together; a round takes the next instant of every key at
  /// once, so there are as many rounds as the busiest key has instants.
  private func takeRounds(_ batch: Batch, into output: inout OperatorOutput) throws(MillraceError) {
    guard let times = batch.eventTimes?.pointer(Int64.self) else { return }
    let prepared = try prepare(batch)
    var places: [Int32: (instant: Int64, round: Int)] = [:]
    var rounds: [[Int32]] = []
    for (row, id) in prepared.ids.enumerated() {
      var place = places[id] ?? (times[row], 0)
      if place.instant != times[row] { place = (times[row], place.round + 1) }
      places[id] = place
      if place.round == rounds.count { rounds.append([]) }
      rounds[place.round].append(Int32(truncatingIfNeeded: row))
    }
    var changes = KeyedChanges()
    for round in rounds { try apply(prepared, rows: round, instants: times, into: &changes) }
    try finish(prepared, changes, withTimes: true, into: &output)
    withExtendedLifetime(batch) {}
  }

  /// Takes some rows (all when nil), no key at more than one instant, and notes how each key's row changed.
  private func apply(
    _ all: Prepared, rows: [Int32]?, instants: UnsafePointer<Int64>?, into changes: inout KeyedChanges
  ) throws(MillraceError) {
    var part = all
    if let rows, rows.count < all.ids.count {
      part = rows.withUnsafeBufferPointer { chosen in
        Prepared(
          ids: rows.map { all.ids[Int($0)] }, arguments: all.arguments.take(chosen), weights: all.weights?.take(chosen),
          times: all.times?.take(chosen), order: all.order?.take(chosen))
      }
    }
    var keys: [Int32] = []
    var instantOfKey: [Int64] = []
    var known: Set<Int32> = []
    for (position, id) in part.ids.enumerated() where known.insert(id).inserted {
      keys.append(id)
      instantOfKey.append(instants?[rows.map { Int($0[position]) } ?? position] ?? 0)
    }
    let before = try state(of: keys)
    try take(part)
    if isGlobal { hasGlobalRow = true }
    let after = try state(of: keys)
    changes.add(keys: keys, instants: instantOfKey, before: before, after: after)
  }

  private func state(of ids: [Int32]) throws(MillraceError) -> (present: [Bool], results: [Column]) {
    (ids.map { isGlobal ? hasGlobalRow : table.rowCount($0) > 0 }, try table.results(ids))
  }

  // MARK: emitting

  /// Emits the changes of a batch and forgets the keys that have no rows left.
  private func finish(
    _ prepared: Prepared, _ changes: KeyedChanges, withTimes: Bool, into output: inout OperatorOutput
  ) throws(MillraceError) {
    if let batch = try changes.batch(index, schema: schema, rank: Self.rank, withTimes: withTimes) { emit(batch, into: &output) }
    if expiry == nil { forgetEmpty(prepared.ids) }
  }

  private func forget(_ ids: [Int32]) {
    changed?.remove(ids, from: index)
    table.clear(ids)
    if let expiry { for id in ids { expiry[id] = KeyExpiry.never } }
    index.remove(ids)
  }

  private func emit(_ batch: Batch, into output: inout OperatorOutput) {
    for start in stride(from: 0, to: batch.rowCount, by: context.batchRows) {
      output.emit(batch.slice(start..<min(batch.rowCount, start + context.batchRows)))
    }
  }

  private func finishInput(into output: inout OperatorOutput) throws(MillraceError) {
    let isOverNothing = isGlobal && context.partition == 0 && index.count == 0
    if isOverNothing {
      var id: Int32 = 0
      index.ids(of: [], rowCount: 1, into: &id, insert: true)
      table.grow(to: 1)
    } else if emitsChanges {
      return
    }
    changed?.giveUp()
    let all = index.sorted(index.allIDs()).filter { isGlobal || table.rowCount($0) > 0 }
    hasGlobalRow = true
    for start in stride(from: 0, to: all.count, by: context.batchRows) {
      let ids = Array(all[start..<min(all.count, start + context.batchRows)])
      let results = try state(of: ids).results
      var batch = Batch(schema: schema, columns: try index.keyColumns(ids) + results, rowCount: ids.count)
      batch.order = index.encodedKeys(ids, prefix: Self.rank)
      // The row over no rows becomes known at the end of time; operators behind order it like any other change.
      if isOverNothing && carriesEventTime && emission != .atEnd { batch.eventTimes = .int64s(ids.map { _ in EventTime.end }) }
      output.emit(batch)
    }
    forget(all)
  }

  // MARK: snapshots

  /// Per key group: flags, keys that have gone, keys with their states, distinct values, rows that wait for the watermark. An increment
  /// has the keys whose groups have changed.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    let changed = self.changed ?? ChangedKeys()
    // With a time to live groups begin anew, which increments do not say.
    let isIncrement = snapshot.allowsIncrement && self.changed != nil && !changed.hasLost && expiry == nil
    let idBound = index.idBound
    var states = [[Int32]](repeating: [], count: context.maxParallelism)
    for id in isIncrement ? changed.ids(bound: idBound) : index.allIDs() { states[index.keyGroup(ofID: id)].append(id) }
    let removed = (isIncrement ? changed : ChangedKeys()).removedKeys(maxParallelism: context.maxParallelism)
    let sets = FrozenDistinctSets(table.sharedSets, isIncrement: isIncrement, ids: states, idBound: idBound)
    let inputs = keysOfBuffer
    let waiting = try FrozenRows([buffer.pending(port: 0)], maxParallelism: context.maxParallelism) { batch throws(MillraceError) in
      try inputs.evaluate(batch).keys
    }.split()
    let told = waitingKeyGroups.next(waiting.keyGroups, isIncrement: isIncrement)
    var heads = [[UInt8]?](repeating: nil, count: context.maxParallelism)
    for keyGroup in 0..<context.maxParallelism {
      let ids = states[keyGroup]
      let gone = removed[keyGroup]
      guard keyGroup == context.firstKeyGroup || !ids.isEmpty || gone.count > 0 || told.contains(keyGroup) else { continue }
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(UInt8((emitsChanges ? 1 : 0) | (hasGlobalRow ? 2 : 0) | (isFinished ? 4 : 0) | (isIncrement ? 8 : 0)))
      writer.write(count: gone.count)
      EncodedBlock.write(gone, into: &writer)
      index.writeKeys(ids, into: &writer)
      table.write(ids, into: &writer)
      expiry?.write(ids, into: &writer)
      heads[keyGroup] = writer.bytes
      snapshot.writtenCount += ids.count + gone.count
    }
    snapshot.isIncrement = isIncrement
    snapshot.liveCount = index.count + table.sharedSets.reduce(0) { $0 + $1.count }
    snapshot.writtenCount += sets.count
    changed.reset()
    self.changed = changed
    let (frozenHeads, maxParallelism) = (heads, context.maxParallelism)
    snapshot.encodeLater { emit throws(MillraceError) in
      let sets = sets.split(maxParallelism)
      for (keyGroup, head) in frozenHeads.enumerated() {
        guard let head else { continue }
        var writer = ByteWriter(head)
        sets.write(keyGroup, into: &writer)
        waiting.write(keyGroup, into: &writer)
        try emit(keyGroup, writer.bytes)
      }
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "an aggregate")
    let flags = try reader.readUInt8()
    emitsChanges = emitsChanges || flags & 1 != 0
    hasGlobalRow = hasGlobalRow || flags & 2 != 0
    isFinished = isFinished || flags & 4 != 0
    let gone = try index.knownIDs(ofEncoded: try EncodedBlock.read(&reader, count: try reader.readCount(unit: 4)))
    table.clear(gone)
    index.remove(gone)
    let ids = try index.readKeys(&reader)
    table.grow(to: index.idBound)
    if flags & 8 != 0 { table.makeRoom(ids) }
    try table.read(ids, from: &reader)
    expiry?.grow(to: index.idBound)
    try expiry?.read(ids, from: &reader)
    try FrozenDistinctSets.read(&reader, into: table.sharedSets, ids: ids)
    restoredWaiting[keyGroup] = try FrozenRows.read(&reader, schema: inputSchema)
  }

  public func finishRestore() throws(MillraceError) {
    for keyGroup in restoredWaiting.keys.sorted() {
      for batch in restoredWaiting[keyGroup] ?? [] { try buffer.push(batch, port: 0) }
    }
    restoredWaiting = [:]
  }
}
