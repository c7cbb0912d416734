import MillracePlan
import MillraceTypes

/// Makes the sources and sinks of one connector. Factories hold no state.
public protocol ConnectorFactory: Sendable {
  /// The value of option `connector`.
  var name: String { get }
  /// Every option it understands.
  var options: [ConnectorOption] { get }
  /// Options with checked keys and values are given; the factory checks what depends on several of them. Does not block.
  func makeSource(_ request: SourceRequest, _ options: ConnectorOptions) throws(MillraceError) -> any SourceConnector
  func makeSink(_ request: SinkRequest, _ options: ConnectorOptions) throws(MillraceError) -> any Sink
  /// Asks for rows by key; nil where the table can only be read whole, which it then is before the first look-up. Does not block.
  func makeLookup(_ request: LookupRequest, _ options: ConnectorOptions) throws(MillraceError) -> (any LookupConnector)?
  /// Checks a table's definition without opening anything.
  func check(_ options: ConnectorOptions) throws(MillraceError)
}

extension ConnectorFactory {
  public func makeSource(_ request: SourceRequest, _ options: ConnectorOptions) throws(MillraceError) -> any SourceConnector {
    throw MillraceError(
      .invalidOption, "connector '\(name)' can only be written to", subject: "table \(request.table.name)",
      hint: "read from a table of another connector, for instance 'filesystem'")
  }
  public func makeSink(_ request: SinkRequest, _ options: ConnectorOptions) throws(MillraceError) -> any Sink {
    throw MillraceError(
      .invalidOption, "connector '\(name)' can only be read", subject: "table \(request.table.name)",
      hint: "insert into a table of another connector, for instance 'filesystem' or 'print'")
  }
  public func makeLookup(_ request: LookupRequest, _ options: ConnectorOptions) throws(MillraceError) -> (any LookupConnector)? { nil }
  public func check(_ options: ConnectorOptions) throws(MillraceError) {}
}

/// Connectors by name.
public struct ConnectorRegistry: Sendable {
  private var factories: [String: any ConnectorFactory] = [:]

  public init(_ factories: [any ConnectorFactory] = []) { for factory in factories { register(factory) } }

  /// A later connector of the same name replaces the earlier one.
  public mutating func register(_ factory: any ConnectorFactory) { factories[factory.name] = factory }

  public var names: [String] { factories.keys.sorted() }

  public subscript(name: String) -> (any ConnectorFactory)? { factories[name] }

  /// Checks a table's options without opening anything.
  ///
  /// - Throws: `invalid-option`: the connector or an option is missing, unknown or has a wrong value.
  public func check(_ table: TableDefinition) throws(MillraceError) {
    let (factory, options) = try resolve(table)
    try factory.check(options)
  }

  public func source(_ request: SourceRequest) throws(MillraceError) -> any SourceConnector {
    let (factory, options) = try resolve(request.table)
    try factory.check(options)
    return try factory.makeSource(request, options)
  }

  public func sink(_ request: SinkRequest) throws(MillraceError) -> any Sink {
    let (factory, options) = try resolve(request.table)
    try factory.check(options)
    return try factory.makeSink(request, options)
  }

  /// How the watermarks of a table go on.
  public func watermarkSettings(_ table: TableDefinition) throws(MillraceError) -> WatermarkSettings {
    try WatermarkSettings(try resolve(table).1)
  }

  /// How rows of a table are asked for by key; nil where it is read whole.
  public func lookup(_ request: LookupRequest) throws(MillraceError) -> (connector: any LookupConnector, settings: LookupSettings)? {
    let (factory, options) = try resolve(request.table)
    try factory.check(options)
    guard let connector = try factory.makeLookup(request, options) else { return nil }
    let settings = try LookupSettings(options)
    return settings.cache == nil ? nil : (connector, settings)
  }

  private func resolve(_ table: TableDefinition) throws(MillraceError) -> (any ConnectorFactory, ConnectorOptions) {
    guard let name = table.connector, !name.isEmpty else {
      throw MillraceError(
        .invalidOption, "option 'connector' is missing", subject: "table \(table.name)",
        hint: "add 'connector' = '...' to WITH; there are " + names.joined(separator: ", "))
    }
    guard let factory = factories[name] else {
      let nearest = nearestName(to: name, among: names).map { "did you mean '\($0)'? " } ?? ""
      throw MillraceError(
        .invalidOption, "there is no connector '\(name)'", subject: "table \(table.name)",
        hint: nearest + "there are " + names.joined(separator: ", "))
    }
    let options = try ConnectorOptions(table, known: factory.options + WatermarkSettings.options)
    _ = try WatermarkSettings(options)
    return (factory, options)
  }
}

extension TableDefinition {
  /// Where late rows of this table go (option `late-rows.path`): a table of JSON files with the same columns; nil when not asked for.
  public var lateRowsTable: TableDefinition? {
    guard let path = options["late-rows.path"] else { return nil }
    return TableDefinition(
      name: name + " (late rows)", schema: schema, options: ["connector": "filesystem", "format": "json", "path": path])
  }
}
