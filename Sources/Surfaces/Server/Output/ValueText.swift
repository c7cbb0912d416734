import MillraceColumns
import MillraceTypes

/// One value as people read it, for tables and changelogs on a terminal.
public enum ValueText {
  public static func text(_ value: Value, _ type: DataType) -> String {
    switch value {
    case .null: return "NULL"
    case .bool(let v): return v ? "TRUE" : "FALSE"
    case .int(let v):
      switch type {
      case .date, .time, .timestamp, .timestampLTZ: return TimestampText.string(v, type) ?? String(v)
      default: return String(v)
      }
    case .float(let v): return type == .float32 ? String(describing: Float(v)) : String(describing: v)
    case .decimal(let v):
      guard case .decimal(_, let scale) = type else { return String(v) }
      return decimal(v, scale: scale)
    case .text(let v): return v
    case .bytes(let v): return "x'" + v.map { hex($0) }.joined() + "'"
    case .list(let vs):
      guard case .array(let element) = type else { return "[]" }
      return "[" + vs.map { text($0, element.type) }.joined(separator: ", ") + "]"
    case .map(let keys, let vs):
      guard case .map(let key, let value) = type else { return "{}" }
      return "{" + zip(keys, vs).map { text($0, key.type) + "=" + text($1, value.type) }.joined(separator: ", ") + "}"
    case .row(let vs):
      guard case .row(let fields) = type else { return "()" }
      return "(" + zip(vs, fields).map { text($0, $1.type) }.joined(separator: ", ") + ")"
    }
  }

  static func decimal(_ value: Int128, scale: Int) -> String {
    var digits = String(value.magnitude)
    if scale > 0 {
      if digits.count <= scale { digits = String(repeating: "0", count: scale - digits.count + 1) + digits }
      digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale))
    }
    return value < 0 ? "-" + digits : digits
  }

  private static func hex(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16)
    return text.count == 1 ? "0" + text : text
  }
}
