import Foundation
import MillraceRuntime
import MillraceTypes

/// How a session runs what it is given.
public struct SessionOptions: Sendable {
  public var job = JobConfiguration()
  public var usesOptimizer = true
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
