import MillraceColumns
import MillraceEnvironment
import MillraceOperators
import MillracePlan
import MillraceTypes

/// A table that can be asked for the rows of some keys: a service, a database.
///
/// Shared by all partitions of a job. `lookUp` may block, and is called by several threads at once.
public protocol LookupConnector: Sendable {
  /// The rows with any of these keys: columns as asked for in the request, rows in any order, more rows than those if need be.
  ///
  /// - Parameters:
  ///   - keys: one column per key column of the request; distinct, without nulls.
  ///   - attempt: 0 for the first try of these keys.
  /// - Throws: tried again as often as the table says (`lookup.max-retries`); then it fails the job.
  func lookUp(_ keys: Batch, attempt: Int) throws(MillraceError) -> Batch
}

/// What a look-up is made from.
public struct LookupRequest: Sendable {
  public var table: TableDefinition
  /// Positions of the table's columns to produce, in order.
  public var columns: [Int]
  /// Positions of the table's columns that are asked by.
  public var keyColumns: [Int]
  public var environment: Environment

  public init(table: TableDefinition, columns: [Int], keyColumns: [Int], environment: Environment) {
    self.table = table
    self.columns = columns
    self.keyColumns = keyColumns
    self.environment = environment
  }

  /// The schema of the rows.
  public var schema: Schema { Schema(columns.map { table.schema.fields[$0] }) }
}

/// How a table is looked up, from its options under Flink's names.
public struct LookupSettings: Sendable, Hashable {
  public enum OnTimeout: String, Sendable, Hashable, CaseIterable {
    /// The job fails.
    case fail
    /// As if there were no such row.
    case null
    /// As a failed try.
    case retry
  }

  /// nil: the whole table is read before the first row (`FULL`).
  public var cache: LookupCache?
  public var maxRetries = 3
  /// nil for no limit.
  public var timeoutMicros: Int64?
  public var onTimeout = OnTimeout.fail
  /// Calls outstanding per partition.
  public var capacity = 16
  /// Calls that are made at the same time per partition.
  public var threads = 4

  public static let options: [ConnectorOption] = [
    ConnectorOption("lookup.cache", .choice(["NONE", "PARTIAL", "FULL"]), "what is kept of looked up rows (NONE)"),
    ConnectorOption("lookup.partial-cache.max-rows", .integer, "keys that are kept (10000)"),
    ConnectorOption("lookup.partial-cache.expire-after-write", .duration, "look a key up anew after this time"),
    ConnectorOption("lookup.max-retries", .integer, "tries after the first (3)"),
    ConnectorOption("lookup.timeout", .duration, "longest time for a look-up"),
    ConnectorOption("lookup.on-timeout", .choice(OnTimeout.allCases.map(\.rawValue)), "what a look-up without answer in time means (fail)"),
    ConnectorOption("lookup.async.capacity", .integer, "look-ups outstanding per partition (16)"),
    ConnectorOption("lookup.async.threads", .integer, "look-ups made at the same time per partition (4)"),
  ]

  /// - Throws: `invalid-option` for a value out of range, or one of an option that another rules out.
  public init(_ options: ConnectorOptions) throws(MillraceError) {
    func count(_ key: String, from least: Int64, _ standard: Int) throws(MillraceError) -> Int {
      guard let value = options.integer(key) else { return standard }
      guard value >= least, value < 1 << 31 else { throw options.invalid(key, "must be \(least) or more") }
      return Int(value)
    }
    let kind = options.text("lookup.cache") ?? "NONE"
    for key in ["lookup.partial-cache.max-rows", "lookup.partial-cache.expire-after-write"]
    where options.text(key) != nil && kind != "PARTIAL" {
      throw options.invalid(key, "has no meaning with 'lookup.cache' = '\(kind)'", hint: "set 'lookup.cache' = 'PARTIAL'")
    }
    switch kind {
    case "FULL": cache = nil
    case "PARTIAL":
      cache = LookupCache(
        maxKeys: try count("lookup.partial-cache.max-rows", from: 1, 10_000),
        expiryMicros: options.durationMicros("lookup.partial-cache.expire-after-write"))
    default: cache = LookupCache(maxKeys: 0)
    }
    maxRetries = try count("lookup.max-retries", from: 0, 3)
    timeoutMicros = options.durationMicros("lookup.timeout")
    onTimeout = options.text("lookup.on-timeout").flatMap(OnTimeout.init(rawValue:)) ?? .fail
    if timeoutMicros == nil, options.text("lookup.on-timeout") != nil {
      throw options.invalid("lookup.on-timeout", "has no meaning without 'lookup.timeout'")
    }
    capacity = try count("lookup.async.capacity", from: 1, 16)
    threads = try count("lookup.async.threads", from: 1, 4)
  }
}
