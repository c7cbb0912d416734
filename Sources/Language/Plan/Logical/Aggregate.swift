import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// GROUP BY. Output: the group keys, then the aggregates.
///
/// When the keys include both `window_start` and `window_end` of a `WindowTable` below (see `windowKeys`), each window is
/// emitted once, when the watermark passes its end; otherwise the result is updating (weights).
public struct Aggregate: Sendable, Hashable {
  public var input: LogicalPlan
  public var keys: [Expression]
  public var keyNames: [String]
  public var aggregates: [AggregateCall]
  public var names: [String]

  public init(input: LogicalPlan, keys: [Expression], keyNames: [String], aggregates: [AggregateCall], names: [String]) {
    self.input = input
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

/// A window table function: TUMBLE, HOP. Output: the input's columns, then window_start, window_end and window_time.
///
/// window_start and window_end are TIMESTAMP of the time column's precision (TIMESTAMP_LTZ's windows are aligned in UTC and
/// shown as TIMESTAMP); window_time has the time column's type and is window_end minus one millisecond.
public struct WindowTable: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case tumble(sizeMicros: Int64, offsetMicros: Int64)
    case hop(slideMicros: Int64, sizeMicros: Int64, offsetMicros: Int64)
  }
  public var input: LogicalPlan
  public var kind: Kind
  /// Position of the event-time column in the input.
  public var timeColumn: Int

  public init(input: LogicalPlan, kind: Kind, timeColumn: Int) {
    self.input = input
    self.kind = kind
    self.timeColumn = timeColumn
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
