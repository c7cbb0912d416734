import MillraceColumns
import MillraceTypes

/// The values of one aggregate for the asking rows of a run, written at the asker's row (text: in the order of the askers).
final class SlidingResult {
  let type: DataType
  let form: ValueForm
  private(set) var words: UnsafeMutablePointer<Int64>
  private(set) var wides: UnsafeMutablePointer<Int128>
  /// One byte per asker, 0 for null.
  private(set) var valid: UnsafeMutablePointer<UInt8>
  let builder: ColumnBuilder?

  private var buffer = Buffer(zeroed: 0)
  private var validity = Buffer(zeroed: 0)
  private var count = 0

  init(_ type: DataType) {
    self.type = type
    form = ValueForm(type)
    words = buffer.pointer(Int64.self)
    wides = buffer.pointer(Int128.self)
    valid = validity.pointer(UInt8.self)
    builder = form == .bytes ? ColumnBuilder(type) : nil
  }

  /// Makes room for the values of `count` askers.
  func begin(count: Int) {
    self.count = count
    if form != .bytes {
      buffer = Buffer(uninitialized: count * (form == .wide ? 16 : 8))
      words = buffer.pointer(Int64.self)
      wides = buffer.pointer(Int128.self)
    }
    if validity.byteCount < count { validity = Buffer(uninitialized: count) }
    valid = validity.pointer(UInt8.self)
  }

  /// The values as a column of the result's type.
  func finish() -> Column {
    if let builder { return builder.finish() }
    var isAll = true
    for i in 0..<count where valid[i] == 0 { isAll = false }
    let bits = isAll ? nil : Bitmap(mask: valid, count: count)
    switch type {
    case .boolean:
      let out = Bitmap(repeating: false, count: count)
      let target = out.buffer.pointer(UInt8.self)
      for i in 0..<count where words[i] != 0 { target[i >> 3] |= 1 << UInt8(truncatingIfNeeded: i & 7) }
      return Column(type: type, count: count, validity: bits, values: .bits(out))
    case .float32:
      let out = Buffer(uninitialized: count * 4)
      let target = out.pointer(Float.self)
      for i in 0..<count { target[i] = Float(Double(bitPattern: UInt64(bitPattern: words[i]))) }
      return Column(type: type, count: count, validity: bits, values: .fixed(out))
    default:
      let values: Buffer
      switch type.fixedWidth ?? 8 {
      case 1: values = narrow(Int8.self)
      case 2: values = narrow(Int16.self)
      case 4: values = narrow(Int32.self)
      default: values = buffer
      }
      return Column(type: type, count: count, validity: bits, values: .fixed(values))
    }
  }

  private func narrow<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> Buffer {
    let out = Buffer(uninitialized: count * MemoryLayout<T>.stride)
    let target = out.pointer(T.self)
    for i in 0..<count { target[i] = T(truncatingIfNeeded: words[i]) }
    return out
  }
}

/// 128-bit integers in two words, least significant first.
enum WideWords {
  @inline(__always) static func load(_ words: UnsafePointer<Int64>) -> Int128 {
    Int128(words[1]) << 64 | Int128(UInt64(bitPattern: words[0]))
  }

  @inline(__always) static func store(_ value: Int128, _ words: UnsafeMutablePointer<Int64>) {
    words[0] = Int64(truncatingIfNeeded: value)
    words[1] = Int64(truncatingIfNeeded: value >> 64)
  }
}
