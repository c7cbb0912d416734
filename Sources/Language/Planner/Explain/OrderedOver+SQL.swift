import MillraceExpressions
import MillracePlan

extension OrderedOver.Call {
  /// As SQL, with its frame.
  func sql(_ names: [String]) -> String {
    let arguments = self.arguments.map { $0.sql(names) }
    switch function {
    case .aggregate: return "\(aggregate?.sql(names) ?? "") \(frame.sql)"
    case .nthValue(let n): return "NTH_VALUE(\(arguments.joined(separator: ", ")), \(n)) \(frame.sql)"
    case .lag(let n): return "LAG(\(Self.shifted(arguments, n)))"
    case .lead(let n): return "LEAD(\(Self.shifted(arguments, n)))"
    case .ntile(let n): return "NTILE(\(n))"
    case .percentRank: return "PERCENT_RANK()"
    case .cumeDist: return "CUME_DIST()"
    }
  }

  private static func shifted(_ arguments: [String], _ n: Int64) -> String {
    (arguments.prefix(1) + ["\(n)"] + arguments.dropFirst()).joined(separator: ", ")
  }
}

extension OrderedOver.Frame {
  var sql: String {
    let exclude = exclusion.map { " EXCLUDE \($0.rawValue)" } ?? ""
    return "\(isRange ? "RANGE" : "ROWS") BETWEEN \(start.sql) AND \(end.sql)\(exclude)"
  }
}

extension OrderedOver.Bound {
  var sql: String {
    switch self {
    case .unboundedPreceding: "UNBOUNDED PRECEDING"
    case .preceding(let distance): "\(distance.text) PRECEDING"
    case .currentRow: "CURRENT ROW"
    case .following(let distance): "\(distance.text) FOLLOWING"
    case .unboundedFollowing: "UNBOUNDED FOLLOWING"
    }
  }
}

extension OrderedOver.Distance {
  var text: String {
    switch self {
    case .rows(let n): "\(n)"
    case .units(let n): "\(n)"
    case .float(let x): "\(x)"
    }
  }
}
