import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The sort key of each row as a number that rises along the order: what RANGE distances are measured on.
final class RangeKeys {
  /// Where a row stands to those with a number: before them (negative), among them (0), behind them. Nulls and NaN have none.
  private let bands = DenseArray<Int8>(fill: 0)
  private let exact = DenseArray<Int128>(fill: 0, capacity: 16)
  private let floats = DenseArray<Double>(fill: 0, capacity: 16)
  private let key: Sort.Key
  private let isFloat: Bool

  var heldBytes: Int { bands.heldBytes + exact.heldBytes + floats.heldBytes }

  init(_ key: Sort.Key) {
    self.key = key
    isFloat = key.expression.type.isFloating
  }

  /// A number on the scale of the keys.
  enum Number {
    case exact(Int128)
    case float(Double)
  }

  @inline(__always) func band(_ row: Int32) -> Int8 { bands.base[Int(row)] }

  /// The row's number moved along the order; saturates. Only for rows of band 0.
  func number(_ row: Int32, plus distance: OrderedOver.Distance, times sign: Int) -> Number {
    if isFloat {
      let step: Double =
        switch distance {
        case .float(let x): x
        case .units(let n): Double(n)
        case .rows(let n): Double(n)
        }
      return .float(floats.base[Int(row)] + Double(sign) * step)
    }
    let step: Int128 =
      switch distance {
      case .units(let n): n
      case .rows(let n): Int128(n)
      case .float(let x): Int128(exactly: x.rounded(.down)) ?? .max
      }
    let value = exact.base[Int(row)]
    let (moved, overflow) = sign > 0 ? value.addingReportingOverflow(step) : value.subtractingReportingOverflow(step)
    return .exact(overflow ? (sign > 0 ? .max : .min) : moved)
  }

  /// Whether a row stands before a number (or, with `orAt`, also at it).
  @inline(__always) func precedes(_ row: Int32, _ number: Number, orAt: Bool) -> Bool {
    let band = bands.base[Int(row)]
    if band != 0 { return band < 0 }
    switch number {
    case .exact(let n): return orAt ? exact.base[Int(row)] <= n : exact.base[Int(row)] < n
    case .float(let x): return orAt ? floats.base[Int(row)] <= x : floats.base[Int(row)] < x
    }
  }

  func append(_ column: Column, from first: Int) {
    let end = first + column.count
    bands.grow(to: end)
    if isFloat { floats.grow(to: end) } else { exact.grow(to: end) }
    let flip = !key.isAscending
    let factor = Self.nanos(per: key.expression.type)
    for row in 0..<column.count {
      let at = first + row
      bands.base[at] = 0
      guard !column.isNull(row) else {
        bands.base[at] = key.nullsFirst ? -2 : 2
        continue
      }
      if isFloat {
        let value = column.type == .float32 ? Double(column.pointer(Float.self)[row]) : column.pointer(Double.self)[row]
        if value.isNaN { bands.base[at] = flip ? -1 : 1 }
        floats.base[at] = flip ? -value : value
      } else {
        let value = Self.integer(column, row) &* factor
        exact.base[at] = flip ? 0 &- value : value
      }
    }
    withExtendedLifetime(column) {}
  }

  private static func integer(_ column: Column, _ row: Int) -> Int128 {
    switch column.type.fixedWidth ?? 8 {
    case 1: Int128(column.pointer(Int8.self)[row])
    case 2: Int128(column.pointer(Int16.self)[row])
    case 4: Int128(column.pointer(Int32.self)[row])
    case 16: column.pointer(Int128.self)[row]
    default: Int128(column.pointer(Int64.self)[row])
    }
  }

  /// Nanoseconds per unit of a time; 1 for numbers.
  private static func nanos(per type: DataType) -> Int128 {
    if type == .date { return 86_400_000_000_000 }
    return type.timeUnit.map { Int128(1_000_000_000 / $0.perSecond) } ?? 1
  }

  func compact(keeping live: [Int32]) {
    for (row, old) in live.enumerated() {
      bands.base[row] = bands.base[Int(old)]
      if isFloat { floats.base[row] = floats.base[Int(old)] } else { exact.base[row] = exact.base[Int(old)] }
    }
  }
}
