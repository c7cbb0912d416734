import MillraceTypes

/// The names that statements define and queries use. Names compare exactly as written; a later definition of a name is an error
/// unless it was dropped.
public struct Catalog: Sendable {
  public var tables: [String: TableDefinition] = [:]
  /// A view is kept bound; its schema is the plan's with the view's column names.
  public var views: [String: LogicalPlan] = [:]
  /// The query of each view as it was written.
  public var viewTexts: [String: String] = [:]
  public var models: [String: ModelDefinition] = [:]
  public var featureViews: [String: FeatureViewDefinition] = [:]
  public private(set) var tableCount = 0

  public init() {}

  public mutating func add(_ table: TableDefinition) {
    var table = table
    table.ordinal = tableCount
    tableCount += 1
    tables[table.name] = table
  }

  /// Every relation a FROM clause may name, sorted.
  public var relationNames: [String] { (Array(tables.keys) + Array(views.keys) + Array(featureViews.keys)).sorted() }
}
