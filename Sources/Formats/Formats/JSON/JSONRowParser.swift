import MillraceColumns
import MillraceTypes

/// Parses one line of JSON into columns at a row number, directed by the schema.
final class JSONRowParser {
  enum Outcome {
    case ok
    /// Some value is no value of its column's type.
    case unfit
    /// The line is no JSON.
    case broken
  }

  let root: JSONField
  private let options: JSONOptions
  private var attempt = 0
  private var scratch: [UInt8] = []
  /// The field of the last failure and what was wrong with it.
  private(set) var failedPath = ""
  private(set) var failure: StaticString = ""
  private(set) var failedAt: UnsafePointer<UInt8>?

  init(fields: [Field], options: JSONOptions, columns: ColumnAssembler) throws(MillraceError) {
    self.options = options
    root = try JSONField(Field("", .row(fields), isNullable: false), path: "", column: columns)
  }

  /// Parses the line at `start`, which must be followed by a line feed or a zero byte and 8 readable bytes.
  func parse(_ start: UnsafePointer<UInt8>, count: Int, row: Int) -> Outcome {
    var cursor = JSONCursor(p: start)
    cursor.skipBlanks()
    guard cursor.p[0] == 123 else { return note(.broken, "a JSON object was expected", cursor.p) }
    let outcome = object(root, row, &cursor)
    guard outcome == .ok else { return outcome }
    cursor.skipBlanks()
    if cursor.p != start + count { return note(.broken, "something follows the JSON object", cursor.p) }
    return .ok
  }

  /// Parses one value of a single column that stands alone (a nested value in a CSV field); `start` as for `parse`.
  func parseValue(_ start: UnsafePointer<UInt8>, count: Int, row: Int, field: JSONField) -> Outcome {
    var cursor = JSONCursor(p: start)
    let outcome = value(field, row, &cursor)
    guard outcome == .ok else { return outcome }
    cursor.skipBlanks()
    if cursor.p != start + count { return note(.broken, "something follows the JSON value", cursor.p) }
    return .ok
  }

  private func note(_ outcome: Outcome, _ problem: StaticString, _ at: UnsafePointer<UInt8>, _ path: String = "") -> Outcome {
    failure = problem
    failedAt = at
    failedPath = path
    return outcome
  }

  private func broken(_ cursor: JSONCursor) -> Outcome { note(.broken, cursor.problem, cursor.p) }

  private func object(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    attempt &+= 1
    let current = attempt
    cursor.p += 1
    cursor.skipBlanks()
    if cursor.p[0] == 125 {
      cursor.p += 1
    } else {
      var place = 0
      var key = JSONCursor.Text(start: cursor.p)
      while true {
        cursor.skipBlanks()
        guard cursor.p[0] == 34 else { return note(.broken, "a field name in quotes was expected", cursor.p) }
        key.hasEscapes = false
        guard cursor.string(&key) else { return broken(cursor) }
        cursor.skipBlanks()
        guard cursor.p[0] == 58 else { return note(.broken, "':' was expected", cursor.p) }
        cursor.p += 1
        let index: Int
        if key.hasEscapes {
          guard cursor.unescape(key, into: &scratch) else { return broken(cursor) }
          index = scratch.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { field.names.find($0, count: buffer.count - 1, place: place) } ?? -1
          }
        } else {
          index = field.names.find(key.start, count: key.count, place: place)
        }
        place &+= 1
        if index < 0 {
          guard cursor.skipValue(depth: 1) else { return broken(cursor) }
        } else {
          let outcome = field.borrowed[index]._withUnsafeGuaranteedRef { child in
            let outcome = value(child, row, &cursor)
            if outcome == .ok { child.seen = current }
            return outcome
          }
          guard outcome == .ok else { return outcome }
        }
        cursor.skipBlanks()
        let byte = cursor.p[0]
        guard byte == 44 || byte == 125 else { return note(.broken, "',' or '}' was expected", cursor.p) }
        cursor.p += 1
        if byte == 125 { break }
      }
    }
    for index in 0..<field.children.count where field.borrowed[index]._withUnsafeGuaranteedRef({ $0.seen != current }) {
      let child = field.children[index]
      if options.failsOnMissingField && !options.ignoresParseErrors {
        return note(.unfit, "the field is missing", cursor.p - 1, child.path)
      }
      guard child.isNullable else { return note(.unfit, "the column is NOT NULL but the field is missing", cursor.p - 1, child.path) }
      child.column.setNull(at: row)
    }
    field.column.setRow(at: row)
    return .ok
  }

  /// Parses a value into its column. With `ignoresParseErrors` one that does not fit becomes null.
  private func value(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    cursor.skipBlanks()
    let start = cursor.p
    var outcome = Outcome.ok
    if start[0] == 110 {
      guard cursor.word("null") else { return broken(cursor) }
      if field.isNullable { field.column.setNull(at: row) } else { outcome = note(.unfit, "the column is NOT NULL", start, field.path) }
    } else {
      outcome = present(field, row, &cursor)
    }
    guard outcome == .unfit, options.ignoresParseErrors, field.isNullable else { return outcome }
    cursor.p = start
    guard cursor.skipValue(depth: 1) else { return broken(cursor) }
    field.column.setNull(at: row)
    return .ok
  }

  @inline(__always)
  private func present(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    switch field.shape {
    case .text: return text(field, row, &cursor)
    case .number:
      if cursor.p[0] == 34 { return quoted(field, row, &cursor) }
      if field.type == .int64 { return int64(field, row, &cursor) }
      return number(field, row, &cursor)
    case .scalar: return scalar(field, row, &cursor)
    case .array: return array(field, row, &cursor)
    case .map: return map(field, row, &cursor)
    case .row:
      guard cursor.p[0] == 123 else { return unfit(field, "an object was expected", &cursor) }
      return object(field, row, &cursor)
    }
  }

  /// A value of another kind than the column's: `unfit` if it is JSON at all.
  private func unfit(_ field: JSONField, _ problem: StaticString, _ cursor: inout JSONCursor) -> Outcome {
    let start = cursor.p
    guard cursor.skipValue(depth: 1) else { return broken(cursor) }
    return note(.unfit, problem, start, field.path)
  }

  @inline(__always)
  private func int64(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    let start = cursor.p
    var p = start
    let isNegative = p[0] == 45
    if isNegative { p += 1 }
    let first = p
    var magnitude: UInt64 = 0
    while true {
      let digit = p[0] &- 48
      if digit > 9 { break }
      magnitude = magnitude &* 10 &+ UInt64(digit)
      p += 1
    }
    let digits = p - first
    // Up to 18 digits cannot overflow; anything unusual takes the general way.
    if digits == 0 || digits > 18 || p[0] == 46 || p[0] | 0x20 == 101 || (first[0] == 48 && digits > 1) {
      return number(field, row, &cursor)
    }
    cursor.p = p
    guard cursor.endOfWord() else { return broken(cursor) }
    let value = Int64(truncatingIfNeeded: magnitude)
    field.column.set(isNegative ? 0 &- value : value, at: row)
    return .ok
  }

  private func number(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    let start = cursor.p
    guard let number = ScannedNumber.scan(start, isStrict: true) else { return unfit(field, "a number was expected", &cursor) }
    cursor.p += number.count
    guard cursor.endOfWord() else { return broken(cursor) }
    if TextConversion.set(number, in: field.column, at: row) { return .ok }
    return note(.unfit, "the number does not fit the column's type", start, field.path)
  }

  private func text(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    let start = cursor.p
    if start[0] == 34 { return quoted(field, row, &cursor) }
    // As in Flink, other values become their JSON text.
    guard cursor.skipValue(depth: 1) else { return broken(cursor) }
    let count = cursor.p - start
    guard UTF8Validation.isValid(start, count: count) else { return note(.unfit, "text that is not UTF-8", start, field.path) }
    field.column.set(bytes: start, count: count, at: row)
    return .ok
  }

  /// A JSON string into any scalar column.
  private func quoted(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    let start = cursor.p
    var text = JSONCursor.Text(start: start)
    guard cursor.string(&text) else { return broken(cursor) }
    let isFit: Bool
    if text.hasEscapes {
      guard cursor.unescape(text, into: &scratch) else { return broken(cursor) }
      isFit = scratch.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return false }
        return TextConversion.set(
          base, count: buffer.count - 1, isASCII: false, style: options.timestampStyle, in: field.column, at: row)
      }
    } else {
      isFit = TextConversion.set(
        text.start, count: text.count, isASCII: text.isASCII, style: options.timestampStyle, in: field.column, at: row)
    }
    return isFit ? .ok : note(.unfit, "the text is no value of the column's type, or not valid UTF-8", start, field.path)
  }

  private func scalar(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    switch cursor.p[0] {
    case 34: return quoted(field, row, &cursor)
    case 116 where field.type == .boolean:
      guard cursor.word("true") else { return broken(cursor) }
      field.column.set(UInt8(1), at: row)
      return .ok
    case 102 where field.type == .boolean:
      guard cursor.word("false") else { return broken(cursor) }
      field.column.set(UInt8(0), at: row)
      return .ok
    default: return unfit(field, field.type == .boolean ? "true or false was expected" : "text in quotes was expected", &cursor)
    }
  }

  private func array(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    guard cursor.p[0] == 91 else { return unfit(field, "an array was expected", &cursor) }
    cursor.p += 1
    var at = field.column.beginList(at: row)
    cursor.skipBlanks()
    if cursor.p[0] == 93 {
      cursor.p += 1
    } else {
      while true {
        let outcome = value(field.children[0], at, &cursor)
        guard outcome == .ok else { return outcome }
        at &+= 1
        cursor.skipBlanks()
        let byte = cursor.p[0]
        guard byte == 44 || byte == 93 else { return note(.broken, "',' or ']' was expected", cursor.p) }
        cursor.p += 1
        if byte == 93 { break }
      }
    }
    field.column.endList(at: row, childEnd: at)
    return .ok
  }

  /// An object as a map. Of equal keys the last wins, so the object is read twice: first the keys, then the values that stay.
  private func map(_ field: JSONField, _ row: Int, _ cursor: inout JSONCursor) -> Outcome {
    guard cursor.p[0] == 123 else { return unfit(field, "an object was expected", &cursor) }
    cursor.p += 1
    var entries: [(key: [UInt8], value: UnsafePointer<UInt8>)] = []
    var known: [[UInt8]: Int] = [:]
    cursor.skipBlanks()
    if cursor.p[0] == 125 {
      cursor.p += 1
    } else {
      while true {
        cursor.skipBlanks()
        guard cursor.p[0] == 34 else { return note(.broken, "a field name in quotes was expected", cursor.p) }
        var text = JSONCursor.Text(start: cursor.p)
        guard cursor.string(&text), cursor.unescape(text, into: &scratch) else { return broken(cursor) }
        let key = Array(scratch.dropLast())
        cursor.skipBlanks()
        guard cursor.p[0] == 58 else { return note(.broken, "':' was expected", cursor.p) }
        cursor.p += 1
        let value = cursor.p
        guard cursor.skipValue(depth: 1) else { return broken(cursor) }
        if let index = known[key] {
          entries[index].value = value
        } else {
          known[key] = entries.count
          entries.append((key, value))
        }
        cursor.skipBlanks()
        let byte = cursor.p[0]
        guard byte == 44 || byte == 125 else { return note(.broken, "',' or '}' was expected", cursor.p) }
        cursor.p += 1
        if byte == 125 { break }
      }
    }
    let end = cursor.p
    var at = field.column.beginList(at: row)
    for entry in entries {
      let isText = entry.key.withUnsafeBufferPointer { buffer in
        let base = buffer.baseAddress ?? end
        guard UTF8Validation.isValid(base, count: buffer.count) else { return false }
        field.children[0].column.set(bytes: base, count: buffer.count, at: at)
        return true
      }
      guard isText else { return note(.unfit, "text that is not UTF-8", entry.value, field.path) }
      cursor.p = entry.value
      let outcome = value(field.children[1], at, &cursor)
      guard outcome == .ok else { return outcome }
      at &+= 1
    }
    cursor.p = end
    field.column.endList(at: row, childEnd: at)
    return .ok
  }
}
