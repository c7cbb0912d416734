import MillraceTypes

/// Calendar arithmetic on the physical values of dates and timestamps.
struct TimeScale: Sendable {
  /// Ticks of one day: 1 for a date.
  let day: Int64
  /// Ticks of one second; 0 for a date.
  let second: Int64

  /// nil for a type that is no date, time or timestamp.
  init?(_ type: DataType) {
    switch type {
    case .date: (day, second) = (1, 0)
    default:
      guard let unit = type.timeUnit else { return nil }
      (day, second) = (86_400 * unit.perSecond, unit.perSecond)
    }
  }

  @inline(__always) func days(_ value: Int64) -> Int { Int(floorDivide(value, day)) }
  @inline(__always) func ticksOfDay(_ value: Int64) -> Int64 { floorRemainder(value, day) }

  /// A number of milliseconds in ticks, cut toward zero for a date.
  @inline(__always) func ticks(millis: Int64) -> Int64 {
    second == 0 ? millis / 86_400_000 : millis &* (second / 1_000)
  }

  /// The same time of day so many months later; the day gives way in a shorter month.
  func addingMonths(_ months: Int64, to value: Int64) -> Int64 {
    Int64(TimeScale.addingMonths(months, toDay: days(value))) &* day &+ ticksOfDay(value)
  }

  static func addingMonths(_ months: Int64, toDay day: Int) -> Int {
    var date = CivilDate(days: day)
    let total = Int64(date.year) &* 12 &+ Int64(date.month - 1) &+ max(-1_000_000_000, min(1_000_000_000, months))
    date.year = Int(floorDivide(total, 12))
    date.month = Int(floorRemainder(total, 12)) + 1
    date.day = min(date.day, CivilDate.dayCount(year: date.year, month: date.month))
    return date.days
  }

  /// Whole months from one point to another, toward zero.
  func months(from: Int64, to: Int64) -> Int64 {
    let (a, b) = (CivilDate(days: days(from)), CivilDate(days: days(to)))
    var months = Int64(b.year - a.year) * 12 + Int64(b.month - a.month)
    let isEarlierInMonth = (b.day, ticksOfDay(to)) < (a.day, ticksOfDay(from))
    let isLaterInMonth = (b.day, ticksOfDay(to)) > (a.day, ticksOfDay(from))
    if months > 0 && isEarlierInMonth { months -= 1 }
    if months < 0 && isLaterInMonth { months += 1 }
    return months
  }

  /// The start of the unit that holds the value. Weeks begin on Sunday, as Flink's FLOOR has it.
  func floor(_ value: Int64, to unit: String) -> Int64 {
    if let ticks = ticks(of: unit) {
      if ticks == 0 { return value }
      return unit == "WEEK" ? floorDivide(value &+ 4 &* day, ticks) &* ticks &- 4 &* day : floorDivide(value, ticks) &* ticks
    }
    var date = CivilDate(days: days(value))
    date.day = 1
    if unit == "QUARTER" { date.month = (date.month - 1) / 3 * 3 + 1 }
    if unit == "YEAR" { date.month = 1 }
    return Int64(date.days) &* day
  }

  func ceil(_ value: Int64, to unit: String) -> Int64 {
    let start = floor(value, to: unit)
    if start == value { return value }
    if let ticks = ticks(of: unit) { return start &+ ticks }
    return addingMonths(unit == "YEAR" ? 12 : unit == "QUARTER" ? 3 : 1, to: start)
  }

  /// Ticks of a unit of fixed length, 0 when it is shorter than a tick; nil for months and longer.
  func ticks(of unit: String) -> Int64? {
    switch unit {
    case "WEEK": day &* 7
    case "DAY": day
    case "HOUR": second &* 3_600
    case "MINUTE": second &* 60
    case "SECOND": second
    case "MILLISECOND": second / 1_000
    default: nil
    }
  }

  static func months(of unit: String) -> Int64? {
    switch unit {
    case "YEAR": 12
    case "QUARTER": 3
    case "MONTH": 1
    default: nil
    }
  }

  /// Whether a unit is the same for all instants of a day.
  static func isOfDay(_ unit: String) -> Bool {
    !["HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND", "EPOCH"].contains(unit)
  }

  /// For hours, minutes and seconds: by what to divide the ticks of a day, and what the remainder is taken of; nil for other units.
  func clockDigits(_ unit: String) -> (divisor: Int64, limit: Int64)? {
    if second == 0 { return nil }
    switch unit {
    case "HOUR": return (second * 3_600, 24)
    case "MINUTE": return (second * 60, 60)
    case "SECOND": return (second, 60)
    default: return nil
    }
  }

  /// EXTRACT of a unit.
  func extract(_ unit: String, _ value: Int64) -> Int64 {
    let ofDay = ticksOfDay(value)
    switch unit {
    case "HOUR": return second == 0 ? 0 : ofDay / (second * 3_600)
    case "MINUTE": return second == 0 ? 0 : ofDay / (second * 60) % 60
    case "SECOND": return second == 0 ? 0 : ofDay / second % 60
    // These count within the minute, seconds included.
    case "MILLISECOND": return second == 0 ? 0 : ofDay % (second * 60) / (second / 1_000)
    case "MICROSECOND": return second == 0 ? 0 : scaled(ofDay % (second * 60), 1_000_000)
    case "NANOSECOND": return second == 0 ? 0 : scaled(ofDay % (second * 60), 1_000_000_000)
    case "EPOCH": return second == 0 ? value * 86_400 : floorDivide(value, second)
    default: return Self.extract(unit, day: days(value))
    }
  }

  private func scaled(_ ticks: Int64, _ perSecond: Int64) -> Int64 {
    perSecond >= second ? ticks &* (perSecond / second) : ticks / (second / perSecond)
  }

  private static func extract(_ unit: String, day: Int) -> Int64 {
    let date = CivilDate(days: day)
    let year = Int64(date.year)
    switch unit {
    case "YEAR": return year
    case "QUARTER": return Int64((date.month - 1) / 3 + 1)
    case "MONTH": return Int64(date.month)
    case "DAY": return Int64(date.day)
    case "DOY": return Int64(day - CivilDate(year: date.year, month: 1, day: 1).days + 1)
    // 1970-01-01 was a Thursday: 5 when Sunday is 1, 4 when Monday is 1.
    case "DOW": return floorRemainder(Int64(day) + 4, 7) + 1
    case "ISODOW": return floorRemainder(Int64(day) + 3, 7) + 1
    case "WEEK": return isoWeek(day).week
    case "ISOYEAR": return isoWeek(day).year
    case "DECADE": return floorDivide(year, 10)
    case "CENTURY": return year > 0 ? (year + 99) / 100 : (year - 99) / 100
    case "MILLENNIUM": return year > 0 ? (year + 999) / 1_000 : (year - 999) / 1_000
    default: return 0
    }
  }

  /// ISO 8601: a week belongs to the year that holds its Thursday.
  private static func isoWeek(_ day: Int) -> (year: Int64, week: Int64) {
    let thursday = day - Int(floorRemainder(Int64(day) + 3, 7)) + 3
    let year = CivilDate(days: thursday).year
    return (Int64(year), Int64((thursday - CivilDate(year: year, month: 1, day: 1).days) / 7 + 1))
  }
}
