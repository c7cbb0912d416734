import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Every left row with the rows of a relation that is asked for them by key, outside of the stage. The only port is the left input.
///
/// Rows and watermarks stand in a queue until the keys of the rows at its head are known, so they go out in the order they came in,
/// whatever the order of answers. Rows that wait are part of a snapshot and ask again after a restore; what was looked up is not.
/// Null keys match nothing.
public final class CalledLookupJoinOperator: Operator {
  private static let version: UInt8 = 1
  /// Most keys of one call.
  private static let keysPerCall = 256

  private enum KeyState { static let unknown: UInt8 = 0, called: UInt8 = 1, known: UInt8 = 2 }
  private enum Waiting {
    /// Rows with their keys' ids, -1 for null; those before `checked` have known keys.
    case rows(Batch, ids: [Int32], checked: Int)
    case watermark(EventTime)
  }

  private let join: Join
  private let context: OperatorContext
  private let cache: LookupCache
  /// Calls that may be outstanding before no more rows are taken.
  private let capacity: Int
  private let pairs: JoinPairs
  private let residual: JoinResidual?
  private let keySchema: Schema
  private let index: KeyIndex
  private let store: RowStore
  /// Per key: where it stands, its first row, when it became known, how many rows wait for it, and whether it is in `kept`.
  private let states = DenseArray<UInt8>(fill: KeyState.unknown)
  private let first = DenseArray<Int32>(fill: -1)
  private let knownSince = DenseArray<Int64>(fill: 0)
  private let waiters = DenseArray<Int64>(fill: 0)
  /// Per row of the store: the next with its key.
  private let next = DenseArray<Int32>(fill: -1)
  /// Known keys, the one that is forgotten first in front; a key may stand in it more than once.
  private var kept: [Int32] = []
  private var keptStart = 0
  private var knownCount = 0
  private var deadRows = 0
  private var queue: [Waiting] = []
  private var queueStart = 0
  private var calls: [LookupCall] = []
  private var outstanding: [Int64: [Int32]] = [:]
  private var nextCall: Int64 = 0
  private var watermark = EventTime.beginning

  public init(
    _ temporal: TemporalJoin, cache: LookupCache, capacity: Int, context: OperatorContext
  ) throws(MillraceError) {
    join = temporal.join
    self.cache = cache
    self.capacity = max(1, capacity)
    self.context = context
    pairs = try JoinPairs(join)
    residual = try JoinResidual(join)
    keySchema = Schema(pairs.keyTypes.enumerated().map { Field("\($0)", $1, isNullable: false) })
    index = KeyIndex(types: pairs.keyTypes, maxParallelism: context.maxParallelism)
    store = RowStore(schema: join.right.schema)
  }

  public var hasRoom: Bool { outstanding.count < capacity }

  public func takeLookupCalls() -> [LookupCall] {
    defer { calls.removeAll() }
    return calls
  }

  // MARK: events

  public var stateSize: StateSize {
    let perKey = index.heldBytes + states.heldBytes + first.heldBytes + knownSince.heldBytes + waiters.heldBytes + kept.heldSlots
    let waiting = queue[queueStart...].reduce(queue.heldSlots) {
      if case .rows(let batch, let ids, _) = $1 { $0 + batch.heldBytes + ids.heldSlots } else { $0 }
    }
    return StateSize(keys: knownCount, bytes: perKey + store.heldBytes + next.heldBytes + waiting)
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    try enqueue(batch)
    try drain(into: &output)
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    if queueStart == queue.count {
      self.watermark = watermark
    } else if case .watermark = queue[queue.count - 1] {
      queue[queue.count - 1] = .watermark(watermark)
    } else {
      queue.append(.watermark(watermark))
    }
    return self.watermark
  }

  public func complete(_ answer: LookupAnswer, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard let ids = outstanding.removeValue(forKey: answer.id) else { return watermark }
    try learn(ids, answer.rows)
    try drain(into: &output)
    return watermark
  }

  // MARK: asking

  private func enqueue(_ batch: Batch) throws(MillraceError) {
    let ids = pairs.ids(try pairs.keys(batch, isLeft: true), rowCount: batch.rowCount, in: index, insert: true)
    states.grow(to: index.idBound)
    first.grow(to: index.idBound)
    knownSince.grow(to: index.idBound)
    waiters.grow(to: index.idBound)
    let now = cache.expiryMicros == nil ? 0 : context.clock?() ?? 0
    var asked: [Int32] = []
    for id in ids where id >= 0 {
      let at = Int(id)
      if let expiry = cache.expiryMicros, states.base[at] == KeyState.known, waiters.base[at] == 0, now &- knownSince.base[at] >= expiry {
        forget(id)
      }
      waiters.base[at] &+= 1
      if states.base[at] == KeyState.unknown {
        states.base[at] = KeyState.called
        asked.append(id)
      }
    }
    try call(asked)
    queue.append(.rows(batch, ids: ids, checked: 0))
  }

  private func call(_ ids: [Int32]) throws(MillraceError) {
    for start in stride(from: 0, to: ids.count, by: Self.keysPerCall) {
      let part = Array(ids[start..<min(ids.count, start + Self.keysPerCall)])
      let keys = Batch(schema: keySchema, columns: try index.keyColumns(part), rowCount: part.count)
      calls.append(LookupCall(id: nextCall, keys: keys))
      outstanding[nextCall] = part
      nextCall += 1
    }
  }

  // MARK: answers

  private func learn(_ ids: [Int32], _ rows: Batch?) throws(MillraceError) {
    let now = cache.expiryMicros == nil ? 0 : context.clock?() ?? 0
    for id in ids {
      states.base[Int(id)] = KeyState.known
      first.base[Int(id)] = -1
      knownSince.base[Int(id)] = now
      knownCount += 1
      kept.append(id)
    }
    guard let rows, rows.rowCount > 0 else { return }
    let asked = Set(ids)
    let found = pairs.ids(try pairs.keys(rows, isLeft: false), rowCount: rows.rowCount, in: index, insert: false)
    // Rows of one key go by their values, whatever order they were given in.
    let order = rows.rowsInOrder().filter { found[Int($0)] >= 0 && asked.contains(found[Int($0)]) }
    let start = store.count
    var kept = rows.take(rows: order)
    (kept.weights, kept.eventTimes, kept.order, kept.arrivalTimes) = (nil, nil, nil, nil)
    store.append(kept)
    next.grow(to: store.count)
    for place in order.indices.reversed() {
      let id = Int(found[Int(order[place])])
      next.base[start + place] = first.base[id]
      first.base[id] = Int32(truncatingIfNeeded: start + place)
    }
  }

  private func forget(_ id: Int32) {
    var row = first.base[Int(id)]
    while row >= 0 {
      deadRows += 1
      row = next.base[Int(row)]
    }
    first.base[Int(id)] = -1
    states.base[Int(id)] = KeyState.unknown
    knownCount -= 1
  }

  /// Forgets the keys beyond what the cache holds that nobody waits for.
  private func trim() {
    guard let most = cache.maxKeys else { return }
    var passed: [Int32] = []
    var gone: [Int32] = []
    while knownCount > most, keptStart < kept.count {
      let id = kept[keptStart]
      keptStart += 1
      guard states.base[Int(id)] == KeyState.known else { continue }
      if waiters.base[Int(id)] > 0 {
        passed.append(id)
      } else {
        forget(id)
        gone.append(id)
      }
    }
    kept.append(contentsOf: passed)
    if keptStart > 1024, keptStart * 2 > kept.count {
      kept.removeFirst(keptStart)
      keptStart = 0
    }
    let unused = Set(gone).filter { states.base[Int($0)] == KeyState.unknown && waiters.base[Int($0)] == 0 }
    if !unused.isEmpty {
      kept.removeSubrange(..<keptStart)
      keptStart = 0
      // An id that is used again must not be found here for its old key.
      kept.removeAll { unused.contains($0) }
      index.remove(unused.sorted())
    }
    if deadRows > 4096, deadRows * 2 > store.count { compact() }
  }

  private func compact() {
    let ids = index.allIDs().filter { first.base[Int($0)] >= 0 }.sorted()
    var rows: [Int32] = []
    var starts: [Int] = []
    for id in ids {
      starts.append(rows.count)
      var row = first.base[Int(id)]
      while row >= 0 {
        rows.append(row)
        row = next.base[Int(row)]
      }
    }
    store.compact(keeping: rows)
    starts.append(rows.count)
    for (place, id) in ids.enumerated() {
      first.base[Int(id)] = Int32(truncatingIfNeeded: starts[place])
      for row in starts[place]..<starts[place + 1] {
        next.base[row] = row + 1 < starts[place + 1] ? Int32(truncatingIfNeeded: row + 1) : -1
      }
    }
    deadRows = 0
  }

  // MARK: going on

  private func drain(into output: inout OperatorOutput) throws(MillraceError) {
    defer { trim() }
    while queueStart < queue.count {
      switch queue[queueStart] {
      case .watermark(let passed): watermark = passed
      case .rows(let batch, let ids, var checked):
        while checked < ids.count, ids[checked] < 0 || states.base[Int(ids[checked])] == KeyState.known { checked += 1 }
        guard checked == ids.count else {
          queue[queueStart] = .rows(batch, ids: ids, checked: checked)
          return
        }
        try emit(batch, ids, into: &output)
        for id in ids where id >= 0 { waiters.base[Int(id)] &-= 1 }
      }
      queue[queueStart] = .watermark(watermark)
      queueStart += 1
    }
    queue.removeAll(keepingCapacity: true)
    queueStart = 0
  }

  private func emit(_ batch: Batch, _ ids: [Int32], into output: inout OperatorOutput) throws(MillraceError) {
    var left: [Int32] = []
    var right: [Int32] = []
    for (row, id) in ids.enumerated() where id >= 0 {
      var match = first.base[Int(id)]
      while match >= 0 {
        left.append(Int32(truncatingIfNeeded: row))
        right.append(match)
        match = next.base[Int(match)]
      }
    }
    if let residual, !left.isEmpty {
      let mine = left.withUnsafeBufferPointer { left in residual.leftColumns.map { batch.columns[$0].take(left) } }
      let selection = try residual.matching(mine, store.gather(right, columns: residual.rightColumns), count: left.count)
      if !selection.isAll {
        let kept = Array(selection.indices)
        (left, right) = (kept.map { left[Int($0)] }, kept.map { right[Int($0)] })
      }
    }
    if join.kind == .left { (left, right) = LookupJoinOperator.withUnmatched(0..<batch.rowCount, left, right) }
    for start in stride(from: 0, to: left.count, by: context.batchRows) {
      let range = start..<min(left.count, start + context.batchRows)
      let mine = batch.take(rows: Array(left[range]))
      let theirs = store.gather(Array(right[range]), columns: Array(store.schema.fields.indices))
      output.emit(mine.replacing(schema: join.schema, columns: mine.columns + theirs))
    }
  }

  // MARK: snapshots

  /// Rows that wait go with the instance's first key group: any partition may go on with them.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    var waiting: [Batch] = []
    for entry in queue[queueStart...] { if case .rows(let batch, _, _) = entry { waiting.append(batch) } }
    guard !waiting.isEmpty else { return }
    var writer = ByteWriter()
    writer.write(Self.version)
    writer.write(count: waiting.count)
    for batch in waiting { writer.write(block: BatchCodec.encode(batch)) }
    let keyGroup = KeyGroup.range(
      partition: context.partition, parallelism: context.parallelism, maxParallelism: context.maxParallelism
    ).lowerBound
    snapshot.keyGroups[keyGroup] = writer.bytes
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a look-up join")
    for _ in 0..<(try reader.readCount()) { try enqueue(try BatchCodec.decode(try reader.readBlock(), schema: join.left.schema)) }
  }
}
