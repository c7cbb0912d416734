import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The code of a keyed function as its operator calls it.
public struct KeyedFunctionBody {
  /// In the order in which they are stored.
  public var states: [any KeyedState]
  /// Rows of a port are handled next, from this batch.
  public var bind: (_ port: Int, _ batch: Batch) throws -> Void
  /// Handles rows of the bound batch of a port; `ids` are their keys. Returns how many: fewer when a timer comes first.
  public var process: (_ port: Int, _ rows: Range<Int>, _ ids: UnsafePointer<Int32>) throws -> Int
  /// Handles a timer of the current key.
  public var fire: (_ time: Int64, _ byClock: Bool) throws -> Void
  /// These keys have nothing left.
  public var forget: ([Int32]) -> Void

  public init(
    states: [any KeyedState], bind: @escaping (Int, Batch) throws -> Void,
    process: @escaping (Int, Range<Int>, UnsafePointer<Int32>) throws -> Int, fire: @escaping (Int64, Bool) throws -> Void,
    forget: @escaping ([Int32]) -> Void
  ) {
    self.states = states
    self.bind = bind
    self.process = process
    self.fire = fire
    self.forget = forget
  }
}

/// Runs a function with keyed state and timers over one or more inputs.
///
/// By event time, rows and timers are handled in one order: by instant; rows before timers; rows in the total order, timers by the time
/// they were registered for, then by key. So state is a function of the rows before, whatever the watermark did meanwhile. Rows as they
/// arrive are handled at once; their timers fire when the watermark or the clock passes them.
///
/// State and timers lie with the key group of their key. A key without state and timers is forgotten.
public final class KeyedFunctionOperator: ClockedOperator {
  private static let version: UInt8 = 1
  /// Timers beyond the end of input that end a job which would never end by itself.
  private static let timersAfterEndMax = 1_000_000

  private let function: UserFunction
  private let context: OperatorContext
  private let keys: [ExpressionEvaluator]
  private let index: KeyIndex
  private let buffer: TotalOrderBuffer
  private let core: FunctionCore
  private let body: KeyedFunctionBody
  private var touched: [Int32] = []

  /// - Parameter body: makes the code's side, given what it shares with the operator.
  public init(
    _ function: UserFunction, context: OperatorContext, body: (FunctionCore) throws(MillraceError) -> KeyedFunctionBody
  ) throws(MillraceError) {
    self.function = function
    self.context = context
    var evaluators: [ExpressionEvaluator] = []
    for (input, keys) in zip(function.inputs, function.keys) {
      evaluators.append(try ExpressionEvaluator(keys, schema: input.schema))
    }
    keys = evaluators
    index = KeyIndex(types: function.keys[0].map(\.type), maxParallelism: context.maxParallelism)
    buffer = TotalOrderBuffer(schemas: function.inputs.map(\.schema))
    let hasTimes = function.inputs.allSatisfy(\.carriesEventTime)
    core = FunctionCore(
      index: index, made: FunctionOutput(schema: function.schema, hasTimes: hasTimes, needsOrder: context.needsOrder && hasTimes),
      inOrder: function.order == .eventTime)
    core.now = context.clock?() ?? EventTime.beginning
    self.body = try body(core)
    for state in self.body.states { state.bind(core) }
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    if !function.acceptsUpdates, let weights = batch.weights?.pointer(Int64.self),
      (0..<batch.rowCount).contains(where: { weights[$0] < 1 })
    {
      throw MillraceError.notSupported("retractions", subject: "function \(function.id)", hint: "declare `acceptsUpdates`")
    }
    if function.order == .eventTime {
      try buffer.push(batch, port: port)
      return
    }
    core.nextDue = .end
    let ids = try bind(batch, port)
    try run(port, 0..<batch.rowCount, ids, into: &output)
    try settle(into: &output)
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard watermark > -(1 << 61) else { return .beginning }
    var sequence: [UInt8] = []
    var batches: [Batch] = []
    if let released = buffer.release(before: watermark) { (sequence, batches) = (released.sequence, released.batches) }
    var ids: [[Int32]] = []
    for (port, batch) in batches.enumerated() { ids.append(batch.rowCount == 0 ? [] : try bind(batch, port)) }
    let times = batches.map { $0.eventTimes?.pointer(Int64.self) }
    var at = [Int](repeating: 0, count: batches.count)
    var step = 0
    var firedAtEnd = 0
    while true {
      let port = step < sequence.count ? Int(sequence[step]) : -1
      let rowTime = port >= 0 ? times[port]?[at[port]] : nil
      let due = core.timers.nextDue
      if core.timers.count > 0, due < watermark, rowTime.map({ due < $0 }) ?? true {
        if watermark == .end && rowTime == nil { firedAtEnd += try fire(due, into: &output) } else { _ = try fire(due, into: &output) }
        guard firedAtEnd <= Self.timersAfterEndMax else { throw endless() }
        continue
      }
      guard port >= 0 else { break }
      // Rows of one port in a row.
      var end = step + 1
      while end < sequence.count, sequence[end] == sequence[step] { end += 1 }
      core.nextDue = function.order == .eventTime ? core.timers.nextDue : .end
      core.batch = batches[port]
      let done = try run(port, at[port]..<at[port] + (end - step), ids[port], into: &output)
      at[port] += done
      step += done
    }
    withExtendedLifetime(batches) {}
    core.batch = nil
    core.watermark = watermark
    if function.order == .eventTime { core.instant = max(core.instant, watermark == .end ? core.instant : watermark) }
    try settle(into: &output)
    return watermark
  }

  /// Timers by the clock fire; what they make has the event time reached so far, or the clock's where there is none.
  public func tick(_ now: Int64, into output: inout OperatorOutput) throws(MillraceError) -> EventTime? {
    guard now > core.now else { return nil }
    core.now = now
    guard core.clockTimers.nextDue <= now else { return nil }
    while core.clockTimers.count > 0, core.clockTimers.nextDue <= now {
      let instant = core.watermark == .beginning ? now : core.watermark
      for (id, time) in sorted(core.clockTimers.next()) {
        guard core.clockTimers.remove(id, time: time) else { continue }
        core.begin(timer: time, key: id, at: instant)
        core.floor = core.watermark
        do { try body.fire(time, true) } catch { throw FunctionFailure.naming(error, function.id) }
        touched.append(id)
      }
      flushIfFull(&output)
    }
    try settle(into: &output)
    return nil
  }

  // MARK: handling

  /// Key ids of a batch that is handled next.
  private func bind(_ batch: Batch, _ port: Int) throws(MillraceError) -> [Int32] {
    let columns = try keys[port].evaluate(batch)
    let ids = [Int32](unsafeUninitializedCapacity: batch.rowCount) { buffer, count in
      if let base = buffer.baseAddress { index.ids(of: columns, rowCount: batch.rowCount, into: base, insert: true) }
      count = batch.rowCount
    }
    core.batch = batch
    do { try body.bind(port, batch) } catch { throw FunctionFailure.naming(error, function.id) }
    touched.append(contentsOf: ids)
    return ids
  }

  @discardableResult private func run(
    _ port: Int, _ rows: Range<Int>, _ ids: [Int32], into output: inout OperatorOutput
  ) throws(MillraceError) -> Int {
    do {
      let done = try ids.withUnsafeBufferPointer { ids in
        guard let base = ids.baseAddress else { return rows.count }
        return try body.process(port, rows, base)
      }
      core.end()
      flushIfFull(&output)
      return done
    } catch {
      throw FunctionFailure.naming(error, function.id)
    }
  }

  /// Fires what is due at an instant. Returns how many timers that were.
  private func fire(_ due: Int64, into output: inout OperatorOutput) throws(MillraceError) -> Int {
    let timers = sorted(core.timers.next())
    for (id, time) in timers {
      // One of them may have deleted another.
      guard core.timers.remove(id, time: time) else { continue }
      core.begin(timer: time, key: id, at: max(due, core.watermark))
      do { try body.fire(time, false) } catch { throw FunctionFailure.naming(error, function.id) }
      touched.append(id)
    }
    core.end()
    flushIfFull(&output)
    return timers.count
  }

  private func sorted(_ timers: [(id: Int32, time: Int64)]) -> [(id: Int32, time: Int64)] {
    timers.sorted { $0.time != $1.time ? $0.time < $1.time : index.precedes($0.id, $1.id) }
  }

  private func flushIfFull(_ output: inout OperatorOutput) { if core.made.rowCount >= context.batchRows { output.emit(core.made.take()) } }

  private func endless() -> MillraceError {
    MillraceError(
      .functionFailed, "input has ended, but timers register timers without end", subject: "function \(function.id)",
      hint: "register a timer from a row, or stop when there is nothing left to do")
  }

  /// After a call: rows go out, and what has nothing left is forgotten.
  private func settle(into output: inout OperatorOutput) throws(MillraceError) {
    core.end()
    if core.made.rowCount > 0 { output.emit(core.made.take()) }
    for state in body.states { touched.append(contentsOf: state.expire()) }
    guard !touched.isEmpty else { return }
    var seen = [Bool](repeating: false, count: index.idBound)
    var gone: [Int32] = []
    for id in touched where !seen[Int(id)] {
      seen[Int(id)] = true
      if isEmpty(id) { gone.append(id) }
    }
    touched.removeAll(keepingCapacity: true)
    guard !gone.isEmpty else { return }
    index.remove(gone)
    body.forget(gone)
  }

  private func isEmpty(_ id: Int32) -> Bool {
    body.states.allSatisfy { $0.isEmpty(id) } && core.timers.timers(id).isEmpty && core.clockTimers.timers(id).isEmpty
  }

  // MARK: snapshots

  private var forms: [String] { body.states.map { "\($0.name) \($0.form)" } }

  /// Per key group: the states' names and forms, keys with their state and timers, rows that wait for the watermark.
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    var waiting: [[[Int32]]] = []
    let pending = function.inputs.indices.map { buffer.pending(port: $0) }
    for (port, batch) in pending.enumerated() {
      waiting.append(
        batch.rowCount == 0 ? [] : batch.rowsByKeyGroup(try keys[port].evaluate(batch), maxParallelism: context.maxParallelism))
    }
    var idsByGroup = [[Int32]](repeating: [], count: context.maxParallelism)
    for (group, ids) in index.idsByKeyGroup() { idsByGroup[group] = ids }
    for group in 0..<context.maxParallelism {
      let ids = idsByGroup[group]
      let rows = waiting.map { $0.isEmpty ? [] : $0[group] }
      guard !ids.isEmpty || rows.contains(where: { !$0.isEmpty }) else { continue }
      var writer = ByteWriter()
      writer.write(Self.version)
      writer.write(count: forms.count)
      for form in forms { writer.write(form) }
      index.writeKeys(ids, into: &writer)
      for id in ids {
        for state in body.states { state.write(id, into: &writer) }
        for timers in [core.timers.timers(id), core.clockTimers.timers(id)] {
          writer.write(count: timers.count)
          for timer in timers {
            writer.write(timer.time)
            writer.write(timer.due)
          }
        }
      }
      for (port, rows) in rows.enumerated() { writer.write(block: BatchCodec.encode(pending[port].take(rows: rows))) }
      snapshot.keyGroups[group] = writer.bytes
    }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "function \(function.id)")
    var stored: [String] = []
    for _ in 0..<(try reader.readCount(unit: 8)) { stored.append(try reader.readText()) }
    guard stored == forms else {
      throw MillraceError(
        .checkpointInvalid,
        "the checkpoint has the states [\(stored.joined(separator: ", "))], the function [\(forms.joined(separator: ", "))]",
        subject: "function \(function.id)", hint: "run the code that took it, or start anew with another checkpoint folder")
    }
    for id in try index.readKeys(&reader) {
      for state in body.states { try state.read(id, from: &reader) }
      for isClock in [false, true] {
        for _ in 0..<(try reader.readCount(unit: 16)) {
          let timer = TimerQueue.Timer(time: try reader.readInt64(), due: try reader.readInt64())
          if isClock { core.clockTimers.add(id, timer) } else { core.timers.add(id, timer) }
        }
      }
    }
    for (port, input) in function.inputs.enumerated() {
      let rows = try BatchCodec.decode(try reader.readBlock(), schema: input.schema)
      try buffer.push(rows, port: port)
    }
  }
}
