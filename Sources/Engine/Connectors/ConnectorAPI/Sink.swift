import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes

/// Where one partition's rows of an INSERT end. Owned by one thread; every call may block.
///
/// Two-phase commit. The calls it sees: `open` once, then any mix of `write` and `prepareCheckpoint`, with `commit` of prepared
/// checkpoints in between, then `finish` or `abort`, after which nothing more is called.
/// - What was written before `prepareCheckpoint(n)` is durable but not visible when that call returns.
/// - `commit(n)` makes visible all that was prepared for checkpoints up to n. It may be called again after a crash in the middle.
/// - After `abort`, or a process that dies, nothing uncommitted is visible.
/// A sink without transactions (print) writes at once and says so in its documentation.
public protocol Sink: AnyObject {
  /// Begins. `pending` is nil in a fresh start; after a restore it is what `prepareCheckpoint` returned for that checkpoint, once
  /// for each earlier partition that this one takes over: that is committed, and other leftovers of this partition are removed.
  func open(restoring pending: [[UInt8]]?) throws(MillraceError)

  /// Takes rows whose visible columns are the table's physical columns in their order.
  func write(_ batch: Batch) throws(MillraceError)

  /// Makes everything written so far durable; returns what `commit` or a later `open` needs to know, to be stored in the checkpoint.
  func prepareCheckpoint(_ id: Int64) throws(MillraceError) -> [UInt8]

  func commit(_ id: Int64) throws(MillraceError)

  /// Input is over and the job succeeded: makes everything visible, prepared or not.
  func finish() throws(MillraceError)

  /// The job failed or was cancelled: removes what is not committed as well as it can, without throwing.
  func abort()
}

extension Sink {
  public func open(restoring pending: [[UInt8]]?) throws(MillraceError) {}
  public func prepareCheckpoint(_ id: Int64) throws(MillraceError) -> [UInt8] { [] }
  public func commit(_ id: Int64) throws(MillraceError) {}
  public func finish() throws(MillraceError) {}
  public func abort() {}
}

/// What a sink is made from.
public struct SinkRequest: Sendable {
  public var table: TableDefinition
  /// Which of the job's sinks into this table it is, from 0: two sinks of one job never share a file.
  public var ordinal: Int
  public var partition: Int
  public var parallelism: Int
  public var environment: Environment

  public init(table: TableDefinition, ordinal: Int = 0, partition: Int = 0, parallelism: Int = 1, environment: Environment) {
    self.table = table
    self.ordinal = ordinal
    self.partition = partition
    self.parallelism = parallelism
    self.environment = environment
  }
}

extension TableDefinition {
  /// Fields that are stored: all but the computed columns.
  public var physicalSchema: Schema {
    Schema(schema.fields.indices.filter { computed[$0] == nil }.map { schema.fields[$0] })
  }
}
