import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// `left [LEFT] JOIN right FOR SYSTEM_TIME AS OF instant`: every left row with what the right relation has for it at an instant.
/// Output: the left columns, then the right columns. Left rows keep their place in time; nothing that comes later on the right
/// changes what has gone out.
public struct TemporalJoin: Sendable, Hashable {
  public enum Instant: Sendable, Hashable {
    /// The event time of the left row: the version of the right row with its key that is valid then; versions of that same instant
    /// count. The right relation has event time, and one row per key where it retracts, or else each row takes the place of the one
    /// before it with its key.
    case eventTime
    /// When the left row is processed: the right relation is looked up as it is. Bounded relations are read once, whole, before
    /// the first row.
    case processingTime
  }

  /// INNER or LEFT, with equal keys and what else must hold.
  public var join: Join
  public var instant: Instant

  public init(join: Join, instant: Instant) {
    self.join = join
    self.instant = instant
  }

  public var schema: Schema { join.schema }
}

extension LogicalPlan {
  /// Names of the tables below.
  public var lookedUpTables: [String] {
    if case .scan(let n) = self { return [n.table.name] }
    return inputs.flatMap(\.lookedUpTables)
  }

  /// The scan of a table, where the plan is that with conditions and projections.
  public var lookedUpScan: Scan? {
    switch self {
    case .scan(let n): n
    case .filter(let n): n.input.lookedUpScan
    case .project(let n): n.input.lookedUpScan
    default: nil
    }
  }

  /// The column of that scan which a column is.
  public func scanColumn(_ column: Int) -> Int? {
    switch self {
    case .scan: return column
    case .filter(let n): return n.input.scanColumn(column)
    case .project(let n):
      if case .column(let source) = n.expressions[column].kind { return n.input.scanColumn(source) }
      return nil
    default: return nil
    }
  }

  /// Whether the column is PROCTIME() of the row.
  public func isProcessingTime(_ column: Int) -> Bool {
    switch self {
    case .scan(let n): return n.table.computed[n.columns[column]]?.isProcessingTime ?? false
    case .project(let n):
      if case .column(let source) = n.expressions[column].kind { return n.input.isProcessingTime(source) }
      return n.expressions[column].isProcessingTime
    case .filter(let n): return n.input.isProcessingTime(column)
    case .union(let n): return n.inputs.allSatisfy { $0.isProcessingTime(column) }
    case .window(let n): return column < n.input.schema.count && n.input.isProcessingTime(column)
    case .over(let n): return column < n.input.schema.count && n.input.isProcessingTime(column)
    case .rank(let n): return column < n.input.schema.count && n.input.isProcessingTime(column)
    case .orderedOver(let n): return column < n.input.schema.count && n.input.isProcessingTime(column)
    case .predict(let n): return column < n.input.schema.count && n.input.isProcessingTime(column)
    case .asOf(let n): return column < n.input.schema.count && n.input.isProcessingTime(column)
    case .unnest(let n): return column < n.input.schema.count && n.input.isProcessingTime(column)
    case .temporalJoin(let n): return column < n.join.left.schema.count && n.join.left.isProcessingTime(column)
    case .values, .aggregate, .join, .sort, .function: return false
    }
  }

  /// Sets of columns of which no two rows have the same values at any instant: of results that change one row at a time.
  public var uniqueKeys: [Set<Int>] {
    switch self {
    case .filter(let n):
      // The first row of each partition, before rules gave the ranking that limit.
      let first = n.predicate.conjuncts.compactMap { $0.columnHeldToOne.flatMap(n.input.partitionNumbered) }
      return first + n.input.uniqueKeys
    case .project(let n):
      return n.input.uniqueKeys.compactMap { key in
        let places = key.map { column in n.expressions.firstIndex { $0.kind == .column(column) } }
        return places.contains(nil) ? nil : Set(places.compactMap { $0 })
      }
    case .aggregate(let n): return n.window == nil ? [Set(n.keys.indices)] : []
    case .rank(let n):
      guard n.function == .rowNumber, n.limit == 1, n.window == nil else { return n.input.uniqueKeys }
      let columns = n.partitionKeys.map { key -> Int? in if case .column(let column) = key.kind { column } else { nil } }
      return columns.contains(nil) ? n.input.uniqueKeys : [Set(columns.compactMap { $0 })] + n.input.uniqueKeys
    case .orderedOver(let n): return n.input.uniqueKeys
    default: return []
    }
  }

  /// The partition columns of a ROW_NUMBER that the column is; nil when it is none.
  private func partitionNumbered(_ column: Int) -> Set<Int>? {
    switch self {
    case .filter(let n): return n.input.partitionNumbered(column)
    case .project(let n):
      guard case .column(let source) = n.expressions[column].kind, let key = n.input.partitionNumbered(source) else { return nil }
      let places = key.map { column in n.expressions.firstIndex { $0.kind == .column(column) } }
      return places.contains(nil) ? nil : Set(places.compactMap { $0 })
    case .rank(let n):
      guard n.function == .rowNumber, n.window == nil, n.showsNumber, column == n.input.schema.count else { return nil }
      let columns = n.partitionKeys.map { key -> Int? in if case .column(let column) = key.kind { column } else { nil } }
      return columns.contains(nil) ? nil : Set(columns.compactMap { $0 })
    default: return nil
    }
  }

  /// The primary key of the table below, where the plan is nothing but columns of it: each row takes the place of the one before
  /// it with the same key. Positions in this plan; nil without one.
  public var upsertKey: Set<Int>? {
    switch self {
    case .scan(let n):
      guard !n.table.primaryKey.isEmpty else { return nil }
      let places = n.table.primaryKey.map { n.columns.firstIndex(of: $0) }
      return places.contains(nil) ? nil : Set(places.compactMap { $0 })
    case .project(let n):
      guard let key = n.input.upsertKey else { return nil }
      let places = key.map { column in n.expressions.firstIndex { $0.kind == .column(column) } }
      return places.contains(nil) ? nil : Set(places.compactMap { $0 })
    default: return nil
    }
  }
}

extension Expression {
  /// The column of a condition that lets only 1 of its values from 1 on through: `n = 1`, `n <= 1`, `n < 2`, either way round.
  fileprivate var columnHeldToOne: Int? {
    guard case .call(let name, let sides) = kind, sides.count == 2 else { return nil }
    func column(_ e: Expression) -> Int? {
      switch e.kind {
      case .column(let column): column
      case .cast(let inner, _) where e.type.isInteger: column(inner)
      default: nil
      }
    }
    func integer(_ e: Expression) -> Int64? {
      switch e.kind {
      case .literal(.int(let value)) where e.type.isInteger: value
      case .cast(let inner, _) where e.type.isInteger: integer(inner)
      default: nil
      }
    }
    let mirrored = ["=": "=", ">=": "<=", ">": "<"]
    if let c = column(sides[0]), let value = integer(sides[1]) {
      return (name == "=" || name == "<=") && value == 1 || name == "<" && value == 2 ? c : nil
    }
    if let c = column(sides[1]), let value = integer(sides[0]), let comparison = mirrored[name] {
      return comparison != "<" && value == 1 || comparison == "<" && value == 2 ? c : nil
    }
    return nil
  }
}
