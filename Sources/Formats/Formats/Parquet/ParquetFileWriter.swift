import MillraceColumns
import MillraceTypes

/// Writes one Parquet file. A file that was neither finished nor aborted is removed when the writer goes.
public final class ParquetFileWriter {
  private let library: ArrowLibrary
  private let path: String
  private let fields: [Field]
  private var handle: UnsafeMutableRawPointer?

  public init(fields: [Field], path: String, options: ParquetOptions = ParquetOptions(), library: ArrowLibrary) throws(MillraceError) {
    self.library = library
    self.path = path
    self.fields = fields
    // struct_bytes, compression, compression_level, sync, row_group_rows, write_arrow_schema, reserved
    let block = UnsafeMutableRawPointer.allocate(byteCount: 32, alignment: 8)
    defer { block.deallocate() }
    block.initializeMemory(as: UInt8.self, repeating: 0, count: 32)
    block.storeBytes(of: 32, as: Int32.self)
    block.storeBytes(of: options.compression.rawValue, toByteOffset: 4, as: Int32.self)
    block.storeBytes(of: 1, toByteOffset: 12, as: Int32.self)
    block.storeBytes(of: options.rowGroupRows, toByteOffset: 16, as: Int64.self)
    let schema = ArrowExport.schema(fields)
    var opened: UnsafeMutableRawPointer?
    let status = library.writerOpen(path, schema.address, block, &opened)
    guard status == 0, let opened else { throw library.error(status, "cannot create", path) }
    handle = opened
    for (key, value) in options.metadata {
      let status = library.writerMetadata(opened, key, value)
      if status != 0 { throw library.error(status, "cannot add metadata", path) }
    }
  }

  deinit { abort() }

  /// Appends the visible columns of a batch, which have the writer's types in order.
  public func write(_ batch: Batch) throws(MillraceError) {
    guard let handle else { throw MillraceError(.fileFailed, "cannot write: the file is closed", subject: path) }
    guard batch.columns.count == fields.count else {
      throw MillraceError(.invalidInput, "\(batch.columns.count) columns were given to a writer of \(fields.count)", subject: path)
    }
    // Under the writer's names, whatever the batch calls them.
    let array = ArrowExport.array(Batch(schema: Schema(fields), columns: batch.columns, rowCount: batch.rowCount))
    let status = library.writerWrite(handle, array.address)
    if status != 0 { throw library.error(status, "cannot write", path) }
  }

  /// Writes the footer and makes the file durable.
  public func finish() throws(MillraceError) {
    guard let open = handle else { return }
    handle = nil
    let status = library.writerClose(open, nil, nil)
    if status != 0 { throw library.error(status, "cannot finish", path) }
  }

  /// Removes the unfinished file.
  public func abort() {
    guard let open = handle else { return }
    handle = nil
    library.writerAbort(open)
  }
}
