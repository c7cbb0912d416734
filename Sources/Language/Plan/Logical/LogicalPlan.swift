import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// The one logical plan: SQL and the Swift API build it, rules rewrite it, the planner makes stages of it.
///
/// Expressions refer to the input's columns by position (left then right for joins). Each node's payload is a struct in a file
/// of its own.
public indirect enum LogicalPlan: Sendable, Hashable {
  case scan(Scan)
  case values(ValuesRelation)
  case project(Project)
  case filter(Filter)
  case aggregate(Aggregate)
  case window(WindowTable)
  case over(Over)
  case rank(Rank)
  case orderedOver(OrderedOver)
  case join(Join)
  case temporalJoin(TemporalJoin)
  case asOf(AsOfJoin)
  case predict(Predict)
  case unnest(Unnest)
  case union(Union)
  case sort(Sort)
  case function(UserFunction)

  public var schema: Schema {
    switch self {
    case .scan(let n): n.schema
    case .values(let n): n.schema
    case .project(let n): n.schema
    case .filter(let n): n.input.schema
    case .aggregate(let n): n.schema
    case .window(let n): n.schema
    case .over(let n): n.schema
    case .rank(let n): n.schema
    case .orderedOver(let n): n.schema
    case .join(let n): n.schema
    case .temporalJoin(let n): n.schema
    case .asOf(let n): n.schema
    case .predict(let n): n.schema
    case .unnest(let n): n.schema
    case .union(let n): n.schema
    case .sort(let n): n.input.schema
    case .function(let n): n.schema
    }
  }

  public var inputs: [LogicalPlan] {
    switch self {
    case .scan, .values: []
    case .project(let n): [n.input]
    case .filter(let n): [n.input]
    case .aggregate(let n): [n.input]
    case .window(let n): [n.input]
    case .over(let n): [n.input]
    case .rank(let n): [n.input]
    case .orderedOver(let n): [n.input]
    case .join(let n): [n.left, n.right]
    case .temporalJoin(let n): [n.join.left, n.join.right]
    case .asOf(let n): [n.input] + n.view.branches.map(\.input)
    case .predict(let n): [n.input]
    case .unnest(let n): [n.input]
    case .union(let n): n.inputs
    case .sort(let n): [n.input]
    case .function(let n): n.inputs
    }
  }

  /// The same node over other inputs (as many as `inputs` has).
  public func withInputs(_ inputs: [LogicalPlan]) -> LogicalPlan {
    switch self {
    case .scan, .values: return self
    case .project(var n):
      n.input = inputs[0]
      return .project(n)
    case .filter(var n):
      n.input = inputs[0]
      return .filter(n)
    case .aggregate(var n):
      n.input = inputs[0]
      return .aggregate(n)
    case .window(var n):
      n.input = inputs[0]
      return .window(n)
    case .over(var n):
      n.input = inputs[0]
      return .over(n)
    case .rank(var n):
      n.input = inputs[0]
      return .rank(n)
    case .orderedOver(var n):
      n.input = inputs[0]
      return .orderedOver(n)
    case .join(var n):
      n.left = inputs[0]
      n.right = inputs[1]
      return .join(n)
    case .temporalJoin(var n):
      n.join.left = inputs[0]
      n.join.right = inputs[1]
      return .temporalJoin(n)
    case .asOf(var n):
      n.input = inputs[0]
      for i in n.view.branches.indices { n.view.branches[i].input = inputs[i + 1] }
      return .asOf(n)
    case .predict(var n):
      n.input = inputs[0]
      return .predict(n)
    case .unnest(var n):
      n.input = inputs[0]
      return .unnest(n)
    case .union(var n):
      n.inputs = inputs
      return .union(n)
    case .sort(var n):
      n.input = inputs[0]
      return .sort(n)
    case .function(var n):
      n.inputs = inputs
      return .function(n)
    }
  }
}

/// What a job does: the sinks it feeds, in order. A bare query has one sink without a table.
public struct JobPlan: Sendable, Hashable {
  public struct Output: Sendable, Hashable {
    /// nil for a bare query, whose rows go to the caller.
    public var table: TableDefinition?
    /// Columns in the table's order and types.
    public var input: LogicalPlan
    public init(table: TableDefinition?, input: LogicalPlan) {
      self.table = table
      self.input = input
    }
  }
  public var outputs: [Output]
  public init(outputs: [Output]) { self.outputs = outputs }
}
