import MillraceColumns
import MillraceTypes

/// All stage instances of one partition. One thread drives it; the simulator drives several from one thread.
final class Worker {
  struct Step {
    var stage: Int
    var action: StageInstance.Action
  }

  let partition: Int
  /// Downstream first, so that work in flight is finished before new rows are read.
  let stages: [StageInstance]
  let meter: CPUMeter
  private var lastCommitted: Int64

  init(partition: Int, stages: [StageInstance], meter: CPUMeter, lastCommitted: Int64) {
    self.meter = meter
    self.partition = partition
    self.stages = stages
    self.lastCommitted = lastCommitted
  }

  var isFinished: Bool { stages.allSatisfy(\.isFinished) }

  /// Everything that could be done now.
  func runnable(requested: Int64) -> [Step] {
    stages.indices.flatMap { index in stages[index].runnable(requested: requested).map { Step(stage: index, action: $0) } }
  }

  /// Whether some source has not come to its end.
  var hasOpenSources: Bool { stages.contains { $0.sources.contains { !$0.isEnded } } }

  /// Whether `tick` has to be called.
  var followsClock: Bool { stages.contains(where: \.followsClock) }

  /// Says what time it is to operators that follow the clock: before each step and every now and then in between.
  func tick(_ now: Int64) throws(MillraceError) { for stage in stages { try stage.tick(now) } }

  /// What the embedded runtime does next: barriers, then what is in flight (downstream first, least advanced channel first), then
  /// the source split that is furthest behind in event time. Also says when a paced source may be read again.
  func next(requested: Int64, now: Int64) -> (step: Step?, waitMicros: Int64?) {
    var waitMicros: Int64?
    var read: (step: Step, watermark: EventTime)?
    for (index, stage) in stages.enumerated() {
      let actions = stage.runnable(requested: requested)
      var input: (step: Step, watermark: EventTime)?
      for action in actions {
        switch action {
        case .injectBarrier, .answer: return (Step(stage: index, action: action), nil)
        case .input(let channel):
          let watermark = stage.inputs[channel].watermark
          if input.map({ watermark < $0.watermark }) ?? true { input = (Step(stage: index, action: action), watermark) }
        case .read(let source, let split):
          let delay = stage.sources[source].delayMicros(split, now: now)
          if delay > 0 {
            waitMicros = min(waitMicros ?? delay, delay)
            continue
          }
          let watermark = stage.sources[source].splits[split].watermark
          if read.map({ watermark < $0.watermark }) ?? true { read = (Step(stage: index, action: action), watermark) }
        }
      }
      if let input { return (input.step, nil) }
    }
    return (read?.step, waitMicros)
  }

  /// Whether `followClocks` has to be called.
  var hasTimedSources: Bool { stages.contains(where: \.hasTimedSources) }

  /// Lets the watermarks of sources move that move with the clock: before each step and every now and then in between.
  func followClocks() throws(MillraceError) { for stage in stages { try stage.followClocks() } }

  /// Performs a step. Returns this partition's part of a checkpoint when a stage completed its barrier.
  ///
  /// - Parameter kind: of the checkpoint that is under way; asked for when the barrier is complete.
  func perform(_ step: Step, batchRows: Int, kind: () -> CheckpointKind) throws(MillraceError) -> StageSnapshot? {
    let stage = stages[step.stage]
    defer { meter.settle() }
    guard let id = try stage.perform(step.action, batchRows: batchRows) else { return nil }
    var data = CheckpointData(id: id)
    try stage.snapshot(id, kind: kind(), into: &data)
    return StageSnapshot(stage: stage.stage, partition: partition, data: data)
  }

  func commit(_ id: Int64) throws(MillraceError) {
    guard id > lastCommitted else { return }
    for stage in stages { try stage.commit(id) }
    lastCommitted = id
  }

  /// The job succeeded and its last checkpoint is committed.
  func finish() throws(MillraceError) { for stage in stages { try stage.finish() } }

  func abort() { for stage in stages { stage.abort() } }

  // MARK: statistics

  /// What this partition has done so far.
  var statistics: PartitionStatistics {
    var result = PartitionStatistics()
    for stage in stages { stage.addStatistics(to: &result) }
    result.cpuNanos = meter.threadNanos
    return result
  }

  func measureState() { for stage in stages { stage.measureState() } }

  /// Lets sources without splits announce the end of their input.
  func start() throws(MillraceError) {
    meter.start()
    for stage in stages {
      for source in stage.sources where source.isEnded { try stage.advanceSource(source) }
      stage.resumeLookups()
      try stage.closeUnusedPorts()
    }
  }
}

/// One stage instance's part of a checkpoint.
struct StageSnapshot: Sendable {
  var stage: Int
  var partition: Int
  var data: CheckpointData
}
