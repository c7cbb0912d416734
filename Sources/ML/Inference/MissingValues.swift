import MillraceTypes

/// What to do with NaN and infinities before a model sees them.
///
/// Trees read NaN as "missing", as they did in training. Linear models and networks would silently answer NaN.
public enum MissingValues: Sendable, Hashable {
  /// NaN goes to the model as it is.
  case pass
  /// A row that holds a NaN or an infinity gets no score.
  case refuse
  /// NaN and infinities are replaced by this number.
  case replace(with: Float)

  /// What `apply` found.
  public struct Found: Sendable, Equatable {
    /// Values that were NaN or infinite and were replaced.
    public var replacedCount = 0
    /// Rows that must not be given a score, ascending.
    public var refusedRows: [Int] = []

    public init(replacedCount: Int = 0, refusedRows: [Int] = []) {
      self.replacedCount = replacedCount
      self.refusedRows = refusedRows
    }
  }

  /// Applies the policy to `rows` x `features` row-major values in place.
  public func apply(to values: UnsafeMutablePointer<Float>, rows: Int, features: Int) -> Found {
    var found = Found()
    switch self {
    case .pass: break
    case .refuse:
      for row in 0..<rows {
        let start = row &* features
        var finite = true
        for column in 0..<features where !values[start &+ column].isFinite { finite = false }
        if !finite { found.refusedRows.append(row) }
      }
    case .replace(let number):
      for i in 0..<(rows &* features) where !values[i].isFinite {
        values[i] = number
        found.replacedCount += 1
      }
    }
    return found
  }
}
