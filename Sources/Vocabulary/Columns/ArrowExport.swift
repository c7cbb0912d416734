import CMillraceArrow
import MillraceTypes

/// Columns as Arrow arrays (https://arrow.apache.org/docs/format/CDataInterface.html), sharing their memory.
///
/// Times of precision 0 to 3 become time32, which is copied; intervals become int64. A batch becomes a struct array of its visible
/// columns.
public enum ArrowExport {
  /// Describes the columns as a struct.
  public static func schema(_ fields: [Field]) -> ArrowSchemaHolder {
    let holder = ArrowSchemaHolder()
    fill(holder.content, Field("", .row(fields), isNullable: false))
    return holder
  }

  /// The visible columns as a struct array, whose memory stays valid for as long as the consumer keeps it.
  public static func array(_ batch: Batch) -> ArrowArrayHolder {
    let holder = ArrowArrayHolder()
    fill(
      holder.content, Column(type: .row(batch.schema.fields), count: batch.rowCount, values: .fields(batch.columns)))
    return holder
  }

  /// The format string of a type.
  static func format(_ type: DataType) -> String {
    switch type {
    case .null: "n"
    case .boolean: "b"
    case .int8: "c"
    case .int16: "s"
    case .int32: "i"
    case .int64, .intervalMonths, .intervalMillis: "l"
    case .float32: "f"
    case .float64: "g"
    case .decimal(let precision, let scale): "d:\(precision),\(scale)"
    case .text: "u"
    case .bytes: "z"
    case .date: "tdD"
    case .time(let precision): ["ttm", "ttu", "ttn"][unitIndex(precision)]
    case .timestamp(let precision): ["tsm:", "tsu:", "tsn:"][unitIndex(precision)]
    case .timestampLTZ(let precision): ["tsm:UTC", "tsu:UTC", "tsn:UTC"][unitIndex(precision)]
    case .array: "+l"
    case .map: "+m"
    case .row: "+s"
    }
  }

  private static func unitIndex(_ precision: Int) -> Int { precision <= 3 ? 0 : precision <= 6 ? 1 : 2 }

  private static func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
    let bytes = Array(text.utf8CString)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (i, byte) in bytes.enumerated() { copy[i] = byte }
    return copy
  }

  // Flags of ArrowSchema.
  private static let nullable: Int64 = 2

  private static func fill(_ target: UnsafeMutablePointer<ArrowSchema>, _ field: Field) {
    var children: [Field] = []
    switch field.type {
    case .array(let element): children = [Field("element", element.type, isNullable: element.isNullable)]
    case .map(let key, let value):
      children = [
        Field(
          "entries",
          .row([Field("key", key.type, isNullable: false), Field("value", value.type, isNullable: value.isNullable)]), isNullable: false)
      ]
    case .row(let fields): children = fields
    default: break
    }
    var schema = ArrowSchema()
    schema.format = UnsafePointer(copy(format(field.type)))
    schema.name = UnsafePointer(copy(field.name))
    schema.flags = field.isNullable ? nullable : 0
    schema.n_children = Int64(children.count)
    if !children.isEmpty {
      let list = UnsafeMutablePointer<UnsafeMutablePointer<ArrowSchema>?>.allocate(capacity: children.count)
      for (i, child) in children.enumerated() {
        let slot = UnsafeMutablePointer<ArrowSchema>.allocate(capacity: 1)
        slot.initialize(to: ArrowSchema())
        fill(slot, child)
        list[i] = slot
      }
      schema.children = list
    }
    schema.release = { released in
      guard let released else { return }
      released.pointee.format?.deallocate()
      released.pointee.name?.deallocate()
      if let children = released.pointee.children {
        for i in 0..<Int(released.pointee.n_children) {
          // A consumer may have moved a child away: its release is NULL then.
          if let child = children[i] {
            child.pointee.release?(child)
            child.deallocate()
          }
        }
        children.deallocate()
      }
      released.pointee.release = nil
    }
    target.pointee = schema
  }

  /// Keeps the columns' memory alive until the consumer releases the array.
  private final class Keeper {
    let column: Column
    init(_ column: Column) { self.column = column }
  }

  private static func fill(_ target: UnsafeMutablePointer<ArrowArray>, _ column: Column) {
    var kept = column
    var buffers: [UnsafeRawPointer?] = [column.validity.map { UnsafeRawPointer($0.buffer.base) }]
    var children: [Column] = []
    switch column.values {
    case .none: buffers = []
    case .bits(let bits): buffers.append(UnsafeRawPointer(bits.buffer.base))
    case .fixed(let buffer):
      if case .time(let precision) = column.type, precision <= 3 {
        let ticks = buffer.pointer(Int64.self)
        let narrow = Buffer(uninitialized: column.count * 4)
        let out = narrow.pointer(Int32.self)
        for i in 0..<column.count { out[i] = Int32(truncatingIfNeeded: ticks[i]) }
        kept = Column(type: column.type, count: column.count, validity: column.validity, values: .fixed(narrow))
        buffers.append(UnsafeRawPointer(narrow.base))
      } else {
        buffers.append(UnsafeRawPointer(buffer.base))
      }
    case .variable(let offsets, let bytes):
      buffers += [UnsafeRawPointer(offsets.base), UnsafeRawPointer(bytes.base)]
    case .list(let offsets, let parts):
      buffers.append(UnsafeRawPointer(offsets.base))
      if case .map(let key, let value) = column.type {
        let count = parts.first?.count ?? 0
        children = [Column(type: .row([key, value]), count: count, values: .fields(parts))]
      } else {
        children = parts
      }
    case .fields(let parts): children = parts
    }
    var array = ArrowArray()
    array.length = Int64(column.count)
    array.null_count = Int64(column.nullCount)
    array.n_buffers = Int64(buffers.count)
    array.n_children = Int64(children.count)
    let bufferList = UnsafeMutablePointer<UnsafeRawPointer?>.allocate(capacity: max(1, buffers.count))
    for (i, buffer) in buffers.enumerated() { bufferList[i] = buffer }
    array.buffers = bufferList
    if !children.isEmpty {
      let list = UnsafeMutablePointer<UnsafeMutablePointer<ArrowArray>?>.allocate(capacity: children.count)
      for (i, child) in children.enumerated() {
        let slot = UnsafeMutablePointer<ArrowArray>.allocate(capacity: 1)
        slot.initialize(to: ArrowArray())
        fill(slot, child)
        list[i] = slot
      }
      array.children = list
    }
    array.private_data = Unmanaged.passRetained(Keeper(kept)).toOpaque()
    array.release = { released in
      guard let released else { return }
      released.pointee.buffers?.deallocate()
      if let children = released.pointee.children {
        for i in 0..<Int(released.pointee.n_children) {
          if let child = children[i] {
            child.pointee.release?(child)
            child.deallocate()
          }
        }
        children.deallocate()
      }
      if let data = released.pointee.private_data { Unmanaged<Keeper>.fromOpaque(data).release() }
      released.pointee.release = nil
    }
    target.pointee = array
  }
}
