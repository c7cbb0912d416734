import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// The job as a graph of operators, each node once however many consumers it has. Nodes stand in topological order.
///
/// Node `i` has id `i`; `operatorID` stays the same when unrelated parts of the job change and names state in checkpoints.
public struct PhysicalPlan: Sendable, Hashable {
  public struct Node: Sendable, Hashable {
    public var id: Int
    public var operatorID: String
    public var kind: Kind
    public var inputs: [Input]
    public var schema: Schema
    /// Its result goes out as changes from instant to instant even where only final rows are asked for of the job: somebody
    /// downstream needs every version.
    public var showsChanges: Bool
    public init(id: Int, operatorID: String, kind: Kind, inputs: [Input], schema: Schema, showsChanges: Bool = false) {
      self.showsChanges = showsChanges
      self.id = id
      self.operatorID = operatorID
      self.kind = kind
      self.inputs = inputs
      self.schema = schema
    }
  }

  /// Input port `p` of a node is `inputs[p]`.
  public struct Input: Sendable, Hashable {
    public var node: Int
    public var exchange: Exchange
    public init(node: Int, exchange: Exchange) {
      self.node = node
      self.exchange = exchange
    }
  }

  public enum Exchange: Sendable, Hashable {
    /// Same partition: the two operators are one stage.
    case forward
    /// To the partition that owns the key group of these expressions over the sender's columns.
    case hash([Expression])
    /// Everything to partition 0.
    case single
  }

  public enum Kind: Sendable, Hashable {
    case source(Scan, rank: [UInt8])
    case values(ValuesRelation)
    /// Predicate (optional), then expressions.
    case filterProject(predicate: Expression?, expressions: [Expression]?)
    case unnest(Unnest)
    case union
    /// Pane-based window aggregate; `keys` are the non-window keys over the input, `outputs` says where each output column
    /// comes from.
    case windowAggregate(WindowAggregateSpec)
    /// As a window aggregate, over sessions of the rows with equal keys.
    case sessionAggregate(WindowAggregateSpec)
    /// Grouping of rows that say themselves which window they are in.
    case attachedAggregate(AttachedAggregateSpec)
    case groupAggregate(Aggregate)
    case windowAssign(WindowTable)
    /// Rows get the time at which they come as event time and as the value of a column, and the clock as watermark.
    case processingTime(column: Int)
    /// SESSION as a table function: rows come out when their session is over.
    case sessionAssign(WindowTable)
    case over(Over)
    case rank(Rank)
    /// A ranking within windows.
    case windowRank(Rank)
    case orderedOver(OrderedOver)
    case hashJoin(Join)
    case intervalJoin(Join)
    case windowJoin(Join)
    /// Port 0 is the left input, port 1 the versions.
    case temporalJoin(TemporalJoin)
    /// The only port is the left input; `join.right` is what is looked up.
    case lookupJoin(TemporalJoin)
    case asOf(AsOfJoin, outcomeRank: [UInt8])
    case predict(Predict)
    case sort(Sort)
    case function(UserFunction)
    case sink(TableDefinition)
    /// Rows of a bare query, given to the caller.
    case collect
  }

  public var nodes: [Node]
  public init(nodes: [Node]) { self.nodes = nodes }
}

/// A window aggregate over the rows of a window table's input.
public struct WindowAggregateSpec: Sendable, Hashable {
  public enum Output: Sendable, Hashable {
    case key(Int)
    case windowStart
    case windowEnd
    case windowTime
    case aggregate(Int)
  }
  public var kind: WindowTable.Kind
  /// Over the operator's input.
  public var keys: [Expression]
  /// Position of the time column in the input.
  public var timeColumn: Int
  public var aggregates: [AggregateCall]
  public var outputs: [Output]
  public var schema: Schema
  /// Two bytes that begin the order key of emitted rows.
  public var rank: [UInt8]
  /// No row's event time is further than this above its time column: windows wait that much longer.
  public var lagMicros: Int64
  public init(
    kind: WindowTable.Kind, keys: [Expression], timeColumn: Int, aggregates: [AggregateCall], outputs: [Output], schema: Schema,
    rank: [UInt8], lagMicros: Int64 = 0
  ) {
    self.lagMicros = lagMicros
    self.kind = kind
    self.keys = keys
    self.timeColumn = timeColumn
    self.aggregates = aggregates
    self.outputs = outputs
    self.schema = schema
    self.rank = rank
  }
}

/// A grouping by the window that each row is in, as its columns say, and further keys.
public struct AttachedAggregateSpec: Sendable, Hashable {
  public var kind: WindowTable.Kind
  /// Over the operator's input: the further keys, then the window's start and its end.
  public var keys: [Expression]
  public var aggregates: [AggregateCall]
  /// `.key` is one of the further keys.
  public var outputs: [WindowAggregateSpec.Output]
  public var schema: Schema
  /// Two bytes that begin the order key of emitted rows.
  public var rank: [UInt8]
  /// See `WindowAttribute.lagMicros`.
  public var lagMicros: Int64
  public init(
    kind: WindowTable.Kind, keys: [Expression], aggregates: [AggregateCall], outputs: [WindowAggregateSpec.Output], schema: Schema,
    rank: [UInt8], lagMicros: Int64
  ) {
    self.kind = kind
    self.keys = keys
    self.aggregates = aggregates
    self.outputs = outputs
    self.schema = schema
    self.rank = rank
    self.lagMicros = lagMicros
  }
}
