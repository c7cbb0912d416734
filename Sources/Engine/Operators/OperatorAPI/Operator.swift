import MillraceColumns
import MillraceTypes

/// One step of a stage: a synchronous state machine without I/O, owned by the one thread that drives its stage.
///
/// The call sequence it sees: `restore` (per owned key group once with a whole state, then once per increment that follows it in the
/// order they were made; before anything else), `finishRestore` if there was any, then any mix of `process` and `advance`, with
/// `snapshot` between any two calls. `advance(to: .end)` is the last call: input is over on every port.
/// It never reads a clock, a file or a socket, and nothing of its output may depend on how rows were cut into batches.
public protocol Operator: AnyObject {
  /// Takes rows of one input port. Rows arrive in any order but never below the last watermark of `advance`.
  func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError)

  /// Event time is complete below `watermark` on every port. Returns the watermark of the output.
  func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime

  /// Writes the state of every key group that has any or, where the snapshot allows it, what has changed since the last one.
  func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError)

  /// Loads the state of one key group that this instance owns, or an increment to it.
  func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError)

  /// All of a checkpoint has been loaded.
  func finishRestore() throws(MillraceError)

  /// Calls to the outside that the operator wants made. Asked for after every other call, and once after the last `restore`.
  func takeLookupCalls() -> [LookupCall]

  /// Takes the answer of a call. Returns the watermark of the output.
  func complete(_ answer: LookupAnswer, into output: inout OperatorOutput) throws(MillraceError) -> EventTime

  /// What it keeps at present. May cost a walk over all of its state: for looking at a running job, not for hot paths.
  var stateSize: StateSize { get }

  /// False while it should get no more rows because answers are outstanding.
  var hasRoom: Bool { get }
}

/// An operator that follows the clock: its output's watermark, or timers. It does not read it: the driver says what time it is, before
/// each step and every now and then in between.
public protocol ClockedOperator: Operator {
  /// - Parameter now: microseconds since 1970.
  /// - Returns: the watermark of the output, when it has moved.
  func tick(_ now: Int64, into output: inout OperatorOutput) throws(MillraceError) -> EventTime?
}

extension Operator {
  public func takeLookupCalls() -> [LookupCall] { [] }
  public func complete(_ answer: LookupAnswer, into output: inout OperatorOutput) throws(MillraceError) -> EventTime { .beginning }
  public var hasRoom: Bool { true }
  public var stateSize: StateSize { .none }
  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime { watermark }
  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {}
  public func finishRestore() throws(MillraceError) {}
  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    throw MillraceError(.checkpointInvalid, "the checkpoint holds state for an operator that keeps none")
  }
}

/// What an operator emits from one call, in order.
public struct OperatorOutput {
  public var batches: [Batch] = []
  public init() {}
  /// Empty batches are not passed on.
  public mutating func emit(_ batch: Batch) { if batch.rowCount > 0 { batches.append(batch) } }
}

/// What an operator instance is told when it is made.
public struct OperatorContext: Sendable {
  public var partition: Int
  public var parallelism: Int
  public var maxParallelism: Int
  /// Most rows that an emitted batch should have.
  public var batchRows: Int
  /// Somebody reads the order bytes of emitted rows.
  public var needsOrder = true
  /// Microseconds since 1970, for PROCTIME() alone: nothing else of an operator may depend on when it runs. nil refuses it.
  public var clock: (@Sendable () -> Int64)?

  /// The first key group of this instance: what holds for the whole instance goes with it, as it exists whether or not it has keys.
  public var firstKeyGroup: Int {
    KeyGroup.range(partition: partition, parallelism: parallelism, maxParallelism: maxParallelism).lowerBound
  }

  public init(
    partition: Int = 0, parallelism: Int = 1, maxParallelism: Int = KeyGroup.defaultMaxParallelism, batchRows: Int = 4096,
    clock: (@Sendable () -> Int64)? = nil
  ) {
    self.clock = clock
    self.partition = partition
    self.parallelism = parallelism
    self.maxParallelism = maxParallelism
    self.batchRows = batchRows
  }
}
