import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Thrown to leave a construct that cannot be bound; the reason has been reported already.
struct BindStop: Error {}

/// Checks names and types and builds logical plans. Each family of constructs has its own file.
///
/// Errors are collected: each select item, clause, operand and statement is checked even when another one failed. A name whose
/// definition failed is remembered, so that its uses are not reported as well.
struct Binder {
  /// Relations stacked upon each other, views included.
  static let heightLimit = 200

  let source: SQLSource
  var registry: FunctionRegistry
  var catalog: Catalog
  var diagnostics: [SQLDiagnostic] = []
  /// Names whose definition had errors.
  var broken: Set<String> = []
  /// WITH queries in sight, innermost last.
  var commonTables: [(name: String, relation: BoundRelation?)] = []
  /// The queries around the one being bound, outermost first.
  var outerScopes: [OuterScope] = []
  /// Times to live that the hint of the SELECT at hand gives, by name or alias of a table.
  var stateTTLs: [String: Int64] = [:]
  /// Heights of the catalog's views.
  var viewHeights: [String: Int] = [:]

  init(source: SQLSource, catalog: Catalog, registry: FunctionRegistry) {
    self.source = source
    self.catalog = catalog
    self.registry = registry
  }

  // MARK: Reporting

  mutating func report(_ message: String, at span: SourceSpan, hint: String? = nil) {
    guard diagnostics.count < Parser.diagnosticLimit else { return }
    if diagnostics.contains(where: { $0.span.byteOffset == span.byteOffset && $0.message == message }) { return }
    diagnostics.append(SQLDiagnostic(message, span: span, text: source.excerpt(span), hint: hint))
  }

  mutating func fail(_ message: String, at span: SourceSpan, hint: String? = nil) -> BindStop {
    report(message, at: span, hint: hint)
    return BindStop()
  }

  mutating func unsupported(_ what: String, at span: SourceSpan, hint: String? = nil) -> BindStop {
    fail("not supported yet: \(what)", at: span, hint: hint)
  }

  /// Reports an error of the function registry or the plan at a place.
  mutating func fail(_ error: MillraceError, at span: SourceSpan) -> BindStop {
    fail(error.message, at: span, hint: error.hint)
  }

  /// Asks the registry, reporting its errors at a place.
  mutating func typed<T>(at span: SourceSpan, _ body: (FunctionRegistry) throws(MillraceError) -> T) throws(BindStop) -> T {
    do throws(MillraceError) { return try body(registry) } catch { throw fail(error, at: span) }
  }

  /// The nearest of the candidates; for names too short to resemble anything, what there is.
  func didYouMean(_ name: String, among candidates: [String]) -> String? {
    if name.utf8.count <= 2, !candidates.contains(where: { $0.lowercased() == name.lowercased() }) { return listing(candidates) }
    return nearestName(to: name, among: candidates).map { "did you mean \($0)?" }
  }

  /// The first few of what there is to choose from.
  func listing(_ names: [String]) -> String? {
    guard !names.isEmpty else { return nil }
    let known = uniqued(names)
    return "there is \(known.prefix(8).joined(separator: ", "))\(known.count > 8 ? " and \(known.count - 8) more" : "")"
  }

  func uniqued(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  /// `1 column`, `2 columns`
  func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

  // MARK: Statements

  mutating func bind(_ statements: [SQLStatement]) -> [BoundStatement] {
    var bound: [BoundStatement] = []
    for statement in statements {
      commonTables = []
      outerScopes = []
      if statement.hasErrors {
        if let name = statement.declaredName { broken.insert(name) }
        continue
      }
      do throws(BindStop) {
        bound.append(BoundStatement(kind: try bind(statement), span: statement.span))
        if let name = statement.declaredName { broken.remove(name) }
      } catch {
        if let name = statement.declaredName { broken.insert(name) }
      }
    }
    return bound
  }

  private mutating func bind(_ statement: SQLStatement) throws(BindStop) -> BoundStatement.Kind {
    switch statement.kind {
    case .createTable(let table): return try createTable(table)
    case .createView(let view): return try createView(view)
    case .createModel(let model): return try createModel(model)
    case .createFeatureView(let view): return try createFeatureView(view)
    case .drop(let drop): return try self.drop(drop)
    case .set(nil): return .showOptions
    case .set(let option?):
      if option.key.text == Self.timeZoneKey { try setTimeZone(option.value.text, at: statement.span) }
      return .set(key: option.key.text, value: option.value.text)
    case .reset(let key):
      if key == nil || key?.text == Self.timeZoneKey { try setTimeZone("UTC", at: statement.span) }
      return .reset(key: key?.text)
    case .describe(let name): return try describe(name)
    case .show(let kind): return .show(names(of: kind))
    case .showCreate(let kind, let name): return .showText(try definitionText(kind, name))
    case .showNamespaces(let namespace): return .show([Self.onlyName(namespace)])
    case .showJobs: return .showJobs
    case .use(let namespace, let name): return try use(namespace, name)
    case .alter(let alter): return try self.alter(alter)
    case .insert, .statementSet, .query: return try job(statement)
    case .explain(let inner):
      switch try job(inner) {
      case .insert(let plan), .query(let plan): return .explain(plan)
      default: throw fail("only queries and INSERTs can be explained", at: inner.span)
      }
    case .analyze(let inner, let limit): return try analyze(inner, limit)
    case .invalid: throw BindStop()
    }
  }

  private static let timeZoneKey = "table.local-time-zone"

  /// The session's time zone counts from its SET on, so it is taken while binding.
  private mutating func setTimeZone(_ name: String, at span: SourceSpan) throws(BindStop) {
    do throws(MillraceError) { try registry.setTimeZone(name) } catch { throw fail(error, at: span) }
  }

  private mutating func analyze(_ inner: SQLStatement, _ limit: SQLAnalyzeLimit?) throws(BindStop) -> BoundStatement.Kind {
    var limitMillis: Int64?
    if let limit {
      guard case .millis(let millis) = limit.interval, millis > 0 else {
        throw fail("a query cannot run for this long", at: limit.span, hint: "write e.g. INTERVAL '10' SECOND")
      }
      limitMillis = millis
    }
    switch try job(inner) {
    case .insert(let plan), .query(let plan): return .analyze(plan, limitMillis: limitMillis)
    default: throw fail("only queries and INSERTs can be explained", at: inner.span)
    }
  }

  private mutating func job(_ statement: SQLStatement) throws(BindStop) -> BoundStatement.Kind {
    switch statement.kind {
    case .insert(let insert): return .insert(JobPlan(outputs: [try bind(insert)]))
    case .statementSet(let inserts):
      var outputs: [JobPlan.Output] = []
      var failed = false
      for insert in inserts {
        do throws(BindStop) { outputs.append(try bind(insert)) } catch { failed = true }
      }
      if failed { throw BindStop() }
      if outputs.isEmpty { throw fail("the statement set holds no INSERT", at: statement.span) }
      return .insert(JobPlan(outputs: outputs))
    case .query(let query):
      return .query(JobPlan(outputs: [JobPlan.Output(table: nil, input: try bind(query).plan)]))
    default: throw fail("only queries and INSERTs can be explained", at: statement.span)
    }
  }

  private mutating func describe(_ name: ObjectName) throws(BindStop) -> BoundStatement.Kind {
    let text = try relationName(name)
    if let table = catalog.tables[text] { return .describe(name: text, table.schema) }
    if let view = catalog.views[text] { return .describe(name: text, view.schema) }
    if let view = catalog.featureViews[text] { return .describe(name: text, view.schema) }
    if let model = catalog.models[text] { return .describe(name: text, Schema(model.inputs + model.outputs)) }
    throw unknownRelation(name)
  }

  private func names(of kind: SQLObjectKind) -> [String] {
    switch kind {
    case .table: (Array(catalog.tables.keys) + Array(catalog.views.keys)).sorted()
    case .view: catalog.views.keys.sorted()
    case .model: catalog.models.keys.sorted()
    case .featureView: catalog.featureViews.keys.sorted()
    case .function: registry.functionNames
    }
  }

  // MARK: Names

  /// The catalog has one database; a name qualified by Flink's default catalog and database is taken without them.
  mutating func relationName(_ name: ObjectName) throws(BindStop) -> String {
    guard let last = name.parts.last else { throw BindStop() }
    if name.parts.count == 1 { return last.text }
    let qualifier = name.parts.dropLast().map(\.text)
    if ["default_database", "default_catalog.default_database"].contains(qualifier.joined(separator: ".")) { return last.text }
    throw unsupported("names of other databases and catalogs", at: name.span, hint: "write \(last.text)")
  }

  mutating func unknownRelation(_ name: ObjectName) -> BindStop {
    if broken.contains(name.text) { return BindStop() }
    let known = catalog.relationNames + commonTables.map(\.name)
    if catalog.models[name.text] != nil {
      return fail(
        "\(name.text) is a model, not a table", at: name.span, hint: "write ML_PREDICT(TABLE t, MODEL \(name.text), DESCRIPTOR(...))")
    }
    return fail(
      "no table or view is named \(name.text)", at: name.span,
      hint: didYouMean(name.text, among: known) ?? (known.isEmpty ? "CREATE TABLE it first" : nil))
  }
}
