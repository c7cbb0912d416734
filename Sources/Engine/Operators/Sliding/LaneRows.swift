import MillraceColumns
import MillraceTypes

/// How the values of a lane are held.
enum ValueForm: UInt8 {
  /// No value at all: COUNT(*).
  case none
  /// One word: integers, booleans, dates, times, intervals; floats as the bits of a double.
  case word
  /// Two words: decimals.
  case wide
  /// A block of bytes: text, bytes, and the key encoding of nested values.
  case bytes

  init(_ type: DataType) {
    switch type {
    case .null: self = .none
    case .decimal: self = .wide
    case .text, .bytes, .array, .map, .row: self = .bytes
    default: self = .word
    }
  }

  var wordCount: Int { self == .none ? 0 : self == .wide ? 2 : 1 }
}

/// The argument of a lane for the rows of one batch, in plain memory.
final class LaneRows {
  let form: ValueForm
  let isFloat: Bool
  /// Non-zero where a row enters the lane; nil when every row does.
  private(set) var valid: UnsafePointer<UInt8>?
  private(set) var words: UnsafePointer<Int64>
  private(set) var wides: UnsafePointer<Int128>
  private(set) var offsets: UnsafePointer<Int32>
  private(set) var bytes: UnsafePointer<UInt8>

  private var held: Column?
  private let mask = DenseArray<UInt8>(fill: 0)
  private let widened = DenseArray<Int64>(fill: 0)
  private static let nothing = Buffer(zeroed: 64)

  init(_ type: DataType?) {
    form = type.map(ValueForm.init) ?? .none
    isFloat = type?.isFloating ?? false
    words = UnsafePointer(Self.nothing.pointer(Int64.self))
    wides = UnsafePointer(Self.nothing.pointer(Int128.self))
    offsets = UnsafePointer(Self.nothing.pointer(Int32.self))
    bytes = UnsafePointer(Self.nothing.pointer(UInt8.self))
  }

  /// Takes the argument and the filter of the next batch; the pointers are good until `unload` or the next `load`.
  func load(argument: Column?, filter: Column?, rowCount: Int) {
    held = argument
    loadMask(argument: argument, filter: filter, rowCount: rowCount)
    guard let column = argument, form != .none else { return }
    switch column.values {
    case .none: break
    case .bits(let bits):
      fill(rowCount) { bits[$0] ? 1 : 0 }
    case .fixed:
      switch column.type {
      case .decimal: wides = column.pointer(Int128.self)
      case .float32:
        let source = column.pointer(Float.self)
        fill(rowCount) { Int64(bitPattern: Double(source[$0]).bitPattern) }
      default:
        switch column.type.fixedWidth ?? 8 {
        case 1:
          let source = column.pointer(Int8.self)
          fill(rowCount) { Int64(source[$0]) }
        case 2:
          let source = column.pointer(Int16.self)
          fill(rowCount) { Int64(source[$0]) }
        case 4:
          let source = column.pointer(Int32.self)
          fill(rowCount) { Int64(source[$0]) }
        default: words = column.pointer(Int64.self)
        }
      }
    case .variable: (offsets, bytes) = column.variable
    case .list, .fields:
      let encoded = KeyEncoder.encode([column], rowCount: rowCount)
      held = encoded
      (offsets, bytes) = encoded.variable
    }
  }

  /// Lets go of the batch.
  func unload() {
    held = nil
    valid = nil
  }

  @inline(__always) func enters(_ row: Int) -> Bool {
    guard let valid else { return true }
    return valid[row] != 0
  }

  @inline(__always) func slice(_ row: Int) -> UnsafeRawBufferPointer {
    let start = Int(offsets[row])
    return UnsafeRawBufferPointer(start: bytes + start, count: Int(offsets[row &+ 1]) &- start)
  }

  private func fill(_ count: Int, _ value: (Int) -> Int64) {
    widened.grow(to: count)
    let target = widened.base
    for i in 0..<count { target[i] = value(i) }
    words = UnsafePointer(target)
  }

  private func loadMask(argument: Column?, filter: Column?, rowCount: Int) {
    var isAll = true
    if let argument {
      if case .none = argument.values { isAll = false } else if argument.validity != nil { isAll = false }
    }
    if filter != nil { isAll = false }
    guard !isAll, rowCount > 0 else {
      valid = nil
      return
    }
    mask.grow(to: rowCount)
    let base = mask.base
    for i in 0..<rowCount { base[i] = 1 }
    if let argument {
      if case .none = argument.values {
        for i in 0..<rowCount { base[i] = 0 }
      } else if let validity = argument.validity {
        validity.unpack(into: base)
      }
    }
    if let filter {
      if case .bits(let bits) = filter.values {
        for i in 0..<rowCount where !bits[i] || filter.isNull(i) { base[i] = 0 }
      } else {
        for i in 0..<rowCount { base[i] = 0 }
      }
    }
    valid = UnsafePointer(base)
  }
}

/// A block of bytes on the heap behind one word: length, then the bytes.
enum Blob {
  static func make(_ bytes: UnsafeRawBufferPointer) -> Int64 {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 8 + bytes.count, alignment: 8)
    memory.storeBytes(of: bytes.count, as: Int.self)
    if let source = bytes.baseAddress, bytes.count > 0 { (memory + 8).copyMemory(from: source, byteCount: bytes.count) }
    return Int64(Int(bitPattern: memory))
  }

  static func bytes(_ word: Int64) -> UnsafeRawBufferPointer {
    guard let memory = UnsafeRawPointer(bitPattern: Int(word)) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(start: memory + 8, count: memory.load(as: Int.self))
  }

  static func heldBytes(_ word: Int64) -> Int { 8 + bytes(word).count }

  static func release(_ word: Int64) { UnsafeMutableRawPointer(bitPattern: Int(word))?.deallocate() }
}
