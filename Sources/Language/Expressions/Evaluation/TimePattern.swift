import MillraceTypes

/// A date and time pattern in Java's letters, for DATE_FORMAT, TO_TIMESTAMP, TO_DATE and FROM_UNIXTIME:
/// `y` year, `M` month, `d` day, `H` hour 0-23, `h` hour 1-12, `m` minute, `s` second, `S` fraction, `a` AM/PM, `E` day of the week,
/// `'text'` and anything that is no letter for itself. Names are English.
struct TimePattern: Sendable {
  private enum Token: Sendable {
    case literal(UInt8)
    case field(UInt8, Int)
  }

  private var tokens: [Token] = []

  /// - Throws: `invalid-sql` naming a letter that is not known.
  init(_ pattern: Bytes) throws(MillraceError) {
    var at = 0
    while at < pattern.count {
      let byte = pattern[at]
      if byte == 39 {
        at += 1
        if at < pattern.count && pattern[at] == 39 {
          tokens.append(.literal(39))
          at += 1
          continue
        }
        while at < pattern.count && pattern[at] != 39 {
          tokens.append(.literal(pattern[at]))
          at += 1
        }
        at += 1
        continue
      }
      let isLetter = (65...90).contains(byte) || (97...122).contains(byte)
      guard isLetter else {
        tokens.append(.literal(byte))
        at += 1
        continue
      }
      var width = 0
      while at < pattern.count && pattern[at] == byte {
        width += 1
        at += 1
      }
      guard "yuMdHhmsSaE".utf8.contains(byte) else {
        throw MillraceError(
          .invalidSQL,
          "the date pattern '\(String(decoding: pattern, as: UTF8.self))' has the unknown letter \(Character(Unicode.Scalar(byte)))",
          hint: "known are yyyy MM dd HH hh mm ss SSS a E; put other letters in quotes")
      }
      tokens.append(.field(byte == 117 ? 121 : byte, width))
    }
  }

  /// Nanoseconds of the longest stretch, counted from midnight, in which every instant is written alike; at most a day.
  var constantNanos: Int64 {
    var result: Int64 = 86_400_000_000_000
    for case .field(let letter, _) in tokens {
      switch letter {
      case 83: result = 1
      case 115: result = min(result, 1_000_000_000)
      case 109: result = min(result, 60_000_000_000)
      case 72, 104, 97: result = min(result, 3_600_000_000_000)
      default: break
      }
    }
    return result
  }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
  ]
  private static let days = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"]

  /// Writes the day and the nanosecond of that day.
  func write(day: Int, nanos: Int64, to out: TextOutput) {
    let date = CivilDate(days: day)
    let seconds = Int(nanos / 1_000_000_000)
    for token in tokens {
      switch token {
      case .literal(let byte): out.append(byte)
      case .field(121, let width): number(width == 2 ? date.year % 100 : date.year, width, out)
      case .field(77, let width) where width >= 3:
        let name = Self.months[date.month - 1]
        out.append(width == 3 ? String(name.prefix(3)) : name)
      case .field(77, let width): number(date.month, width, out)
      case .field(100, let width): number(date.day, width, out)
      case .field(72, let width): number(seconds / 3_600, width, out)
      case .field(104, let width): number((seconds / 3_600 + 11) % 12 + 1, width, out)
      case .field(109, let width): number(seconds / 60 % 60, width, out)
      case .field(115, let width): number(seconds % 60, width, out)
      case .field(83, let width):
        var fraction = nanos % 1_000_000_000
        if width < 9 { for _ in width..<9 { fraction /= 10 } }
        number(Int(fraction), width, out)
      case .field(97, _): out.append(seconds < 43_200 ? "AM" : "PM")
      case .field(_, let width):
        let name = Self.days[Int(floorRemainder(Int64(day), 7))]
        out.append(width <= 3 ? String(name.prefix(3)) : name)
      }
    }
  }

  private func number(_ value: Int, _ width: Int, _ out: TextOutput) {
    if value < 0 { out.append(45) }
    var digits: UInt64 = UInt64(value.magnitude)
    var count = 1
    var limit: UInt64 = 10
    while digits >= limit && count < 19 {
      count += 1
      limit &*= 10
    }
    let total = max(width, count)
    let target = out.room(total)
    var i = total
    while i > 0 {
      i -= 1
      target[i] = UInt8(truncatingIfNeeded: 48 + digits % 10)
      digits /= 10
    }
    out.advance(total)
  }

  /// Reads a text of this form as day and nanosecond of the day; nil when it has another form. What the pattern lacks is 1970-01-01
  /// 00:00:00.
  func read(_ text: Bytes) -> (day: Int, nanos: Int64)? {
    var at = 0
    var date = CivilDate(year: 1970, month: 1, day: 1)
    var (hour, minute, second, nanos) = (0, 0, 0, Int64(0))
    var isAfternoon: Bool?
    for (position, token) in tokens.enumerated() {
      switch token {
      case .literal(let byte):
        guard at < text.count, text[at] == byte else { return nil }
        at += 1
      case .field(97, _):
        guard at + 2 <= text.count, text[at + 1] | 32 == 109 else { return nil }
        isAfternoon = text[at] | 32 == 112
        at += 2
      case .field(77, let width) where width >= 3:
        guard let month = Self.name(Self.months, width == 3, text, &at) else { return nil }
        date.month = month + 1
      case .field(69, let width):
        guard Self.name(Self.days, width <= 3, text, &at) != nil else { return nil }
      case .field(83, let width):
        let start = at
        guard let value = Self.number(text, &at, max(1, width)) else { return nil }
        nanos = Int64(value)
        if at - start < 9 { for _ in (at - start)..<9 { nanos *= 10 } }
      case .field(let letter, let width):
        // Without a separator behind it a field has exactly its width; else it may be longer.
        var isFollowedByDigits = false
        if position + 1 < tokens.count, case .field = tokens[position + 1] { isFollowedByDigits = true }
        let most = isFollowedByDigits ? width : max(width, letter == 121 ? 6 : 2)
        guard let value = Self.number(text, &at, most) else { return nil }
        switch letter {
        case 121: date.year = width == 2 && value < 100 ? 2000 + value : value
        case 77: date.month = value
        case 100: date.day = value
        case 72, 104: hour = value
        case 109: minute = value
        default: second = value
        }
      }
    }
    if let isAfternoon { hour = hour % 12 + (isAfternoon ? 12 : 0) }
    guard at == text.count, date.isValid, hour < 24, minute < 60, second < 60 else { return nil }
    return (date.days, Int64(hour * 3_600 + minute * 60 + second) * 1_000_000_000 + nanos)
  }

  private static func number(_ text: Bytes, _ at: inout Int, _ digitsMax: Int) -> Int? {
    var value = 0
    let start = at
    while at < text.count, at - start < min(digitsMax, 9), text[at] &- 48 <= 9 {
      value = value * 10 + Int(text[at] - 48)
      at += 1
    }
    return at > start ? value : nil
  }

  private static func name(_ names: [String], _ isShort: Bool, _ text: Bytes, _ at: inout Int) -> Int? {
    for (index, name) in names.enumerated() {
      let bytes = Array((isShort ? String(name.prefix(3)) : name).utf8)
      guard at + bytes.count <= text.count else { continue }
      var isEqual = true
      for (i, byte) in bytes.enumerated() where text[at + i] | 32 != byte | 32 { isEqual = false }
      if isEqual {
        at += bytes.count
        return index
      }
    }
    return nil
  }
}
