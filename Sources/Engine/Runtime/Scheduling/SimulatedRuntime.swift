import MillraceEnvironment
import MillracePlan
import MillraceTypes

/// Runs the same stages on the calling thread; a seed decides which stage goes next, how input is cut into batches, when
/// checkpoints are taken and where the process "crashes" and starts again from the last complete checkpoint.
public struct SimulatedRuntime {
  /// Where a life of the process ends too early.
  public enum CrashPoint: Sendable, Hashable, CustomStringConvertible {
    /// Before its n-th step, from 1.
    case step(Int)
    /// After its n-th checkpoint, from 1, is durable and so many partitions have committed it.
    case commit(checkpoint: Int, partitions: Int)

    public var description: String {
      switch self {
      case .step(let step): "before step \(step)"
      case .commit(let checkpoint, let partitions): "checkpoint \(checkpoint), committed by \(partitions) partitions"
      }
    }
  }

  /// What may go wrong in a run.
  public struct Faults: Sendable {
    /// Crashes anywhere before the run is allowed to end.
    public var crashes: Int
    /// Roughly one checkpoint per so many steps.
    public var stepsPerCheckpoint: Int
    /// Where the first lives crash, one each; a life that ends before its point does not crash. They come before `crashes`.
    public var points: [CrashPoint]
    public init(crashes: Int = 0, stepsPerCheckpoint: Int = 40, points: [CrashPoint] = []) {
      self.crashes = crashes
      self.stepsPerCheckpoint = stepsPerCheckpoint
      self.points = points
    }
  }

  /// Each life of the process uses the next one: they may differ in parallelism and batch size.
  private let builders: [JobBuilder]
  let seed: UInt64
  let faults: Faults
  /// Steps in which nothing can be done because all wait for the clock.
  private static let idleStepsMax = 100_000
  /// What the job sees of time: it begins at the same instant in every run and moves on by a millisecond with each step.
  private let clock = ManualClock(startMicros: 1_700_000_000_000_000)

  /// - Parameter builders: one per life, the last for all further lives; made for one plan, sharing collectors.
  public init(_ builders: [JobBuilder], seed: UInt64, faults: Faults = Faults()) {
    let clock = clock
    self.builders = builders.map { builder in
      var copy = builder
      copy.isSimulated = true
      copy.environment.clock = clock
      return copy
    }
    self.seed = seed
    self.faults = faults
  }

  /// Runs to the end of the input.
  ///
  /// - Parameter crashed: called when a life has ended too early, before the next begins: the disk may forget.
  public func run(crashed: () -> Void = {}) throws(MillraceError) -> JobResult {
    var random = SeededGenerator(seed: seed)
    var crashesLeft = faults.crashes
    var points = faults.points[...]
    // As a real run would do it: each life writes files, the next one reads what was durable.
    let disk = MemoryFileStore()
    var result = JobResult()
    var life = 0
    while true {
      let builder = builders[min(life, builders.count - 1)]
      let store = CheckpointStore(files: disk, directory: "checkpoints", retained: 1 + life % 2)
      life += 1
      let stored = try store.latest()
      result.restoredFrom = stored?.id
      let workers = try builder.workers(restoring: stored)
      if stored?.manifest.isEnd ?? false {
        for worker in workers { try worker.finish() }
        return result
      }
      for worker in workers { try worker.start() }
      var crash: Crash?
      if let point = points.popFirst() {
        crash = Crash(point: point, isAnywhere: false)
      } else if crashesLeft > 0 {
        crash = Crash(point: .step(Int(random.next() % 400) + 1), isAnywhere: true)
        crashesLeft -= 1
      }
      if try runOnce(builder, workers, &random, crash: crash, store, lastID: stored?.id ?? 0, result: &result) { return result }
      crashed()
      result.crashes += 1
      disk.crash()
    }
  }

  private struct Crash {
    var point: CrashPoint
    /// Any checkpoint may be the last as well.
    var isAnywhere: Bool
  }

  /// One life of the process. Returns false when it crashed.
  private func runOnce(
    _ builder: JobBuilder, _ workers: [Worker], _ random: inout SeededGenerator, crash: Crash?, _ store: CheckpointStore,
    lastID: Int64, result: inout JobResult
  ) throws(MillraceError) -> Bool {
    var checkpoints = 0
    var requested = lastID
    var pending: PendingCheckpoint?
    var steps = 0
    var idleSteps = 0
    while true {
      steps += 1
      clock.advance(micros: 1000)
      for worker in workers {
        try worker.tick(clock.nowMicros)
        try worker.followClocks()
      }
      if case .step(let step)? = crash?.point, steps >= step { return false }
      result.steps += 1
      let finished = workers.allSatisfy(\.isFinished)
      if pending == nil, finished || random.next() % UInt64(max(1, faults.stepsPerCheckpoint)) == 0 {
        requested += 1
        pending = PendingCheckpoint(
          id: requested, kind: finished ? .end : .regular, stages: builder.graph.stages.count, partitions: workers.count)
      }
      let kind = pending?.kind ?? .regular
      let choices = workers.enumerated().flatMap { index, worker in worker.runnable(requested: requested).map { (index, $0) } }
      // Who waits for the clock has something to do when it has moved on.
      if choices.isEmpty, idleSteps < Self.idleStepsMax, workers.contains(where: \.hasOpenSources) {
        idleSteps += 1
        continue
      }
      idleSteps = 0
      guard !choices.isEmpty else {
        throw MillraceError(.invalidInput, "the simulated job is stuck: no stage can run (seed \(seed), step \(steps))")
      }
      let (index, step) = choices[Int(random.next() % UInt64(choices.count))]
      let rows = 1 + Int(random.next() % UInt64(builder.configuration.batchRows))
      guard let part = try workers[index].perform(step, batchRows: rows, kind: { kind }) else { continue }
      pending?.add(part)
      guard let complete = pending, complete.isComplete else { continue }
      try store.save(complete.data, kind: complete.kind, identity: builder.identity)
      pending = nil
      result.checkpointsCompleted += 1
      checkpoints += 1
      // Of every life, so that one which only finds the end has it too.
      result.lateRows = builder.lateRows(complete.data.lateRows)
      // A crash between durability and commit: the next life must finish the commit.
      if crash?.isAnywhere ?? false, random.next() % 8 == 0 { return false }
      for (at, worker) in workers.enumerated() {
        if crash?.point == .commit(checkpoint: checkpoints, partitions: at) { return false }
        try worker.commit(complete.data.id)
      }
      if case .commit(checkpoints, let partitions)? = crash?.point, partitions >= workers.count { return false }
      if complete.kind == .end {
        for worker in workers { try worker.finish() }
        result.statistics = JobStatistics(
          workers.map(\.statistics), elapsedNanos: 0, measuresState: builder.configuration.measuresState)
        return true
      }
    }
  }
}
