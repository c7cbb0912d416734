import MillraceTypes

/// A run of rows in columns, with what the engine carries along beside the visible columns.
///
/// Every hidden column has `rowCount` rows when present.
public struct Batch: Sendable {
  public var schema: Schema
  public var columns: [Column]
  public var rowCount: Int

  /// BIGINT: +1 an insertion, -1 a retraction; nil when every weight is +1.
  public var weights: Column?
  /// BIGINT microseconds (see `EventTime`); nil when the input has no event time.
  public var eventTimes: Column?
  /// BYTES, compared bytewise: the tie-break of the total order behind event time. Two bytes of rank, then the table's
  /// `order.by` columns or the row's position, in the memory-comparable encoding of `KeyEncoder`.
  public var order: Column?
  /// BIGINT microseconds, of the environment's clock, at which the row reached Millrace; null for a row that has no such instant, nil
  /// when no row has one or nobody behind the source could use it.
  ///
  /// A source reads the clock once per batch, so it is the instant the row was read; a row that is read again after a restore has
  /// a new one, a row that a checkpoint held keeps its own. A joined row carries the later of both, an unmatched one its
  /// own, an asking row its own. Rows of aggregates and changes of a join that updates stand for many and have none, and neither have
  /// literal rows. No result, order, tie-break or fingerprint may depend on it.
  public var arrivalTimes: Column?
  /// BIGINT position in its source (line of a file, entry of a partition).
  public var positions: Column?
  /// Set for rows that were late at their position.
  public var late: Bitmap?

  public init(schema: Schema, columns: [Column], rowCount: Int) {
    self.schema = schema
    self.columns = columns
    self.rowCount = rowCount
  }

  /// The same rows (and hidden columns) under other visible columns.
  public func replacing(schema: Schema, columns: [Column]) -> Batch {
    var copy = self
    copy.schema = schema
    copy.columns = columns
    return copy
  }

  /// Visible values of one row: for tests and the edges.
  public func row(_ index: Int) -> [Value] { columns.map { $0[index] } }
}
