import CMillraceArrow
import MillraceTypes

/// Copies one Arrow array, or a range of it, into a column of a wanted type.
struct ArrowColumnImporter {
  var path: String
  let file: String

  private func mismatch(_ format: String, _ wanted: DataType) -> MillraceError {
    let shown = (try? ArrowImport.typeName(format)) ?? "Arrow type '\(format)'"
    return MillraceError(
      .invalidInput, "column \(path) is declared \(wanted) but the data holds \(shown)", subject: file,
      hint: "declare the column with the type of the data and use CAST in the query")
  }

  private func outOfRange(_ wanted: DataType) -> MillraceError {
    MillraceError(.malformedRow, "column \(path) holds a value that does not fit \(wanted)", subject: file)
  }

  private func buffer(_ array: ArrowArray, _ index: Int) -> UnsafeRawPointer? {
    index < Int(array.n_buffers) ? array.buffers?[index] : nil
  }

  /// - Parameter rows: within the array, before its own offset is added.
  mutating func column(
    _ array: UnsafeMutablePointer<ArrowArray>, _ schema: UnsafeMutablePointer<ArrowSchema>, _ rows: Range<Int>, as wanted: DataType
  ) throws(MillraceError) -> Column {
    let source = array.pointee
    let format = ArrowImport.text(schema.pointee.format)
    let first = Int(source.offset) + rows.lowerBound
    let count = rows.count
    guard rows.upperBound <= Int(source.length) else { throw ArrowImport.damaged(path) }
    let validity = format == "n" ? nil : copyBits(buffer(source, 0), first, count, skipWhen: source.null_count == 0)
    if let dictionary = source.dictionary, let dictionaryShape = schema.pointee.dictionary {
      return try expand(source, format, first, count, validity, dictionary, dictionaryShape, wanted)
    }
    if format == "n" { return .nulls(wanted, count: count) }
    let values: Column.Values
    switch wanted {
    case .boolean:
      guard format == "b" else { throw mismatch(format, wanted) }
      values = .bits(copyBits(buffer(source, 1), first, count, skipWhen: false) ?? Bitmap(repeating: false, count: count))
    case .int8, .int16, .int32, .int64, .intervalMonths, .intervalMillis:
      values = .fixed(try integers(source, format, first, count, validity, wanted))
    case .float32, .float64: values = .fixed(try floats(source, format, first, count, wanted))
    case .decimal(let precision, let scale): values = .fixed(try decimals(source, format, first, count, validity, precision, scale))
    case .date, .time, .timestamp, .timestampLTZ: values = .fixed(try times(source, format, first, count, validity, wanted))
    case .text, .bytes: values = try variable(source, format, first, count, wanted)
    case .array(let element):
      guard format == "+l" || format == "+L", let child = source.children?[0], let shape = schema.pointee.children?[0] else {
        throw mismatch(format, wanted)
      }
      let (offsets, range) = try listOffsets(source, first, count, isLarge: format == "+L")
      path += "[]"
      values = .list(offsets: offsets, children: [try column(child, shape, range, as: element.type)])
    case .map(let key, let value):
      guard format == "+m", let entries = source.children?[0], let shape = schema.pointee.children?[0], entries.pointee.n_children == 2,
        let keys = entries.pointee.children?[0], let items = entries.pointee.children?[1], let keyShape = shape.pointee.children?[0],
        let itemShape = shape.pointee.children?[1]
      else { throw mismatch(format, wanted) }
      let (offsets, inner) = try listOffsets(source, first, count, isLarge: false)
      let shift = Int(entries.pointee.offset)
      let range = (inner.lowerBound + shift)..<(inner.upperBound + shift)
      values = .list(
        offsets: offsets, children: [try column(keys, keyShape, range, as: key.type), try column(items, itemShape, range, as: value.type)])
    case .row(let fields):
      guard format == "+s", Int(source.n_children) == fields.count else { throw mismatch(format, wanted) }
      var children: [Column] = []
      let outer = path
      for (index, field) in fields.enumerated() {
        guard let child = source.children?[index], let shape = schema.pointee.children?[index] else { throw ArrowImport.damaged(path) }
        path = "\(outer).\(field.name)"
        children.append(try column(child, shape, first..<(first + count), as: field.type))
      }
      path = outer
      values = .fields(children)
    case .null: throw mismatch(format, wanted)
    }
    return Column(type: wanted, count: count, validity: validity, values: values)
  }

  private func copyBits(_ bits: UnsafeRawPointer?, _ first: Int, _ count: Int, skipWhen isUnneeded: Bool) -> Bitmap? {
    guard let bits, !isUnneeded else { return nil }
    let source = bits.assumingMemoryBound(to: UInt8.self)
    let out = Buffer(zeroed: (count + 63) / 64 * 8)
    let target = out.pointer(UInt8.self)
    for i in 0..<count {
      let at = first &+ i
      target[i >> 3] |= ((source[at >> 3] >> UInt8(truncatingIfNeeded: at & 7)) & 1) << UInt8(truncatingIfNeeded: i & 7)
    }
    return Bitmap(buffer: out, count: count)
  }

  /// Calls `body` with each value as Int64; false when the format is no integer of up to 64 bits.
  private func eachInteger(
    _ source: ArrowArray, _ format: String, _ first: Int, _ count: Int, _ body: (Int, Int64, _ isTooBig: Bool) -> Void
  ) -> Bool {
    guard let data = buffer(source, 1) else { return count == 0 }
    func run<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) {
      let values = data.assumingMemoryBound(to: type)
      for i in 0..<count {
        let value = values[first &+ i]
        body(i, Int64(truncatingIfNeeded: value), value > 0 && UInt64(truncatingIfNeeded: value) > UInt64(Int64.max))
      }
    }
    switch format {
    case "c": run(Int8.self)
    case "C": run(UInt8.self)
    case "s": run(Int16.self)
    case "S": run(UInt16.self)
    case "i": run(Int32.self)
    case "I": run(UInt32.self)
    case "l": run(Int64.self)
    case "L": run(UInt64.self)
    default: return false
    }
    return true
  }

  private func integers(
    _ source: ArrowArray, _ format: String, _ first: Int, _ count: Int, _ validity: Bitmap?, _ wanted: DataType
  ) throws(MillraceError) -> Buffer {
    var physical = format
    var scale: (multiply: Int64, divide: Int64) = (1, 1)
    switch (format, wanted) {
    case ("tiM", .intervalMonths): physical = "i"
    case ("tDs", .intervalMillis): (physical, scale) = ("l", (1000, 1))
    case ("tDm", .intervalMillis): physical = "l"
    case ("tDu", .intervalMillis): (physical, scale) = ("l", (1, 1000))
    case ("tDn", .intervalMillis): (physical, scale) = ("l", (1, 1_000_000))
    default: break
    }
    let width = wanted.fixedWidth ?? 8
    let limit: Int64 = width == 8 ? .max : (1 << Int64(width * 8 - 1)) - 1
    let out = Buffer(zeroed: count * width)
    var fits = true
    let isInteger = eachInteger(source, physical, first, count) { i, raw, isTooBig in
      if let validity, !validity[i] { return }
      let (product, overflow) = raw.multipliedReportingOverflow(by: scale.multiply)
      let value = product / scale.divide
      if isTooBig || overflow || value > limit || value < -limit - 1 { fits = false }
      switch width {
      case 1: out.pointer(Int8.self)[i] = Int8(truncatingIfNeeded: value)
      case 2: out.pointer(Int16.self)[i] = Int16(truncatingIfNeeded: value)
      case 4: out.pointer(Int32.self)[i] = Int32(truncatingIfNeeded: value)
      default: out.pointer(Int64.self)[i] = value
      }
    }
    guard isInteger else { throw mismatch(format, wanted) }
    guard fits else { throw outOfRange(wanted) }
    return out
  }

  private func floats(
    _ source: ArrowArray, _ format: String, _ first: Int, _ count: Int, _ wanted: DataType
  ) throws(MillraceError) -> Buffer {
    let width = wanted.fixedWidth ?? 8
    let out = Buffer(zeroed: count * width)
    guard let data = buffer(source, 1) else {
      if count == 0 { return out }
      throw ArrowImport.damaged(path)
    }
    switch (format, wanted) {
    case ("f", .float32): out.base.copyMemory(from: data + first * 4, byteCount: count * 4)
    case ("g", .float64): out.base.copyMemory(from: data + first * 8, byteCount: count * 8)
    case ("f", .float64):
      let values = data.assumingMemoryBound(to: Float.self)
      let target = out.pointer(Double.self)
      for i in 0..<count { target[i] = Double(values[first &+ i]) }
    default: throw mismatch(format, wanted)
    }
    return out
  }

  private func decimals(
    _ source: ArrowArray, _ format: String, _ first: Int, _ count: Int, _ validity: Bitmap?, _ precision: Int, _ scale: Int
  ) throws(MillraceError) -> Buffer {
    let wanted = DataType.decimal(precision: precision, scale: scale)
    let out = Buffer(zeroed: count * 16)
    let target = out.pointer(Int128.self)
    var limit: Int128 = 1
    for _ in 0..<min(38, precision) { limit *= 10 }
    var factor: Int128 = 1
    let sourceScale: Int
    if format.hasPrefix("d:") {
      guard let (_, found) = ArrowImport.decimal(format), found <= scale else { throw mismatch(format, wanted) }
      sourceScale = found
    } else {
      sourceScale = 0
    }
    for _ in sourceScale..<max(sourceScale, scale) { factor *= 10 }
    var fits = true
    func put(_ i: Int, _ value: Int128) {
      if let validity, !validity[i] { return }
      let (product, overflow) = value.multipliedReportingOverflow(by: factor)
      if overflow || product >= limit || product <= -limit { fits = false }
      target[i] = product
    }
    if format.hasPrefix("d:") {
      if let data = buffer(source, 1) {
        for i in 0..<count { put(i, data.loadUnaligned(fromByteOffset: (first &+ i) &* 16, as: Int128.self)) }
      }
    } else {
      guard eachInteger(source, format, first, count, { i, value, isTooBig in put(i, isTooBig ? Int128.max : Int128(value)) }) else {
        throw mismatch(format, wanted)
      }
    }
    guard fits else { throw outOfRange(wanted) }
    return out
  }

  /// Dates, times and timestamps: ticks of the data's unit to ticks of the wanted one. Finer digits are cut, towards the past.
  private func times(
    _ source: ArrowArray, _ format: String, _ first: Int, _ count: Int, _ validity: Bitmap?, _ wanted: DataType
  ) throws(MillraceError) -> Buffer {
    let perSecond: Int64
    var physical = "l"
    switch (format, wanted) {
    case ("tdD", .date): (perSecond, physical) = (1, "i")
    case ("tdm", .date): perSecond = 86_400_000
    case ("tts", .time): (perSecond, physical) = (1, "i")
    case ("ttm", .time): (perSecond, physical) = (1000, "i")
    case ("ttu", .time): perSecond = 1_000_000
    case ("ttn", .time): perSecond = 1_000_000_000
    default:
      guard wanted.isTimestamp, format.hasPrefix("ts"), format.utf8.count >= 4 else { throw mismatch(format, wanted) }
      perSecond =
        format.hasPrefix("tss") ? 1 : format.hasPrefix("tsm") ? 1000 : format.hasPrefix("tsu") ? 1_000_000 : 1_000_000_000
    }
    let width = wanted.fixedWidth ?? 8
    let wantedPerSecond = wanted == .date ? 1 : wanted.timeUnit?.perSecond ?? 1
    let multiply = max(1, wantedPerSecond / perSecond)
    let divide = max(1, perSecond / wantedPerSecond)
    let out = Buffer(zeroed: count * width)
    var fits = true
    _ = eachInteger(source, physical, first, count) { i, raw, _ in
      if let validity, !validity[i] { return }
      let (product, overflow) = raw.multipliedReportingOverflow(by: multiply)
      if overflow { fits = false }
      let value = product / divide &- (product % divide < 0 ? 1 : 0)
      if width == 4 { out.pointer(Int32.self)[i] = Int32(truncatingIfNeeded: value) } else { out.pointer(Int64.self)[i] = value }
    }
    guard fits else { throw outOfRange(wanted) }
    return out
  }

  private func variable(
    _ source: ArrowArray, _ format: String, _ first: Int, _ count: Int, _ wanted: DataType
  ) throws(MillraceError) -> Column.Values {
    let isText = format == "u" || format == "U"
    if format.hasPrefix("w:"), wanted == .bytes, let width = Int(format.dropFirst(2)) {
      let offsets = Buffer(uninitialized: (count + 1) * 4)
      let target = offsets.pointer(Int32.self)
      guard count * width < Int(Int32.max) else { throw tooLarge() }
      for i in 0...count { target[i] = Int32(truncatingIfNeeded: i * width) }
      let bytes = UnsafeRawBufferPointer(
        start: buffer(source, 1).map { $0 + first * width }, count: buffer(source, 1) == nil ? 0 : count * width)
      return .variable(offsets: offsets, bytes: Buffer(copying: bytes))
    }
    guard isText ? true : (format == "z" || format == "Z") && wanted == .bytes else { throw mismatch(format, wanted) }
    let (offsets, range) = try listOffsets(source, first, count, isLarge: format == "U" || format == "Z")
    let bytes = UnsafeRawBufferPointer(
      start: buffer(source, 2).map { $0 + range.lowerBound }, count: buffer(source, 2) == nil ? 0 : range.count)
    return .variable(offsets: offsets, bytes: Buffer(copying: bytes))
  }

  private func tooLarge() -> MillraceError {
    MillraceError(.invalidInput, "column \(path) holds more than 2 GiB in one batch", subject: file, hint: "read smaller batches")
  }

  /// Offsets moved to begin at 0, and the range of the content that they cover.
  private func listOffsets(
    _ source: ArrowArray, _ first: Int, _ count: Int, isLarge: Bool
  ) throws(MillraceError) -> (Buffer, Range<Int>) {
    let out = Buffer(zeroed: (count + 1) * 4)
    guard let data = buffer(source, 1), count > 0 else { return (out, 0..<0) }
    func offset(_ i: Int) -> Int64 {
      isLarge
        ? data.loadUnaligned(fromByteOffset: (first &+ i) &* 8, as: Int64.self)
        : Int64(data.loadUnaligned(fromByteOffset: (first &+ i) &* 4, as: Int32.self))
    }
    let start = offset(0)
    let end = offset(count)
    guard start >= 0, end >= start else { throw ArrowImport.damaged(path) }
    guard end &- start < Int64(Int32.max) else { throw tooLarge() }
    let target = out.pointer(Int32.self)
    for i in 0...count { target[i] = Int32(truncatingIfNeeded: offset(i) &- start) }
    return (out, Int(start)..<Int(end))
  }

  private mutating func expand(
    _ source: ArrowArray, _ format: String, _ first: Int, _ count: Int, _ validity: Bitmap?,
    _ dictionary: UnsafeMutablePointer<ArrowArray>, _ shape: UnsafeMutablePointer<ArrowSchema>, _ wanted: DataType
  ) throws(MillraceError) -> Column {
    let entries = try column(dictionary, shape, 0..<Int(dictionary.pointee.length), as: wanted)
    var indices = [Int32](repeating: -1, count: count)
    var fits = true
    let isInteger = eachInteger(source, format, first, count) { i, value, isTooBig in
      if let validity, !validity[i] { return }
      if isTooBig || value < 0 || value >= Int64(entries.count) { fits = false } else { indices[i] = Int32(truncatingIfNeeded: value) }
    }
    guard isInteger, fits else { throw ArrowImport.damaged(path) }
    return indices.withUnsafeBufferPointer(entries.take)
  }
}

extension ArrowImport {
  /// A format without children in words.
  static func typeName(_ format: String) throws(MillraceError) -> String {
    var schema = ArrowSchema()
    let bytes = Array(format.utf8CString)
    let outcome = bytes.withUnsafeBufferPointer { buffer in
      schema.format = buffer.baseAddress
      return withUnsafeMutablePointer(to: &schema) { pointer in
        Result<DataType, MillraceError> { () throws(MillraceError) in try type(pointer, "") }
      }
    }
    switch try outcome.get() {
    case .row: return "ROW"
    case let type: return "\(type)"
    }
  }
}
