public import MillraceExpressions
public import MillracePlan

import MillraceTypes

/// The front door of SQL: text in, checked statements and logical plans out. Keeps the catalog from one text to the next.
public struct SQLSession: Sendable {
  public private(set) var catalog: Catalog
  /// Functions that scripts may call, and the session's time zone.
  public var registry: FunctionRegistry

  public init(catalog: Catalog = Catalog(), registry: FunctionRegistry = .builtIn) {
    self.catalog = catalog
    self.registry = registry
  }

  /// Parses and checks a script; statements take effect on the catalog in order.
  ///
  /// - Throws: every error found in the whole text, with its place. The catalog is then unchanged.
  public mutating func compile(_ source: SQLSource) throws(SQLFailure) -> [BoundStatement] {
    let script = Parser.parse(source)
    var binder = Binder(source: source, catalog: catalog, registry: registry)
    let statements = binder.bind(script.statements)
    let diagnostics = (script.diagnostics + binder.diagnostics).sorted {
      ($0.span.byteOffset, $0.span.byteCount) < ($1.span.byteOffset, $1.span.byteCount)
    }
    if diagnostics.contains(where: { $0.severity == .error }) {
      throw SQLFailure(diagnostics: diagnostics, source: source)
    }
    catalog = binder.catalog
    registry = binder.registry
    return statements
  }

  /// Checks a text that may name further relations beside the catalog's; they hide what the catalog has under those names. The catalog
  /// stays as it is: the text should hold queries and INSERTs.
  public func compile(_ source: SQLSource, over relations: [String: LogicalPlan]) throws(SQLFailure) -> [BoundStatement] {
    var extended = self
    for (name, plan) in relations {
      extended.catalog.tables[name] = nil
      extended.catalog.featureViews[name] = nil
      extended.catalog.views[name] = plan
    }
    return try extended.compile(source)
  }

  /// Makes a plan a view of the catalog.
  ///
  /// - Throws: `invalidSQL` when the name is taken.
  public mutating func define(view name: String, _ plan: LogicalPlan) throws(MillraceError) {
    guard !catalog.relationNames.contains(name) else {
      throw MillraceError(.invalidSQL, "the name \(name) is taken", subject: name, hint: "DROP it first, or choose another name")
    }
    catalog.views[name] = plan
  }

  /// As `compile(_:)` of a text shown under a name in errors.
  public mutating func compile(_ text: String, name: String = "<sql>") throws(SQLFailure) -> [BoundStatement] {
    try compile(SQLSource(text, name: name))
  }
}
