import MillraceColumns
import MillraceTypes

/// Reads the columns wanted, by name, from a Parquet file; rows come in the file's order and positions are row numbers.
public final class ParquetRowReader: RowReader {
  private let library: ArrowLibrary
  private let path: String
  private let fields: [Field]
  private let schema = ArrowSchemaHolder()
  private var handle: UnsafeMutableRawPointer?
  private var pending: (columns: [Column], count: Int, used: Int)?
  private var rowsRead: Int64
  public let skippedRowCount = 0
  /// Rows in the file.
  public let rowCount: Int64

  public init(fields: [Field], path: String, from position: FilePosition = .beginning, library: ArrowLibrary) throws(MillraceError) {
    self.library = library
    self.path = path
    self.fields = fields
    rowsRead = position.offset
    var opened: UnsafeMutableRawPointer?
    // struct_bytes, reserved, batch_rows, first_row
    let options = UnsafeMutableRawPointer.allocate(byteCount: 24, alignment: 8)
    defer { options.deallocate() }
    options.storeBytes(of: 24, as: Int32.self)
    options.storeBytes(of: 0, toByteOffset: 4, as: Int32.self)
    options.storeBytes(of: 8192, toByteOffset: 8, as: Int64.self)
    options.storeBytes(of: position.offset, toByteOffset: 16, as: Int64.self)
    let names = fields.map { Array($0.name.utf8CString) }
    let block = names.flatMap { $0 }
    let status = block.withUnsafeBufferPointer { bytes in
      var pointers: [UnsafePointer<CChar>?] = []
      var at = 0
      for name in names {
        pointers.append(bytes.baseAddress.map { $0 + at })
        at += name.count
      }
      pointers.append(nil)
      return pointers.withUnsafeBufferPointer { library.readerOpen(path, $0.baseAddress, Int32(fields.count), options, &opened) }
    }
    guard status == 0, let opened else {
      rowCount = 0
      throw library.error(status, "cannot open", path)
    }
    handle = opened
    rowCount = library.readerRows(opened)
    let schemaStatus = library.readerSchema(opened, schema.address)
    if schemaStatus != 0 { throw library.error(schemaStatus, "cannot read the schema", path) }
  }

  deinit { if let handle { library.readerClose(handle) } }

  public var position: FilePosition { FilePosition(offset: rowsRead, line: rowsRead + 1) }

  /// The types of the columns as the file has them.
  public func fileFields() throws(MillraceError) -> [Field] { try ArrowImport.fields(schema) }

  /// The footer's value for a key.
  public func metadata(_ key: String) -> String? { library.readerMetadata(handle, key).map { String(cString: $0) } }

  public func next(maxRows: Int) throws(MillraceError) -> DecodedRows? {
    if pending == nil {
      let array = ArrowArrayHolder()
      let status = library.readerNext(handle, array.address)
      if status == 1 { return nil }
      guard status == 0 else { throw library.error(status, "cannot read on at row \(rowsRead + 1)", path) }
      pending = (try ArrowImport.columns(array, schema, as: fields, name: path), array.length, 0)
    }
    guard let (columns, count, used) = pending else { return nil }
    let end = min(count, used + max(1, maxRows))
    pending = end == count ? nil : (columns, count, end)
    let first = rowsRead
    rowsRead += Int64(end - used)
    return DecodedRows(
      columns: columns.map { $0.slice(used..<end) }, rowCount: end - used, lines: .int64s((first..<rowsRead).map { $0 + 1 }))
  }
}
