import MillraceColumns
import MillraceConnectors
import MillraceOperators
import MillracePlan
import MillraceTypes

/// One stage of one partition: its operators, the queues into and out of it, and where it is with watermarks and barriers.
///
/// Driven by one thread at a time through `runnable` and `perform`; everything inside a step is synchronous, so between steps no
/// row is in flight inside the stage and a snapshot is simply the operators' state.
final class StageInstance {
  enum Action: Equatable {
    /// Take one message from an input channel.
    case input(Int)
    /// Read from split `split` of source `source`.
    case read(source: Int, split: Int)
    /// Sources take notice of a requested checkpoint.
    case injectBarrier(Int64)
    /// Take the answer of a look-up of the node at a position.
    case answer(node: Int, call: Int)
  }

  final class InputChannel {
    let queue: ExchangeQueue
    let fromPartition: Int
    let exchange: StageGraph.Exchange
    var watermark = EventTime.beginning
    /// Set from the barrier's arrival until all inputs have it.
    var heldAt: Int64?
    init(queue: ExchangeQueue, fromPartition: Int, exchange: StageGraph.Exchange) {
      self.queue = queue
      self.fromPartition = fromPartition
      self.exchange = exchange
    }
  }

  /// A way out of the stage: one queue per receiving partition.
  struct OutputChannel {
    var exchange: StageGraph.Exchange
    var queues: [ExchangeQueue]
    /// Splits a batch by key group; nil for forward and single.
    var partitioner: KeyPartitioner?
  }

  struct NodeState {
    var id: Int
    /// Under what its state is kept in checkpoints.
    var stateID: String
    /// For people, as in EXPLAIN.
    var name: String
    var process: (any Operator)?
    var sink: (any Sink)?
    /// Makes the look-ups that the operator asks for.
    var lookups: LookupService?
    /// The watermark that went on with an answer.
    var answered = EventTime.beginning
    var layers = LayerPolicy()
    /// All rows go to partition 0, and so does the state of every key group.
    var isSingle = false
    var portWatermarks: [EventTime]
    var watermark = EventTime.beginning
    /// Direct consumers inside the stage.
    var consumers: [(node: Int, port: Int)] = []
    /// Exchanges out of the stage that this node feeds.
    var outputs: [Int] = []
    var rowsIn: Int64 = 0
    var rowsOut: Int64 = 0
    /// As last looked at, and the greatest seen.
    var size = StateSize.none
    var sizeMax = StateSize.none
  }

  let stage: Int
  let partition: Int
  private(set) var nodes: [NodeState]
  private let indexOfNode: [Int: Int]
  private(set) var inputs: [InputChannel]
  private(set) var sources: [SourceDriver]
  private let outputs: [OutputChannel]
  private let context: OperatorContext
  private let meter: CPUMeter
  private let measuresState: Bool
  private let unusedPorts: [(node: Int, port: Int)]
  /// Checkpoint that the sources have taken notice of, or the last one completed.
  private var barrierAtSources: Int64
  private(set) var lastBarrier: Int64
  private(set) var isFinished = false

  init(
    stage: Int, partition: Int, nodes: [NodeState], inputs: [InputChannel], sources: [SourceDriver], outputs: [OutputChannel],
    unusedPorts: [(node: Int, port: Int)], context: OperatorContext, meter: CPUMeter, measuresState: Bool, lastBarrier: Int64
  ) {
    self.meter = meter
    self.measuresState = measuresState
    self.unusedPorts = unusedPorts
    followsClock = nodes.contains { $0.process is any ClockedOperator }
    self.stage = stage
    self.partition = partition
    self.nodes = nodes
    self.inputs = inputs
    self.sources = sources
    self.outputs = outputs
    self.context = context
    self.lastBarrier = lastBarrier
    barrierAtSources = lastBarrier
    indexOfNode = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.id, $0) })
  }

  /// Rows that this instance's sources have read, late ones left out.
  var sourceRowsRead: Int64 { sources.reduce(0) { $0 + (indexOfNode[$1.node].map { nodes[$0].rowsIn } ?? 0) } }

  var hasRoom: Bool { outputs.allSatisfy { $0.queues.allSatisfy(\.hasRoom) } }

  /// What could be done now. `requested` is the newest checkpoint asked for.
  func runnable(requested: Int64) -> [Action] {
    var actions: [Action] = []
    if requested > barrierAtSources && inputs.allSatisfy({ $0.heldAt == nil || $0.heldAt == requested }) {
      // Stages without sources learn of the barrier from their inputs alone.
      if !sources.isEmpty || inputs.isEmpty { actions.append(.injectBarrier(requested)) }
    }
    guard hasRoom else { return actions }
    for (at, node) in nodes.enumerated() {
      for call in 0..<(node.lookups?.readyCount ?? 0) { actions.append(.answer(node: at, call: call)) }
    }
    guard nodes.allSatisfy({ $0.lookups == nil || $0.process?.hasRoom ?? true }) else { return actions }
    for (index, input) in inputs.enumerated() where input.heldAt == nil && !input.queue.isEmpty { actions.append(.input(index)) }
    if barrierAtSources == lastBarrier {
      for (index, source) in sources.enumerated() {
        for split in source.readableSplits() { actions.append(.read(source: index, split: split)) }
      }
    }
    return actions
  }

  /// Performs one action. Returns the checkpoint whose barrier completed with it, if any: the caller then takes `snapshot`.
  func perform(_ action: Action, batchRows: Int) throws(MillraceError) -> Int64? {
    meter.begin()
    switch action {
    case .injectBarrier(let id):
      barrierAtSources = id
      return alignedBarrier()
    case .read(let source, let split):
      try read(source, split, batchRows)
      return nil
    case .answer(let at, let call):
      guard let process = nodes[at].process, let answer = try nodes[at].lookups?.take(call) else { return nil }
      var output = OperatorOutput()
      let passed = try process.complete(answer, into: &output)
      submitLookups(at)
      meter.charge(nodes[at].id)
      for batch in output.batches { try route(batch, from: at) }
      if passed > nodes[at].answered {
        nodes[at].answered = passed
        try passOn(passed, from: at)
      }
      return nil
    case .input(let index):
      let input = inputs[index]
      guard let (message, _) = input.queue.pop() else { return nil }
      switch message {
      case .batch(let batch): try deliver(batch, to: input.exchange.toNode, port: input.exchange.toPort)
      case .watermark(let watermark):
        input.watermark = max(input.watermark, watermark)
        let complete = inputs.reduce(EventTime.end) {
          $1.exchange.index == input.exchange.index ? min($0, $1.watermark) : $0
        }
        try advance(input.exchange.toNode, port: input.exchange.toPort, to: complete)
      case .barrier(let id):
        input.heldAt = id
        return alignedBarrier()
      }
      return nil
    }
  }

  private func alignedBarrier() -> Int64? {
    let id = inputs.first?.heldAt ?? (barrierAtSources > lastBarrier ? barrierAtSources : nil)
    guard let id, id > lastBarrier, inputs.allSatisfy({ $0.heldAt == id }) else { return nil }
    guard sources.isEmpty || barrierAtSources == id else { return nil }
    return id
  }

  /// Freezes the state at an aligned barrier, passes the barrier on and lets the inputs go.
  func snapshot(_ id: Int64, kind: CheckpointKind, into data: inout CheckpointData) throws(MillraceError) {
    for at in nodes.indices {
      let node = nodes[at]
      if kind != .end, let process = node.process, !node.isSingle || partition == 0 {
        var state = OperatorSnapshot(allowsIncrement: kind == .regular && node.layers.allowsIncrement)
        try process.snapshot(into: &state)
        nodes[at].layers.add(state)
        data.operators[node.stateID, default: [:]][partition] = state
      }
      if let sink = node.sink { data.sinks[node.stateID, default: [:]][partition] = try sink.prepareCheckpoint(id) }
      meter.charge(node.id)
    }
    for source in sources {
      for state in source.splits { data.sources[source.stateID, default: [:]][state.split.id] = state.saved }
      data.lateRows[source.stateID, default: 0] += source.lateRowCount
      if let late = try source.prepareLateRows(id) { data.sinks["late:" + source.stateID, default: [:]][partition] = late }
    }
    lastBarrier = id
    barrierAtSources = id
    for input in inputs { input.heldAt = nil }
    for output in outputs { for queue in output.queues { queue.push(.barrier(id)) } }
  }

  /// The checkpoint is durable: what the sinks prepared becomes visible.
  func commit(_ id: Int64) throws(MillraceError) {
    for node in nodes { try node.sink?.commit(id) }
    for source in sources { try source.commitLateRows(id) }
  }

  func finish() throws(MillraceError) {
    for node in nodes { try node.sink?.finish() }
    for source in sources { try source.finish() }
  }

  /// Gives up: temporary files of the sinks go away.
  func abort() {
    for node in nodes { node.sink?.abort() }
    for source in sources { source.abort() }
  }

  private func read(_ index: Int, _ split: Int, _ batchRows: Int) throws(MillraceError) {
    let source = sources[index]
    let batch = try source.read(split, maxRows: source.rowLimit(batchRows))
    meter.charge(source.node)
    if let batch, batch.rowCount > 0 {
      guard let at = indexOfNode[source.node] else { return }
      nodes[at].rowsIn += Int64(batch.rowCount)
      try route(batch, from: at)
    }
    try advanceSource(source)
  }

  /// Whether some operator follows the clock, so that `tick` has to be called.
  let followsClock: Bool

  /// Says what time it is, in microseconds since 1970, to operators that follow the clock. Waits while what comes behind has no room.
  func tick(_ now: Int64) throws(MillraceError) {
    guard followsClock, hasRoom else { return }
    meter.begin()
    for at in nodes.indices where nodes[at].watermark != .end {
      guard let process = nodes[at].process as? any ClockedOperator else { continue }
      var output = OperatorOutput()
      let watermark = try process.tick(now, into: &output)
      for batch in output.batches { try route(batch, from: at) }
      if let watermark { try passOn(watermark, from: at) }
    }
  }

  /// Whether some source's watermark moves with the clock as well, so that `followClocks` has to be called.
  var hasTimedSources: Bool { sources.contains(where: \.followsClock) }

  /// Moves idle splits on with the others, and passes on watermarks whose time has come.
  func followClocks() throws(MillraceError) {
    guard hasRoom else { return }
    for source in sources where source.followsClock {
      source.follow()
      try advanceSource(source)
    }
  }

  /// Passes on the watermark of a source: also once before anything was read, for sources without splits.
  func advanceSource(_ source: SourceDriver) throws(MillraceError) {
    guard let at = indexOfNode[source.node] else { return }
    guard let watermark = source.announcement(over: nodes[at].watermark) else { return }
    nodes[at].watermark = watermark
    try passOn(watermark, from: at)
  }

  /// A stage behind a `single` exchange has work in partition 0 only: elsewhere its ports are at their end from the start.
  func closeUnusedPorts() throws(MillraceError) {
    for (node, port) in unusedPorts { try advance(node, port: port, to: .end) }
  }

  private func deliver(_ batch: Batch, to node: Int, port: Int) throws(MillraceError) {
    guard let at = indexOfNode[node] else { return }
    nodes[at].rowsIn += Int64(batch.rowCount)
    if let sink = nodes[at].sink {
      try sink.write(batch)
      meter.charge(node)
      return
    }
    guard let process = nodes[at].process else { return }
    var output = OperatorOutput()
    try process.process(batch, port: port, into: &output)
    submitLookups(at)
    meter.charge(node)
    for batch in output.batches { try route(batch, from: at) }
  }

  private func advance(_ node: Int, port: Int, to watermark: EventTime) throws(MillraceError) {
    guard let at = indexOfNode[node] else { return }
    guard watermark > nodes[at].portWatermarks[port] else { return }
    nodes[at].portWatermarks[port] = watermark
    let complete = nodes[at].portWatermarks.reduce(EventTime.end, min)
    guard complete > nodes[at].watermark else { return }
    nodes[at].watermark = complete
    guard let process = nodes[at].process else {
      finishIfEnded()
      return
    }
    // Most state goes away with the end of the input.
    if complete == .end && measuresState { measure(at) }
    var output = OperatorOutput()
    let passed = try process.advance(to: complete, into: &output)
    submitLookups(at)
    meter.charge(node)
    for batch in output.batches { try route(batch, from: at) }
    try passOn(passed, from: at)
  }

  private func passOn(_ watermark: EventTime, from at: Int) throws(MillraceError) {
    for consumer in nodes[at].consumers { try advance(consumer.node, port: consumer.port, to: watermark) }
    for output in nodes[at].outputs { for queue in outputs[output].queues { queue.push(.watermark(watermark)) } }
    finishIfEnded()
  }

  private func submitLookups(_ at: Int) {
    guard let lookups = nodes[at].lookups, let calls = nodes[at].process?.takeLookupCalls() else { return }
    lookups.submit(calls)
  }

  /// Asks again for what rows of a checkpoint wait for.
  func resumeLookups() { for at in nodes.indices { submitLookups(at) } }

  /// Lets look-ups be made by threads from now on.
  func startLookups(onReady: @escaping @Sendable () -> Void) { for node in nodes { node.lookups?.start(onReady: onReady) } }
  func stopLookups() { for node in nodes { node.lookups?.stop() } }

  private func finishIfEnded() { isFinished = nodes.allSatisfy { $0.watermark == .end } }

  private func route(_ batch: Batch, from at: Int) throws(MillraceError) {
    nodes[at].rowsOut += Int64(batch.rowCount)
    for consumer in nodes[at].consumers { try deliver(batch, to: consumer.node, port: consumer.port) }
    for index in nodes[at].outputs {
      let output = outputs[index]
      switch output.exchange.routing {
      case .single: output.queues[0].push(.batch(batch))
      case .forward: output.queues[0].push(.batch(batch))
      case .hash:
        guard let partitioner = output.partitioner else { continue }
        for (target, part) in try partitioner.split(batch, over: output.queues.count).enumerated() where part.rowCount > 0 {
          output.queues[target].push(.batch(part))
        }
        meter.charge(nodes[at].id)
      }
    }
  }

  // MARK: statistics

  /// Looks at how much each operator keeps.
  func measureState() { for at in nodes.indices { measure(at) } }

  private func measure(_ at: Int) {
    guard let process = nodes[at].process else { return }
    let size = process.stateSize
    nodes[at].size = size
    nodes[at].sizeMax.keys = max(nodes[at].sizeMax.keys, size.keys)
    nodes[at].sizeMax.bytes = max(nodes[at].sizeMax.bytes, size.bytes)
  }

  func addStatistics(to partition: inout PartitionStatistics) {
    for node in nodes {
      var part = OperatorStatistics(node: node.id, operatorID: node.name)
      part.rowsIn = node.rowsIn
      part.rowsOut = node.rowsOut
      part.cpuNanos = meter.nanos(node.id)
      part.state = node.size
      part.stateMax = node.sizeMax
      part.watermark = node.watermark
      partition.operators.append(part)
    }
    for source in sources {
      guard let at = partition.operators.lastIndex(where: { $0.node == source.node }) else { continue }
      partition.operators[at].lateRows = source.lateRowCount
      partition.operators[at].watermark = source.watermark
      partition.watermark = min(partition.watermark, source.watermark)
    }
    partition.rowsRead += sourceRowsRead
  }
}
