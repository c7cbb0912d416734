import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// GROUP BY. Output: the group keys, then the aggregates.
///
/// When the keys include both the start and the end of the window that each row of the input is in (see `LogicalPlan.window`),
/// each window is emitted once, when the watermark passes its end; otherwise the result is updating (weights).
public struct Aggregate: Sendable, Hashable {
  /// Where the window stands among the keys of a grouping that emits each window once.
  public struct Window: Sendable, Hashable {
    /// Positions among the keys.
    public var start: Int
    public var end: Int
    public var times: [Int]
    public var kind: WindowTable.Kind
    /// The input's `WindowAttribute.lagMicros`.
    public var lagMicros: Int64
  }

  public var input: LogicalPlan
  public var keys: [Expression]
  public var keyNames: [String]
  public var aggregates: [AggregateCall]
  public var names: [String]
  /// nil for an updating grouping. Decided when the node is made; rules keep it.
  public var window: Window?
  /// Groups are forgotten when they had no row for so long; 0 for never, nil where the job decides. Of updating groupings only.
  public var ttlMicros: Int64?

  public init(input: LogicalPlan, keys: [Expression], keyNames: [String], aggregates: [AggregateCall], names: [String]) {
    self.input = input
    window = Self.window(keys, over: input)
    self.keys = keys
    self.keyNames = keyNames
    self.aggregates = aggregates
    self.names = names
  }

  public var schema: Schema {
    Schema(
      zip(keyNames, keys).map { Field($0, $1.type, isNullable: $1.isNullable) }
        + zip(names, aggregates).map { Field($0, $1.type, isNullable: $1.isNullable) })
  }
}

/// A window table function: TUMBLE, HOP, CUMULATE, SESSION. Output: the input's columns, then window_start, window_end and
/// window_time.
///
/// A row of TUMBLE is in one window, of HOP and CUMULATE in several: it comes out once for each, keeping its event time. Rows of
/// SESSION come out when their session is over, and their event time becomes window_time.
///
/// window_start and window_end are TIMESTAMP of the time column's precision (TIMESTAMP_LTZ's windows are aligned in UTC and
/// shown as TIMESTAMP); window_time has the time column's type and is window_end minus one millisecond.
public struct WindowTable: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case tumble(sizeMicros: Int64, offsetMicros: Int64)
    case hop(slideMicros: Int64, sizeMicros: Int64, offsetMicros: Int64)
    /// Windows of a common start whose ends are a step apart, up to the size.
    case cumulate(stepMicros: Int64, sizeMicros: Int64, offsetMicros: Int64)
    /// Rows that are no further apart than the gap. A session ends a gap after its last row; one that ends just where another
    /// begins is joined with it.
    case session(gapMicros: Int64)

    public var isSession: Bool { if case .session = self { true } else { false } }
  }
  public var input: LogicalPlan
  public var kind: Kind
  /// Position of the event-time column in the input.
  public var timeColumn: Int
  /// Sessions are those of the rows with equal keys; over the input. Without meaning for other windows, and empty there.
  public var partitionKeys: [Expression]
  /// The time column is PROCTIME(): rows get the time at which they reach the window as event time and as the value of the column,
  /// and windows end by the clock.
  public var isProcessingTime: Bool

  public init(input: LogicalPlan, kind: Kind, timeColumn: Int, partitionKeys: [Expression] = [], isProcessingTime: Bool = false) {
    self.isProcessingTime = isProcessingTime
    self.input = input
    self.kind = kind
    self.timeColumn = timeColumn
    self.partitionKeys = partitionKeys
  }

  public var schema: Schema {
    let time = input.schema.fields[timeColumn].type
    let boundary = DataType.timestamp(precision: time.timePrecision ?? 3)
    return Schema(
      input.schema.fields + [
        Field("window_start", boundary, isNullable: false), Field("window_end", boundary, isNullable: false),
        Field("window_time", time, isNullable: false),
      ])
  }
}
