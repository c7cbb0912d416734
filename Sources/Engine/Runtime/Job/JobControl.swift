import MillraceTypes
import Synchronization

/// What the coordinator and the worker threads of a job tell each other.
final class JobControl: Sendable {
  struct State {
    /// Newest checkpoint asked for.
    var requested: Int64
    var requestedKind = CheckpointKind.regular
    /// Newest durable checkpoint: sinks may show what they prepared for it.
    var durable: Int64
    var isStopped = false
    var finishedPartitions: Set<Int> = []
    var committedPartitions: [Int: Int64] = [:]
    var snapshots: [StageSnapshot] = []
    var failure: MillraceError?
    /// What each partition has done, as of a moment ago.
    var statistics: [Int: PartitionStatistics] = [:]
  }

  let state: Mutex<State>
  /// Raised for every change a worker may wait for.
  let workerWakeUp = WakeUp()
  /// Raised for every change the coordinator may wait for.
  let coordinatorWakeUp = WakeUp()
  let rowsRead = Atomic<Int64>(0)

  init(lastCheckpoint: Int64) { state = Mutex(State(requested: lastCheckpoint, durable: lastCheckpoint)) }

  func fail(_ error: MillraceError) {
    state.withLock { if $0.failure == nil { $0.failure = error } }
    coordinatorWakeUp.raise()
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    workerWakeUp.raise()
  }
}
