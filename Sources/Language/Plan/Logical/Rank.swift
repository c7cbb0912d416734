import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Numbers the rows of each partition in an order and keeps the first of them: ROW_NUMBER, RANK and DENSE_RANK, top-N and
/// deduplication. Output: the input's columns, then the number unless nobody reads it.
///
/// Rows that the sort keys do not tell apart go by the total order (event time, order bytes) where the input only inserts, and
/// by the rest of their values where it retracts; a row of weight n stands n times.
public struct Rank: Sendable, Hashable {
  public enum Function: String, Sendable, Hashable {
    case rowNumber = "ROW_NUMBER"
    case rank = "RANK"
    case denseRank = "DENSE_RANK"
  }

  public var input: LogicalPlan
  public var function: Function
  public var partitionKeys: [Expression]
  public var sortKeys: [Sort.Key]
  /// Rows with a greater number are left out; nil for none.
  public var limit: Int?
  /// The output has the number as its last column.
  public var showsNumber: Bool
  public var name: String

  public init(
    input: LogicalPlan, function: Function, partitionKeys: [Expression], sortKeys: [Sort.Key], limit: Int? = nil, showsNumber: Bool = true,
    name: String
  ) {
    self.input = input
    self.function = function
    self.partitionKeys = partitionKeys
    self.sortKeys = sortKeys
    self.limit = limit
    self.showsNumber = showsNumber
    self.name = name
  }

  public var schema: Schema {
    showsNumber ? Schema(input.schema.fields + [Field(name, .int64, isNullable: false)]) : input.schema
  }

  /// Where the window stands among the partition keys, when rows are ranked within windows: they come out once, when the window is over,
  /// and their event time becomes window_time.
  public var window: Aggregate.Window? {
    input.isUpdating || !input.hasEventTime ? nil : Aggregate.window(partitionKeys, over: input)
  }

  /// Whether rows may be retracted.
  public var isUpdating: Bool { window == nil && !onlyInserts }

  /// No row changes its number once it has one: rows are numbered as they come in event time.
  public var onlyInserts: Bool {
    guard function == .rowNumber, !input.isUpdating, input.hasEventTime, sortKeys.count <= 1 else { return false }
    guard let key = sortKeys.first else { return true }
    guard key.isAscending, case .column(let column) = key.expression.kind else { return false }
    if case .exact? = input.timeAttribute(of: column) { return true }
    return false
  }
}
