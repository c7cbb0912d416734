import CMillraceArrow
import MillraceTypes

/// Arrow arrays as columns. Values are copied, so the array can be released at once.
///
/// Understood: null, bool, signed and unsigned integers, float, double, decimal128, utf8 and large_utf8, binary, large and fixed-size
/// binary, date32 and date64, time, timestamp of every unit (with a zone it is TIMESTAMP_LTZ), duration, interval of months, list and
/// large list, map, struct, and dictionaries of these, which are expanded. Offsets and absent bitmaps are allowed.
public enum ArrowImport {
  /// The columns that a struct schema describes, under the types that hold their values without loss.
  ///
  /// - Throws: `notSupported` for other types, named by column.
  public static func fields(_ schema: ArrowSchemaHolder) throws(MillraceError) -> [Field] {
    guard case .row(let fields) = try type(schema.content, "") else {
      throw MillraceError(.invalidInput, "the Arrow schema is not a struct of columns")
    }
    return fields
  }

  /// The columns of a struct array, as the types wanted.
  ///
  /// Integers, decimals, times and timestamps are converted to the type wanted; a value out of its range is an error.
  /// - Parameters:
  ///   - fields: one per child of the schema, in its order.
  ///   - name: of the file, for errors.
  public static func columns(
    _ array: ArrowArrayHolder, _ schema: ArrowSchemaHolder, as fields: [Field], name: String
  ) throws(MillraceError) -> [Column] {
    let source = array.content.pointee
    let shape = schema.content.pointee
    guard Int(source.n_children) == fields.count, Int(shape.n_children) == fields.count else {
      throw MillraceError(.invalidInput, "the data has \(source.n_children) columns where \(fields.count) were expected", subject: name)
    }
    guard source.null_count == 0 || source.n_buffers == 0 || source.buffers?[0] == nil else {
      throw MillraceError.notSupported("null rows of a whole record", subject: name)
    }
    var columns: [Column] = []
    for (index, field) in fields.enumerated() {
      guard let child = source.children?[index], let childShape = shape.children?[index] else { throw damaged(field.name) }
      let range = Int(source.offset)..<Int(source.offset + source.length)
      var importer = ArrowColumnImporter(path: field.name, file: name)
      let column = try importer.column(child, childShape, range, as: field.type)
      if !field.isNullable && column.nullCount > 0 {
        throw MillraceError(
          .malformedRow, "column \(field.name) is NOT NULL but holds \(column.nullCount) nulls", subject: name,
          hint: "declare the column without NOT NULL")
      }
      columns.append(column)
    }
    return columns
  }

  static func damaged(_ path: String) -> MillraceError {
    MillraceError(.invalidInput, "the Arrow data of column \(path) is incomplete", subject: path)
  }

  static func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }

  static func type(_ schema: UnsafeMutablePointer<ArrowSchema>, _ path: String) throws(MillraceError) -> DataType {
    let format = text(schema.pointee.format)
    if let dictionary = schema.pointee.dictionary { return try type(dictionary, path) }
    func child(_ index: Int) throws(MillraceError) -> Field {
      guard index < Int(schema.pointee.n_children), let child = schema.pointee.children?[index] else { throw damaged(path) }
      let name = text(child.pointee.name)
      return Field(name, try type(child, path.isEmpty ? name : "\(path).\(name)"), isNullable: child.pointee.flags & 2 != 0)
    }
    switch format {
    case "n": return .null
    case "b": return .boolean
    case "c": return .int8
    case "C", "s": return .int16
    case "S", "i": return .int32
    case "I", "l", "L": return .int64
    case "f": return .float32
    case "g": return .float64
    case "u", "U": return .text
    case "z", "Z": return .bytes
    case "tdD", "tdm": return .date
    case "tts", "ttm": return .time(precision: 3)
    case "ttu": return .time(precision: 6)
    case "ttn": return .time(precision: 9)
    case "tiM": return .intervalMonths
    case "tDs", "tDm", "tDu", "tDn": return .intervalMillis
    case "+l", "+L": return .array(try child(0))
    case "+s":
      var fields: [Field] = []
      for index in 0..<Int(schema.pointee.n_children) { fields.append(try child(index)) }
      return .row(fields)
    case "+m":
      guard case .row(let entry) = try child(0).type, entry.count == 2 else { throw damaged(path) }
      return .map(key: entry[0], value: entry[1])
    default: break
    }
    if format.hasPrefix("w:") { return .bytes }
    if format.hasPrefix("d:"), let (precision, scale) = decimal(format) { return .decimal(precision: precision, scale: scale) }
    if format.hasPrefix("ts"), format.utf8.count >= 4 {
      let precision = format.hasPrefix("tss") ? 0 : format.hasPrefix("tsm") ? 3 : format.hasPrefix("tsu") ? 6 : 9
      return format.hasSuffix(":") ? .timestamp(precision: precision) : .timestampLTZ(precision: precision)
    }
    throw MillraceError.notSupported("Arrow type '\(format)'", subject: "column \(path)", hint: "leave the column out of the table")
  }

  /// Precision and scale of a decimal128.
  static func decimal(_ format: String) -> (precision: Int, scale: Int)? {
    let parts = format.dropFirst(2).split(separator: ",").map { Int($0) }
    guard parts.count == 2 || (parts.count == 3 && parts[2] == 128), let precision = parts[0], let scale = parts[1] else { return nil }
    return precision <= 38 && scale >= 0 && scale <= precision ? (precision, scale) : nil
  }
}
