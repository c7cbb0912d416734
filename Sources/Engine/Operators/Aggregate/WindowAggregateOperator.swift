import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// GROUP BY keys and window of TUMBLE, HOP or CUMULATE, by panes: each row goes into one pane's partial aggregates, and a window merges its
/// panes when the watermark passes its end.
///
/// Each window is emitted once, its keys in canonical order. An emitted row's event time is the window's end minus one
/// millisecond (Flink's window_time); its order is the spec's rank and the encoded key. Rows may come in any order.
public final class WindowAggregateOperator: Operator {
  private static let version: UInt8 = 2
  /// How far before a window's end its rows' event time lies.
  static let endToTimeMicros: Int64 = 1000

  private let spec: WindowAggregateSpec
  private let context: OperatorContext
  private let grid: WindowGrid
  private let inputs: AggregateInputs
  private let panes: WindowPanes
  private let merged: MergedPanes
  /// Groups 0..<batchRows of it hold a chunk of keys while their panes are merged; made when first needed.
  private var chunkTable: AggregateTable?
  private let layout: AggregateLayout
  private let timeName: String
  private let timeType: DataType
  private var scratchIDs: [Int32] = []
  /// Windows that end here or earlier have been emitted.
  private var firedThrough = EventTime.beginning

  public init(_ spec: WindowAggregateSpec, inputSchema: Schema, context: OperatorContext) throws(MillraceError) {
    self.spec = spec
    self.context = context
    grid = try WindowGrid(spec.kind)
    inputs = try AggregateInputs(keys: spec.keys, calls: spec.aggregates, inputTypes: inputSchema.fields.map(\.type))
    layout = AggregateLayout(calls: spec.aggregates, retracts: false)
    _ = try layout.makeAccumulators()
    panes = WindowPanes(keyTypes: inputs.keyTypes, layout: layout, maxParallelism: context.maxParallelism)
    merged = MergedPanes(layout)
    timeName = inputSchema.fields[spec.timeColumn].name
    timeType = inputSchema.fields[spec.timeColumn].type
  }

  public var stateSize: StateSize {
    StateSize(keys: panes.index.count, bytes: panes.heldBytes + merged.heldBytes + (chunkTable?.heldBytes ?? 0))
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    let count = batch.rowCount
    guard count > 0 else { return }
    if let weights = batch.weights?.pointer(Int64.self), (0..<count).contains(where: { weights[$0] < 1 }) {
      throw Accumulator.cannotRetract("a window aggregate")
    }
    let (keys, arguments) = try inputs.evaluate(batch)
    let times = try WindowGrid.micros(batch.columns[spec.timeColumn], timeName)
    if scratchIDs.count < count { scratchIDs = [Int32](repeating: 0, count: count) }
    var ids = scratchIDs
    scratchIDs = []
    defer { scratchIDs = ids }
    try ids.withUnsafeMutableBufferPointer { buffer throws(MillraceError) in
      guard let ids = buffer.baseAddress else { return }
      let micros = times.pointer(Int64.self)
      var (earliest, latest) = (micros[0], micros[0])
      for i in 1..<max(1, count) {
        earliest = min(earliest, micros[i])
        latest = max(latest, micros[i])
      }
      let start = grid.paneStart(earliest)
      panes.index.ids(of: keys, rowCount: count, into: ids, insert: true)
      if latest &- start < grid.pane {
        if grid.holds(pane: start) {
          let pane = try panes.pane(at: start)
          merged.willChange(pane)
          try panes.update(pane, ids, count, arguments, weights: batch.weights, times: batch.eventTimes, order: batch.order)
        }
      } else {
        try updateRuns(batch, micros, ids, arguments)
      }
    }
    withExtendedLifetime(times) {}
  }

  /// A batch that straddles panes: the rows of each pane are taken together, gathered if they do not stand together anyway.
  private func updateRuns(
    _ batch: Batch, _ micros: UnsafePointer<Int64>, _ ids: UnsafePointer<Int32>, _ arguments: AggregateArguments
  ) throws(MillraceError) {
    if let runs = paneRuns(micros, batch.rowCount) {
      for (start, rows) in runs where grid.holds(pane: start) {
        let pane = try panes.pane(at: start)
        merged.willChange(pane)
        try panes.update(
          pane, ids + rows.lowerBound, rows.count, arguments.slice(rows), weights: batch.weights?.slice(rows),
          times: batch.eventTimes?.slice(rows), order: batch.order?.slice(rows))
      }
      return
    }
    let groups = paneGroups(micros, batch.rowCount)
    for (start, chosen) in groups where grid.holds(pane: start) {
      let chosenIDs = chosen.map { ids[Int($0)] }
      let pane = try panes.pane(at: start)
      merged.willChange(pane)
      try chosen.withUnsafeBufferPointer { chosen throws(MillraceError) in
        try chosenIDs.withUnsafeBufferPointer { ids throws(MillraceError) in
          guard let base = ids.baseAddress else { return }
          try panes.update(
            pane, base, ids.count, arguments.take(chosen), weights: batch.weights?.take(chosen), times: batch.eventTimes?.take(chosen),
            order: batch.order?.take(chosen))
        }
      }
    }
  }

  /// The rows of each pane when they are in the order of panes, and panes are few; nil otherwise.
  private func paneRuns(_ micros: UnsafePointer<Int64>, _ count: Int) -> [(start: Int64, rows: Range<Int>)]? {
    let pane = grid.pane
    var runs: [(start: Int64, rows: Range<Int>)] = []
    var begin = 0
    while begin < count {
      let start = grid.paneStart(micros[begin])
      if let last = runs.last, start < last.start { return nil }
      if runs.count > count / 64 { return nil }
      var end = begin &+ 1
      while end < count && micros[end] >= start && micros[end] &- start < pane { end &+= 1 }
      runs.append((start, begin..<end))
      begin = end
    }
    return runs
  }

  /// The rows of each pane, panes by start.
  private func paneGroups(_ micros: UnsafePointer<Int64>, _ count: Int) -> [(start: Int64, rows: [Int32])] {
    let pane = grid.pane
    var starts: [Int64] = []
    var rows: [[Int32]] = []
    var current = -1
    var start: Int64 = 0
    for i in 0..<count {
      let time = micros[i]
      if current < 0 || time < start || time &- start >= pane {
        start = grid.paneStart(time)
        if let known = starts.firstIndex(of: start) {
          current = known
        } else {
          current = starts.count
          starts.append(start)
          rows.append([])
        }
      }
      rows[current].append(Int32(truncatingIfNeeded: i))
    }
    return zip(starts, rows).map { (start: $0, rows: $1) }.sorted { $0.start < $1.start }
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    // Before anything is known; the arithmetic below must not run over the end of time.
    guard watermark > -(1 << 61) else { return .beginning }
    // Event time and the window's column may differ by this much: no later row's column is below the bound.
    let bound = watermark == .end ? watermark : watermark.subtractingReportingOverflow(spec.lagMicros).partialValue
    while let first = panes.panes.first {
      let end = grid.nextEnd(after: max(firedThrough, first.start &+ grid.pane &- 1))
      guard end <= bound else { break }
      try emit(windowEnd: end, into: &output)
      firedThrough = end
      let kept = grid.start(ofEnd: grid.nextEnd(after: end))
      merged.drop(before: kept)
      panes.drop(before: kept)
    }
    if watermark == .end { return .end }
    let next = grid.nextEnd(after: bound)
    firedThrough = max(firedThrough, next &- grid.slide)
    return next &- Self.endToTimeMicros
  }

  private func emit(windowEnd end: Int64, into output: inout OperatorOutput) throws(MillraceError) {
    let start = grid.start(ofEnd: end)
    let parts = panes.panes(from: start, to: end)
    guard let only = parts.first else { return }
    let whole: AggregateTable?
    if parts.count == 1 && only.isDense {
      only.table.grow(to: panes.index.idBound)
      whole = only.table
    } else {
      whole = try merged.table(of: parts, bound: panes.index.idBound)
    }
    if let whole {
      try emit(panes.sortedIDs(in: parts), of: whole, start, end, into: &output)
    } else {
      try emitMerging(parts, start, end, into: &output)
    }
  }

  /// Emits the keys that have rows in a window's table.
  private func emit(
    _ ids: [Int32], of table: AggregateTable, _ start: Int64, _ end: Int64, into output: inout OperatorOutput
  ) throws(MillraceError) {
    var chunk: [Int32] = []
    chunk.reserveCapacity(context.batchRows)
    var at = 0
    while at < ids.count {
      let next = min(ids.count, at + context.batchRows - chunk.count)
      table.appendPresent(among: ids[at..<next], to: &chunk)
      at = next
      if chunk.count == context.batchRows || at == ids.count, !chunk.isEmpty {
        output.emit(try rows(chunk, try table.results(chunk), start, end))
        chunk.removeAll(keepingCapacity: true)
      }
    }
  }

  /// Emits a window whose panes are merged a chunk of keys at a time.
  private func emitMerging(
    _ parts: ArraySlice<WindowPanes.Pane>, _ start: Int64, _ end: Int64, into output: inout OperatorOutput
  ) throws(MillraceError) {
    let table: AggregateTable
    if let known = chunkTable { table = known } else { table = try AggregateTable(layout) }
    chunkTable = table
    table.grow(to: context.batchRows)
    var present = [Bool](repeating: false, count: panes.index.idBound)
    for part in parts { for id in part.ids { present[Int(id)] = true } }
    let ids = panes.sortedIDs(in: parts).filter { present[Int($0)] }
    for from in stride(from: 0, to: ids.count, by: context.batchRows) {
      let chunk = Array(ids[from..<min(ids.count, from + context.batchRows)])
      let slots = Array(0..<Int32(truncatingIfNeeded: chunk.count))
      try panes.merge(chunk, of: parts, into: table)
      output.emit(try rows(chunk, try table.results(slots), start, end))
      table.clear(slots)
    }
  }

  private func rows(_ ids: [Int32], _ results: [Column], _ start: Int64, _ end: Int64) throws(MillraceError) -> Batch {
    let count = ids.count
    let keys = try panes.index.keyColumns(ids)
    let time = end &- Self.endToTimeMicros
    let columns = zip(spec.outputs, spec.schema.fields).map { place, field -> Column in
      switch place {
      case .key(let index): keys[index]
      case .windowStart: WindowGrid.column(start, type: field.type, count: count)
      case .windowEnd: WindowGrid.column(end, type: field.type, count: count)
      case .windowTime: WindowGrid.column(time, type: field.type, count: count)
      case .aggregate(let index): results[index]
      }
    }
    var batch = Batch(schema: spec.schema, columns: columns, rowCount: count)
    batch.eventTimes = .int64s([Int64](repeating: time, count: count))
    batch.order = panes.index.encodedKeys(ids, keys: keys, prefix: spec.rank)
    return batch
  }

  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    for (keyGroup, ids) in panes.idsByKeyGroup() {
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(firedThrough)
      panes.write(ids, into: &writer)
      snapshot.keyGroups[keyGroup] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a window aggregate")
    firedThrough = max(firedThrough, try reader.readInt64())
    try panes.read(&reader)
  }
}

extension ByteReader {
  /// Checks the version byte at the head of stored state.
  mutating func expect(version: UInt8, of what: String) throws(MillraceError) {
    let found = try readUInt8()
    guard found == version else {
      throw MillraceError(
        .checkpointInvalid, "the state of \(what) has version \(found); this build reads version \(version)",
        hint: "restore with the build that wrote it")
    }
  }
}
