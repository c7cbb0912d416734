import MillraceColumns
import MillraceTypes

/// One column of a `RowStore`: values that are appended in batches and gathered by row number, in contiguous memory.
final class ColumnStore {
  private enum Form {
    case none
    /// A byte per value.
    case bits
    case fixed(width: Int)
    case variable
    case list([ColumnStore])
    case fields([ColumnStore])
  }

  let type: DataType
  private let form: Form
  private(set) var count = 0
  /// Fixed values, bits as bytes, or the bytes of texts.
  private var memory = GrowingMemory()
  private var byteCount = 0
  /// Of texts and lists: where row i ends; it begins where row i - 1 ends.
  private let ends = DenseArray<Int>(fill: 0, capacity: 16)
  /// 0 for null; made when the first null comes.
  private var valid: DenseArray<UInt8>?

  init(_ type: DataType) {
    self.type = type
    switch type {
    case .null: form = .none
    case .boolean: form = .bits
    case .text, .bytes: form = .variable
    case .array(let element): form = .list([ColumnStore(element.type)])
    case .map(let key, let value): form = .list([ColumnStore(key.type), ColumnStore(value.type)])
    case .row(let fields): form = .fields(fields.map { ColumnStore($0.type) })
    default: form = .fixed(width: type.fixedWidth ?? 8)
    }
  }

  /// Bytes reserved.
  var heldBytes: Int {
    let own = memory.capacity + ends.heldBytes + (valid?.heldBytes ?? 0)
    switch form {
    case .list(let children), .fields(let children): return children.reduce(own) { $0 + $1.heldBytes }
    default: return own
    }
  }

  private func start(_ row: Int) -> Int { row == 0 ? 0 : ends.base[row &- 1] }

  // MARK: appending

  /// Appends all values of a column of this store's type.
  func append(_ column: Column) {
    let n = column.count
    guard n > 0 else { return }
    appendValidity(column)
    switch (form, column.values) {
    case (.none, _): break
    case (.bits, .bits(let bits)):
      memory.grow(to: byteCount + n, keeping: byteCount)
      bits.unpack(into: memory.base.advanced(by: byteCount).assumingMemoryBound(to: UInt8.self))
      byteCount += n
    case (.fixed(let width), .fixed(let buffer)):
      memory.grow(to: byteCount + n * width, keeping: byteCount)
      memory.base.advanced(by: byteCount).copyMemory(from: buffer.base, byteCount: n * width)
      byteCount += n * width
    case (.variable, .variable(let offsets, let bytes)):
      let from = offsets.pointer(Int32.self)
      let first = Int(from[0])
      let length = Int(from[n]) - first
      memory.grow(to: byteCount + length, keeping: byteCount)
      memory.base.advanced(by: byteCount).copyMemory(from: bytes.base + first, byteCount: length)
      ends.grow(to: count + n)
      let to = ends.base + count
      let shift = byteCount - first
      for i in 0..<n { to[i] = Int(from[i &+ 1]) &+ shift }
      byteCount += length
    case (.list(let stores), .list(let offsets, let children)):
      let from = offsets.pointer(Int32.self)
      let first = Int(from[0])
      ends.grow(to: count + n)
      let shift = start(count) - first
      for i in 0..<n { ends.base[count + i] = Int(from[i + 1]) + shift }
      for (store, child) in zip(stores, children) { store.append(child.slice(first..<Int(from[n]))) }
    case (.fields(let stores), .fields(let children)): for (store, child) in zip(stores, children) { store.append(child) }
    default: appendNothing(n)
    }
    count += n
  }

  /// Rows without values: all null.
  private func appendNothing(_ n: Int) {
    switch form {
    case .none: break
    case .bits, .fixed:
      let width = if case .fixed(let width) = form { width } else { 1 }
      memory.grow(to: byteCount + n * width, keeping: byteCount)
      memory.base.advanced(by: byteCount).initializeMemory(as: UInt8.self, repeating: 0, count: n * width)
      byteCount += n * width
    case .variable, .list:
      let end = start(count)
      ends.grow(to: count + n)
      for i in 0..<n { ends.base[count + i] = end }
    case .fields(let stores): for store in stores { store.append(.nulls(store.type, count: n)) }
    }
  }

  private func appendValidity(_ column: Column) {
    let n = column.count
    let isAllNull: Bool
    if case .none = column.values { isAllNull = true } else { isAllNull = false }
    guard valid != nil || column.validity != nil || isAllNull else { return }
    let mask: DenseArray<UInt8>
    if let known = valid {
      mask = known
    } else {
      mask = DenseArray(fill: 1, capacity: count + n)
      valid = mask
    }
    mask.grow(to: count + n)
    if isAllNull {
      (mask.base + count).update(repeating: 0, count: n)
    } else if let validity = column.validity {
      validity.unpack(into: mask.base + count)
    } else {
      (mask.base + count).update(repeating: 1, count: n)
    }
  }

  // MARK: gathering

  /// The values of rows by number, in the order asked for; -1 gives null.
  ///
  /// - Parameter hasMissing: some number is -1.
  func gather(_ rows: UnsafeBufferPointer<Int32>, hasMissing: Bool) -> Column {
    let n = rows.count
    let values: Column.Values
    switch form {
    case .none: return .nulls(type, count: n)
    case .bits:
      let out = Buffer(zeroed: (n + 63) / 64 * 8)
      let target = out.pointer(UInt8.self)
      let source = memory.base.assumingMemoryBound(to: UInt8.self)
      for i in 0..<n where rows[i] >= 0 && source[Int(rows[i])] != 0 { target[i >> 3] |= 1 << UInt8(truncatingIfNeeded: i & 7) }
      values = .bits(Bitmap(buffer: out, count: n))
    case .fixed(let width):
      switch width {
      case 1: values = .fixed(fixed(UInt8.self, rows, hasMissing))
      case 2: values = .fixed(fixed(UInt16.self, rows, hasMissing))
      case 4: values = .fixed(fixed(UInt32.self, rows, hasMissing))
      case 16: values = .fixed(fixed(UInt128.self, rows, hasMissing))
      default: values = .fixed(fixed(UInt64.self, rows, hasMissing))
      }
    case .variable: values = variable(rows)
    case .list(let stores):
      let offsets = Buffer(uninitialized: (n + 1) * 4)
      let to = offsets.pointer(Int32.self)
      to[0] = 0
      var elements: [Int32] = []
      for i in 0..<n {
        if rows[i] >= 0 { for e in start(Int(rows[i]))..<ends.base[Int(rows[i])] { elements.append(Int32(truncatingIfNeeded: e)) } }
        to[i + 1] = Int32(truncatingIfNeeded: elements.count)
      }
      values = .list(
        offsets: offsets, children: stores.map { store in elements.withUnsafeBufferPointer { store.gather($0, hasMissing: false) } })
    case .fields(let stores): values = .fields(stores.map { $0.gather(rows, hasMissing: hasMissing) })
    }
    return Column(type: type, count: n, validity: validity(rows, hasMissing), values: values)
  }

  private func fixed<T: BitwiseCopyable & FixedWidthInteger>(
    _ type: T.Type, _ rows: UnsafeBufferPointer<Int32>, _ hasMissing: Bool
  ) -> Buffer {
    let out = Buffer(uninitialized: rows.count * MemoryLayout<T>.stride)
    let target = out.pointer(T.self)
    let source = memory.base.assumingMemoryBound(to: T.self)
    if hasMissing {
      for i in 0..<rows.count { target[i] = rows[i] < 0 ? 0 : source[Int(rows[i])] }
    } else {
      for i in 0..<rows.count { target[i] = source[Int(rows[i])] }
    }
    return out
  }

  private func variable(_ rows: UnsafeBufferPointer<Int32>) -> Column.Values {
    let n = rows.count
    let offsets = Buffer(uninitialized: (n + 1) * 4)
    let to = offsets.pointer(Int32.self)
    to[0] = 0
    let ends = UnsafePointer(ends.base)
    for i in 0..<n {
      let row = Int(rows[i])
      let length = row < 0 ? 0 : ends[row] &- (row == 0 ? 0 : ends[row &- 1])
      to[i &+ 1] = to[i] &+ Int32(truncatingIfNeeded: length)
    }
    let bytes = Buffer(uninitialized: Int(to[n]))
    let target = bytes.pointer(UInt8.self)
    let source = UnsafePointer(memory.base.assumingMemoryBound(to: UInt8.self))
    for i in 0..<n where rows[i] >= 0 {
      let row = Int(rows[i])
      let length = Int(to[i &+ 1] &- to[i])
      (target + Int(to[i])).copyShort(from: source + (ends[row] &- length), count: length)
    }
    return .variable(offsets: offsets, bytes: bytes)
  }

  private func validity(_ rows: UnsafeBufferPointer<Int32>, _ hasMissing: Bool) -> Bitmap? {
    guard valid != nil || hasMissing else { return nil }
    let out = Buffer(zeroed: (rows.count + 63) / 64 * 8)
    let bits = out.pointer(UInt8.self)
    let mask = valid?.base
    for i in 0..<rows.count where rows[i] >= 0 && (mask.map { $0[Int(rows[i])] != 0 } ?? true) {
      bits[i >> 3] |= 1 << UInt8(truncatingIfNeeded: i & 7)
    }
    return Bitmap(buffer: out, count: rows.count)
  }

  // MARK: forgetting

  /// Keeps only these rows, which ascend; the i-th of them becomes row i. Moved in place, runs of rows at a time.
  func compact(keeping rows: [Int32]) {
    switch form {
    case .none: break
    case .bits: move(rows, width: 1)
    case .fixed(let width): move(rows, width: width)
    case .variable: byteCount = moveVariable(rows)
    case .list(let stores):
      var elements: [Int32] = []
      var newEnds: [Int] = []
      for row in rows {
        for element in start(Int(row))..<ends.base[Int(row)] { elements.append(Int32(truncatingIfNeeded: element)) }
        newEnds.append(elements.count)
      }
      for (place, end) in newEnds.enumerated() { ends.base[place] = end }
      for store in stores { store.compact(keeping: elements) }
    case .fields(let stores): for store in stores { store.compact(keeping: rows) }
    }
    if let valid {
      var hasNull = false
      for (place, row) in rows.enumerated() {
        valid.base[place] = valid.base[Int(row)]
        hasNull = hasNull || valid.base[place] == 0
      }
      if !hasNull { self.valid = nil }
    }
    count = rows.count
  }

  private func move(_ rows: [Int32], width: Int) {
    Self.runs(rows) { place, first, length in
      if place != first { (memory.base + place * width).copyMemory(from: memory.base + first * width, byteCount: length * width) }
    }
    byteCount = rows.count * width
    memory.shrink(to: byteCount)
  }

  private func moveVariable(_ rows: [Int32]) -> Int {
    var at = 0
    Self.runs(rows) { place, first, length in
      let begin = start(first)
      let bytes = ends.base[first + length - 1] - begin
      if begin != at { (memory.base + at).copyMemory(from: memory.base + begin, byteCount: bytes) }
      let shift = at - begin
      for i in 0..<length { ends.base[place + i] = ends.base[first + i] + shift }
      at += bytes
    }
    memory.shrink(to: at)
    return at
  }

  /// Calls back for each run of neighbours: its place among the rows, its first row, its length.
  private static func runs(_ rows: [Int32], _ body: (Int, Int, Int) -> Void) {
    rows.withUnsafeBufferPointer { rows in
      var place = 0
      while place < rows.count {
        let first = Int(rows[place])
        var length = 1
        while place &+ length < rows.count && Int(rows[place &+ length]) == first &+ length { length &+= 1 }
        body(place, first, length)
        place &+= length
      }
    }
  }

  // MARK: reading in place

  /// Fixed-width values; valid until the next append. The caller knows the physical type.
  @inline(__always) func pointer<T: BitwiseCopyable>(_ type: T.Type) -> UnsafePointer<T> {
    UnsafePointer(memory.base.assumingMemoryBound(to: type))
  }

  /// The bytes of a text; valid until the next append.
  @inline(__always) func slot(_ row: Int) -> UnsafeBufferPointer<UInt8> {
    let begin = start(row)
    return UnsafeBufferPointer(start: pointer(UInt8.self) + begin, count: ends.base[row] &- begin)
  }

  @inline(__always) func isNull(_ row: Int) -> Bool { valid.map { $0.base[row] == 0 } ?? false }
}
