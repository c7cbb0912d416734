import MillracePlan
import MillraceTypes

/// One option that a connector understands.
public struct ConnectorOption: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case text
    case boolean
    case integer
    case number
    /// `10 s`, `500 ms`, `1 min`, `2 h`, `1 d`.
    case duration
    /// `128MB`, `64 kb`.
    case byteCount
    case choice([String])
  }

  /// The key; `#` stands for a column of the table (`fields.#.min`).
  public var name: String
  public var kind: Kind
  /// One line.
  public var help: String

  public init(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    self.kind = kind
    self.help = help
  }
}

/// The checked options of a table: every key is known and every value is of its kind.
public struct ConnectorOptions: Sendable {
  public let table: TableDefinition

  /// - Throws: `invalid-option` for a key that no option has, or a value of the wrong kind; the message names the nearest choice.
  public init(_ table: TableDefinition, known: [ConnectorOption]) throws(MillraceError) {
    self.table = table
    for (key, value) in table.options.sorted(by: { $0.key < $1.key }) where key != "connector" {
      guard let option = known.first(where: { Self.matches(key, $0.name, table.schema) }) else {
        throw Self.unknown(key, table, known)
      }
      try Self.check(value, option.kind, key, table)
    }
  }

  public func text(_ key: String) -> String? { table.options[key] }

  public func required(_ key: String, example: String) throws(MillraceError) -> String {
    if let value = table.options[key], !value.isEmpty { return value }
    throw MillraceError(
      .invalidOption, "option '\(key)' is missing", subject: "table \(table.name)", hint: "add '\(key)' = '\(example)' to WITH")
  }

  public func boolean(_ key: String) -> Bool? { table.options[key].flatMap(Self.boolean(from:)) }
  public func integer(_ key: String) -> Int64? { table.options[key].flatMap { Int64($0) } }
  public func number(_ key: String) -> Double? { table.options[key].flatMap { Double($0) } }
  public func durationMicros(_ key: String) -> Int64? { table.options[key].flatMap(DurationText.micros) }
  public func byteCount(_ key: String) -> Int64? { table.options[key].flatMap(Self.byteCount(from:)) }

  /// An error about the value of a key.
  public func invalid(_ key: String, _ problem: String, hint: String? = nil) -> MillraceError {
    MillraceError(.invalidOption, "option '\(key)' = '\(table.options[key] ?? "")' \(problem)", subject: "table \(table.name)", hint: hint)
  }

  private static func matches(_ key: String, _ pattern: String, _ schema: Schema) -> Bool {
    guard let hash = pattern.firstIndex(of: "#") else { return key == pattern }
    let before = pattern[..<hash]
    let after = pattern[pattern.index(after: hash)...]
    guard key.hasPrefix(before), key.hasSuffix(after), key.count > before.count + after.count else { return false }
    let name = key.dropFirst(before.count).dropLast(after.count)
    return schema.fields.contains { $0.name.lowercased() == name.lowercased() }
  }

  private static func unknown(_ key: String, _ table: TableDefinition, _ known: [ConnectorOption]) -> MillraceError {
    let names = known.flatMap { option in
      option.name.contains("#")
        ? table.schema.fields.map { field in
          option.name.split(separator: "#", omittingEmptySubsequences: false).joined(separator: field.name)
        } : [option.name]
    }
    let hint: String
    if let nearest = nearestName(to: key, among: names) {
      let help = known.first { matches(nearest.lowercased(), $0.name, table.schema) || $0.name == nearest }?.help
      hint = "did you mean '\(nearest)'" + (help.map { " (\($0))?" } ?? "?")
    } else {
      hint = "options here: " + known.map(\.name).sorted().joined(separator: ", ")
    }
    return MillraceError(.invalidOption, "unknown option '\(key)'", subject: "table \(table.name)", hint: hint)
  }

  private static func check(
    _ value: String, _ kind: ConnectorOption.Kind, _ key: String, _ table: TableDefinition
  ) throws(MillraceError) {
    let wanted: String?
    switch kind {
    case .text: wanted = nil
    case .boolean: wanted = boolean(from: value) == nil ? "'true' or 'false'" : nil
    case .integer: wanted = Int64(value) == nil ? "a whole number" : nil
    case .number: wanted = Double(value).map { $0.isFinite } == true ? nil : "a number"
    case .duration: wanted = DurationText.micros(value) == nil ? "a duration such as '10 s', '500 ms', '1 min' or '2 h'" : nil
    case .byteCount: wanted = byteCount(from: value) == nil ? "a size such as '64 kb' or '128 mb'" : nil
    case .choice(let choices):
      if choices.contains(value) {
        wanted = nil
      } else {
        let list = choices.map { "'\($0)'" }.joined(separator: ", ")
        wanted = "one of \(list)" + (nearestName(to: value, among: choices).map { "; did you mean '\($0)'?" } ?? "")
      }
    }
    if let wanted {
      throw MillraceError(
        .invalidOption, "option '\(key)' = '\(value)' is not valid", subject: "table \(table.name)", hint: "give \(wanted)")
    }
  }

  private static func boolean(from text: String) -> Bool? {
    switch text.lowercased() {
    case "true": true
    case "false": false
    default: nil
    }
  }

  private static func split(_ text: String) -> (number: Int64, unit: String)? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits) else { return nil }
    return (number, text.dropFirst(digits.count).filter { $0 != " " }.lowercased())
  }

  /// As Flink's: a number and a unit of 1024, bytes when there is none.
  static func byteCount(from text: String) -> Int64? {
    guard let (number, unit) = split(text) else { return nil }
    let shift: Int64
    switch unit {
    case "", "b", "bytes": shift = 0
    case "k", "kb", "kibibytes": shift = 10
    case "m", "mb", "mebibytes": shift = 20
    case "g", "gb", "gibibytes": shift = 30
    case "t", "tb", "tebibytes": shift = 40
    default: return nil
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
    return overflow ? nil : product
  }
}
