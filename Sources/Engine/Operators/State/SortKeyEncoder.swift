import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Sort keys of rows in a form that compares without looking at types: smaller comes first, whatever the direction of each key.
struct SortKeyEncoder {
  /// Keys of a batch's rows.
  struct Encoded {
    /// The first eight bytes; all there is where `isExact`.
    var prefixes: [UInt64]
    /// Where the row stands for its single key being null: 0 before all others, 1 a value, 2 behind all others; empty when no row's is.
    var nullPlaces: [UInt8]
    /// Whole keys; nil where `isExact`.
    var bytes: Column?
  }

  private let keys: [Sort.Key]
  private let evaluator: ExpressionEvaluator
  /// Keys are at most one value of eight bytes.
  let isExact: Bool

  init(_ keys: [Sort.Key], schema: Schema) throws(MillraceError) {
    self.keys = keys
    evaluator = try ExpressionEvaluator(keys.map(\.expression), schema: schema)
    isExact = keys.isEmpty || (keys.count == 1 && (keys[0].expression.type.fixedWidth ?? 16) <= 8)
  }

  func encode(_ batch: Batch) throws(MillraceError) -> Encoded {
    let n = batch.rowCount
    guard let key = keys.first else { return Encoded(prefixes: Array(repeating: 0, count: n), nullPlaces: []) }
    let columns = try evaluator.evaluate(batch)
    if isExact { return Self.exact(columns[0], key, n) }
    var bytes = Self.bytes(columns[0], key)
    for (column, key) in zip(columns, keys).dropFirst() { bytes = .joiningBytes(bytes, Self.bytes(column, key)) }
    return Encoded(prefixes: (0..<n).map { Self.prefix(bytes.slot($0)) }, nullPlaces: [], bytes: bytes)
  }

  private static func exact(_ column: Column, _ key: Sort.Key, _ n: Int) -> Encoded {
    var prefixes = [UInt64](repeating: 0, count: n)
    let flip: UInt64 = key.isAscending ? 0 : .max
    func fill<T: BinaryInteger & BitwiseCopyable>(_ values: UnsafePointer<T>) {
      for i in 0..<n { prefixes[i] = (UInt64(bitPattern: Int64(truncatingIfNeeded: values[i])) ^ (1 << 63)) ^ flip }
    }
    if case .fixed = column.values {
      switch column.type {
      case .float32:
        let values = column.pointer(Float.self)
        for i in 0..<n { prefixes[i] = KeyEncoder.orderedBits(Double(values[i])) ^ flip }
      case .float64:
        let values = column.pointer(Double.self)
        for i in 0..<n { prefixes[i] = KeyEncoder.orderedBits(values[i]) ^ flip }
      default:
        switch column.type.fixedWidth ?? 8 {
        case 1: fill(column.pointer(Int8.self))
        case 2: fill(column.pointer(Int16.self))
        case 4: fill(column.pointer(Int32.self))
        default: fill(column.pointer(Int64.self))
        }
      }
    }
    var places: [UInt8] = []
    if column.nullCount > 0 {
      places = (0..<n).map { column.isNull($0) ? (key.nullsFirst ? 0 : 2) : 1 }
      for i in 0..<n where places[i] != 1 { prefixes[i] = 0 }
    }
    return Encoded(prefixes: prefixes, nullPlaces: places)
  }

  /// The canonical encoding, inverted where the key descends, with nulls moved where they belong.
  private static func bytes(_ column: Column, _ key: Sort.Key) -> Column {
    let encoded = KeyEncoder.encode([column], rowCount: column.count)
    let (offsets, source) = encoded.variable
    let total = Int(offsets[column.count])
    let out = Buffer(uninitialized: total)
    let target = out.pointer(UInt8.self)
    let flip: UInt8 = key.isAscending ? 0 : 0xFF
    for i in 0..<total { target[i] = source[i] ^ flip }
    if key.nullsFirst != key.isAscending {
      for row in 0..<column.count where column.isNull(row) { target[Int(offsets[row])] = key.nullsFirst ? 0 : 0xFF }
    }
    guard case .variable(let starts, _) = encoded.values else { return encoded }
    return withExtendedLifetime(encoded) {
      Column(type: .bytes, count: column.count, values: .variable(offsets: starts, bytes: out))
    }
  }

  private static func prefix(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<8 { value = value << 8 | (i < bytes.count ? UInt64(bytes[i]) : 0) }
    return value
  }
}
