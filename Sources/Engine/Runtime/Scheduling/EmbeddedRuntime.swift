import MillraceEnvironment
import MillraceOperators
import MillracePlan
import MillraceTypes
import Synchronization

/// Runs a job in this process: one thread per partition, checkpoints by the calling thread.
public struct EmbeddedRuntime {
  /// Called about ten times a second with the rows read so far.
  public typealias Progress = (_ rowsRead: Int64) -> Void
  /// Called about ten times a second with what the job has done so far, and once at its end, however it ends.
  public typealias Observer = (JobStatistics) -> Void

  let builder: JobBuilder
  let store: CheckpointStore?
  let clock: any WallClock

  public init(_ builder: JobBuilder) {
    self.builder = builder
    clock = builder.environment.clock
    store = builder.configuration.checkpointDirectory.map {
      CheckpointStore(
        files: builder.environment.files, directory: $0, retained: builder.configuration.checkpointsRetained)
    }
  }

  /// Runs to the end of the input and returns when all output is in place. Blocks the calling thread.
  ///
  /// - Throws: the first failure of any part of the job; `.cancelled` when the flag was set. Nothing half-written stays behind
  ///   under its final name.
  public func run(
    cancellation: CancellationFlag = CancellationFlag(), progress: Progress? = nil, observer: Observer? = nil
  ) throws(MillraceError) -> JobResult {
    let begin = clock.monotonicNanos
    var restored = try builder.checkpointToRestore(store)
    let restoredFrom = restored?.id
    try continueNumbers(&restored)
    let workers = try builder.workers(restoring: restored)
    if let restored, restored.manifest.isEnd {
      // The sinks have shown what the end had promised; nothing is left to do.
      var result = JobResult()
      result.restoredFrom = restoredFrom
      result.lateRows = builder.lateRows(restored.manifest.lateRows)
      for worker in workers { try worker.finish() }
      return result
    }
    let control = JobControl(lastCheckpoint: restored?.id ?? 0)
    for worker in workers { for stage in worker.stages { stage.startLookups { control.workerWakeUp.raise() } } }
    let threads = workers.map { worker in
      let body = WorkerLoop(worker: worker, control: control, builder: builder, clock: clock)
      return WorkerThread { body.run() }
    }
    var result = JobResult()
    result.restoredFrom = restoredFrom
    let outcome: Result<Void, MillraceError>
    do throws(MillraceError) {
      try coordinate(control, partitions: workers.count, cancellation: cancellation, result: &result) { rows in
        progress?(rows)
        guard let observer else { return }
        let parts = control.state.withLock { $0.statistics }
        observer(statistics(parts.keys.sorted().compactMap { parts[$0] }, since: begin))
      }
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    control.stop()
    for thread in threads { thread.join() }
    for worker in workers { for stage in worker.stages { stage.stopLookups() } }
    result.statistics = statistics(workers.map(\.statistics), since: begin)
    observer?(result.statistics)
    if case .failure(let error) = outcome {
      for worker in workers { worker.abort() }
      throw error
    }
    // What has come since a savepoint belongs to the job that goes on from it.
    if result.savepoint == nil { for worker in workers { try worker.finish() } } else { for worker in workers { worker.abort() } }
    result.rowsRead = control.rowsRead.load(ordering: .relaxed)
    return result
  }

  private func statistics(_ parts: [PartitionStatistics], since begin: UInt64) -> JobStatistics {
    JobStatistics(
      parts, elapsedNanos: Int64(clamping: clock.monotonicNanos &- begin), measuresState: builder.configuration.measuresState)
  }

  /// Checkpoints of two runs must not mix in one folder: the highest number always is the one to go on from.
  private func continueNumbers(_ restored: inout StoredCheckpoint?) throws(MillraceError) {
    guard let store, let newest = try store.completeIDs().last else { return }
    guard let found = restored else {
      throw MillraceError(
        .checkpointInvalid, "the folder holds checkpoint \(newest) of an earlier run", subject: store.directory,
        hint: "go on from it with --restore, or start anew with another --checkpoint-dir (or remove this one)")
    }
    restored?.id = max(found.id, newest)
  }

  private func coordinate(
    _ control: JobControl, partitions: Int, cancellation: CancellationFlag, result: inout JobResult, progress: Progress
  ) throws(MillraceError) {
    let configuration = builder.configuration
    let interval = store == nil || configuration.mode == .batch ? nil : configuration.checkpointIntervalMillis
    var lastTrigger = clock.monotonicMicros
    var lastProgress = lastTrigger
    var pending: PendingCheckpoint?
    while true {
      let seen = control.coordinatorWakeUp.current
      let (failure, snapshots, finished, requested) = control.state.withLock { state in
        let parts = state.snapshots
        state.snapshots = []
        return (state.failure, parts, state.finishedPartitions.count == partitions, state.requested)
      }
      if let failure { throw failure }
      if configuration.stateMemoryLimit != nil {
        if let failure = StateMemory.failure { throw failure }
        result.spilledBytesMax = max(result.spilledBytesMax, StateMemory.use.inFiles)
      }
      let isStopping = cancellation.isCancelled
      if isStopping && configuration.savepointDirectory == nil {
        throw MillraceError(.cancelled, "the job was stopped before its input ended")
      }
      for part in snapshots { pending?.add(part) }
      if let complete = pending, complete.isComplete {
        if complete.kind == .whole { result.savepoint = try writeSavepoint(complete.data) }
        if let store {
          // Here, and not by the workers, what they froze is encoded: they go on meanwhile.
          let saved = try store.save(complete.data, kind: complete.kind, identity: builder.identity)
          result.stateBytesMax = max(result.stateBytesMax, saved.stateBytes)
          result.checkpointBytesWritten += saved.writtenBytes
          result.checkpointMicrosMax = max(result.checkpointMicrosMax, clock.monotonicMicros - lastTrigger)
          result.checkpointPauseMicros += complete.data.pauseMicros
        }
        control.state.withLock { $0.durable = complete.data.id }
        control.workerWakeUp.raise()
        try waitForCommits(control, id: complete.data.id, partitions: partitions)
        result.checkpointsCompleted += 1
        pending = nil
        if complete.kind != .regular {
          result.lateRows = builder.lateRows(complete.data.lateRows)
          progress(control.rowsRead.load(ordering: .relaxed))
          return
        }
      }
      let now = clock.monotonicMicros
      let isDue = interval.map { now - lastTrigger >= $0 * 1000 } ?? false
      if pending == nil, finished || isStopping || isDue {
        lastTrigger = now
        let id = requested + 1
        let kind: CheckpointKind = finished ? .end : isStopping ? .whole : .regular
        pending = PendingCheckpoint(id: id, kind: kind, stages: builder.graph.stages.count, partitions: partitions)
        control.state.withLock { ($0.requested, $0.requestedKind) = (id, kind) }
        control.workerWakeUp.raise()
      }
      if now - lastProgress > 100_000 {
        lastProgress = now
        progress(control.rowsRead.load(ordering: .relaxed))
      }
      control.coordinatorWakeUp.wait(after: seen, micros: 20_000)
    }
  }

  /// Returns the savepoint's own folder.
  private func writeSavepoint(_ data: CheckpointData) throws(MillraceError) -> String? {
    guard let directory = builder.configuration.savepointDirectory else { return nil }
    let files = builder.environment.files
    let name = FilePath.join(directory, CheckpointStore.folderName(data.id, prefix: "savepoint-"))
    var folder = name
    var others = 1
    while try files.info(folder) != nil {
      others += 1
      folder = "\(name)-\(others)"
    }
    try CheckpointStore.write(whole: data, identity: builder.identity, files, folder: folder)
    return folder
  }

  private func waitForCommits(_ control: JobControl, id: Int64, partitions: Int) throws(MillraceError) {
    while true {
      let seen = control.coordinatorWakeUp.current
      let (failure, done) = control.state.withLock { state in
        (state.failure, state.committedPartitions.values.filter { $0 >= id }.count == partitions)
      }
      if let failure { throw failure }
      if done { return }
      control.coordinatorWakeUp.wait(after: seen, micros: 100_000)
    }
  }
}

/// The loop of one worker thread.
private final class WorkerLoop: @unchecked Sendable {  // guard: `worker` is touched by the thread that runs `run` alone until it is joined
  private let worker: Worker
  private let control: JobControl
  private let builder: JobBuilder
  private let clock: any WallClock

  init(worker: Worker, control: JobControl, builder: JobBuilder, clock: any WallClock) {
    self.worker = worker
    self.control = control
    self.builder = builder
    self.clock = clock
  }

  func run() {
    do throws(MillraceError) {
      try loop()
    } catch {
      control.fail(error)
    }
    worker.meter.settle(now: true)
  }

  /// Says what was done so far, a few times a second; looks at the state more rarely when that takes long.
  private func publish(now: Int64, _ due: inout (statistics: Int64, state: Int64)) {
    guard now >= due.statistics else { return }
    due.statistics = now + 100_000
    if builder.configuration.measuresState, now >= due.state {
      worker.measureState()
      let end = clock.monotonicMicros
      due.state = end + max(250_000, (end - now) * 100)
    }
    worker.meter.settle(now: true)
    let statistics = worker.statistics
    control.state.withLock { $0.statistics[worker.partition] = statistics }
  }

  private func loop() throws(MillraceError) {
    try worker.start()
    control.workerWakeUp.raise()
    var committed: Int64 = 0
    var reportedFinish = false
    var reported: Int64 = 0
    let followsClock = worker.followsClock
    var due: (statistics: Int64, state: Int64) = (0, 0)
    let hasTimedSources = worker.hasTimedSources
    while true {
      let seen = control.workerWakeUp.current
      let (isStopped, requested, durable) = control.state.withLock { ($0.isStopped, $0.requested, $0.durable) }
      if isStopped { return }
      if durable > committed {
        try worker.commit(durable)
        committed = durable
        control.state.withLock { $0.committedPartitions[worker.partition] = durable }
        control.coordinatorWakeUp.raise()
      }
      if followsClock { try worker.tick(clock.nowMicros) }
      if hasTimedSources { try worker.followClocks() }
      let now = clock.monotonicMicros
      publish(now: now, &due)
      let (step, waitMicros) = worker.next(requested: requested, now: now)
      guard let step else {
        if worker.isFinished && !reportedFinish {
          reportedFinish = true
          control.state.withLock { _ = $0.finishedPartitions.insert(worker.partition) }
          control.coordinatorWakeUp.raise()
        }
        control.workerWakeUp.wait(after: seen, micros: min(waitMicros ?? 50_000, 50_000))
        continue
      }
      var pausedAt: Int64 = 0
      let part = try worker.perform(step, batchRows: builder.configuration.batchRows) {
        pausedAt = clock.monotonicMicros
        return control.state.withLock(\.requestedKind)
      }
      if var part {
        part.data.pauseMicros = clock.monotonicMicros - pausedAt
        control.state.withLock { $0.snapshots.append(part) }
        control.coordinatorWakeUp.raise()
      }
      let rows = worker.stages.reduce(Int64(0)) { $0 + $1.sourceRowsRead }
      if rows != reported {
        control.rowsRead.add(rows - reported, ordering: .relaxed)
        reported = rows
      }
      // With several partitions any step may have filled or emptied a queue that another worker waits for.
      if builder.configuration.parallelism > 1 { control.workerWakeUp.raise() }
    }
  }
}
