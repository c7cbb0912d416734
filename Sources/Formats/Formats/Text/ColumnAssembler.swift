import MillraceColumns
import MillraceTypes

/// Builds one column by setting values at row numbers, for readers whose fields come in any order.
///
/// A row may be set again before the next one is begun: the last value wins, and a row that failed half-way is simply overwritten.
/// Rows must be finished in order: text and lists of row i begin where row i - 1 ended.
final class ColumnAssembler {
  let type: DataType
  private let width: Int
  private let isVariable: Bool
  private let isList: Bool
  private var capacity: Int
  private var valid: UnsafeMutablePointer<UInt8>
  private var fixed: UnsafeMutableRawPointer
  private var offsets: UnsafeMutablePointer<Int32>
  private var bytes: UnsafeMutablePointer<UInt8>
  private var byteCapacity: Int
  /// Fields of a row; the element of an array; key and value of a map.
  let children: [ColumnAssembler]

  init(_ type: DataType, capacity: Int = 1024) {
    self.type = type
    self.capacity = max(16, capacity)
    switch type {
    case .boolean: width = 1
    default: width = type.fixedWidth ?? 0
    }
    switch type {
    case .text, .bytes:
      isVariable = true
      isList = false
      children = []
    case .array(let element):
      isVariable = false
      isList = true
      children = [ColumnAssembler(element.type, capacity: capacity)]
    case .map(let key, let value):
      isVariable = false
      isList = true
      children = [ColumnAssembler(key.type, capacity: capacity), ColumnAssembler(value.type, capacity: capacity)]
    case .row(let fields):
      isVariable = false
      isList = false
      children = fields.map { ColumnAssembler($0.type, capacity: capacity) }
    default:
      isVariable = false
      isList = false
      children = []
    }
    byteCapacity = isVariable ? self.capacity * 16 : 0
    valid = .allocate(capacity: self.capacity)
    fixed = .allocate(byteCount: self.capacity * width, alignment: 16)
    offsets = .allocate(capacity: isVariable || isList ? self.capacity + 1 : 1)
    offsets[0] = 0
    bytes = .allocate(capacity: byteCapacity)
  }

  deinit {
    valid.deallocate()
    fixed.deallocate()
    offsets.deallocate()
    bytes.deallocate()
  }

  @inline(never) private func grow(to row: Int) {
    var bigger = capacity * 2
    while bigger <= row { bigger *= 2 }
    let newValid = UnsafeMutablePointer<UInt8>.allocate(capacity: bigger)
    newValid.update(from: valid, count: capacity)
    valid.deallocate()
    valid = newValid
    if width > 0 {
      let newFixed = UnsafeMutableRawPointer.allocate(byteCount: bigger * width, alignment: 16)
      newFixed.copyMemory(from: fixed, byteCount: capacity * width)
      fixed.deallocate()
      fixed = newFixed
    }
    if isVariable || isList {
      let newOffsets = UnsafeMutablePointer<Int32>.allocate(capacity: bigger + 1)
      newOffsets.update(from: offsets, count: capacity + 1)
      offsets.deallocate()
      offsets = newOffsets
    }
    capacity = bigger
  }

  @inline(__always) private func reserve(_ row: Int) { if row >= capacity { grow(to: row) } }

  /// A null, and nulls in the fields of a row.
  func setNull(at row: Int) {
    reserve(row)
    valid[row] = 0
    if width > 0 {
      fixed.advanced(by: row &* width).initializeMemory(as: UInt8.self, repeating: 0, count: width)
    } else if isVariable || isList {
      offsets[row &+ 1] = offsets[row]
    } else {
      for child in children { child.setNull(at: row) }
    }
  }

  /// A value of exactly the column's physical type; booleans are UInt8.
  @inline(__always) func set<T: BitwiseCopyable>(_ value: T, at row: Int) {
    reserve(row)
    valid[row] = 1
    fixed.storeBytes(of: value, toByteOffset: row &* MemoryLayout<T>.size, as: T.self)
  }

  /// Text (valid UTF-8) or bytes.
  @inline(__always) func set(bytes source: UnsafePointer<UInt8>, count: Int, at row: Int) {
    reserve(row)
    valid[row] = 1
    let start = Int(offsets[row])
    if start &+ count > byteCapacity { growBytes(to: start &+ count, keeping: start) }
    (bytes + start).update(from: source, count: count)
    offsets[row &+ 1] = Int32(truncatingIfNeeded: start &+ count)
  }

  @inline(never) private func growBytes(to needed: Int, keeping used: Int) {
    byteCapacity = max(byteCapacity * 2, needed)
    let bigger = UnsafeMutablePointer<UInt8>.allocate(capacity: byteCapacity)
    bigger.update(from: bytes, count: used)
    bytes.deallocate()
    bytes = bigger
  }

  /// Where the elements of the list at this row begin in the children.
  func beginList(at row: Int) -> Int {
    reserve(row)
    return Int(offsets[row])
  }

  /// Ends the list: its elements are the children's rows from `beginList` up to `childEnd`.
  func endList(at row: Int, childEnd: Int) {
    valid[row] = 1
    offsets[row &+ 1] = Int32(truncatingIfNeeded: childEnd)
  }

  /// A row value that is not null; its fields are set apart.
  func setRow(at row: Int) {
    reserve(row)
    valid[row] = 1
  }

  /// Bytes of text up to the end of a row, children included: batches are cut before this nears 2^31.
  func byteCount(rows: Int) -> Int {
    if isVariable { return Int(offsets[rows]) }
    if isList { return children.reduce(0) { $0 + $1.byteCount(rows: Int(offsets[rows])) } + Int(offsets[rows]) }
    return children.reduce(0) { $0 + $1.byteCount(rows: rows) }
  }

  /// The first `count` rows as a column; the assembler can be used again from row 0.
  func finish(count: Int) -> Column {
    var hasNull = false
    for row in 0..<count where valid[row] == 0 {
      hasNull = true
      break
    }
    let validity = hasNull ? Bitmap(mask: valid, count: count) : nil
    let values: Column.Values
    switch type {
    case .null: values = .none
    case .boolean: values = .bits(Bitmap(mask: fixed.assumingMemoryBound(to: UInt8.self), count: count))
    case .text, .bytes:
      values = .variable(
        offsets: Buffer(copying: UnsafeRawBufferPointer(start: offsets, count: (count + 1) * 4)),
        bytes: Buffer(copying: UnsafeRawBufferPointer(start: bytes, count: Int(offsets[count]))))
    case .array, .map:
      let childCount = Int(offsets[count])
      values = .list(
        offsets: Buffer(copying: UnsafeRawBufferPointer(start: offsets, count: (count + 1) * 4)),
        children: children.map { $0.finish(count: childCount) })
    case .row: values = .fields(children.map { $0.finish(count: count) })
    default: values = .fixed(Buffer(copying: UnsafeRawBufferPointer(start: fixed, count: count * width)))
    }
    return Column(type: type, count: count, validity: validity, values: values)
  }
}
