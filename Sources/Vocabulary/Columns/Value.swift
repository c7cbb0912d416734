import MillraceTypes

/// One scalar, for literals, tests and the edges; never used per row on a hot path.
///
/// Dates, times, timestamps and intervals are `.int` in the unit of their type (see `DataType`).
public indirect enum Value: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int64)
  case float(Double)
  /// Unscaled value; the scale is the type's.
  case decimal(Int128)
  case text(String)
  case bytes([UInt8])
  case list([Value])
  /// Keys and values in order.
  case map([Value], [Value])
  case row([Value])

  public var isNull: Bool { self == .null }
}
