import Foundation
import MillraceRuntime
import MillraceTypes

/// How a session runs what it is given.
public struct SessionOptions: Sendable {
  public var job = JobConfiguration()
  public var usesOptimizer = true
  /// Write what each operator did after every job, to standard error.
  public var statistics: StatisticsFormat?
  /// Replaces `${name}` in SQL text.
  public var definitions: [String: String] = [:]

  public init() {}

  /// Milliseconds of `500 ms`, `10 s`, `1 min`, `2 h`; a bare number is milliseconds.
  public static func millis(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits) else { return nil }
    let factor: Int64
    switch text.dropFirst(digits.count).filter({ $0 != " " }).lowercased() {
    case "", "ms": factor = 1
    case "s", "sec": factor = 1000
    case "m", "min": factor = 60_000
    case "h": factor = 3_600_000
    default: return nil
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }

  /// Bytes of `512 mb`, `4 gb`, `1.5 gb`; a bare number is bytes. Units are powers of 1024, as Flink has them.
  public static func bytes(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits), number >= 0 else { return nil }
    let unit = text.dropFirst(digits.count).filter { $0 != " " }.lowercased()
    let powers = [["", "b", "bytes"], ["k", "kb"], ["m", "mb"], ["g", "gb"], ["t", "tb"]]
    guard let power = powers.firstIndex(where: { $0.contains(unit) }) else { return nil }
    let bytes = number * Double(1 << (10 * power))
    return bytes < 1e18 ? Int(bytes) : nil
  }

  /// A number of bytes for people, such as `4.0 GB`.
  static func text(bytes: Int) -> String {
    let units = ["bytes", "KB", "MB", "GB", "TB"]
    var (value, unit) = (Double(bytes), 0)
    while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
    if unit == 0 { return "\(bytes) bytes" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }

  /// Replaces `${name}`; an unknown name is an error that lists the known ones.
  func substituted(_ text: String, name: String) throws(MillraceError) -> String {
    var result = ""
    var rest = Substring(text)
    while let start = rest.range(of: "${") {
      result += rest[..<start.lowerBound]
      let after = rest[start.upperBound...]
      guard let end = after.firstIndex(of: "}") else { break }
      let key = String(after[..<end])
      guard let value = definitions[key] else {
        let line = result.reduce(1) { $1 == "\n" ? $0 + 1 : $0 }
        let nearest = nearestName(to: key, among: definitions.keys.sorted()).map { "; did you mean ${\($0)}?" } ?? ""
        throw MillraceError(
          .invalidSQL, "${\(key)} has no value", subject: "\(name):\(line)", hint: "give it with -D \(key)=VALUE\(nearest)")
      }
      result += value
      rest = after[after.index(after: end)...]
    }
    return result + rest
  }
}

/// How query results are printed.
public enum OutputFormat: String, Sendable, CaseIterable {
  case table
  case csv
  case json
}

/// The version of this build.
public enum MillraceVersion {
  public static let text = "0.1.0"
}
