import MillraceColumns
import MillraceTypes

/// Keys whose rows an operator wants from outside. The stage does no I/O: a call goes out as an effect, its answer comes back in as
/// an event (`Operator.complete`), in whatever order answers are ready.
public struct LookupCall: Sendable {
  /// Names the call to the operator that made it.
  public var id: Int64
  /// One column per key; rows are distinct and without nulls.
  public var keys: Batch

  public init(id: Int64, keys: Batch) {
    self.id = id
    self.keys = keys
  }
}

/// What came of a call. A call that failed for good fails the job instead.
public struct LookupAnswer: Sendable {
  public var id: Int64
  /// The rows of the right relation with one of the keys; nil when none came in time and the table says that this counts as none.
  public var rows: Batch?

  public init(id: Int64, rows: Batch?) {
    self.id = id
    self.rows = rows
  }
}

/// How long looked up rows are kept.
public struct LookupCache: Sendable, Hashable {
  /// Keys that are kept beyond the rows that wait for them; 0 for none, nil for all.
  public var maxKeys: Int?
  /// Microseconds after which a key is looked up anew; nil for never.
  public var expiryMicros: Int64?

  public init(maxKeys: Int? = 0, expiryMicros: Int64? = nil) {
    self.maxKeys = maxKeys
    self.expiryMicros = expiryMicros
  }
}
