import MillraceOperators
import MillracePlan

/// How long an operator keeps what has had no update. Measured in event time where its rows have that, in a batch job too, else by the
/// clock, and then in streaming jobs only.
struct StateTTL {
  /// Of the only input, or of the left one of a join; nil for ever.
  var left: Int64?
  var right: Int64?
  var isByEventTime: Bool

  /// - Parameter standard: of operators for which the query says nothing; 0 for ever.
  init?(_ node: PhysicalPlan.Node, standard: Int64, mode: JobConfiguration.Mode) {
    func micros(_ own: Int64?) -> Int64? { (own ?? standard) > 0 ? own ?? standard : nil }
    switch node.kind {
    case .groupAggregate(let aggregate):
      left = micros(aggregate.ttlMicros)
      isByEventTime = aggregate.input.carriesEventTime
    case .rank(let rank):
      left = micros(nil)
      isByEventTime = rank.input.carriesEventTime
    case .hashJoin(let join):
      (left, right) = (micros(join.leftTTLMicros), micros(join.rightTTLMicros))
      isByEventTime = join.left.carriesEventTime && join.right.carriesEventTime
    default: return nil
    }
    if left == nil && right == nil { return nil }
    if !isByEventTime && mode == .batch { return nil }
  }
}
