import MillraceTypes

/// The offsets of a time zone from UTC: from a file of the time zone database (TZif, RFC 8536), or fixed.
///
/// Behind the last change that a file lists its rule in POSIX form goes on for ever: it is written out for 400 years, after which the
/// calendar repeats itself.
struct ZoneRules: Sendable {
  /// Seconds since 1970 in UTC, ascending, at which the offset changes to the one at the same place.
  private let changes: [Int64]
  private let offsets: [Int64]
  /// Before the first change.
  private let first: Int64
  /// Seconds of 400 years.
  private static let cycle: Int64 = 146_097 * 86_400
  /// Beyond this instant the last 400 years are repeated; nil when the offset does not change any more.
  private let end: Int64?

  init(fixed seconds: Int64) {
    changes = []
    offsets = []
    first = seconds
    end = nil
  }

  /// nil when the bytes are no TZif file of version 2 or later.
  init?(_ bytes: [UInt8]) {
    var reader = Reader(bytes: bytes)
    // The block of 32 bits is passed over.
    guard let old = reader.header(), old.version >= 50, reader.skip(old.length(timeBytes: 4)), let header = reader.header(),
      header.typeCount > 0
    else { return nil }
    var changes: [Int64] = []
    for _ in 0..<header.timeCount {
      guard let time = reader.integer(8) else { return nil }
      changes.append(time)
    }
    var kinds: [Int] = []
    for _ in 0..<header.timeCount {
      guard let kind = reader.integer(1), kind >= 0, kind < header.typeCount else { return nil }
      kinds.append(Int(kind))
    }
    var typeOffsets: [Int64] = []
    for _ in 0..<header.typeCount {
      guard let offset = reader.integer(4), reader.skip(2), abs(offset) < 7 * 86_400 else { return nil }
      typeOffsets.append(offset)
    }
    guard reader.skip(header.characterCount + header.leapCount * 12 + header.standardCount + header.utcCount) else { return nil }
    var offsets = kinds.map { typeOffsets[$0] }
    guard zip(changes, changes.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    first = typeOffsets[0]
    var end: Int64?
    if let rule = reader.footer().flatMap(ZoneRule.init) {
      let last = changes.last ?? -2_208_988_800
      let year = CivilDate(days: Int(floorDivide(last, 86_400))).year
      if rule.summer == nil {
        if changes.isEmpty || offsets[offsets.count - 1] != rule.standard {
          changes.append(last + 1)
          offsets.append(rule.standard)
        }
      } else {
        for next in year...(year + 402) {
          for (time, offset) in rule.changes(year: next) where time > last {
            changes.append(time)
            offsets.append(offset)
          }
        }
        end = Int64(CivilDate(year: year + 402, month: 1, day: 1).days) * 86_400
      }
    }
    self.changes = changes
    self.offsets = offsets
    self.end = end
  }

  /// Seconds to add to UTC at an instant of UTC.
  func offset(at instant: Int64) -> Int64 {
    var instant = instant
    if let end, instant >= end { instant -= ((instant - end) / Self.cycle + 1) * Self.cycle }
    var low = 0
    var high = changes.count
    while low < high {
      let middle = (low + high) / 2
      if changes[middle] <= instant { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? first : offsets[low - 1]
  }

  /// The instant of a local time. Of two the earlier; a time that is left out is moved on by the length of the gap, as java.time does.
  func instant(ofLocal local: Int64) -> Int64 {
    let before = offset(at: local - 86_400)
    if offset(at: local - before) == before { return local - before }
    let after = offset(at: local + 86_400)
    if offset(at: local - after) == after { return local - after }
    return local - before
  }

  private struct Header {
    var version: UInt8
    var utcCount = 0
    var standardCount = 0
    var leapCount = 0
    var timeCount = 0
    var typeCount = 0
    var characterCount = 0

    func length(timeBytes: Int) -> Int {
      timeCount * timeBytes + timeCount + typeCount * 6 + characterCount + leapCount * (timeBytes + 4) + standardCount + utcCount
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    var at = 0

    mutating func skip(_ count: Int) -> Bool {
      guard count >= 0, bytes.count - at >= count else { return false }
      at += count
      return true
    }

    /// A signed big-endian integer of 1, 4 or 8 bytes; one byte is unsigned.
    mutating func integer(_ width: Int) -> Int64? {
      guard bytes.count - at >= width else { return nil }
      var value: UInt64 = 0
      for i in 0..<width { value = value << 8 | UInt64(bytes[at + i]) }
      at += width
      return width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }

    mutating func header() -> Header? {
      guard bytes.count - at >= 44, Array(bytes[at..<(at + 4)]) == Array("TZif".utf8) else { return nil }
      var header = Header(version: bytes[at + 4])
      at += 20
      var counts: [Int] = []
      for _ in 0..<6 {
        guard let count = integer(4), count >= 0, count < 1 << 20 else { return nil }
        counts.append(Int(count))
      }
      (header.utcCount, header.standardCount, header.leapCount) = (counts[0], counts[1], counts[2])
      (header.timeCount, header.typeCount, header.characterCount) = (counts[3], counts[4], counts[5])
      return header
    }

    /// The rule between two line ends.
    mutating func footer() -> String? {
      guard at < bytes.count, bytes[at] == 10, let end = bytes[(at + 1)...].firstIndex(of: 10) else { return nil }
      return String(decoding: bytes[(at + 1)..<end], as: UTF8.self)
    }
  }
}

/// A rule such as `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX, extended by RFC 8536): standard time, and when summer time begins and ends.
struct ZoneRule: Sendable {
  private enum Day: Sendable {
    /// Month, week (5 is the last) and day of the week from Sunday.
    case month(Int, Int, Int)
    /// Day of the year from 1, without 29 February.
    case julian(Int)
    /// Day of the year from 0.
    case ordinal(Int)
  }

  /// Seconds to add to UTC.
  let standard: Int64
  let summer: Int64?
  private var start: (day: Day, time: Int64) = (.ordinal(0), 0)
  private var end: (day: Day, time: Int64) = (.ordinal(0), 0)

  init?(_ text: String) {
    var scanner = Scanner(bytes: Array(text.utf8))
    guard scanner.name(), let offset = scanner.time() else { return nil }
    standard = -offset
    guard !scanner.isAtEnd else {
      summer = nil
      return
    }
    guard scanner.name() else { return nil }
    summer = scanner.at < scanner.bytes.count && scanner.bytes[scanner.at] != 44 ? scanner.time().map { -$0 } : standard + 3_600
    guard summer != nil, scanner.take(44), let first = scanner.date(), scanner.take(44), let last = scanner.date(), scanner.isAtEnd else {
      return nil
    }
    start = first
    end = last
  }

  /// The changes of a year in UTC, ascending.
  func changes(year: Int) -> [(time: Int64, offset: Int64)] {
    guard let summer else { return [] }
    let begin = Int64(Self.days(start.day, year)) * 86_400 + start.time - standard
    let finish = Int64(Self.days(end.day, year)) * 86_400 + end.time - summer
    return begin < finish ? [(begin, summer), (finish, standard)] : [(finish, standard), (begin, summer)]
  }

  private static func days(_ day: Day, _ year: Int) -> Int {
    switch day {
    case .ordinal(let number): return CivilDate(year: year, month: 1, day: 1).days + number
    case .julian(let number):
      return CivilDate(year: year, month: 1, day: 1).days + number - 1 + (CivilDate.isLeap(year) && number >= 60 ? 1 : 0)
    case .month(let month, let week, let weekday):
      let first = CivilDate(year: year, month: month, day: 1).days
      // 1970-01-01 was a Thursday.
      let ofFirst = Int(floorRemainder(Int64(first + 4), 7))
      var day = first + (weekday - ofFirst + 7) % 7 + (week - 1) * 7
      if day >= first + CivilDate.dayCount(year: year, month: month) { day -= 7 }
      return day
    }
  }

  private struct Scanner {
    let bytes: [UInt8]
    var at = 0
    var isAtEnd: Bool { at == bytes.count }

    mutating func take(_ byte: UInt8) -> Bool {
      guard at < bytes.count, bytes[at] == byte else { return false }
      at += 1
      return true
    }

    /// Letters, or anything in `<...>`.
    mutating func name() -> Bool {
      let start = at
      if take(60) {
        guard let close = bytes[at...].firstIndex(of: 62) else { return false }
        at = close + 1
        return true
      }
      while at < bytes.count, (65...90).contains(bytes[at] & ~32) { at += 1 }
      return at > start
    }

    mutating func number() -> Int? {
      let start = at
      var value = 0
      while at < bytes.count, bytes[at] &- 48 <= 9, at - start < 5 {
        value = value * 10 + Int(bytes[at] - 48)
        at += 1
      }
      return at > start ? value : nil
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int64? {
      let isNegative = take(45)
      if !isNegative { _ = take(43) }
      guard let hours = number() else { return nil }
      var seconds = hours * 3_600
      if take(58) {
        guard let minutes = number() else { return nil }
        seconds += minutes * 60
        if take(58) {
          guard let rest = number() else { return nil }
          seconds += rest
        }
      }
      return Int64(isNegative ? -seconds : seconds)
    }

    /// `Mm.w.d`, `Jn` or `n`, with `/time`, 02:00 without.
    mutating func date() -> (day: Day, time: Int64)? {
      let day: Day
      if take(77) {
        guard let month = number(), (1...12).contains(month), take(46), let week = number(), (1...5).contains(week), take(46),
          let weekday = number(), (0...6).contains(weekday)
        else { return nil }
        day = .month(month, week, weekday)
      } else if take(74) {
        guard let number = number(), (1...365).contains(number) else { return nil }
        day = .julian(number)
      } else {
        guard let number = number(), number <= 365 else { return nil }
        day = .ordinal(number)
      }
      guard take(47) else { return (day, 7_200) }
      return time().map { (day, $0) }
    }
  }
}
