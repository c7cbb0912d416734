import MillraceColumns
import MillraceTypes

/// Where the files of the time zone database come from: the bytes of the file of a name such as `Europe/Berlin`, nil when there is none.
public typealias ZoneFiles = @Sendable (_ name: String) throws(MillraceError) -> [UInt8]?

/// Names of time zones, and the zone as a literal of an expression: a row of the name and the rules, so that a plan carries all that
/// its values depend on.
enum TimeZoneName {
  static let type = DataType.row([Field("name", .text, isNullable: false), Field("rules", .bytes, isNullable: false)])

  /// Java's short names that are no names of the database.
  private static let short: [String: String] = [
    "PST": "America/Los_Angeles", "CST": "America/Chicago", "JST": "Asia/Tokyo", "IST": "Asia/Kolkata", "AET": "Australia/Sydney",
    "ECT": "Europe/Paris", "CTT": "Asia/Shanghai", "AGT": "America/Argentina/Buenos_Aires", "BST": "Asia/Dhaka", "VST": "Asia/Ho_Chi_Minh",
    "NST": "Pacific/Auckland", "EST": "-05:00", "MST": "-07:00", "HST": "-10:00",
  ]

  /// The zone of a name as a literal.
  ///
  /// - Throws: `invalid-sql` naming a zone that is not known.
  static func literal(_ name: String, _ files: ZoneFiles?) throws(MillraceError) -> Expression {
    .literal(.row([.text(name), .bytes(try rules(name, files))]), type)
  }

  /// A fixed offset as text of seconds, else the file's bytes.
  private static func rules(_ name: String, _ files: ZoneFiles?) throws(MillraceError) -> [UInt8] {
    let full = short[name] ?? name
    if let seconds = fixedOffset(full) { return Array("\(seconds)".utf8) }
    let isPath = full.utf8.allSatisfy { byte in
      (48...57).contains(byte) || (65...90).contains(byte & ~32) || [43, 45, 47, 95].contains(byte)
    }
    if isPath, !full.isEmpty, !full.hasPrefix("/"), let files {
      if let bytes = try files(full) {
        guard ZoneRules(bytes) != nil else {
          throw MillraceError(
            .invalidInput, "the file of the time zone '\(name)' is not valid", hint: "install the time zone database (tzdata) anew")
        }
        return bytes
      }
    }
    throw MillraceError(
      .invalidSQL, "there is no time zone '\(name)'",
      hint: files == nil
        ? "only UTC and offsets such as '+02:00' are known here" : "use a name such as 'Europe/Berlin', or an offset such as '+02:00'")
  }

  /// Seconds of `UTC`, `GMT`, `Z`, and these or nothing with an offset `+h`, `+hh`, `+hhmm`, `+hh:mm` or `+hh:mm:ss`.
  static func fixedOffset(_ name: String) -> Int64? {
    var rest = Array(name.utf8)
    for prefix in ["UTC", "GMT", "UT", "Z"] where rest.starts(with: Array(prefix.utf8)) {
      rest.removeFirst(prefix.utf8.count)
      if rest.isEmpty || rest == [48] { return 0 }
      break
    }
    guard let sign = rest.first, sign == 43 || sign == 45 else { return nil }
    rest.removeFirst()
    let parts: [[UInt8]]
    if rest.contains(58) {
      parts = rest.split(separator: 58, omittingEmptySubsequences: false).map(Array.init)
      guard parts.count <= 3, parts.dropFirst().allSatisfy({ $0.count == 2 }) else { return nil }
    } else {
      guard rest.count <= 2 || rest.count == 4 else { return nil }
      parts = rest.count == 4 ? [Array(rest[..<2]), Array(rest[2...])] : [rest]
    }
    var seconds: Int64 = 0
    for (place, part) in parts.enumerated() {
      guard (1...2).contains(part.count), part.allSatisfy({ $0 &- 48 <= 9 }) else { return nil }
      let number = part.reduce(Int64(0)) { $0 * 10 + Int64($1 - 48) }
      guard number <= (place == 0 ? 18 : 59) else { return nil }
      seconds += number * [3_600, 60, 1][place]
    }
    return sign == 45 ? -seconds : seconds
  }

  /// The rules that a literal holds.
  static func rules(of expression: Expression) -> ZoneRules? {
    guard case .row(let parts)? = expression.literal, parts.count == 2, case .bytes(let bytes) = parts[1] else { return nil }
    if let rules = ZoneRules(bytes) { return rules }
    return Int64(String(decoding: bytes, as: UTF8.self)).map { ZoneRules(fixed: $0) }
  }
}
