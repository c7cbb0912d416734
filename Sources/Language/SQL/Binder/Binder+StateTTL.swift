import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The hint `SELECT /*+ STATE_TTL('a' = '1 h', 'b' = '1 d') */`: how long a join keeps rows of its inputs and a grouping its groups.
extension Binder {
  mutating func bindStateTTLs(_ options: [SQLOption]) throws(BindStop) -> [String: Int64] {
    var found: [String: Int64] = [:]
    for option in options {
      guard let micros = DurationText.micros(option.value.text) else {
        throw fail("'\(option.value.text)' is no duration", at: option.value.span, hint: "write it as '1 h', '30 min' or '1 d'")
      }
      found[option.key.text] = micros
    }
    return found
  }

  /// Every name must be one of FROM.
  mutating func checkStateTTLs(_ options: [SQLOption], _ columns: [ScopeColumn]) throws(BindStop) {
    let names = uniqued(columns.compactMap(\.qualifier))
    for option in options where !names.contains(option.key.text) {
      throw fail(
        "no table is named \(option.key.text) in FROM", at: option.key.span,
        hint: didYouMean(option.key.text, among: names) ?? "a table with an alias goes by that")
    }
  }

  /// That of a relation which is one table; nil for none.
  func stateTTL(of columns: [ScopeColumn]) -> Int64? {
    guard !stateTTLs.isEmpty, let name = columns.first?.qualifier, columns.allSatisfy({ $0.qualifier == name }) else { return nil }
    return stateTTLs[name]
  }

  /// A join whose sides have a time to live each.
  func keeping(_ plan: LogicalPlan, left: Int64?, right: Int64?) -> LogicalPlan {
    guard left != nil || right != nil, case .join(var join) = plan else { return plan }
    join.leftTTLMicros = left
    join.rightTTLMicros = right
    return .join(join)
  }
}
