import MillraceColumns
import MillraceTypes

/// What one aggregate sees of a run of rows. Pointers are valid during the call only.
struct AggregateInput {
  /// The argument; nil for COUNT(*).
  var argument: Column?
  /// Non-zero where the row counts: the filter is true and the argument is not null; nil when every row does.
  var mask: UnsafePointer<UInt8>?
  /// nil when every weight is +1.
  var weights: UnsafePointer<Int64>?
  /// Event times, where rows have them.
  var times: UnsafePointer<Int64>?
  /// Order bytes, where rows have them.
  var order: Column?
  /// A number that rises with every row that arrives: stands in where rows have no order.
  var arrival: UInt64 = 0

  /// Calls `body` with the index and weight of each row that counts.
  @inline(__always) func forEachRow(_ count: Int, _ body: (Int, Int64) -> Void) {
    switch (mask, weights) {
    case (nil, nil): for i in 0..<count { body(i, 1) }
    case (let mask?, nil): for i in 0..<count where mask[i] != 0 { body(i, 1) }
    case (nil, let weights?): for i in 0..<count { body(i, weights[i]) }
    case (let mask?, let weights?): for i in 0..<count where mask[i] != 0 { body(i, weights[i]) }
    }
  }

  /// The first row that takes something away, or nil.
  func firstRetraction(_ count: Int) -> Int? {
    guard let weights else { return nil }
    return (0..<count).first { weights[$0] < 0 && (mask?[$0] ?? 1) != 0 }
  }
}

extension AggregateInput {
  /// Calls `body` with each row that counts between two looks at its group's words.
  @inline(__always) func recordEachRow(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, offset: Int, words: Int, into history: StateRows,
    _ body: (Int, Int64, UnsafeMutablePointer<Int64>) -> Void
  ) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      let before = history.base + (2 &* i &* history.stride &+ offset)
      for w in 0..<words { before[w] = row[w] }
      if (mask?[i] ?? 1) != 0 { body(i, weights?[i] ?? 1, row) }
      let after = before + history.stride
      for w in 0..<words { after[w] = row[w] }
    }
  }
}

/// The states of many groups, one row of words per group: `word(of: id) = base + id * stride`.
struct StateRows {
  let base: UnsafeMutablePointer<Int64>
  let stride: Int
  @inline(__always) func row(_ id: Int32, _ offset: Int) -> UnsafeMutablePointer<Int64> { base + (Int(id) &* stride &+ offset) }
}

/// One aggregate function over many groups. Its state is `wordCount` words of every group's row from `offset` on (all zero for
/// a new group), plus what an instance keeps beside the rows.
///
/// Subclasses exist for the kinds of state, not per SQL function. The instance belongs to one `AggregateTable`.
class Accumulator {
  let offset: Int
  var wordCount: Int { 0 }

  /// How the state of a group is put together from those of its parts.
  enum Combining: Int, Comparable {
    /// The words are added one by one, wrapping; subtracting them takes a part away again.
    case addition
    /// What `merge` does, with all of the state (but for rare values) in the words.
    case words
    /// What `merge` does, with state beside the words that can be large.
    case stores
    static func < (a: Combining, b: Combining) -> Bool { a.rawValue < b.rawValue }
  }
  var combining: Combining { .stores }

  /// Bytes kept beside the rows of words.
  var heldBytes: Int { 0 }

  init(offset: Int) { self.offset = offset }

  /// Takes in rows: row i belongs to group `ids[i]`.
  func update(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput) throws(MillraceError) {}

  /// Whether `record` works: the words of a state say all of its result.
  var recordsHistory: Bool { false }

  /// As `update`, row after row, and writes down the words of the row's group: before row i into row 2i of `history`, after it into
  /// row 2i + 1.
  func record(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput, into history: StateRows
  ) throws(MillraceError) {}

  /// What `record` wrote down will not be read any more.
  func forgetHistory() {}

  /// Adds the states of groups `otherIDs` of another instance to groups `ids` of this one, pair by pair.
  func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) throws(MillraceError) {}

  /// The value of each group.
  func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) throws(MillraceError) -> Column {
    .nulls(.null, count: count)
  }

  /// Makes groups as good as new.
  func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    let (offset, wordCount) = (offset, wordCount)
    for i in 0..<count { for w in 0..<wordCount { rows.row(ids[i], offset)[w] = 0 } }
  }

  /// Writes the states of groups; `read` takes them in the same order into groups that are new, or that `makeRoom` was told of.
  func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    let (offset, wordCount) = (offset, wordCount)
    writer.write(blockOf: count * wordCount * 8) { raw in
      for i in 0..<count {
        let row = rows.row(ids[i], offset)
        for w in 0..<wordCount { raw.storeBytes(of: row[w].littleEndian, toByteOffset: (i &* wordCount &+ w) &* 8, as: Int64.self) }
      }
    }
  }

  func read(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader) throws(MillraceError) {
    let (offset, wordCount) = (offset, wordCount)
    let block = try reader.readBlock()
    guard block.count == count * wordCount * 8 else {
      throw MillraceError(.checkpointInvalid, "the state of an aggregate is damaged", hint: "restore from an older checkpoint")
    }
    block.withUnsafeBytes { raw in
      for i in 0..<count {
        let row = rows.row(ids[i], offset)
        for w in 0..<wordCount {
          row[w] = Int64(littleEndian: raw.loadUnaligned(fromByteOffset: (i &* wordCount &+ w) &* 8, as: Int64.self))
        }
      }
    }
  }

  /// An increment brings new states of groups, which `read` takes next.
  func makeRoom(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) { clear(rows, ids, count) }

  static func cannotRetract(_ what: String) -> MillraceError {
    .notSupported("\(what) over an input that retracts rows", hint: "aggregate before the operator that updates its results")
  }
}

/// A column's integers as Int64, or floats as Double, widened into a buffer of its own where they are narrower.
final class WideningBuffer {
  private let words = DenseArray<Int64>(fill: 0, capacity: 4096)

  func integers(_ column: Column) -> UnsafePointer<Int64> {
    switch column.values {
    case .fixed:
      switch column.type.fixedWidth ?? 8 {
      case 1: return widen(column.pointer(Int8.self), column.count)
      case 2: return widen(column.pointer(Int16.self), column.count)
      case 4: return widen(column.pointer(Int32.self), column.count)
      default: return column.pointer(Int64.self)
      }
    case .bits(let bits):
      words.grow(to: column.count)
      for i in 0..<column.count { words.base[i] = bits[i] ? 1 : 0 }
      return UnsafePointer(words.base)
    default:
      words.grow(to: column.count)
      return UnsafePointer(words.base)
    }
  }

  func doubles(_ column: Column) -> UnsafePointer<Double> {
    words.grow(to: column.count)
    let target = UnsafeMutableRawPointer(words.base).assumingMemoryBound(to: Double.self)
    guard case .fixed = column.values else { return UnsafePointer(target) }
    switch column.type {
    case .float64: return column.pointer(Double.self)
    case .float32:
      let source = column.pointer(Float.self)
      for i in 0..<column.count { target[i] = Double(source[i]) }
    default:
      let source = integers(column)
      for i in 0..<column.count { target[i] = Double(source[i]) }
    }
    return UnsafePointer(target)
  }

  private func widen<T: FixedWidthInteger>(_ source: UnsafePointer<T>, _ count: Int) -> UnsafePointer<Int64> {
    words.grow(to: count)
    let target = words.base
    for i in 0..<count { target[i] = Int64(truncatingIfNeeded: source[i]) }
    return UnsafePointer(target)
  }
}

/// Collects fixed-width results and their nulls.
struct ResultBuilder {
  let type: DataType
  let buffer: Buffer
  private var mask: [UInt8]
  private var nulls = 0

  init(_ type: DataType, count: Int) {
    self.type = type
    buffer = Buffer(zeroed: count * (type.fixedWidth ?? 8))
    mask = [UInt8](repeating: 1, count: count)
  }

  mutating func setNull(_ row: Int) {
    mask[row] = 0
    nulls += 1
  }

  /// Stores an integer in the type's own width, wrapping.
  @inline(__always) mutating func set(integer value: Int64, _ row: Int) {
    switch type.fixedWidth ?? 8 {
    case 1: buffer.pointer(Int8.self)[row] = Int8(truncatingIfNeeded: value)
    case 2: buffer.pointer(Int16.self)[row] = Int16(truncatingIfNeeded: value)
    case 4: buffer.pointer(Int32.self)[row] = Int32(truncatingIfNeeded: value)
    default: buffer.pointer(Int64.self)[row] = value
    }
  }

  mutating func set(float value: Double, _ row: Int) {
    if type == .float32 { buffer.pointer(Float.self)[row] = Float(value) } else { buffer.pointer(Double.self)[row] = value }
  }

  mutating func set(decimal value: Int128, _ row: Int) { buffer.pointer(Int128.self)[row] = value }

  func finish() -> Column {
    let validity = nulls == 0 ? nil : mask.withUnsafeBufferPointer { $0.baseAddress.map { Bitmap(mask: $0, count: mask.count) } }
    return Column(type: type, count: mask.count, validity: validity, values: .fixed(buffer))
  }
}
