import MillraceExpressions
import MillraceTypes

extension Join {
  /// A condition after which a row of one input can match no row still to come of the other: it is over once the watermark has
  /// passed `deadline + lagMicros`.
  public struct Expiry: Sendable, Hashable {
    /// A timestamp over the columns of the row's own input. Null when the condition is never true for the row.
    public var deadline: Expression
    /// Microseconds.
    public var lagMicros: Int64
  }

  /// What bounds the life of left rows and of right rows: conditions of the join of the form `other.time <= expression`, where
  /// `other.time` is an event time of the other input, so that it only grows.
  public var expiry: (left: [Expiry], right: [Expiry]) {
    var result: (left: [Expiry], right: [Expiry]) = ([], [])
    let width = left.schema.count
    for conjunct in residual?.conjuncts ?? [] {
      guard case .call(let name, let sides) = conjunct.kind, sides.count == 2 else { continue }
      // small <= large
      let (small, large): (Expression, Expression)
      switch name {
      case "<", "<=": (small, large) = (sides[0], sides[1])
      case ">", ">=": (small, large) = (sides[1], sides[0])
      default: continue
      }
      guard large.type.isTimestamp, let (column, micros) = small.columnPlusMicros else { continue }
      let columns = large.referencedColumns
      guard !columns.isEmpty else { continue }
      if column < width, columns.allSatisfy({ $0 >= width }), let offset = left.eventTimeOffset(of: column) {
        result.right.append(Expiry(deadline: large.mappingColumns { $0 - width }, lagMicros: offset &- micros))
      } else if column >= width, columns.allSatisfy({ $0 < width }), let offset = right.eventTimeOffset(of: column - width) {
        result.left.append(Expiry(deadline: large, lagMicros: offset &- micros))
      }
    }
    return result
  }
}

extension LogicalPlan {
  /// `event time - column` in microseconds where that is the same for every row; also for `window_start` and `window_end` of a
  /// window aggregate, which are no event times of their own but stand at a fixed distance from one.
  func eventTimeOffset(of column: Int) -> Int64? {
    if case .exact(let offset)? = timeAttribute(of: column) { return offset }
    switch self {
    case .filter(let n): return n.input.eventTimeOffset(of: column)
    case .project(let n):
      guard let (source, shift) = n.expressions[column].columnPlusMicros, let offset = n.input.eventTimeOffset(of: source) else {
        return nil
      }
      return offset - shift
    case .aggregate(let n):
      guard let window = n.window else { return nil }
      // The event time is one millisecond before the window's end.
      if column == window.end { return -1_000 }
      guard column == window.start else { return nil }
      switch window.kind {
      case .tumble(let size, _), .hop(_, let size, _): return size - 1_000
      case .cumulate, .session: return nil
      }
    default: return nil
    }
  }
}
