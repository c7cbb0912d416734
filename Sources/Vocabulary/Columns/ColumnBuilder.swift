import MillraceTypes

/// Builds one column value by value. Not thread safe; `finish` hands the column over and leaves the builder empty.
///
/// The typed `append` functions do not check the column's type: call the one that matches its physical form.
public final class ColumnBuilder {
  public let type: DataType
  public private(set) var count = 0
  private var capacity: Int
  private let width: Int
  private var fixed: UnsafeMutableRawPointer?
  private var valid: UnsafeMutablePointer<UInt8>
  private var nulls = 0
  private var offsets: UnsafeMutablePointer<Int32>?
  private var bytes: UnsafeMutableRawPointer?
  private var byteCount = 0
  private var byteCapacity = 0
  /// Builders of the children: fields of a row, the element of an array, key and value of a map.
  public let children: [ColumnBuilder]

  public init(_ type: DataType, capacity: Int = 1024) {
    self.type = type
    self.capacity = max(16, capacity)
    valid = .allocate(capacity: self.capacity)
    switch type {
    case .text, .bytes:
      width = 0
      byteCapacity = self.capacity * 16
      bytes = .allocate(byteCount: byteCapacity, alignment: 16)
      children = []
    case .array(let element):
      width = 0
      children = [ColumnBuilder(element.type, capacity: capacity)]
    case .map(let key, let value):
      width = 0
      children = [ColumnBuilder(key.type, capacity: capacity), ColumnBuilder(value.type, capacity: capacity)]
    case .row(let fields):
      width = 0
      children = fields.map { ColumnBuilder($0.type, capacity: capacity) }
    case .boolean:
      width = 1
      children = []
    default:
      width = type.fixedWidth ?? 0
      children = []
    }
    if width > 0 { fixed = .allocate(byteCount: self.capacity * width, alignment: 16) }
    switch type {
    case .text, .bytes, .array, .map:
      offsets = .allocate(capacity: self.capacity + 1)
      offsets?[0] = 0
    default: break
    }
  }

  deinit {
    valid.deallocate()
    fixed?.deallocate()
    offsets?.deallocate()
    bytes?.deallocate()
  }

  private func grow() {
    let bigger = capacity * 2
    let newValid = UnsafeMutablePointer<UInt8>.allocate(capacity: bigger)
    newValid.update(from: valid, count: count)
    valid.deallocate()
    valid = newValid
    if let old = fixed {
      let new = UnsafeMutableRawPointer.allocate(byteCount: bigger * width, alignment: 16)
      new.copyMemory(from: old, byteCount: count * width)
      old.deallocate()
      fixed = new
    }
    if let old = offsets {
      let new = UnsafeMutablePointer<Int32>.allocate(capacity: bigger + 1)
      new.update(from: old, count: count + 1)
      old.deallocate()
      offsets = new
    }
    capacity = bigger
  }

  @inline(__always) private func slot(_ isValid: UInt8) -> Int {
    if count == capacity { grow() }
    valid[count] = isValid
    count &+= 1
    return count &- 1
  }

  /// Appends a null (and a null to every field of a row).
  public func appendNull() {
    let row = slot(0)
    nulls &+= 1
    if let fixed { fixed.advanced(by: row * width).initializeMemory(as: UInt8.self, repeating: 0, count: width) }
    if let offsets { offsets[row + 1] = offsets[row] }
    if case .row = type { for child in children { child.appendNull() } }
  }

  /// Appends a fixed-width value of exactly the column's physical type (Int8...Int64, Float, Double, Int128).
  public func append<T: BitwiseCopyable>(fixed value: T) {
    let row = slot(1)
    fixed?.storeBytes(of: value, toByteOffset: row &* width, as: T.self)
  }

  public func append(_ value: Bool) { append(fixed: value ? UInt8(1) : 0) }

  /// Appends an integer in the column's own width; wraps when it does not fit.
  public func append(integer value: Int64) {
    switch width {
    case 8: append(fixed: value)
    case 4: append(fixed: Int32(truncatingIfNeeded: value))
    case 2: append(fixed: Int16(truncatingIfNeeded: value))
    case 16: append(fixed: Int128(value))
    default: append(fixed: Int8(truncatingIfNeeded: value))
    }
  }

  /// Appends text (UTF-8) or bytes.
  public func append(bytes slice: UnsafeRawBufferPointer) {
    let row = slot(1)
    if byteCount + slice.count > byteCapacity {
      byteCapacity = max(byteCapacity * 2, byteCount + slice.count)
      let new = UnsafeMutableRawPointer.allocate(byteCount: byteCapacity, alignment: 16)
      if let old = bytes {
        new.copyMemory(from: old, byteCount: byteCount)
        old.deallocate()
      }
      bytes = new
    }
    if let source = slice.baseAddress, let bytes { bytes.advanced(by: byteCount).copyMemory(from: source, byteCount: slice.count) }
    byteCount &+= slice.count
    offsets?[row + 1] = Int32(truncatingIfNeeded: byteCount)
  }

  public func append(_ text: String) {
    var text = text
    text.withUTF8 { append(bytes: UnsafeRawBufferPointer($0)) }
  }

  /// Ends the current array or map value, after its elements were appended to the children.
  public func appendList() {
    let row = slot(1)
    offsets?[row + 1] = Int32(truncatingIfNeeded: children.first?.count ?? 0)
  }

  /// Ends the current row value, after one value was appended to each child.
  public func appendRow() { _ = slot(1) }

  /// Bytes of text held so far; a batch is cut before this passes 2^31.
  public var textByteCount: Int { byteCount }

  public func append(_ value: Value) throws(MillraceError) {
    switch (value, type) {
    case (.null, _): appendNull()
    case (.bool(let v), .boolean): append(v)
    case (.int(let v), .float64): append(fixed: Double(v))
    case (.int(let v), .float32): append(fixed: Float(v))
    case (.int(let v), _) where width > 0 && type != .boolean: append(integer: v)
    case (.float(let v), .float64): append(fixed: v)
    case (.float(let v), .float32): append(fixed: Float(v))
    case (.decimal(let v), .decimal): append(fixed: v)
    case (.text(let v), .text): append(v)
    case (.text(let v), .bytes): append(v)
    case (.bytes(let v), .bytes): v.withUnsafeBytes { append(bytes: $0) }
    case (.list(let vs), .array):
      for v in vs { try children[0].append(v) }
      appendList()
    case (.map(let keys, let vs), .map):
      for k in keys { try children[0].append(k) }
      for v in vs { try children[1].append(v) }
      appendList()
    case (.row(let vs), .row) where vs.count == children.count:
      for (child, v) in zip(children, vs) { try child.append(v) }
      appendRow()
    default: throw MillraceError(.invalidInput, "a value of kind \(value) does not fit a column of type \(type)")
    }
  }

  /// The finished column; the builder can be used again from empty.
  public func finish() -> Column {
    let validity: Bitmap? = nulls == 0 ? nil : Bitmap(mask: valid, count: count)
    let values: Column.Values
    switch type {
    case .null: values = .none
    case .boolean:
      let mask = fixed.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) }
      values = .bits(mask.map { Bitmap(mask: $0, count: count) } ?? Bitmap(repeating: false, count: count))
    case .text, .bytes:
      values = .variable(
        offsets: Buffer(copying: UnsafeRawBufferPointer(start: offsets, count: (count + 1) * 4)),
        bytes: Buffer(copying: UnsafeRawBufferPointer(start: bytes, count: byteCount)))
    case .array, .map:
      values = .list(
        offsets: Buffer(copying: UnsafeRawBufferPointer(start: offsets, count: (count + 1) * 4)),
        children: children.map { $0.finish() })
    case .row: values = .fields(children.map { $0.finish() })
    default: values = .fixed(Buffer(copying: UnsafeRawBufferPointer(start: fixed, count: count * width)))
    }
    let column = Column(type: type, count: count, validity: validity, values: values)
    count = 0
    nulls = 0
    byteCount = 0
    return column
  }
}
