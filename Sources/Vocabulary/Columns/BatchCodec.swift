import MillraceTypes

/// Batches as bytes, version 2: rows held in checkpoints. The schema is not stored; the reader must know it.
///
/// Layout: checksum of all that follows (`KeyEncoder.hash`), version, row count, flags of the hidden columns, visible columns, hidden columns in the order of the flags. A column is
/// one flag byte (1: it has nulls, 2: it is all null without values), its validity bits, then its values as blocks.
public enum BatchCodec {
  private static let version: UInt8 = 2
  private static let checksumBytes = 8

  public static func encode(_ batch: Batch) -> [UInt8] {
    var writer = ByteWriter()
    encode(batch, into: &writer)
    return writer.bytes
  }

  /// Appends a batch as one block of its encoding.
  public static func write(_ batch: Batch, into writer: inout ByteWriter) { writer.writeBlock { encode(batch, into: &$0) } }

  private static func encode(_ batch: Batch, into writer: inout ByteWriter) {
    let start = writer.bytes.count
    writer.write(UInt64(0))
    writer.write(version)
    writer.write(count: batch.rowCount)
    let hidden = [batch.weights, batch.eventTimes, batch.order, batch.arrivalTimes, batch.positions]
    var flags: UInt8 = batch.late == nil ? 0 : 1 << 5
    for (bit, column) in hidden.enumerated() where column != nil { flags |= 1 << UInt8(bit) }
    writer.write(flags)
    for column in batch.columns { write(column, into: &writer) }
    for column in hidden.compactMap({ $0 }) { write(column, into: &writer) }
    if let late = batch.late { write(late, batch.rowCount, into: &writer) }
    writer.replace(at: start, with: checksum(writer.bytes, from: start))
  }

  /// Of everything behind the checksum itself, which begins at `start`.
  private static func checksum(_ bytes: [UInt8], from start: Int = 0) -> UInt64 {
    bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress, buffer.count > start + checksumBytes else { return 0 }
      return KeyEncoder.hash(base + start + checksumBytes, count: buffer.count - start - checksumBytes)
    }
  }

  /// - Throws: `checkpointInvalid` when the bytes are not a batch of that schema.
  public static func decode(_ bytes: [UInt8], schema: Schema) throws(MillraceError) -> Batch {
    var reader = ByteReader(bytes)
    guard try reader.readUInt64() == checksum(bytes) else { throw damaged("the checksum is another") }
    guard try reader.readUInt8() == version else { throw damaged("unknown version") }
    let count = try reader.readCount()
    guard count < Int(Int32.max) else { throw damaged("impossible row count") }
    let flags = try reader.readUInt8()
    guard flags < 1 << 6 else { throw damaged("unknown hidden columns") }
    var columns: [Column] = []
    for field in schema.fields { columns.append(try read(&reader, field.type, count)) }
    var batch = Batch(schema: schema, columns: columns, rowCount: count)
    if flags & 1 != 0 { batch.weights = try readHidden(&reader, .int64, count) }
    if flags & 2 != 0 { batch.eventTimes = try readHidden(&reader, .int64, count) }
    if flags & 4 != 0 { batch.order = try readHidden(&reader, .bytes, count) }
    if flags & 8 != 0 { batch.arrivalTimes = try readHidden(&reader, .int64, count) }
    if flags & 16 != 0 { batch.positions = try readHidden(&reader, .int64, count) }
    if flags & 32 != 0 { batch.late = try readBits(&reader, count) }
    guard reader.isAtEnd else { throw damaged("bytes are left over") }
    return batch
  }

  private static func damaged(_ why: String) -> MillraceError {
    MillraceError(.checkpointInvalid, "stored rows are damaged: \(why)", hint: "restore from an older checkpoint")
  }

  private static func write(_ bits: Bitmap, _ count: Int, into writer: inout ByteWriter) {
    writer.write(block: UnsafeRawBufferPointer(start: bits.buffer.base, count: (count + 7) / 8))
  }

  private static func write(_ column: Column, into writer: inout ByteWriter) {
    let count = column.count
    if case .none = column.values {
      writer.write(UInt8(2))
      return
    }
    writer.write(UInt8(column.validity == nil ? 0 : 1))
    if let validity = column.validity { write(validity, count, into: &writer) }
    switch column.values {
    case .none: break
    case .bits(let bits): write(bits, count, into: &writer)
    case .fixed(let buffer):
      writer.write(block: UnsafeRawBufferPointer(start: buffer.base, count: count * (column.type.fixedWidth ?? 8)))
    case .variable(let offsets, let bytes):
      // Foreign arrays may begin anywhere in their bytes.
      let from = offsets.pointer(Int32.self)
      writeOffsets(from, count, into: &writer)
      writer.write(block: UnsafeRawBufferPointer(start: bytes.base + Int(from[0]), count: Int(from[count] &- from[0])))
    case .list(let offsets, let children):
      let from = offsets.pointer(Int32.self)
      writeOffsets(from, count, into: &writer)
      for child in children { write(child.slice(Int(from[0])..<Int(from[count])), into: &writer) }
    case .fields(let children): for child in children { write(child, into: &writer) }
    }
  }

  private static func writeOffsets(_ from: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    let first = from[0]
    writer.write(blockOf: (count + 1) * 4) { raw in
      for i in 0...count { raw.storeBytes(of: from[i] &- first, toByteOffset: i &* 4, as: Int32.self) }
    }
  }

  private static func readHidden(
    _ reader: inout ByteReader, _ type: DataType, _ count: Int
  ) throws(MillraceError) -> Column {
    let column = try read(&reader, type, count)
    if case .none = column.values { throw damaged("a hidden column has no values") }
    return column
  }

  private static func readBits(_ reader: inout ByteReader, _ count: Int) throws(MillraceError) -> Bitmap {
    let block = try reader.readBlock()
    guard block.count == (count + 7) / 8 else { throw damaged("bits of another length") }
    let buffer = Buffer(zeroed: (count + 63) / 64 * 8)
    block.withUnsafeBytes { if let base = $0.baseAddress { buffer.base.copyMemory(from: base, byteCount: $0.count) } }
    return Bitmap(buffer: buffer, count: count)
  }

  private static func readOffsets(_ reader: inout ByteReader, _ count: Int) throws(MillraceError) -> (Buffer, Int) {
    let block = try reader.readBlock()
    guard block.count == (count + 1) * 4 else { throw damaged("offsets of another length") }
    let buffer = Buffer(block)
    let offsets = buffer.pointer(Int32.self)
    guard offsets[0] == 0 else { throw damaged("offsets that do not begin at 0") }
    for i in 0..<count where offsets[i] > offsets[i + 1] { throw damaged("offsets that go down") }
    return (buffer, Int(offsets[count]))
  }

  private static func read(_ reader: inout ByteReader, _ type: DataType, _ count: Int) throws(MillraceError) -> Column {
    let flag = try reader.readUInt8()
    guard flag <= 2 else { throw damaged("unknown form of a column") }
    if flag == 2 { return Column(type: type, count: count, values: .none) }
    let validity = flag == 1 ? try readBits(&reader, count) : nil
    let values: Column.Values
    switch type {
    case .null: values = .none
    case .boolean: values = .bits(try readBits(&reader, count))
    case .text, .bytes:
      let (offsets, total) = try readOffsets(&reader, count)
      let bytes = try reader.readBlock()
      guard bytes.count == total else { throw damaged("bytes of another length") }
      values = .variable(offsets: offsets, bytes: Buffer(bytes))
    case .array(let element):
      let (offsets, total) = try readOffsets(&reader, count)
      values = .list(offsets: offsets, children: [try read(&reader, element.type, total)])
    case .map(let key, let value):
      let (offsets, total) = try readOffsets(&reader, count)
      values = .list(offsets: offsets, children: [try read(&reader, key.type, total), try read(&reader, value.type, total)])
    case .row(let fields):
      var children: [Column] = []
      for field in fields { children.append(try read(&reader, field.type, count)) }
      values = .fields(children)
    default:
      let block = try reader.readBlock()
      guard block.count == count * (type.fixedWidth ?? 8) else { throw damaged("values of another length") }
      values = .fixed(Buffer(block))
    }
    return Column(type: type, count: count, validity: validity, values: values)
  }
}
