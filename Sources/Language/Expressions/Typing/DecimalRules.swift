import MillraceTypes

/// Flink's precision and scale of decimal results (`LogicalTypeMerging`), after SQL Server's rules.
///
/// A result that needs more than 38 digits keeps its integer digits and gives up fraction digits, down to six.
public enum DecimalRules {
  public static let precisionMax = 38

  /// The decimal that holds every value of an integer type: TINYINT 3, SMALLINT 5, INT 10, BIGINT 19 digits.
  public static func exact(_ type: DataType) -> (precision: Int, scale: Int)? {
    switch type {
    case .int8: (3, 0)
    case .int16: (5, 0)
    case .int32: (10, 0)
    case .int64: (19, 0)
    case .decimal(let p, let s): (p, s)
    default: nil
    }
  }

  public static func adjusted(precision: Int, scale: Int) -> DataType {
    if precision <= precisionMax { return .decimal(precision: precision, scale: scale) }
    let integerDigits = precision - scale
    return .decimal(precision: precisionMax, scale: max(precisionMax - integerDigits, min(scale, 6)))
  }

  typealias Shape = (precision: Int, scale: Int)

  /// Precision and scale before the limit of 38 digits; nil for an operator that is none of `+ - * / %`.
  static func unlimited(_ name: String, _ a: Shape, _ b: Shape) -> Shape? {
    let scale = max(a.scale, b.scale)
    switch name {
    case "+", "-": return (max(a.precision - a.scale, b.precision - b.scale) + scale + 1, scale)
    case "*": return (a.precision + b.precision + 1, a.scale + b.scale)
    case "/":
      let quotientScale = max(6, a.scale + b.precision + 1)
      return (a.precision - a.scale + b.scale + quotientScale, quotientScale)
    case "%": return (max(1, min(a.precision - a.scale, b.precision - b.scale) + scale), scale)
    default: return nil
    }
  }

  /// Result of `ROUND(decimal, digits)` with constant digits: one more integer digit where rounding may carry.
  static func rounded(precision: Int, scale: Int, digits: Int) -> DataType {
    if digits >= scale { return .decimal(precision: precision, scale: scale) }
    if digits < 0 { return .decimal(precision: min(precisionMax, 1 + precision - scale), scale: 0) }
    return .decimal(precision: 1 + precision - scale + digits, scale: digits)
  }

  /// The decimal that holds both: most integer digits and most fraction digits, fraction digits giving way at 38.
  static func common(_ a: Shape, _ b: Shape) -> DataType {
    let integerDigits = max(a.precision - a.scale, b.precision - b.scale)
    let scale = min(max(a.scale, b.scale), precisionMax - integerDigits)
    return .decimal(precision: max(1, integerDigits + scale), scale: max(0, scale))
  }
}
