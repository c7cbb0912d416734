import MillraceColumns
import MillraceTypes

/// Values as people read them in a terminal, in the way of Flink's print connector.
///
/// Null is `null`, text is bare, timestamps are ISO without the zeros at the end (`2026-01-31T12:00`, with `Z` when local-zoned),
/// floats are as CAST makes them text, bytes are `x'0aff'`, arrays `[1, 2]`, maps `{k=v}`, rows `+I[1, 2]`.
public enum DisplayText {
  /// One value as a String.
  public static func string(_ column: Column, _ row: Int) -> String {
    let output = TextOutput(capacity: 64)
    append(column, row, to: output)
    return String(decoding: output.bytes, as: UTF8.self)
  }

  public static func append(_ column: Column, _ row: Int, to output: TextOutput) {
    if column.isNull(row) { return output.append("null") }
    switch column.values {
    case .none: output.append("null")
    case .bits(let bits): output.append(bits[row] ? "true" : "false")
    case .variable:
      let (offsets, bytes) = column.variable
      let start = bytes + Int(offsets[row])
      let count = Int(offsets[row &+ 1] &- offsets[row])
      if column.type == .text { return output.append(start, count: count) }
      output.append("x'")
      for i in 0..<count {
        let digits = String(start[i], radix: 16)
        output.append(text: digits.utf8.count == 1 ? "0" + digits : digits)
      }
      output.append("'")
    case .list(let offsetBuffer, let children):
      let offsets = offsetBuffer.pointer(Int32.self)
      output.append(children.count == 2 ? "{" : "[")
      for i in Int(offsets[row])..<Int(offsets[row + 1]) {
        if i > Int(offsets[row]) { output.append(", ") }
        append(children[0], i, to: output)
        if children.count == 2 {
          output.append("=")
          append(children[1], i, to: output)
        }
      }
      output.append(children.count == 2 ? "}" : "]")
    case .fields(let children):
      output.append("+I[")
      for (index, child) in children.enumerated() {
        if index > 0 { output.append(", ") }
        append(child, row, to: output)
      }
      output.append("]")
    case .fixed(let buffer):
      switch column.type {
      case .date: output.append(date: buffer.pointer(Int32.self)[row])
      case .time(let precision): appendShort(time: buffer.pointer(Int64.self)[row], precision, to: output)
      case .timestamp(let precision), .timestampLTZ(let precision):
        let ticks = buffer.pointer(Int64.self)[row]
        let day = 86_400 * TimeUnit(precision: precision).perSecond
        let rest = ticks % day < 0 ? ticks % day + day : ticks % day
        output.append(date: Int32(truncatingIfNeeded: (ticks - rest) / day))
        output.append("T")
        appendShort(time: rest, precision, to: output)
        if case .timestampLTZ = column.type { output.append("Z") }
      case .float64: output.append(text: NumberText.string(buffer.pointer(Double.self)[row]))
      case .float32: output.append(text: NumberText.string(buffer.pointer(Float.self)[row]))
      default: JSONRowEncoder.append(column, row, JSONOptions(), to: output)
      }
    }
  }

  /// As Java's LocalTime: seconds and fraction only when they are not zero, the fraction in groups of three digits.
  private static func appendShort(time ticks: Int64, _ precision: Int, to output: TextOutput) {
    let unit = TimeUnit(precision: precision)
    let text = TextOutput(capacity: 32)
    text.append(time: ticks, precision: unit.digits)
    var bytes = Array(text.bytes)
    while bytes.count > 8 && bytes.suffix(3) == [48, 48, 48] { bytes.removeLast(3) }
    if bytes.last == 46 { bytes.removeLast() }
    if bytes.count == 8 && bytes.suffix(3) == [58, 48, 48] { bytes.removeLast(3) }
    bytes.withUnsafeBufferPointer { if let p = $0.baseAddress { output.append(p, count: $0.count) } }
  }
}

extension TextOutput {
  /// Appends text from outside the module.
  public func append(text: String) { append(text) }
}
