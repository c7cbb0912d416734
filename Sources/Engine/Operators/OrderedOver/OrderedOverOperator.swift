import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// OVER in any order, over inputs that may retract rows. Output: the input's columns, then one per call.
///
/// Each partition's rows are kept in order. Rows with event time are taken in the total order; the changes of an instant are made
/// first, then those rows are computed anew whose frame has changed, and what became of their results goes out: -1 of the old
/// before +1 of the new. Order bytes of a change are the rank of results, 0 for -1 and 1 for +1, the partition key, the sort
/// key. Where results never change (`OrderedOver.onlyInserts`) rows keep their event time and order bytes, and rows that no frame
/// reaches any more are forgotten. Rows without event time give changes batch by batch, and final rows at the end of input where
/// only those are asked for.
///
/// A result lies in a slot, a number that functions keep states by: a place in the order gets a new slot when it is computed, and
/// its old one is given back when the change has gone out.
public final class OrderedOverOperator: Operator {
  private static let version: UInt8 = 1
  /// Changes that are computed together, about.
  private static let changesAtOnce = 65_536

  private let context: OperatorContext
  private let inputSchema: Schema
  private let onlyInserts: Bool
  /// Rows wait for the watermark.
  private let isOrdered: Bool
  private let givesFinalRows: Bool
  private let inputs: OrderedOverInputs
  private let index: KeyIndex
  private let rows: OrderedRows
  private let functions: [FrameFunction]
  private let groups: [FrameGroup]
  private let rangeKeys: RangeKeys?
  private let emitter: OrderedOverEmitter
  private let buffer: TotalOrderBuffer
  private let needsTies: Bool
  /// Rows of a partition that later rows look back to; nil for all.
  private let reach: Int?

  private var partitions: [OrderedEntries] = []
  private var slots = IDAllocator()
  private var changes = OrderedChanges()
  /// Per row: what its weight changes by in the instant at hand.
  private let pending = DenseArray<Int64>(fill: 0)
  /// Rows with a change, chained per partition.
  private let nextTouched = DenseArray<Int32>(fill: -1)
  private let firstTouched = DenseArray<Int32>(fill: -1)
  private var touchedPartitions: [Int32] = []
  private let newSlots = DenseArray<Int32>(fill: 0)
  private let current = DenseArray<OrderedEntry>(fill: OrderedEntry(row: 0, slot: 0))
  /// Rows of a snapshot that are not in their partitions yet.
  private var restored: [(rows: Batch, weights: [Int64])] = []

  /// - Throws: `not-supported` for an aggregate that does not exist over such a type; what compiling expressions throws.
  public init(
    _ over: OrderedOver, context: OperatorContext, emission: GroupAggregateOperator.Emission = .perInstant
  ) throws(MillraceError) {
    self.context = context
    inputSchema = over.input.schema
    onlyInserts = over.onlyInserts
    givesFinalRows = emission == .atEnd && !onlyInserts
    isOrdered = !givesFinalRows && over.input.carriesEventTime
    inputs = try OrderedOverInputs(over)
    index = KeyIndex(types: over.partitionKeys.map(\.type), maxParallelism: context.maxParallelism)
    rows = OrderedRows(
      inputSchema: over.input.schema, storedSchema: inputs.storedSchema, sortKeys: over.sortKeys, isUpdating: over.input.isUpdating)
    rangeKeys = inputs.rangeColumn.map { _ in RangeKeys(over.sortKeys[0]) }
    (functions, groups) = try inputs.makeFunctions(over, rows, rangeKeys)
    reach = onlyInserts ? over.reach : nil
    emitter = OrderedOverEmitter(
      schema: over.schema, functions: functions, rows: rows, index: index, keepsTimes: onlyInserts, needsOrder: context.needsOrder,
      batchRows: context.batchRows)
    // The changes of an instant are made together, whatever their order; nobody upstream makes order bytes for them.
    buffer = TotalOrderBuffer(schemas: [inputSchema], ordersTies: !over.input.isUpdating)
    needsTies = !over.input.isUpdating
    // Slot 0 is where functions build up their states.
    _ = slots.allocate()
    for function in functions { function.growSlots(to: 1) }
  }

  public var stateSize: StateSize {
    let entries = partitions.reduce(partitions.heldSlots) { $0 + $1.heldBytes }
    let results = functions.reduce(slots.heldBytes + (rangeKeys?.heldBytes ?? 0)) { $0 + $1.heldBytes }
    let perRow = pending.heldBytes + nextTouched.heldBytes
    return StateSize(keys: index.count, bytes: index.heldBytes + rows.heldBytes + buffer.heldBytes + entries + results + perRow)
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    try placeRestored()
    if isOrdered, batch.eventTimes != nil, batch.order != nil || !needsTies { return try buffer.push(batch, port: 0) }
    if givesFinalRows {
      try hold(batch)
      if rows.shouldCompact { try compact() }
    } else {
      try takeInstants(batch, isOrdered: false, into: &output)
    }
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    try placeRestored()
    if isOrdered, let released = buffer.release(before: watermark), released.batches[0].rowCount > 0 {
      try takeInstants(released.batches[0], isOrdered: true, into: &output)
    }
    if watermark == .end, givesFinalRows { try finishInput(into: &output) }
    return watermark
  }

  // MARK: taking rows

  /// Numbers of a batch's rows, with their keys and values in place.
  private func prepare(_ batch: Batch) throws(MillraceError) -> [Int32] {
    let prepared = try inputs.evaluate(batch)
    var ids = [Int32](repeating: 0, count: batch.rowCount)
    ids.withUnsafeMutableBufferPointer { ids in
      if let base = ids.baseAddress { index.ids(of: prepared.partitionKeys, rowCount: batch.rowCount, into: base, insert: true) }
    }
    while partitions.count < index.idBound { partitions.append(OrderedEntries()) }
    firstTouched.grow(to: index.idBound)
    let (numbers, fresh) = rows.numbers(of: prepared.stored, keys: prepared.sortKeys, partitionIDs: ids)
    pending.grow(to: rows.count)
    nextTouched.grow(to: rows.count)
    if fresh.rows.rowCount > 0 {
      for function in functions { function.append(fresh) }
      if let rangeKeys, let column = inputs.rangeColumn { rangeKeys.append(fresh.rows.columns[column], from: fresh.first) }
    }
    return numbers
  }

  private func hold(_ batch: Batch) throws(MillraceError) {
    let numbers = try prepare(batch)
    let weights = batch.weights?.pointer(Int64.self)
    for (row, number) in numbers.enumerated() { rows.setWeight(number, rows.weight(number) &+ (weights?[row] ?? 1)) }
    withExtendedLifetime(batch) {}
  }

  /// Rows in the total order, instant by instant; without order all are one instant.
  private func takeInstants(_ batch: Batch, isOrdered: Bool, into output: inout OperatorOutput) throws(MillraceError) {
    let numbers = try prepare(batch)
    let weights = batch.weights?.pointer(Int64.self)
    let times = isOrdered ? batch.eventTimes?.pointer(Int64.self) : nil
    var open: Int64 = 0
    for (row, number) in numbers.enumerated() {
      let instant = times?[row] ?? 0
      if row > 0, instant != open {
        try endInstant(open)
        if changes.count >= Self.changesAtOnce { try flush(withTimes: isOrdered, into: &output) }
      }
      open = instant
      touch(number, weights?[row] ?? 1)
    }
    try endInstant(open)
    withExtendedLifetime(batch) {}
    try flush(withTimes: isOrdered, into: &output)
    try forget(numbers)
  }

  @inline(__always) private func touch(_ row: Int32, _ weight: Int64) {
    // A row is in the chain of its partition from its first change on: it ends with a row that names itself.
    let at = Int(row)
    if nextTouched.base[at] < 0 {
      let partition = rows.partition(row)
      let first = firstTouched.base[Int(partition)]
      if first < 0 { touchedPartitions.append(partition) }
      nextTouched.base[at] = first < 0 ? row : first
      firstTouched.base[Int(partition)] = row
    }
    pending.base[at] &+= weight
  }

  private func endInstant(_ instant: Int64) throws(MillraceError) {
    for partition in touchedPartitions { try apply(Int(partition), instant) }
    touchedPartitions.removeAll(keepingCapacity: true)
  }

  /// Makes a partition's changes and computes what they touch.
  private func apply(_ partition: Int, _ instant: Int64) throws(MillraceError) {
    var changed: [(row: Int32, old: Int64, change: Int64)] = []
    var row = firstTouched.base[partition]
    firstTouched.base[partition] = -1
    while true {
      let next = nextTouched.base[Int(row)]
      nextTouched.base[Int(row)] = -1
      let change = pending.base[Int(row)]
      pending.base[Int(row)] = 0
      if change != 0 { changed.append((row, rows.weight(row), change)) }
      if next == row { break }
      row = next
    }
    var removed: [OrderedEntry] = []
    for (row, old, change) in changed {
      let (new, overflow) = old.addingReportingOverflow(change)
      guard new >= 0, !overflow else {
        throw MillraceError(.invalidInput, "a row was retracted more often than it was inserted", subject: "input of OVER")
      }
      let position = place(of: row, partition)
      if change > 0 {
        partitions[partition].insert(row: row, copies: Int(change), at: position + Int(old))
      } else {
        partitions[partition].remove((position + Int(new))..<(position + Int(old)), into: &removed)
      }
      rows.setWeight(row, new)
    }
    for entry in removed { changes.add(row: entry.row, old: entry.slot, new: -1, instant) }
    for range in affected(changed, partition) { evaluate(partition, range, instant, records: true) }
  }

  @inline(__always) private func place(of row: Int32, _ partition: Int) -> Int {
    partitions[partition].firstPosition { rows.compare($0, row) < 0 }
  }

  /// Positions to compute anew, in order and apart from each other.
  private func affected(_ changed: [(row: Int32, old: Int64, change: Int64)], _ partition: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    let count = partitions[partition].count
    for (row, old, change) in changed {
      let first = place(of: row, partition)
      let position = first + Int(change > 0 ? old : old + change)
      let added = Int(max(0, change))
      var (low, high) = (added > 0 ? position : .max, position + added)
      for group in groups {
        let range = group.affected(at: position, count: added, partitions[partition])
        if range.isEmpty { continue }
        low = min(low, range.lowerBound)
        high = max(high, range.upperBound)
      }
      high = min(high, count)
      if low < high { ranges.append(low..<high) }
    }
    guard ranges.count > 1 else { return ranges }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var merged = [ranges[0]]
    for range in ranges.dropFirst() {
      if range.lowerBound <= merged[merged.count - 1].upperBound {
        merged[merged.count - 1] = merged[merged.count - 1].lowerBound..<max(merged[merged.count - 1].upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }

  private func evaluate(_ partition: Int, _ range: Range<Int>, _ instant: Int64, records: Bool) {
    newSlots.grow(to: range.count)
    for i in 0..<range.count { newSlots.base[i] = slots.allocate() }
    for function in functions { function.growSlots(to: Int(slots.bound)) }
    for group in groups { group.evaluate(range, partitions[partition], slots: newSlots.base) }
    if records {
      current.grow(to: range.count)
      partitions[partition].copy(range, into: current.base)
      for i in 0..<range.count {
        changes.add(row: current.base[i].row, old: current.base[i].slot, new: newSlots.base[i], instant)
      }
    }
    partitions[partition].setSlots(range, newSlots.base)
  }

  // MARK: emitting

  private func flush(withTimes: Bool, into output: inout OperatorOutput) throws(MillraceError) {
    guard changes.count > 0 else { return }
    try emitter.emit(changes, withTimes: withTimes, into: &output)
    release(changes.old.filter { $0 >= 0 })
    changes.removeAll()
  }

  private func release(_ gone: [Int32]) {
    for function in functions { function.release(gone) }
    for slot in gone { slots.release(slot) }
  }

  /// The rows that there are, in the order of partitions.
  private func finishInput(into output: inout OperatorOutput) throws(MillraceError) {
    let ids = try buildPartitions()
    for id in index.sorted(ids) {
      let count = partitions[Int(id)].count
      guard count > 0 else { continue }
      evaluate(Int(id), 0..<count, 0, records: true)
      if changes.count >= Self.changesAtOnce { try flushFinalRows(into: &output) }
      partitions[Int(id)] = OrderedEntries()
    }
    try flushFinalRows(into: &output)
    for row in rows.liveRows() { rows.setWeight(row, 0) }
    index.remove(index.allIDs())
    try compact()
  }

  private func flushFinalRows(into output: inout OperatorOutput) throws(MillraceError) {
    guard changes.count > 0 else { return }
    try emitter.emit(changes, withTimes: false, into: &output)
    release(changes.new)
    changes.removeAll()
  }

  /// Puts all rows with weight into the order of their partitions. Returns the partitions that have any.
  private func buildPartitions() throws(MillraceError) -> [Int32] {
    var members = [[Int32]](repeating: [], count: partitions.count)
    var ids: [Int32] = []
    for row in rows.liveRows() {
      guard rows.weight(row) > 0 else {
        throw MillraceError(.invalidInput, "a row was retracted more often than it was inserted", subject: "input of OVER")
      }
      let partition = Int(rows.partition(row))
      if members[partition].isEmpty { ids.append(Int32(truncatingIfNeeded: partition)) }
      members[partition].append(row)
    }
    for id in ids {
      members[Int(id)].sort { rows.compare($0, $1) < 0 }
      var entries: [OrderedEntry] = []
      entries.reserveCapacity(members[Int(id)].count)
      for row in members[Int(id)] {
        for _ in 0..<rows.weight(row) { entries.append(OrderedEntry(row: row, slot: -1)) }
      }
      members[Int(id)] = []
      partitions[Int(id)] = OrderedEntries(entries)
    }
    return ids
  }

  // MARK: forgetting

  /// Lets go of what no later row can reach, after a batch.
  private func forget(_ numbers: [Int32]) throws(MillraceError) {
    var empty: [Int32] = []
    for number in numbers {
      let id = rows.partition(number)
      if let reach, partitions[Int(id)].count > 2 * reach + 16 { prune(Int(id), keeping: reach) }
      // Once per partition: it has no chain now, so the mark is free.
      if partitions[Int(id)].count == 0, firstTouched.base[Int(id)] == -1 {
        firstTouched.base[Int(id)] = -2
        empty.append(id)
      }
    }
    for id in empty { firstTouched.base[Int(id)] = -1 }
    index.remove(empty)
    if rows.shouldCompact { try compact() }
  }

  private func prune(_ partition: Int, keeping count: Int) {
    var gone: [OrderedEntry] = []
    partitions[partition].remove(0..<(partitions[partition].count - count), into: &gone)
    for entry in gone { rows.setWeight(entry.row, rows.weight(entry.row) &- 1) }
    release(gone.map(\.slot).filter { $0 >= 0 })
  }

  private func compact() throws(MillraceError) {
    let live = rows.liveRows()
    var map = [Int32](repeating: -1, count: max(1, rows.count))
    for (row, old) in live.enumerated() { map[Int(old)] = Int32(truncatingIfNeeded: row) }
    var used: [Int32] = []
    for partition in partitions { partition.forEach { if $0.slot >= 0 { used.append($0.slot) } } }
    for function in functions {
      try map.withUnsafeBufferPointer { map throws(MillraceError) in
        if let base = map.baseAddress { try function.compact(keeping: live, map: base, slots: used, rows.store) }
      }
    }
    rangeKeys?.compact(keeping: live)
    rows.compact(keeping: live)
    map.withUnsafeBufferPointer { map in
      if let base = map.baseAddress { for id in partitions.indices { partitions[id].mapRows(base) } }
    }
  }

  // MARK: snapshots

  /// Per key group: rows with their weights, then the rows that wait for the watermark. Results are computed anew.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    try placeRestored()
    let live = rows.liveRows()
    var held = rows.store.gather(live)
    held = held.replacing(schema: inputSchema, columns: Array(held.columns[..<inputSchema.count]))
    let waiting = buffer.pending(port: 0)
    let heldGroups = held.rowsByKeyGroup(try inputs.partitionKeys(held), maxParallelism: context.maxParallelism)
    let waitingGroups = waiting.rowsByKeyGroup(try inputs.partitionKeys(waiting), maxParallelism: context.maxParallelism)
    for keyGroup in 0..<context.maxParallelism where !heldGroups[keyGroup].isEmpty || !waitingGroups[keyGroup].isEmpty {
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(block: BatchCodec.encode(held.take(rows: heldGroups[keyGroup])))
      writer.write(count: heldGroups[keyGroup].count)
      for row in heldGroups[keyGroup] { writer.write(rows.weight(live[Int(row)])) }
      writer.write(block: BatchCodec.encode(waiting.take(rows: waitingGroups[keyGroup])))
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "an OVER")
    let held = try BatchCodec.decode(try reader.readBlock(), schema: inputSchema)
    let count = try reader.readCount(unit: 8)
    guard count == held.rowCount else { throw MillraceError(.checkpointInvalid, "the state of an OVER is damaged") }
    var weights: [Int64] = []
    for _ in 0..<count { weights.append(try reader.readInt64()) }
    if count > 0 { restored.append((held, weights)) }
    try buffer.push(try BatchCodec.decode(try reader.readBlock(), schema: inputSchema), port: 0)
  }

  private func placeRestored() throws(MillraceError) {
    guard !restored.isEmpty else { return }
    let parts = restored
    restored = []
    for (held, weights) in parts {
      for (number, weight) in zip(try prepare(held), weights) { rows.setWeight(number, weight) }
    }
    if givesFinalRows { return }
    for id in try buildPartitions() { evaluate(Int(id), 0..<partitions[Int(id)].count, 0, records: false) }
  }
}
