import MillraceColumns
import MillraceTypes

/// Writes JSON lines: one object per row, fields in the order of the columns.
///
/// Floats are the shortest text that reads back as the same value; NaN and the infinities, which JSON has no numbers for, are the
/// strings "NaN", "Infinity" and "-Infinity", which `JSONRowReader` reads back. Decimals are plain numbers with all digits of
/// their scale, bytes are base64, a map is an object, nulls are `null`. Intervals are numbers of months or milliseconds.
public final class JSONRowEncoder: RowEncoder {
  private let options: JSONOptions
  private var keys: [[UInt8]]
  private let fields: [Field]

  public init(fields: [Field], options: JSONOptions = JSONOptions()) throws(MillraceError) {
    self.options = options
    self.fields = fields
    keys = []
    for field in fields {
      try Self.check(field.type, field.name)
      keys.append(Self.key(field.name))
    }
  }

  private static func key(_ name: String) -> [UInt8] {
    let output = TextOutput(capacity: 64)
    var name = name
    name.withUTF8 { if let p = $0.baseAddress { append(string: p, count: $0.count, to: output) } else { output.append("\"\"") } }
    output.append(58)
    return Array(output.bytes)
  }

  private static func check(_ type: DataType, _ name: String) throws(MillraceError) {
    switch type {
    case .array(let element): try check(element.type, name)
    case .row(let fields): for field in fields { try check(field.type, name) }
    case .map(let key, let value):
      guard key.type == .text else {
        throw MillraceError.notSupported(
          "MAP with keys of type \(key.type) in JSON", subject: "column \(name)", hint: "use MAP<STRING, ...>: JSON field names are text")
      }
      try check(value.type, name)
    default: break
    }
  }

  public func begin(into output: TextOutput) throws(MillraceError) {}

  public func encode(_ batch: Batch, into output: TextOutput) throws(MillraceError) {
    guard batch.columns.count == fields.count else {
      throw MillraceError(.invalidInput, "\(batch.columns.count) columns were given to a writer of \(fields.count)")
    }
    for row in 0..<batch.rowCount {
      output.append(123)
      var isFirst = true
      for (index, column) in batch.columns.enumerated() {
        if options.omitsNullFields && column.isNull(row) { continue }
        if !isFirst { output.append(44) }
        isFirst = false
        keys[index].withUnsafeBufferPointer { if let p = $0.baseAddress { output.append(p, count: $0.count) } }
        Self.append(column, row, options, to: output)
      }
      output.append(125)
      output.append(10)
    }
  }

  /// Appends one value as JSON.
  static func append(_ column: Column, _ row: Int, _ options: JSONOptions, to output: TextOutput) {
    if column.isNull(row) { return output.append("null") }
    let style = options.timestampStyle ?? .sql
    switch column.values {
    case .none: output.append("null")
    case .bits(let bits): output.append(bits[row] ? "true" : "false")
    case .variable:
      let (offsets, bytes) = column.variable
      let start = bytes + Int(offsets[row])
      let count = Int(offsets[row &+ 1] &- offsets[row])
      if column.type == .text {
        append(string: start, count: count, to: output)
      } else {
        output.append(34)
        output.append(base64: start, count: count)
        output.append(34)
      }
    case .list(let offsetBuffer, let children):
      let offsets = offsetBuffer.pointer(Int32.self)
      let isMap = children.count == 2
      output.append(isMap ? 123 : 91)
      for i in Int(offsets[row])..<Int(offsets[row + 1]) {
        if i > Int(offsets[row]) { output.append(44) }
        if isMap {
          append(children[0], i, options, to: output)
          output.append(58)
        }
        append(children[children.count - 1], i, options, to: output)
      }
      output.append(isMap ? 125 : 93)
    case .fields(let children):
      guard case .row(let fields) = column.type else { return output.append("null") }
      output.append(123)
      var isFirst = true
      for (field, child) in zip(fields, children) {
        if options.omitsNullFields && child.isNull(row) { continue }
        if !isFirst { output.append(44) }
        isFirst = false
        var name = field.name
        name.withUTF8 { if let p = $0.baseAddress { append(string: p, count: $0.count, to: output) } else { output.append("\"\"") } }
        output.append(58)
        append(child, row, options, to: output)
      }
      output.append(125)
    case .fixed(let buffer):
      switch column.type {
      case .int8: output.append(integer: Int64(buffer.pointer(Int8.self)[row]))
      case .int16: output.append(integer: Int64(buffer.pointer(Int16.self)[row]))
      case .int32: output.append(integer: Int64(buffer.pointer(Int32.self)[row]))
      case .float32:
        let value = buffer.pointer(Float.self)[row]
        if value.isFinite { output.append(float: value) } else { append(special: Double(value), to: output) }
      case .float64:
        let value = buffer.pointer(Double.self)[row]
        if value.isFinite { output.append(double: value) } else { append(special: value, to: output) }
      case .decimal(_, let scale): output.append(decimal: buffer.pointer(Int128.self)[row], scale: scale)
      case .date:
        output.append(34)
        output.append(date: buffer.pointer(Int32.self)[row])
        output.append(34)
      case .time(let precision):
        output.append(34)
        output.append(time: buffer.pointer(Int64.self)[row], precision: precision)
        output.append(34)
      case .timestamp(let precision), .timestampLTZ(let precision):
        var zone = false
        if case .timestampLTZ = column.type { zone = true }
        output.append(34)
        output.append(timestamp: buffer.pointer(Int64.self)[row], precision: precision, style: style, zone: zone)
        output.append(34)
      default: output.append(integer: buffer.pointer(Int64.self)[row])
      }
    }
  }

  private static func append(special value: Double, to output: TextOutput) {
    output.append(value.isNaN ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\"")
  }

  private static let hex = Array("0123456789abcdef".utf8)

  /// A JSON string: quotes, backslashes and control characters are escaped, everything else stands as it is.
  static func append(string p: UnsafePointer<UInt8>, count: Int, to output: TextOutput) {
    output.append(34)
    var start = 0
    var i = 0
    while i < count {
      let byte = p[i]
      if byte >= 32 && byte != 34 && byte != 92 {
        i &+= 1
        continue
      }
      output.append(p + start, count: i &- start)
      switch byte {
      case 34: output.append("\\\"")
      case 92: output.append("\\\\")
      case 10: output.append("\\n")
      case 13: output.append("\\r")
      case 9: output.append("\\t")
      default:
        output.append("\\u00")
        output.append(hex[Int(byte >> 4)])
        output.append(hex[Int(byte & 15)])
      }
      i &+= 1
      start = i
    }
    output.append(p + start, count: count &- start)
    output.append(34)
  }
}
