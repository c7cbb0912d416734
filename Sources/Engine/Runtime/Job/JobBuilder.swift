import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillraceOperators
import MillracePlan
import MillraceTypes

/// Makes the operators, queues and sources of a job, fresh or from a checkpoint. Every runtime starts here.
public struct JobBuilder {
  /// Makes operators that live above the engine (scoring), by physical node; nil when the node is not its business.
  public typealias OperatorExtension = (PhysicalPlan.Node, OperatorContext) throws(MillraceError) -> (any Operator)?

  public let plan: PhysicalPlan
  public internal(set) var environment: Environment
  public let configuration: JobConfiguration
  public let connectors: ConnectorRegistry
  /// Where `collect` nodes put their rows, by node id.
  public let collectors: [Int: ResultCollector]
  /// Whether results must survive a simulated crash: they then travel through the checkpoint.
  var isSimulated = false
  let extensions: OperatorExtension
  let graph: StageGraph
  /// Per node of the plan.
  private let arrivalTimesMatter: [Bool]
  let identity: CheckpointIdentity
  /// Per node: under what its state is kept.
  private let identities: [OperatorIdentity]
  /// Per node: somebody reads the order bytes of its rows.
  private let needsOrder: [Bool]
  /// Per node: see `PhysicalPlan.circles`.
  private let circles: [Int]
  /// Per node: somewhere in its circle rows wait for the watermark.
  private let holdsRows: [Bool]
  /// By node.
  private let ttls: [Int: StateTTL]

  /// Capacity of an exchange queue in messages.
  static let queueCapacity = 16

  public init(
    plan: PhysicalPlan, environment: Environment, configuration: JobConfiguration, connectors: ConnectorRegistry,
    description: String = "", collectors: [Int: ResultCollector]? = nil,
    extensions: @escaping OperatorExtension = { (_, _) throws(MillraceError) in nil }
  ) throws(MillraceError) {
    guard configuration.parallelism >= 1, configuration.parallelism <= configuration.maxParallelism else {
      throw MillraceError(
        .invalidOption, "parallelism \(configuration.parallelism) is not between 1 and \(configuration.maxParallelism)",
        subject: "--parallelism")
    }
    self.plan = plan
    self.environment = environment
    self.configuration = configuration
    self.connectors = connectors
    self.extensions = extensions
    graph = StageGraph(plan, parallelism: configuration.parallelism)
    let ttls = Dictionary(
      uniqueKeysWithValues: plan.nodes.compactMap { node in
        StateTTL(node, standard: configuration.stateTTLMicros, mode: configuration.mode).map { (node.id, $0) }
      })
    self.ttls = ttls
    needsOrder = plan.needsOrder(isStreaming: configuration.mode == .streaming || configuration.showsChanges || !ttls.isEmpty)
    arrivalTimesMatter = plan.arrivalTimesMatter
    let circles = plan.circles
    let holding = Set(plan.nodes.filter(\.holdsRows).map { circles[$0.id] })
    self.circles = circles
    holdsRows = circles.map(holding.contains)
    let fresh = plan.nodes.compactMap { node in node.kind == .collect ? (node.id, ResultCollector()) : nil }
    self.collectors = collectors ?? Dictionary(uniqueKeysWithValues: fresh)
    let text = plan.nodes.map { "\($0.operatorID)/\($0.schema.fields.map { "\($0.name) \($0.type)" }.joined(separator: ","))" }
    let sources = plan.nodes.compactMap { node -> String? in
      guard case .source(let scan, _) = node.kind else { return nil }
      let table = scan.table
      let watermark = table.watermark.map { "\($0.column) \($0.delayMicros)" } ?? ""
      return [table.name, table.connector ?? "", table.options["format"] ?? "", table.options["order.by"] ?? "", watermark]
        .joined(separator: "|")
    }
    let bytes = Array((text + sources + [description]).joined(separator: "\n").utf8)
    let plain = plan.identities
    identities = plain.indices.map { node in
      var identity = plain[node]
      // Who forgets keeps more of each row.
      if ttls[node] != nil { identity.layout += " ttl" }
      return identity
    }
    identity = CheckpointIdentity(
      fingerprint: CheckpointManifest.checksum(bytes), maxParallelism: configuration.maxParallelism, operators: identities)
  }

  /// Rows dropped as late, by the source's name, where there were any.
  func lateRows(_ byID: [String: Int64]) -> [String: Int64] {
    var named: [String: Int64] = [:]
    for (id, count) in byID where count > 0 { named[identity.operators[id]?.name ?? id, default: 0] += count }
    return named
  }

  /// The checkpoint that the configuration asks for; nil for a fresh start.
  func checkpointToRestore(_ store: CheckpointStore?) throws(MillraceError) -> StoredCheckpoint? {
    switch configuration.restore {
    case .none: return nil
    case .latest:
      guard let store else {
        throw MillraceError(
          .invalidOption, "there is no folder to restore from", subject: "--restore", hint: "give --checkpoint-dir as well")
      }
      return try store.latest()
    case .path(let path): return try StoredCheckpoint(environment.files, path: path)
    }
  }

  func workers(restoring data: StoredCheckpoint?) throws(MillraceError) -> [Worker] {
    if let data { try identity.check(data, leavesBehind: configuration.allowsNonRestoredState) }
    let parallelism = configuration.parallelism
    // queues[exchange][sender][receiver]
    let queues = graph.exchanges.map { exchange in
      (0..<parallelism).map { sender in
        (0..<parallelism).map { receiver -> ExchangeQueue? in
          switch exchange.routing {
          case .hash: ExchangeQueue(capacity: Self.queueCapacity)
          case .forward: sender == receiver ? ExchangeQueue(capacity: Self.queueCapacity) : nil
          case .single: receiver == 0 ? ExchangeQueue(capacity: Self.queueCapacity) : nil
          }
        }
      }
    }
    let lookups = try lookupTables()
    let clocks = SourceClocks()
    var workers: [Worker] = []
    for partition in 0..<parallelism {
      let order = graph.stages.indices.sorted { graph.stages[$0].level > graph.stages[$1].level }
      var instances: [StageInstance] = []
      let meter = CPUMeter(clock: environment.clock, nodeCount: plan.nodes.count)
      for stage in order { instances.append(try instance(stage, partition, queues, data, lookups, clocks, meter)) }
      workers.append(Worker(partition: partition, stages: instances, meter: meter, lastCommitted: data?.id ?? 0))
    }
    return workers
  }

  private func instance(
    _ stage: Int, _ partition: Int, _ queues: [[[ExchangeQueue?]]], _ data: StoredCheckpoint?, _ lookups: [Int: LookupTable],
    _ clocks: SourceClocks, _ meter: CPUMeter
  ) throws(MillraceError) -> StageInstance {
    let clock = environment.clock
    var context = OperatorContext(
      partition: partition, parallelism: configuration.parallelism, maxParallelism: configuration.maxParallelism,
      batchRows: configuration.batchRows, clock: { clock.nowMicros })
    var states: [StageInstance.NodeState] = []
    var inputs: [StageInstance.InputChannel] = []
    var outputs: [StageInstance.OutputChannel] = []
    var sources: [SourceDriver] = []
    var unused: [(node: Int, port: Int)] = []
    for id in graph.stages[stage].nodes {
      let node = plan.nodes[id]
      context.needsOrder = needsOrder[id]
      var state = StageInstance.NodeState(
        id: id, stateID: identities[id].id, name: node.operatorID, portWatermarks: Array(repeating: .beginning, count: node.inputs.count))
      state.isSingle = node.inputs.contains { $0.exchange == .single }
      switch node.kind {
      case .source(let scan, let rank): sources.append(try source(node, scan, rank, partition, data, clocks))
      case .values(let relation): sources.append(try values(node, relation, partition, data, clocks))
      case .sink(let table): state.sink = try sink(node, table, partition, data)
      case .collect:
        guard let collector = collectors[id] else { break }
        let sink = CollectSink(collector, schema: node.schema, partition: partition, isDurable: isSimulated)
        try sink.open(restoring: promised(data, identities[node.id].id, partition))
        state.sink = sink
      default:
        var process = try extensions(node, context)
        if process == nil {
          process = try OperatorFactory.make(node, plan: plan, context: context, emission: emission, lookups: lookups, ttl: ttls[id])
        }
        if let data, let process { try restore(process, node, isSingle: state.isSingle, partition, data) }
        state.process = process
        if case .called(let read, let settings, let name)? = lookups[id] {
          state.lookups = LookupService(settings: settings, table: name, clock: environment.clock, read: read)
        }
      }
      // Who takes this node's rows, inside the stage and outside.
      for consumer in plan.nodes {
        for (port, input) in consumer.inputs.enumerated() where input.node == id {
          if let exchange = graph.exchange(into: consumer.id, port: port) {
            state.outputs.append(outputs.count)
            var partitioner: KeyPartitioner?
            if case .hash(let keys) = exchange.routing {
              partitioner = try KeyPartitioner(
                keys: keys, inputTypes: node.schema.fields.map(\.type), maxParallelism: configuration.maxParallelism)
            }
            outputs.append(
              StageInstance.OutputChannel(
                exchange: exchange, queues: queues[exchange.index][partition].compactMap { $0 }, partitioner: partitioner))
          } else {
            state.consumers.append((consumer.id, port))
          }
        }
      }
      for port in node.inputs.indices {
        guard let exchange = graph.exchange(into: id, port: port) else { continue }
        var used = false
        for sender in 0..<configuration.parallelism {
          guard let queue = queues[exchange.index][sender][partition] else { continue }
          used = true
          inputs.append(StageInstance.InputChannel(queue: queue, fromPartition: sender, exchange: exchange))
        }
        if !used { unused.append((id, port)) }
      }
      states.append(state)
    }
    return StageInstance(
      stage: stage, partition: partition, nodes: states, inputs: inputs, sources: sources, outputs: outputs, unusedPorts: unused,
      context: context, meter: meter, measuresState: configuration.measuresState, lastBarrier: data?.id ?? 0)
  }

  /// Loads the state of the key groups that the instance owns.
  private func restore(
    _ process: any Operator, _ node: PhysicalPlan.Node, isSingle: Bool, _ partition: Int, _ data: StoredCheckpoint
  ) throws(MillraceError) {
    let owned = KeyGroup.range(
      partition: partition, parallelism: configuration.parallelism, maxParallelism: configuration.maxParallelism)
    try data.restore(identities[node.id].id, where: { isSingle ? partition == 0 : owned.contains($0) }) {
      group, bytes throws(MillraceError) in
      try process.restore(keyGroup: group, bytes: bytes)
    }
    try process.finishRestore()
  }

  /// What joins look up, by node: once for all partitions.
  private func lookupTables() throws(MillraceError) -> [Int: LookupTable] {
    var tables: [Int: LookupTable] = [:]
    for node in plan.nodes {
      guard case .lookupJoin(let temporal) = node.kind else { continue }
      tables[node.id] = try LookupRows(connectors: connectors, environment: environment).table(temporal.join)
    }
    return tables
  }

  /// A changelog wants every change; otherwise batch jobs give final rows and streams the changes of each instant. So does a batch job
  /// that forgets: its rows are final only when they go out.
  private var emission: GroupAggregateOperator.Emission {
    configuration.showsChanges ? .perBatch : configuration.mode == .batch && ttls.isEmpty ? .atEnd : .perInstant
  }

  private func source(
    _ node: PhysicalPlan.Node, _ scan: Scan, _ rank: [UInt8], _ partition: Int, _ data: StoredCheckpoint?, _ clocks: SourceClocks
  ) throws(MillraceError) -> SourceDriver {
    var request = SourceRequest(scan, rank: rank, needsArrivalTimes: arrivalTimesMatter[node.id], environment: environment)
    request.needsOrder = needsOrder[node.id]
    let connector = try connectors.source(request)
    var splits: [SourceSplitState] = []
    let saved = data?.manifest.sources[identities[node.id].id] ?? [:]
    for split in try connector.splits() where split.ordinal % configuration.parallelism == partition {
      splits.append(
        try SourceSplitState(split, saved: saved[split.id]) { position throws(MillraceError) in
          try connector.open(split, from: position)
        })
    }
    var lateRows: (any Sink)?
    if var table = scan.table.lateRowsTable {
      table.schema = scan.schema
      table.computed = Array(repeating: nil, count: scan.schema.count)
      let sink = try connectors.sink(
        SinkRequest(
          table: table, ordinal: writersBefore(node, into: table), partition: partition, parallelism: configuration.parallelism,
          environment: environment))
      try sink.open(restoring: promised(data, "late:" + identities[node.id].id, partition))
      lateRows = sink
    }
    var settings = SourceDriver.Settings()
    settings.pace = configuration.mode == .streaming ? connector.rowsPerSecond : nil
    settings.watermarks = try connectors.watermarkSettings(scan.table)
    let timeout = settings.watermarks.idleTimeoutMicros ?? configuration.sourceIdleTimeoutMicros
    settings.idleTimeoutMicros = timeout > 0 ? timeout : nil
    settings.intervalMicros = settings.watermarks.emission == .periodic ? configuration.watermarkIntervalMicros : nil
    settings.circle = circles[node.id]
    settings.rowsAheadMax = holdsRows[node.id] ? configuration.sourceRowsAheadMax : nil
    let late = partition == 0 ? data?.manifest.lateRows[identities[node.id].id] ?? 0 : 0
    return SourceDriver(
      stateID: identities[node.id].id, node: node.id, splits: splits, lateRowCount: late, lateRows: lateRows, settings: settings,
      hasEventTime: scan.table.watermark != nil, clocks: clocks, clock: environment.clock)
  }

  private func values(
    _ node: PhysicalPlan.Node, _ relation: ValuesRelation, _ partition: Int, _ data: StoredCheckpoint?, _ clocks: SourceClocks
  ) throws(MillraceError) -> SourceDriver {
    var splits: [SourceSplitState] = []
    if partition == 0 {
      let saved = data?.manifest.sources[identities[node.id].id]?["values"]
      splits = [
        try SourceSplitState(SourceSplit(id: "values", ordinal: 0), saved: saved) { position throws(MillraceError) in
          try ValuesReader(relation, from: position)
        }
      ]
    }
    return SourceDriver(
      stateID: identities[node.id].id, node: node.id, splits: splits, lateRowCount: 0, lateRows: nil, settings: SourceDriver.Settings(),
      hasEventTime: false, clocks: clocks, clock: environment.clock)
  }

  private func sink(
    _ node: PhysicalPlan.Node, _ table: TableDefinition, _ partition: Int, _ data: StoredCheckpoint?
  ) throws(MillraceError) -> any Sink {
    let sink = try connectors.sink(
      SinkRequest(
        table: table, ordinal: writersBefore(node, into: table), partition: partition, parallelism: configuration.parallelism,
        environment: environment))
    try sink.open(restoring: promised(data, identities[node.id].id, partition))
    return sink
  }

  /// How many nodes before this one write to the same place: it keeps their files apart.
  private func writersBefore(_ node: PhysicalPlan.Node, into table: TableDefinition) -> Int {
    plan.nodes.prefix { $0.id != node.id }.filter { earlier in
      switch earlier.kind {
      case .sink(let other): other.options["path"] == table.options["path"]
      case .source(let scan, _): scan.table.options["late-rows.path"].map { $0 == table.options["path"] } ?? false
      default: false
      }
    }.count
  }

  /// What a checkpoint promised for a sink: partition 0 answers for all, as the parallelism may have changed since. nil for a
  /// fresh start.
  private func promised(_ data: StoredCheckpoint?, _ id: String, _ partition: Int) -> [[UInt8]]? {
    guard let data else { return nil }
    guard partition == 0, let subtasks = data.manifest.sinks[id] else { return [] }
    return subtasks.keys.sorted().compactMap { subtasks[$0] }
  }
}
