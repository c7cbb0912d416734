import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes

/// A table that can be read: its splits, and a reader for each.
///
/// Made once per scan and shared by all partitions of the job; a reader belongs to the thread that opened it.
public protocol SourceConnector: Sendable {
  /// False when the input never ends by itself.
  var isBounded: Bool { get }

  /// Rows per second and split that the runtime should not exceed (option `source.rows-per-second`); nil for no limit.
  var rowsPerSecond: Double? { get }

  /// What can be read independently, in order of `ordinal`. The same input gives the same list. May block.
  func splits() throws(MillraceError) -> [SourceSplit]

  /// Opens a split at its beginning, or exactly where `position` was taken. May block.
  func open(_ split: SourceSplit, from position: [UInt8]?) throws(MillraceError) -> any SourceReader
}

/// A part of a source that is read in one order by one reader: a file, a partition of a topic.
public struct SourceSplit: Sendable, Hashable {
  /// Stays the same between runs: names the split in checkpoints.
  public var id: String
  /// Place among the source's splits, from 0: a part of the tie-break of the total order.
  public var ordinal: Int

  public init(id: String, ordinal: Int) {
    self.id = id
    self.ordinal = ordinal
  }
}

/// Reads one split in the order of its positions. Not thread safe; every call may block on the file system.
///
/// A batch carries, when the table declares a watermark, `eventTimes`, and `late` if any of its rows is late; `order`,
/// `positions` and `arrivalTimes` when asked for. A row is late if its event time is below the split's clock as of the row before it; the clock is the
/// greatest event time minus delay of all rows so far. Both depend on positions alone, never on how the split was cut into batches.
public protocol SourceReader: AnyObject {
  /// Reads on. An error is final: the reader must not be used after it.
  func next(maxRows: Int) throws(MillraceError) -> SourceEvent

  /// Where the next call will read, to be stored in a checkpoint. Bytes private to the connector.
  var position: [UInt8] { get }

  /// Rows left out because they could not be read and the table says to ignore that.
  var skippedRowCount: Int { get }
}

extension SourceReader {
  public var skippedRowCount: Int { 0 }
}

/// What a call to `SourceReader.next` brought.
public enum SourceEvent: Sendable {
  /// One or more rows, at most as many as asked, and the split's clock after them (`EventTime.beginning` without a watermark).
  case batch(Batch, watermark: EventTime)
  /// Nothing at present; ask again later.
  case idle
  /// The split is over: its watermark is `EventTime.end`.
  case end
}

/// What a source is made from.
public struct SourceRequest: Sendable {
  public var table: TableDefinition
  /// Positions of the table's columns to produce, in order.
  public var columns: [Int]
  /// Two bytes that begin the order key of every row (declared rank, then the table's ordinal).
  public var rank: [UInt8]
  /// Fill `Batch.order`.
  public var needsOrder: Bool
  /// Fill `Batch.positions`.
  public var needsPositions: Bool
  /// Fill `Batch.arrivalTimes` from the environment's clock, read once per batch.
  public var needsArrivalTimes: Bool
  public var environment: Environment

  public init(
    table: TableDefinition, columns: [Int]? = nil, rank: [UInt8] = [128, 0], needsOrder: Bool = true, needsPositions: Bool = true,
    needsArrivalTimes: Bool = true, environment: Environment
  ) {
    self.table = table
    self.columns = columns ?? Array(table.schema.fields.indices)
    self.rank = rank
    self.needsOrder = needsOrder
    self.needsPositions = needsPositions
    self.needsArrivalTimes = needsArrivalTimes
    self.environment = environment
  }

  public init(_ scan: Scan, rank: [UInt8], needsArrivalTimes: Bool = true, environment: Environment) {
    self.init(
      table: scan.table, columns: scan.columns, rank: rank, needsArrivalTimes: needsArrivalTimes, environment: environment)
  }

  /// The schema of the batches.
  public var schema: Schema { Schema(columns.map { table.schema.fields[$0] }) }
}
