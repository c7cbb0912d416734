import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// OVER in any order and over inputs that retract rows. Output: the input's columns, then one per call.
///
/// Rows of a partition stand in the order of the sort keys. Rows that those do not tell apart go by the total order (event time,
/// order bytes) where the input only inserts, then by all their values; a row of weight n stands n times.
public struct OrderedOver: Sendable, Hashable {
  public enum Function: Sendable, Hashable {
    /// FIRST_VALUE and LAST_VALUE pass over nulls, as everywhere.
    case aggregate(AggregateFunction, isDistinct: Bool)
    /// The value of the frame's n-th row, from 1.
    case nthValue(Int64)
    /// The value so many rows before or after; the second argument, if there is one, where there is no such row.
    case lag(Int64)
    case lead(Int64)
    /// In which of n parts of the partition, as equal in size as can be, the row is, from 1.
    case ntile(Int64)
    /// (rank - 1) / (rows - 1); 0 for a single row.
    case percentRank
    /// The share of rows up to the row and its peers.
    case cumeDist
  }

  public enum Distance: Sendable, Hashable {
    /// Rows.
    case rows(Int64)
    /// RANGE: in units of the sort key's last digit; nanoseconds where the key is a time.
    case units(Int128)
    case float(Double)
  }

  public enum Bound: Sendable, Hashable {
    case unboundedPreceding
    case preceding(Distance)
    case currentRow
    case following(Distance)
    case unboundedFollowing
  }

  public enum Exclusion: String, Sendable, Hashable {
    case currentRow = "CURRENT ROW"
    case group = "GROUP"
    case ties = "TIES"
  }

  public struct Frame: Sendable, Hashable {
    /// RANGE, by the value of the one sort key and with peers, rather than ROWS.
    public var isRange: Bool
    public var start: Bound
    public var end: Bound
    public var exclusion: Exclusion?
    public init(isRange: Bool, start: Bound, end: Bound, exclusion: Exclusion? = nil) {
      self.isRange = isRange
      self.start = start
      self.end = end
      self.exclusion = exclusion
    }
    /// What holds without a frame and without ORDER BY.
    public static let all = Frame(isRange: true, start: .unboundedPreceding, end: .unboundedFollowing)
    /// What holds without a frame after ORDER BY.
    public static let soFar = Frame(isRange: true, start: .unboundedPreceding, end: .currentRow)
  }

  public struct Call: Sendable, Hashable {
    public var function: Function
    public var arguments: [Expression]
    public var filter: Expression?
    /// Of no meaning to LAG, LEAD, NTILE, PERCENT_RANK and CUME_DIST.
    public var frame: Frame
    public var type: DataType
    public var isNullable: Bool
    /// For `AggregateFunction.user`.
    public var user: UserAggregateReference?
    public init(
      function: Function, arguments: [Expression] = [], filter: Expression? = nil, frame: Frame, type: DataType, isNullable: Bool
    ) {
      self.function = function
      self.arguments = arguments
      self.filter = filter
      self.frame = frame
      self.type = type
      self.isNullable = isNullable
    }

    /// The aggregate, where it is one.
    public var aggregate: AggregateCall? {
      guard case .aggregate(let function, let isDistinct) = function else { return nil }
      var call = AggregateCall(function, arguments, filter: filter, isDistinct: isDistinct, type: type, isNullable: isNullable)
      call.user = user
      return call
    }

    /// No row after the current one and its peers counts.
    var looksBack: Bool {
      switch function {
      case .lag: return true
      case .lead, .ntile, .percentRank, .cumeDist: return false
      case .aggregate, .nthValue:
        switch frame.end {
        case .currentRow, .preceding: return true
        case .unboundedPreceding, .following, .unboundedFollowing: return false
        }
      }
    }
  }

  public var input: LogicalPlan
  public var partitionKeys: [Expression]
  public var sortKeys: [Sort.Key]
  public var calls: [Call]
  public var names: [String]

  public init(input: LogicalPlan, partitionKeys: [Expression], sortKeys: [Sort.Key], calls: [Call], names: [String]) {
    self.input = input
    self.partitionKeys = partitionKeys
    self.sortKeys = sortKeys
    self.calls = calls
    self.names = names
  }

  public var schema: Schema {
    Schema(input.schema.fields + zip(names, calls).map { Field($0, $1.type, isNullable: $1.isNullable) })
  }

  /// No result ever changes: rows come in the order they stand in, and calls look back only.
  public var onlyInserts: Bool {
    guard !input.isUpdating, input.hasEventTime, let key = sortKeys.first, key.isAscending, case .column(let column) = key.expression.kind,
      case .exact? = input.timeAttribute(of: column)
    else { return false }
    return calls.allSatisfy(\.looksBack)
  }
}
