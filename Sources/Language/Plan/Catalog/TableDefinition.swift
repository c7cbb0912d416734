import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// A table of the catalog: its columns, event time and connector options.
public struct TableDefinition: Sendable, Hashable {
  public var name: String
  /// Physical and computed columns in the order declared.
  public var schema: Schema
  /// Per column: nil for a physical column, else the computed column's expression over the table's physical columns
  /// (column positions refer to `schema`).
  public var computed: [Expression?]
  /// `WATERMARK FOR column AS column - INTERVAL ...`: the event-time column and the declared delay.
  public var watermark: Watermark?
  public var primaryKey: [Int]
  /// Options of the WITH clause, keys lower-cased.
  public var options: [String: String]
  public var partitionedBy: [Int]
  /// Position in the catalog, by creation: part of the total order's rank.
  public var ordinal: Int

  public struct Watermark: Sendable, Hashable {
    /// Position of the event-time column (TIMESTAMP or TIMESTAMP_LTZ of precision 0 to 6).
    public var column: Int
    public var delayMicros: Int64
    public init(column: Int, delayMicros: Int64) {
      self.column = column
      self.delayMicros = delayMicros
    }
  }

  public init(
    name: String, schema: Schema, computed: [Expression?]? = nil, watermark: Watermark? = nil, primaryKey: [Int] = [],
    options: [String: String] = [:], partitionedBy: [Int] = [], ordinal: Int = 0
  ) {
    self.name = name
    self.schema = schema
    self.computed = computed ?? Array(repeating: nil, count: schema.count)
    self.watermark = watermark
    self.primaryKey = primaryKey
    self.options = options
    self.partitionedBy = partitionedBy
    self.ordinal = ordinal
  }

  public var connector: String? { options["connector"] }

  /// The columns of option `order.by` (comma-separated names): the declared tie-break among rows of one instant.
  public var orderBy: [String] {
    options["order.by"].map { $0.split(separator: ",").map { $0.trimmingSpaces() } } ?? []
  }

  /// Option `order.rank`: rows of a lower rank come first within one instant. Outcome streams rank -1, others 0.
  public var declaredRank: Int { options["order.rank"].flatMap { Int($0) } ?? 0 }
}

extension Substring {
  fileprivate func trimmingSpaces() -> String {
    var s = self
    while s.first == " " { s.removeFirst() }
    while s.last == " " { s.removeLast() }
    return String(s)
  }
}
