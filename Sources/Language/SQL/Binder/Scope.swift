import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// A column that names may refer to; its position is its place in the relation's plan.
struct ScopeColumn {
  /// The table's name or alias; nil for what has none.
  var qualifier: String?
  var field: Field
  /// A copy of a USING column: reachable by its qualifier only.
  var isShadowed = false
  /// Its definition had errors, so that uses of it are not reported as well.
  var isBroken = false
  /// The columns that USING makes of two come first in `*`, those of the last join foremost.
  var usingRank: Int?

  var name: String { field.name }
}

/// A bound relation with the names of its columns.
struct BoundRelation {
  var plan: LogicalPlan
  /// As many as the plan's schema has.
  var columns: [ScopeColumn]
  /// Levels of relations below, bounded so that walking plans is safe.
  var height = 1
  /// An inner join whose condition WHERE may still complete (comma joins, time bounds written in WHERE).
  var openJoin: OpenJoin?

  init(_ plan: LogicalPlan, qualifier: String?, height: Int) {
    self.plan = plan
    self.height = height
    columns = plan.schema.fields.map { ScopeColumn(qualifier: qualifier, field: $0) }
  }

  init(plan: LogicalPlan, columns: [ScopeColumn], height: Int) {
    self.plan = plan
    self.columns = columns
    self.height = height
  }
}

/// The two sides of an inner join and the conjuncts known so far.
struct OpenJoin {
  var left: LogicalPlan
  var right: LogicalPlan
  var conjuncts: [Expression]
  var leftTTL: Int64?
  var rightTTL: Int64?
}

/// What an expression may refer to, and what is collected while it is bound.
struct ExpressionScope {
  /// What an aggregate call means here.
  enum Aggregates {
    /// An error; the text says where, e.g. `in WHERE`.
    case refused(String)
    /// Collected into `aggregates`, standing in the expression as a placeholder column.
    case collected
    /// Windowed by OVER LAST ... of a feature view.
    case windowed
  }

  /// Aggregates stand in expressions as columns from here on, OVER results from `overBase` on, values of subqueries from
  /// `subqueryBase` on, GROUPING calls from `groupingBase` on, columns of queries around from `outerBase` on.
  static let aggregateBase = 1 << 40
  static let overBase = 1 << 41
  /// Rankings stand as columns from here on.
  static let rankBase = 3 << 40
  static let subqueryBase = 1 << 42
  static let groupingBase = 1 << 43
  static let outerBase = 1 << 44

  var columns: [ScopeColumn]
  var allowed: Aggregates
  var aggregates: [AggregateCall] = []
  var windowed: [WindowedAggregate] = []
  var overs: [BoundOver] = []
  var rankings: [BoundRanking] = []
  var subqueries: [BoundSubquery] = []
  /// Whether what is bound here can be given the values of subqueries.
  var allowsSubqueries = false
  var groupings: [GroupingCall] = []
  var namedWindows: [String: SQLWindow] = [:]
  /// The relation below, for its time attributes; nil where none matters.
  var plan: LogicalPlan?
  /// TUMBLE, HOP or SESSION of GROUP BY.
  var groupWindow: GroupWindow?
  /// Places where columns were named, for errors found later.
  var uses: [(column: Int, span: SourceSpan)] = []

  init(_ columns: [ScopeColumn], aggregates: Aggregates, plan: LogicalPlan? = nil) {
    self.columns = columns
    self.allowed = aggregates
    self.plan = plan
  }
}

/// ROW_NUMBER and its like with their window.
struct BoundRanking: Hashable {
  var function: Rank.Function
  var partitionKeys: [Expression]
  var sortKeys: [Sort.Key]
}

/// One call with OVER and its window.
struct BoundOver {
  enum Kind {
    case timed(Over.Call, timeColumn: Int)
    case ordered(OrderedOver.Call, [Sort.Key])
  }
  var partitionKeys: [Expression]
  var kind: Kind

  /// The same partitioning and order.
  func sharesNode(with other: BoundOver) -> Bool {
    guard partitionKeys == other.partitionKeys else { return false }
    switch (kind, other.kind) {
    case (.timed(_, let a), .timed(_, let b)): return a == b
    case (.ordered(_, let a), .ordered(_, let b)): return a == b
    default: return false
    }
  }
}
