import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// OVER aggregates that share a partitioning and an ordering. Output: the input's columns, then one per aggregate.
public struct Over: Sendable, Hashable {
  public struct Call: Sendable, Hashable {
    public var call: AggregateCall
    public var frame: Frame
    public init(call: AggregateCall, frame: Frame) {
      self.call = call
      self.frame = frame
    }
  }

  /// A frame that ends at the current row.
  public struct Frame: Sendable, Hashable {
    public enum Start: Sendable, Hashable {
      case unbounded
      /// RANGE: so many microseconds before the current row's time (inclusive). Peers of the current row are in the frame.
      case micros(Int64)
      /// ROWS: so many rows before the current one.
      case rows(Int)
    }
    public var start: Start
    /// RANGE (peers included) rather than ROWS.
    public var isRange: Bool
    /// EXCLUDE CURRENT ROW.
    public var excludesCurrentRow: Bool
    public init(start: Start, isRange: Bool, excludesCurrentRow: Bool = false) {
      self.start = start
      self.isRange = isRange
      self.excludesCurrentRow = excludesCurrentRow
    }
  }

  public var input: LogicalPlan
  public var partitionKeys: [Expression]
  /// Position of the event-time column that orders the rows.
  public var timeColumn: Int
  public var calls: [Call]
  public var names: [String]

  public init(input: LogicalPlan, partitionKeys: [Expression], timeColumn: Int, calls: [Call], names: [String]) {
    self.input = input
    self.partitionKeys = partitionKeys
    self.timeColumn = timeColumn
    self.calls = calls
    self.names = names
  }

  public var schema: Schema {
    Schema(input.schema.fields + zip(names, calls).map { Field($0, $1.call.type, isNullable: $1.call.isNullable) })
  }
}
