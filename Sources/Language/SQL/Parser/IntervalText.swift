/// Reads the quoted part of an interval literal, such as `1-2` of YEAR TO MONTH or `1 02:03:04.5` of DAY TO SECOND.
enum IntervalText {
  struct Problem: Error {
    var message: String
    var hint: String?
  }

  /// Calendar fields and their size in months, or clock fields and their size in milliseconds, largest first.
  private static let fields: [(unit: SQLTimeUnit, months: Int64, millis: Int64)] = [
    (.year, 12, 0), (.month, 1, 0), (.day, 0, 86_400_000), (.hour, 0, 3_600_000), (.minute, 0, 60_000), (.second, 0, 1_000),
  ]

  static func value(of text: String, from first: SQLTimeUnit, to last: SQLTimeUnit, negative: Bool) throws(Problem) -> SQLInterval {
    var digits = Array(text.utf8.drop { $0 == 0x20 })
    while digits.last == 0x20 { digits.removeLast() }
    var isNegative = negative
    if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      if sign == UInt8(ascii: "-") { isNegative.toggle() }
      digits.removeFirst()
    }
    let magnitude = try first == last ? single(digits, first) : compound(digits, first, last)
    switch magnitude {
    case .months(let months): return .months(isNegative ? -months : months)
    case .millis(let millis): return .millis(isNegative ? -millis : millis)
    }
  }

  private static func single(_ digits: [UInt8], _ unit: SQLTimeUnit) throws(Problem) -> SQLInterval {
    let size: (months: Int64, millis: Int64)
    switch unit {
    case .week: size = (0, 604_800_000)
    case .quarter: size = (3, 0)
    case .millisecond: size = (0, 1)
    default:
      guard let field = fields.first(where: { $0.unit == unit }) else {
        throw Problem(message: "INTERVAL has no unit \(unit.rawValue)", hint: "use YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE or SECOND")
      }
      size = (field.months, field.millis)
    }
    if unit == .second { return .millis(try seconds(digits[...])) }
    let count = try integer(digits[...])
    if size.months > 0 { return .months(try product(count, size.months)) }
    return .millis(try product(count, size.millis))
  }

  private static func compound(_ digits: [UInt8], _ first: SQLTimeUnit, _ last: SQLTimeUnit) throws(Problem) -> SQLInterval {
    guard let from = fields.firstIndex(where: { $0.unit == first }), let to = fields.firstIndex(where: { $0.unit == last }), from < to,
      (fields[from].months > 0) == (fields[to].months > 0)
    else {
      throw Problem(
        message: "INTERVAL cannot go from \(first.rawValue) to \(last.rawValue)",
        hint: "use YEAR TO MONTH, or DAY TO SECOND and parts of it")
    }
    // Between fields: `-` after years, a blank after days, `:` after hours and minutes.
    var rest = digits[...]
    var total: Int64 = 0
    for index in from...to {
      let field = fields[index]
      var part = rest
      if index < to {
        let separator = field.unit == .year ? UInt8(ascii: "-") : field.unit == .day ? 0x20 : UInt8(ascii: ":")
        guard let end = rest.firstIndex(of: separator) else { throw shape(first, last) }
        part = rest[..<end]
        rest = rest[(end + 1)...]
      }
      let amount = try field.unit == .second ? seconds(part) : product(try integer(part), field.months + field.millis)
      let (sum, overflow) = total.addingReportingOverflow(amount)
      if overflow { throw tooLarge }
      total = sum
    }
    return fields[from].months > 0 ? .months(total) : .millis(total)
  }

  private static func shape(_ first: SQLTimeUnit, _ last: SQLTimeUnit) -> Problem {
    let parts = ["1", "2", "3", "02", "03", "04"]
    var example = ""
    let from = fields.firstIndex { $0.unit == first } ?? 0
    let to = fields.firstIndex { $0.unit == last } ?? 0
    for index in from...to {
      example += parts[index]
      if index < to { example += fields[index].unit == .year ? "-" : fields[index].unit == .day ? " " : ":" }
    }
    return Problem(
      message: "this is no interval of \(first.rawValue) TO \(last.rawValue)",
      hint: "write e.g. INTERVAL '\(example)' \(first.rawValue) TO \(last.rawValue)")
  }

  private static var tooLarge: Problem { Problem(message: "this interval is too large", hint: nil) }

  private static func integer(_ digits: ArraySlice<UInt8>) throws(Problem) -> Int64 {
    guard !digits.isEmpty, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      throw Problem(
        message: "an interval's value must be a whole number", hint: "write e.g. INTERVAL '10' MINUTE; only SECOND takes a fraction")
    }
    guard let value = Int64(String(decoding: digits, as: UTF8.self)) else { throw tooLarge }
    return value
  }

  /// Seconds with an optional fraction, in milliseconds; finer digits are cut off as Flink does.
  private static func seconds(_ digits: ArraySlice<UInt8>) throws(Problem) -> Int64 {
    guard let point = digits.firstIndex(of: UInt8(ascii: ".")) else { return try product(try integer(digits), 1_000) }
    let fraction = digits[(point + 1)...]
    let whole = try product(point == digits.startIndex ? 0 : try integer(digits[..<point]), 1_000)
    guard !fraction.isEmpty, fraction.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      throw Problem(message: "an interval's seconds must be a number", hint: "write e.g. INTERVAL '1.5' SECOND")
    }
    var millis: Int64 = 0
    for position in 0..<3 {
      let index = fraction.startIndex + position
      millis = millis * 10 + (index < fraction.endIndex ? Int64(fraction[index] - 0x30) : 0)
    }
    let (sum, overflow) = whole.addingReportingOverflow(millis)
    if overflow { throw tooLarge }
    return sum
  }

  private static func product(_ count: Int64, _ size: Int64) throws(Problem) -> Int64 {
    let (value, overflow) = count.multipliedReportingOverflow(by: size)
    if overflow { throw tooLarge }
    return value
  }
}
