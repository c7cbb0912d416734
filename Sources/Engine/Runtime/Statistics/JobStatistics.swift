import MillraceOperators
import MillraceTypes

/// What one operator of a job has done so far, over all partitions.
public struct OperatorStatistics: Sendable, Hashable {
  /// Its node in the physical plan.
  public var node: Int
  public var operatorID: String
  /// Rows that came to it; of a source, rows read without the late ones. A row of weight n counts once.
  public var rowsIn: Int64 = 0
  /// Rows it gave; an exchange or several readers do not multiply them. 0 for sinks.
  public var rowsOut: Int64 = 0
  /// Rows that a source has left out because they were late.
  public var lateRows: Int64 = 0
  /// CPU time of the threads that run the job, in nanoseconds. The splitting of rows by key is the sender's; look-ups that threads of
  /// their own make and threads of a model's runtime are not counted.
  public var cpuNanos: Int64 = 0
  /// As last looked at; nothing unless `JobConfiguration.measuresState` is set.
  public var state = StateSize.none
  /// The greatest keys and bytes seen, each partition's by itself and added up. State is looked at a few times a second and before the
  /// end of the input, when most of it goes away.
  public var stateMax = StateSize.none
  /// Its input is complete below this in every partition.
  public var watermark = EventTime.end

  init(node: Int, operatorID: String) {
    self.node = node
    self.operatorID = operatorID
  }

  mutating func add(_ other: OperatorStatistics) {
    rowsIn += other.rowsIn
    rowsOut += other.rowsOut
    lateRows += other.lateRows
    cpuNanos += other.cpuNanos
    state = state + other.state
    stateMax = stateMax + other.stateMax
    watermark = min(watermark, other.watermark)
  }
}

/// What a job has done so far.
public struct JobStatistics: Sendable, Hashable {
  /// In the order of the plan's nodes.
  public var operators: [OperatorStatistics] = []
  /// Time since the job began, and CPU time of the threads that run its partitions.
  public var elapsedNanos: Int64 = 0
  public var cpuNanos: Int64 = 0
  /// Whether state was looked at.
  public var measuresState = false

  public init() {}

  /// Rows that sources have read, late ones left out.
  public var rowsRead: Int64 = 0
  /// What sources still may give lies at or above this in event time; `.end` when all are done or there are none.
  public var watermark = EventTime.end

  init(_ partitions: [PartitionStatistics], elapsedNanos: Int64, measuresState: Bool) {
    self.elapsedNanos = elapsedNanos
    self.measuresState = measuresState
    var byNode: [Int: OperatorStatistics] = [:]
    for partition in partitions {
      cpuNanos += partition.cpuNanos
      rowsRead += partition.rowsRead
      watermark = min(watermark, partition.watermark)
      for part in partition.operators {
        byNode[part.node, default: OperatorStatistics(node: part.node, operatorID: part.operatorID)].add(part)
      }
    }
    operators = byNode.keys.sorted().compactMap { byNode[$0] }
  }
}

/// One partition's share of it.
struct PartitionStatistics: Sendable {
  var operators: [OperatorStatistics] = []
  var cpuNanos: Int64 = 0
  var rowsRead: Int64 = 0
  var watermark = EventTime.end
}
