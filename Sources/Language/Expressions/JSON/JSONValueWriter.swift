import MillraceColumns
import MillraceTypes

/// Writes values of any type as JSON: times in ISO form, BYTES as Base64, maps and rows as objects, NaN and infinities as strings.
enum JSONValueWriter {
  static func write(_ column: Column, _ row: Int, to out: TextOutput) {
    if column.isNull(row) {
      out.append("null")
      return
    }
    switch column.type {
    case .null: out.append("null")
    case .boolean: out.append(column.bits[row] ? "true" : "false")
    case .int8: integer(Int64(column.pointer(Int8.self)[row]), out)
    case .int16: integer(Int64(column.pointer(Int16.self)[row]), out)
    case .int32: integer(Int64(column.pointer(Int32.self)[row]), out)
    case .int64, .intervalMonths, .intervalMillis: integer(column.pointer(Int64.self)[row], out)
    case .float32:
      let value = column.pointer(Float.self)[row]
      number(NumberText.string(value), value.isFinite, out)
    case .float64:
      let value = column.pointer(Double.self)[row]
      number(NumberText.string(value), value.isFinite, out)
    case .decimal(_, let scale): out.append(NumberText.string(decimal: column.pointer(Int128.self)[row], scale: scale))
    case .text:
      let text = TextLane(Vector(column: column))
      JSONText.write(text[row], to: out)
    case .bytes:
      let bytes = TextLane(Vector(column: column))
      out.append(34)
      EncodingKernels.base64(bytes[row], out)
      out.append(34)
    case .date: text(TimestampText.string(Int64(column.pointer(Int32.self)[row]), .date) ?? "", out)
    case .time: text(TimestampText.string(column.pointer(Int64.self)[row], column.type) ?? "", out)
    case .timestamp(let precision): timestamp(column.pointer(Int64.self)[row], precision, zone: false, out)
    case .timestampLTZ(let precision): timestamp(column.pointer(Int64.self)[row], precision, zone: true, out)
    case .array, .map, .row: nested(column, row, out)
    }
  }

  private static func nested(_ column: Column, _ row: Int, _ out: TextOutput) {
    switch column.values {
    case .list(let offsets, let children):
      let o = offsets.pointer(Int32.self)
      let isMap = children.count == 2
      out.append(isMap ? 123 : 91)
      for (place, element) in (Int(o[row])..<Int(o[row &+ 1])).enumerated() {
        if place > 0 { out.append(44) }
        if isMap {
          key(children[0], element, out)
          out.append(58)
        }
        write(children[isMap ? 1 : 0], element, to: out)
      }
      out.append(isMap ? 125 : 93)
    case .fields(let children):
      guard case .row(let fields) = column.type else { return }
      out.append(123)
      for (place, child) in children.enumerated() {
        if place > 0 { out.append(44) }
        text(fields[place].name, out)
        out.append(58)
        write(child, row, to: out)
      }
      out.append(125)
    default: out.append("null")
    }
  }

  /// Keys are strings: other types are written as one.
  private static func key(_ column: Column, _ row: Int, _ out: TextOutput) {
    if column.type == .text && !column.isNull(row) { return write(column, row, to: out) }
    let inner = TextOutput(rows: 1)
    write(column, row, to: inner)
    let written = inner.text
    if written.first == 34 {
      written.withUnsafeBufferPointer { out.append($0) }
    } else {
      written.withUnsafeBufferPointer { JSONText.write($0, to: out) }
    }
  }

  private static func integer(_ value: Int64, _ out: TextOutput) {
    out.advance(NumberText.write(value, to: out.room(NumberText.byteCountMax)))
  }

  private static func number(_ text: String, _ isFinite: Bool, _ out: TextOutput) {
    if isFinite { out.append(text) } else { self.text(text, out) }
  }

  private static func text(_ text: String, _ out: TextOutput) {
    var text = text
    text.withUTF8 { JSONText.write($0, to: out) }
  }

  private static func timestamp(_ value: Int64, _ precision: Int, zone: Bool, _ out: TextOutput) {
    out.append(34)
    let room = out.room(TimestampText.byteCountMax)
    out.advance(TimestampText.write(timestamp: value, precision: precision, separator: UInt8(ascii: "T"), zone: zone, to: room))
    out.append(34)
  }
}

/// Values as JSON, for other modules.
public enum JSONEncoding {
  /// Appends one value of a column: see `JSON_STRING`.
  public static func append(_ column: Column, _ row: Int, to bytes: inout [UInt8]) {
    let out = TextOutput(rows: 1)
    JSONValueWriter.write(column, row, to: out)
    out.withText { bytes.append(contentsOf: $0) }
  }
}
