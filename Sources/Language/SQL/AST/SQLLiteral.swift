import MillraceTypes

/// A constant as written; the binder gives it its type and checks its range.
package enum SQLLiteral: Sendable, Hashable {
  case null
  /// TRUE, FALSE, and nil for UNKNOWN.
  case boolean(Bool?)
  /// Digits, with a point when `isDecimal`.
  case exact(String, isDecimal: Bool)
  /// With an exponent: a DOUBLE.
  case approximate(String)
  case string(String)
  case binary([UInt8])
  case date(String)
  case time(String)
  case timestamp(String)
  case timestampLTZ(String)
  case interval(SQLInterval)
}

/// The value of an interval literal.
package enum SQLInterval: Sendable, Hashable {
  case months(Int64)
  case millis(Int64)
}

/// A unit of time as EXTRACT, FLOOR, TIMESTAMPADD and interval literals name it.
package enum SQLTimeUnit: String, Sendable, Hashable, CaseIterable {
  case millennium = "MILLENNIUM"
  case century = "CENTURY"
  case decade = "DECADE"
  case year = "YEAR"
  case isoYear = "ISOYEAR"
  case quarter = "QUARTER"
  case month = "MONTH"
  case week = "WEEK"
  case isoWeek = "ISOWEEK"
  case day = "DAY"
  case dayOfWeek = "DOW"
  case isoDayOfWeek = "ISODOW"
  case dayOfYear = "DOY"
  case hour = "HOUR"
  case minute = "MINUTE"
  case second = "SECOND"
  case millisecond = "MILLISECOND"
  case microsecond = "MICROSECOND"
  case nanosecond = "NANOSECOND"
  case epoch = "EPOCH"
}
