/// How JSON lines are read and written; the names are Flink's.
public struct JSONOptions: Sendable, Hashable {
  /// A field that cannot be read becomes null, a row that is no JSON object is left out, instead of an error.
  public var ignoresParseErrors = false
  /// A missing field is an error instead of null.
  public var failsOnMissingField = false
  /// The only timestamp form accepted and the one written; nil accepts both and writes SQL's.
  public var timestampStyle: TimestampStyle?
  /// Leaves fields that are null out when writing.
  public var omitsNullFields = false

  public init() {}
}
