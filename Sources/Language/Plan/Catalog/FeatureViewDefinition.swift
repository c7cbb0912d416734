import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// `CREATE FEATURE VIEW`: windows per entity key over one or more event streams.
///
/// The value for a key as of row r of another stream is defined over the branch rows strictly before r in the total order
/// (event time, rank, order); a window of length w holds the rows x with t(r) - w <= t(x). A view has a value for every key:
/// where nothing is in a window, COUNTs are 0 and the rest are null, unless a DEFAULT says otherwise.
public struct FeatureViewDefinition: Sendable, Hashable {
  public var name: String
  /// The entity key: names and types.
  public var keys: [Field]
  public var branches: [Branch]
  /// The features in the order declared; expressions over the concatenated aggregate results of all branches
  /// (branch 0's aggregates first).
  public var features: [Feature]

  public struct Branch: Sendable, Hashable {
    public var input: LogicalPlan
    /// Key expressions over the input, as many and of the same types as the view's keys.
    public var keys: [Expression]
    /// Only rows for which it is true count; over the input.
    public var filter: Expression?
    public var aggregates: [WindowedAggregate]
    public init(input: LogicalPlan, keys: [Expression], filter: Expression? = nil, aggregates: [WindowedAggregate]) {
      self.input = input
      self.keys = keys
      self.filter = filter
      self.aggregates = aggregates
    }
  }

  public struct Feature: Sendable, Hashable {
    public var field: Field
    public var expression: Expression
    /// Replaces a null value.
    public var defaultValue: Expression?
    public init(field: Field, expression: Expression, defaultValue: Expression? = nil) {
      self.field = field
      self.expression = expression
      self.defaultValue = defaultValue
    }
  }

  public init(name: String, keys: [Field], branches: [Branch], features: [Feature]) {
    self.name = name
    self.keys = keys
    self.branches = branches
    self.features = features
  }

  /// Key columns, then features: what a query may name.
  public var schema: Schema { Schema(keys + features.map(\.field)) }
}

/// An aggregate over a sliding frame that ends at the asking row.
public struct WindowedAggregate: Sendable, Hashable {
  public var call: AggregateCall
  public var frame: Frame

  public enum Frame: Sendable, Hashable {
    /// Rows of the last so many microseconds: t(r) - micros <= t(x).
    case lastMicros(Int64)
    /// The last n rows.
    case lastRows(Int)
    /// All rows so far.
    case unbounded
  }

  public init(call: AggregateCall, frame: Frame) {
    self.call = call
    self.frame = frame
  }
}
