import MillraceColumns
import MillraceTypes

/// A column of a batch taken apart into pointers, so that writing a cell retains nothing. Valid while the column lives.
struct CellSource {
  enum Kind {
    case none, boolean, int8, int16, int32, int64, float32, float64, decimal, date, time, timestamp, timestampLTZ, text, bytes
    /// Arrays, maps and rows, which go the slow way.
    case nested
  }

  let kind: Kind
  private let validity: UnsafePointer<UInt8>?
  private let values: UnsafeRawPointer?
  private let offsets: UnsafePointer<Int32>?
  private let precision: Int

  init(_ column: Column) {
    validity = column.validity.map { UnsafePointer($0.buffer.pointer(UInt8.self)) }
    var precision = 0
    switch column.values {
    case .none:
      kind = .none
      values = nil
      offsets = nil
    case .bits(let bits):
      kind = .boolean
      values = UnsafeRawPointer(bits.buffer.base)
      offsets = nil
    case .variable:
      kind = column.type == .text ? .text : .bytes
      values = UnsafeRawPointer(column.variable.bytes)
      offsets = column.variable.offsets
    case .list, .fields:
      kind = .nested
      values = nil
      offsets = nil
    case .fixed(let buffer):
      values = UnsafeRawPointer(buffer.base)
      offsets = nil
      switch column.type {
      case .int8: kind = .int8
      case .int16: kind = .int16
      case .int32: kind = .int32
      case .float32: kind = .float32
      case .float64: kind = .float64
      case .date: kind = .date
      case .decimal(_, let scale):
        kind = .decimal
        precision = scale
      case .time(let p):
        kind = .time
        precision = p
      case .timestamp(let p):
        kind = .timestamp
        precision = p
      case .timestampLTZ(let p):
        kind = .timestampLTZ
        precision = p
      default: kind = .int64
      }
    }
    self.precision = precision
  }

  @inline(__always) func isNull(_ row: Int) -> Bool {
    if let validity { return (validity[row >> 3] >> UInt8(truncatingIfNeeded: row & 7)) & 1 == 0 }
    return kind == .none
  }

  /// Text or bytes.
  @inline(__always) func slice(_ row: Int) -> (start: UnsafePointer<UInt8>, count: Int)? {
    guard let offsets, let values else { return nil }
    return (values.assumingMemoryBound(to: UInt8.self) + Int(offsets[row]), Int(offsets[row &+ 1] &- offsets[row]))
  }

  /// Whether JSON puts the value in quotes.
  @inline(__always) func isQuotedInJSON(_ row: Int) -> Bool {
    switch kind {
    case .date, .time, .timestamp, .timestampLTZ, .bytes: true
    case .float32: values.map { !$0.assumingMemoryBound(to: Float.self)[row].isFinite } ?? false
    case .float64: values.map { !$0.assumingMemoryBound(to: Double.self)[row].isFinite } ?? false
    default: false
    }
  }

  /// Appends a value that is neither null, text nor nested, without quotes: what JSON and CSV share.
  @inline(__always) func append(_ row: Int, _ style: TimestampStyle, to output: TextOutput) {
    guard let values else { return }
    switch kind {
    case .none, .text, .nested: break
    case .boolean:
      let bits = values.assumingMemoryBound(to: UInt8.self)
      output.append((bits[row >> 3] >> UInt8(truncatingIfNeeded: row & 7)) & 1 != 0 ? "true" : "false")
    case .int8: output.append(integer: Int64(values.assumingMemoryBound(to: Int8.self)[row]))
    case .int16: output.append(integer: Int64(values.assumingMemoryBound(to: Int16.self)[row]))
    case .int32: output.append(integer: Int64(values.assumingMemoryBound(to: Int32.self)[row]))
    case .int64: output.append(integer: values.assumingMemoryBound(to: Int64.self)[row])
    case .float32:
      let value = values.assumingMemoryBound(to: Float.self)[row]
      if value.isFinite { output.append(float: value) } else { output.append(special: Double(value)) }
    case .float64:
      let value = values.assumingMemoryBound(to: Double.self)[row]
      if value.isFinite { output.append(double: value) } else { output.append(special: value) }
    case .decimal: output.append(decimal: values.assumingMemoryBound(to: Int128.self)[row], scale: precision)
    case .date: output.append(date: values.assumingMemoryBound(to: Int32.self)[row])
    case .time: output.append(time: values.assumingMemoryBound(to: Int64.self)[row], precision: precision)
    case .timestamp:
      output.append(timestamp: values.assumingMemoryBound(to: Int64.self)[row], precision: precision, style: style, zone: false)
    case .timestampLTZ:
      output.append(timestamp: values.assumingMemoryBound(to: Int64.self)[row], precision: precision, style: style, zone: true)
    case .bytes: if let (start, count) = slice(row) { output.append(base64: start, count: count) }
    }
  }
}
