import MillraceTypes
import Synchronization

/// How a job is run. The result does not depend on any of it.
public struct JobConfiguration: Sendable {
  public enum Mode: String, Sendable {
    /// Bounded input, no periodic checkpoints, no pacing.
    case batch
    case streaming
  }

  public enum Restore: Sendable, Equatable {
    case none
    /// The newest complete checkpoint of the checkpoint folder, or a fresh start when there is none.
    case latest
    /// A checkpoint's own folder.
    case path(String)
  }

  public var parallelism = 1
  public var maxParallelism = KeyGroup.defaultMaxParallelism
  public var batchRows = 4096
  public var mode = Mode.batch
  public var checkpointDirectory: String?
  public var checkpointIntervalMillis: Int64 = 10_000
  public var restore = Restore.none
  /// State of a checkpoint that no operator of the job asks for is left out; otherwise it is an error.
  public var allowsNonRestoredState = false
  /// A folder: when the job is told to stop it puts a savepoint there first, and all output so far in place.
  public var savepointDirectory: String?
  /// Complete checkpoints that are kept; older ones are deleted.
  public var checkpointsRetained = 3
  /// A split without rows for so long holds nobody up, unless its table says otherwise; 0 for never.
  public var sourceIdleTimeoutMicros: Int64 = 0
  /// Rows, groups and partitions of joins, groupings and rankings are forgotten when they had no update for so long; 0 for never.
  public var stateTTLMicros: Int64 = 0
  /// Of tables that pass their watermark on periodically.
  public var watermarkIntervalMicros: Int64 = 200_000
  /// Rows that one partition of a source may read ahead of the slowest split that they may have to wait for.
  public var sourceRowsAheadMax = 262_144
  /// Updating results give every change, also in batch mode: for changelogs.
  public var showsChanges = false
  /// Looks at the state of operators now and then while the job runs, so that its statistics say how much there is.
  public var measuresState = false

  /// State over this many bytes lies in files in `spillDirectory`; nil for no limit.
  public var stateMemoryLimit: Int?
  public var spillDirectory: String?

  public init() {}
}

/// What a finished job reports.
public struct JobResult: Sendable {
  /// Rows read from sources, by source id.
  public var rowsRead: Int64 = 0
  /// Late rows that were left out, by source id.
  public var lateRows: [String: Int64] = [:]
  public var checkpointsCompleted = 0
  /// Of the checkpoints that were written to a folder: the greatest state, and the longest time from asking for one to its being
  /// durable.
  public var stateBytesMax: Int64 = 0
  public var checkpointMicrosMax: Int64 = 0
  /// Of all of them: bytes of state written, and for how long stages stood still (per checkpoint the one that did longest).
  public var checkpointBytesWritten: Int64 = 0
  public var checkpointPauseMicros: Int64 = 0
  public var restoredFrom: Int64?
  /// Most bytes of state that lay in files because of `JobConfiguration.stateMemoryLimit`.
  public var spilledBytesMax = 0
  /// The savepoint that the job was stopped with.
  public var savepoint: String?
  /// What each operator did.
  public var statistics = JobStatistics()
  /// Of a simulated run: steps taken and crashes survived.
  public var steps = 0
  public var crashes = 0
  public init() {}
}

/// Tells a running job to stop: set from a signal handler's thread or another task.
public final class CancellationFlag: Sendable {
  private let state = Atomic<Bool>(false)
  private let parent: CancellationFlag?

  /// - Parameter parent: when it is set this one counts as set too.
  public init(parent: CancellationFlag? = nil) { self.parent = parent }
  public func cancel() { state.store(true, ordering: .relaxed) }
  public var isCancelled: Bool { state.load(ordering: .relaxed) || parent?.isCancelled ?? false }
}
