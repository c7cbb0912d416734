import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Numbers the rows of each partition and keeps the first of them; see `Rank` for the order.
///
/// Rows with event time are taken in the total order, and the changes of an instant go out together: what cancels out within it is not
/// seen. Order bytes of a change are the rank of results, 0 for -1 and 1 for +1, then the row's own; of a ranking that only inserts
/// (`Rank.onlyInserts`) they are the row's own. Rows without event time, and all rows of batch jobs, are taken as they come and the final
/// rows are emitted at the end of input, by canonical partition key and number; with `Emission.perBatch` changes go out after each batch.
///
/// Over an input that only inserts, ROW_NUMBER up to n keeps n rows per partition; otherwise every row is kept.
///
/// With a time to live a partition is forgotten when no row of it came or went for so long, without a retraction; later rows begin it anew.
public final class RankOperator: Operator {
  private static let version: UInt8 = 2
  private static let rankOfResults: [UInt8] = [128, 255]

  private let rank: Rank
  private let schema: Schema
  private let context: OperatorContext
  private let emission: GroupAggregateOperator.Emission
  /// Numbers up to this are shown.
  private let limit: Int
  /// Changes go out in the total order.
  private let isOrdered: Bool
  private let retracts: Bool
  private let keys: ExpressionEvaluator
  private let index: KeyIndex
  private let rows: RankedRows
  private let lists: RankLists
  private let buffer: TotalOrderBuffer
  private var deadCount = 0
  /// For `forget`: the new number of a row.
  private let newNumber = DenseArray<Int32>(fill: -1)
  private var isFinished = false
  private let expiry: KeyExpiry?

  /// - Parameter ttlMicros: of partitions; only with an emission of changes.
  public init(
    _ rank: Rank, context: OperatorContext, emission: GroupAggregateOperator.Emission, ttlMicros: Int64? = nil
  ) throws(MillraceError) {
    expiry = ttlMicros.map(KeyExpiry.init)
    self.rank = rank
    schema = rank.schema
    self.context = context
    self.emission = emission
    limit = rank.limit ?? .max
    retracts = rank.input.isUpdating
    isOrdered = rank.onlyInserts || (emission != .atEnd && rank.input.carriesEventTime)
    let input = rank.input.schema
    keys = try ExpressionEvaluator(rank.partitionKeys, schema: input)
    index = KeyIndex(types: rank.partitionKeys.map(\.type), maxParallelism: context.maxParallelism)
    rows = try RankedRows(rank, sharesEqualRows: retracts)
    // Ties may make RANK and DENSE_RANK show more rows than the limit says.
    lists = RankLists(limit: retracts || rank.function != .rowNumber ? .max : limit)
    buffer = TotalOrderBuffer(schemas: [input])
  }

  public var stateSize: StateSize {
    StateSize(keys: index.count, bytes: index.heldBytes + rows.heldBytes + lists.heldBytes + buffer.heldBytes)
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0, limit > 0 else { return }
    if isOrdered { return try buffer.push(batch, port: 0) }
    var changes = RankChanges()
    try take(batch, isOrdered: false, into: &changes)
    if emission == .perBatch { try emit(changes, into: &output) }
    sweep(at: context.clock?() ?? 0)
    forget()
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    if isOrdered {
      if let released = buffer.release(before: watermark), released.batches[0].rowCount > 0 {
        var changes = RankChanges()
        try take(released.batches[0], isOrdered: true, into: &changes)
        try emit(changes, into: &output)
        if watermark != .end { sweep(at: watermark) }
        forget()
      }
    } else if watermark == .end && !isFinished {
      isFinished = true
      if emission != .perBatch { try emitFinal(into: &output) }
    }
    return watermark
  }

  private var emitsChanges: Bool { isOrdered || emission == .perBatch }

  // MARK: taking rows

  private func ids(_ batch: Batch) throws(MillraceError) -> [Int32] {
    let columns = try keys.evaluate(batch)
    var ids = [Int32](repeating: 0, count: batch.rowCount)
    ids.withUnsafeMutableBufferPointer { ids in
      if let base = ids.baseAddress { index.ids(of: columns, rowCount: batch.rowCount, into: base, insert: true) }
    }
    lists.grow(to: index.idBound)
    expiry?.grow(to: index.idBound)
    return ids
  }

  private func take(_ batch: Batch, isOrdered: Bool, into changes: inout RankChanges) throws(MillraceError) {
    let ids = try ids(batch)
    let encoded = try rows.sortKeys(batch)
    // Of an input that only inserts, a row behind a full list can never come into it.
    var candidates: [Int32] = []
    candidates.reserveCapacity(batch.rowCount)
    if expiry == nil && !retracts && lists.limit != .max && rows.comparesByPrefix && encoded.nullPlaces.isEmpty {
      let limit = lists.limit
      for row in 0..<batch.rowCount {
        let id = ids[row]
        if lists.count(id) < limit || encoded.prefixes[row] <= rows.prefix(lists.row(id, limit &- 1)) {
          candidates.append(Int32(truncatingIfNeeded: row))
        }
      }
      if candidates.isEmpty { return }
    } else {
      for row in 0..<batch.rowCount { candidates.append(Int32(truncatingIfNeeded: row)) }
    }
    var numbers: [Int32] = []
    var first: Int32 = 0
    if retracts { numbers = rows.numbers(of: batch, encoded) } else { first = rows.append(batch, encoded, candidates) }
    let weights = batch.weights?.pointer(Int64.self)
    let times = isOrdered ? batch.eventTimes?.pointer(Int64.self) : nil
    let now = expiry == nil ? 0 : context.clock?() ?? 0
    var current: Int64?
    var changesInInstant = 0
    for (place, candidate) in candidates.enumerated() {
      let row = Int(candidate)
      let instant = times?[row] ?? now
      if let open = current, open != instant {
        changes.endInstant(open, consolidates: changesInInstant > 1 || rank.function != .rowNumber)
        changesInInstant = 0
      }
      current = instant
      if let expiry {
        if expiry.isExpired(ids[row], at: instant) { drop(ids[row]) }
        expiry[ids[row]] = instant
      }
      let number = retracts ? numbers[row] : first &+ Int32(truncatingIfNeeded: place)
      var weight = weights?[row] ?? 1
      changesInInstant += weight == 1 ? 1 : 2
      while weight > 0 {
        insert(number, ids[row], into: &changes)
        weight -= 1
      }
      while weight < 0 {
        try remove(number, ids[row], into: &changes)
        weight += 1
      }
    }
    if let open = current { changes.endInstant(open, consolidates: changesInInstant > 1 || rank.function != .rowNumber) }
    withExtendedLifetime(batch) {}
  }

  /// How many rows of a list come before a row; rows that are equal to it count.
  private func position(_ row: Int32, _ id: Int32) -> Int {
    var high = lists.count(id)
    var low = 0
    while low < high {
      let middle = (low + high) / 2
      if rows.compare(lists.row(id, middle), row) <= 0 { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func insert(_ row: Int32, _ id: Int32, into changes: inout RankChanges) {
    let position = position(row, id)
    if position >= lists.limit {
      deadCount += 1
      return
    }
    let count = lists.count(id)
    guard emitsChanges, rank.function == .rowNumber else {
      if emitsChanges { addVisible(id, -1, to: &changes) }
      if lists.insert(row, id, at: position) >= 0 { deadCount += 1 }
      if emitsChanges { addVisible(id, 1, to: &changes) }
      return
    }
    if rank.showsNumber {
      for at in position..<max(position, min(count, limit)) {
        changes.add(lists.row(id, at), at + 1, -1)
        if at + 1 < limit { changes.add(lists.row(id, at), at + 2, 1) }
      }
    } else if position < limit && count >= limit {
      changes.add(lists.row(id, limit - 1), 0, -1)
    }
    if position < limit { changes.add(row, rank.showsNumber ? position + 1 : 0, 1) }
    if lists.insert(row, id, at: position) >= 0 { deadCount += 1 }
  }

  private func remove(_ row: Int32, _ id: Int32, into changes: inout RankChanges) throws(MillraceError) {
    let position = position(row, id) - 1
    guard position >= 0, lists.row(id, position) == row else {
      // Its insertion is forgotten.
      if expiry != nil { return }
      throw MillraceError(
        .invalidInput, "a row was retracted more often than it was inserted", subject: "input of \(rank.function.rawValue)")
    }
    deadCount += 1
    let count = lists.count(id)
    guard emitsChanges, rank.function == .rowNumber else {
      if emitsChanges { addVisible(id, -1, to: &changes) }
      lists.remove(id, at: position)
      if emitsChanges { addVisible(id, 1, to: &changes) }
      return
    }
    if rank.showsNumber {
      for at in position..<max(position, min(count, limit)) { changes.add(lists.row(id, at), at + 1, -1) }
      for at in (position + 1)..<max(position + 1, min(count, limit == .max ? .max : limit + 1)) { changes.add(lists.row(id, at), at, 1) }
    } else if position < limit {
      changes.add(row, 0, -1)
      if count > limit { changes.add(lists.row(id, limit), 0, 1) }
    }
    lists.remove(id, at: position)
  }

  /// The shown rows of a list with their numbers.
  private func addVisible(_ id: Int32, _ weight: Int64, to changes: inout RankChanges) {
    var number = 0
    for at in 0..<lists.count(id) {
      let row = lists.row(id, at)
      switch rank.function {
      case .rowNumber: number = at + 1
      case .rank: if at == 0 || !rows.ties(lists.row(id, at - 1), row) { number = at + 1 }
      case .denseRank: if at == 0 || !rows.ties(lists.row(id, at - 1), row) { number += 1 }
      }
      if number > limit { return }
      changes.add(row, rank.showsNumber ? number : 0, weight)
    }
  }

  private func sweep(at instant: Int64) {
    guard let expiry else { return }
    for id in expiry.sweep(index.allIDs, keyCount: index.count, at: instant) { drop(id) }
  }

  /// Forgets the rows of a partition.
  private func drop(_ id: Int32) {
    deadCount += lists.count(id)
    lists.removeAll(id)
    expiry?[id] = KeyExpiry.never
  }

  // MARK: emitting

  private func emit(_ changes: RankChanges, into output: inout OperatorOutput) throws(MillraceError) {
    for start in stride(from: 0, to: changes.rows.count, by: context.batchRows) {
      let range = start..<min(changes.rows.count, start + context.batchRows)
      let numbers = Array(changes.rows[range])
      var batch = rows.store.gather(numbers)
      let columns = batch.columns + (rank.showsNumber ? [.int64s(Array(changes.numbers[range]))] : [])
      batch = batch.replacing(schema: schema, columns: columns)
      let weights = Array(changes.weights[range])
      if weights.contains(where: { $0 != 1 }) { batch.weights = .int64s(weights) }
      if isOrdered {
        batch.eventTimes = .int64s(Array(changes.instants[range]))
        if !rank.onlyInserts { batch.order = order(rows.orderColumn(numbers), weights) }
      } else {
        (batch.eventTimes, batch.order) = (nil, nil)
      }
      output.emit(batch)
    }
  }

  private func order(_ own: Column?, _ weights: [Int64]) -> Column? {
    guard let own else { return nil }
    let n = weights.count
    let offsets = Buffer(uninitialized: (n + 1) * 4)
    let starts = offsets.pointer(Int32.self)
    let (from, source) = own.variable
    for i in 0...n { starts[i] = from[i] &- from[0] &+ Int32(truncatingIfNeeded: 3 &* i) }
    let bytes = Buffer(uninitialized: Int(starts[n]))
    let target = bytes.pointer(UInt8.self)
    for i in 0..<n {
      let at = target + Int(starts[i])
      at[0] = Self.rankOfResults[0]
      at[1] = Self.rankOfResults[1]
      at[2] = weights[i] < 0 ? 0 : 1
      (at + 3).copyShort(from: source + Int(from[i]), count: Int(from[i &+ 1] &- from[i]))
    }
    return withExtendedLifetime(own) { Column(type: .bytes, count: n, values: .variable(offsets: offsets, bytes: bytes)) }
  }

  private func emitFinal(into output: inout OperatorOutput) throws(MillraceError) {
    var changes = RankChanges()
    var owners: [Int32] = []
    for id in index.sorted(index.allIDs()) {
      addVisible(id, 1, to: &changes)
      while owners.count < changes.rows.count { owners.append(id) }
    }
    for start in stride(from: 0, to: changes.rows.count, by: context.batchRows) {
      let range = start..<min(changes.rows.count, start + context.batchRows)
      var batch = rows.store.gather(Array(changes.rows[range]))
      let columns = batch.columns + (rank.showsNumber ? [.int64s(Array(changes.numbers[range]))] : [])
      batch = batch.replacing(schema: schema, columns: columns)
      batch.eventTimes = nil
      let keys = index.encodedKeys(Array(owners[range]), prefix: Self.rankOfResults)
      batch.order = .joiningBytes(
        keys, KeyEncoder.encode([.int64s(range.map { Int64($0) })], rowCount: range.count))
      output.emit(batch)
    }
  }

  // MARK: forgetting

  private func forget() {
    guard deadCount > 4096, deadCount * 2 > rows.count else { return }
    let ids = index.allIDs()
    // First a mark per row that lives, then its new number: in ascending order, so that values can be moved in place.
    newNumber.grow(to: rows.count)
    newNumber.base.update(repeating: -1, count: rows.count)
    for id in ids { for at in 0..<lists.count(id) { newNumber.base[Int(lists.row(id, at))] = 0 } }
    var live: [Int32] = []
    for row in 0..<rows.count where newNumber.base[row] == 0 {
      newNumber.base[row] = Int32(truncatingIfNeeded: live.count)
      live.append(Int32(truncatingIfNeeded: row))
    }
    lists.renumber(ids) { newNumber.base[Int($0)] }
    rows.compact(keeping: live)
    snapshotMark = live.firstIndex { Int($0) >= snapshotMark } ?? live.count
    deadCount = 0
    guard retracts || expiry != nil else { return }
    let empty = ids.filter { lists.count($0) == 0 }
    if let expiry { for id in empty { expiry[id] = KeyExpiry.never } }
    index.remove(empty)
  }

  // MARK: snapshots

  /// Rows from this number on came after the last snapshot.
  private var snapshotMark = 0
  private var waitingKeyGroups = WaitingKeyGroups()
  private var restoredWaiting: [Int: [Batch]] = [:]

  /// Per key group: a flag, the rows of its partitions with how often each stands there, the rows that wait for the watermark.
  ///
  /// Over an input that only inserts a list holds the first of all rows that ever came: an increment is the rows that came since the
  /// last snapshot and are still held.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    if let expiry { return try snapshotWithTTL(expiry, into: &snapshot) }
    snapshot.isIncrement = snapshot.allowsIncrement && !retracts
    let (numbers, liveCount) = heldRows(from: snapshot.isIncrement ? snapshotMark : 0)
    (snapshot.liveCount, snapshot.writtenCount) = (liveCount, numbers.count)
    snapshotMark = rows.count
    let (keys, context, isFinished) = (keys, context, isFinished)
    let evaluate = { (batch: Batch) throws(MillraceError) -> [Column] in try keys.evaluate(batch) }
    let held = try FrozenRows(rows.store, numbers, maxParallelism: context.maxParallelism, keys: evaluate)
    let waiting = try FrozenRows([buffer.pending(port: 0)], maxParallelism: context.maxParallelism, keys: evaluate).split()
    let told = waitingKeyGroups.next(waiting.keyGroups, isIncrement: snapshot.isIncrement)
    snapshot.encodeLater { emit throws(MillraceError) in
      let held = held.split()
      for keyGroup in 0..<context.maxParallelism {
        guard keyGroup == context.firstKeyGroup || held.hasRows(keyGroup) || told.contains(keyGroup) else { continue }
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(UInt8(isFinished ? 1 : 0))
        held.write(keyGroup, into: &writer)
        waiting.write(keyGroup, into: &writer)
        try emit(keyGroup, writer.bytes)
      }
    }
  }

  /// Numbers of held rows from `first` on, ascending, each as often as it stands in a list; and how many there are of all numbers.
  private func heldRows(from first: Int) -> (numbers: [Int32], liveCount: Int) {
    var live = 0
    let copies = DenseArray<Int32>(fill: 0, capacity: rows.count - first)
    for id in 0..<Int32(truncatingIfNeeded: index.idBound) {
      let count = lists.count(id)
      live += count
      for at in 0..<count {
        let row = Int(lists.row(id, at))
        if row >= first { copies.base[row &- first] &+= 1 }
      }
    }
    var numbers: [Int32] = []
    for row in 0..<(rows.count - first) {
      for _ in 0..<copies.base[row] { numbers.append(Int32(truncatingIfNeeded: first + row)) }
    }
    return (numbers, live)
  }

  /// Whole, and per row when its partition was last updated.
  private func snapshotWithTTL(_ expiry: KeyExpiry, into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    var held: [Int: [Int32]] = [:]
    for (keyGroup, ids) in index.idsByKeyGroup() { held[keyGroup] = ids }
    let waiting = buffer.pending(port: 0)
    let waitingGroups = waiting.rowsByKeyGroup(try keys.evaluate(waiting), maxParallelism: context.maxParallelism)
    for keyGroup in 0..<context.maxParallelism {
      let ids = held[keyGroup] ?? []
      guard keyGroup == context.firstKeyGroup || !ids.isEmpty || !waitingGroups[keyGroup].isEmpty else { continue }
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(UInt8(isFinished ? 1 : 0))
      writer.write(block: BatchCodec.encode(rows.store.gather(ids.flatMap { lists.rows($0) })))
      for id in ids { for _ in 0..<lists.count(id) { writer.write(expiry[id]) } }
      writer.write(block: BatchCodec.encode(waiting.take(rows: waitingGroups[keyGroup])))
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  private func restoreWithTTL(_ expiry: KeyExpiry, _ reader: inout ByteReader) throws(MillraceError) {
    let held = try BatchCodec.decode(try reader.readBlock(), schema: rank.input.schema)
    if held.rowCount > 0 {
      let ids = try ids(held)
      let numbers = rows.numbers(of: held, try rows.sortKeys(held))
      for (number, id) in zip(numbers, ids) {
        if lists.insert(number, id, at: position(number, id)) >= 0 { deadCount += 1 }
        expiry[id] = try reader.readInt64()
      }
    }
    try buffer.push(try BatchCodec.decode(try reader.readBlock(), schema: rank.input.schema), port: 0)
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a ranking")
    if try reader.readUInt8() != 0 { isFinished = true }
    if let expiry { return try restoreWithTTL(expiry, &reader) }
    for held in try FrozenRows.read(&reader, schema: rank.input.schema) {
      let ids = try ids(held)
      let encoded = try rows.sortKeys(held)
      let numbers = rows.numbers(of: held, encoded)
      for (number, id) in zip(numbers, ids) {
        let position = position(number, id)
        if position >= lists.limit || lists.insert(number, id, at: position) >= 0 { deadCount += 1 }
      }
    }
    restoredWaiting[keyGroup] = try FrozenRows.read(&reader, schema: rank.input.schema)
  }

  public func finishRestore() throws(MillraceError) {
    for keyGroup in restoredWaiting.keys.sorted() {
      for batch in restoredWaiting[keyGroup] ?? [] { try buffer.push(batch, port: 0) }
    }
    restoredWaiting = [:]
  }
}
