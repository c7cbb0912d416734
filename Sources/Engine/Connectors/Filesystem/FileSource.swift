import MillraceColumns
import MillraceEnvironment
import MillraceFormats
import MillracePlan
import MillraceTypes

/// Reads a file, or the files of a folder, each as a split in the order of its lines.
struct FileSource: SourceConnector {
  let request: SourceRequest
  let path: String
  let format: FileFormat
  let rowsPerSecond: Double?

  let isBounded = true

  /// A split's id is the file's name within the folder, or the path of the single file.
  func splits() throws(MillraceError) -> [SourceSplit] {
    let files = request.environment.files
    guard let info = try files.info(path) else {
      throw MillraceError(
        .fileFailed, "there is no such file or folder", subject: path,
        hint: "check option 'path' of table \(request.table.name); relative paths start at the working folder")
    }
    guard info.kind == .folder else { return [SourceSplit(id: FilePath.name(of: path), ordinal: 0)] }
    var names: [String] = []
    for name in try files.list(path) where !name.hasPrefix(".") && !name.hasPrefix("_") {
      if try files.info(FilePath.join(path, name))?.kind == .file { names.append(name) }
    }
    return names.enumerated().map { SourceSplit(id: $1, ordinal: $0) }
  }

  func open(_ split: SourceSplit, from position: [UInt8]?) throws(MillraceError) -> any SourceReader {
    let isFolder = try request.environment.files.info(path)?.kind == .folder
    return try FileSourceReader(
      request, split: split, path: isFolder ? FilePath.join(path, split.id) : path, format: format, position: position)
  }
}

/// One file's reader.
final class FileSourceReader: SourceReader {
  private let rows: any RowReader
  private let stamper: RowStamper
  private var isAtEnd = false
  private let skippedBefore: Int

  init(_ request: SourceRequest, split: SourceSplit, path: String, format: FileFormat, position: [UInt8]?) throws(MillraceError) {
    stamper = try RowStamper(request, split: split, name: path)
    stamper.skipsRowsWithoutTime = format.ignoresParseErrors
    var start = FilePosition.beginning
    var skipped = 0
    if let position {
      var reader = ByteReader(position)
      guard try reader.readUInt8() == 1 else {
        throw MillraceError(.checkpointInvalid, "the position of this file was written by another version", subject: path)
      }
      start.offset = try reader.readInt64()
      start.line = try reader.readInt64()
      stamper.clock = try reader.readInt64()
      skipped = Int(truncatingIfNeeded: try reader.readInt64())
      isAtEnd = try reader.readUInt8() != 0
    }
    skippedBefore = skipped
    let table = request.table
    switch format {
    case .json(let options):
      let fetch = try Self.fetch(request.environment, path, from: start.offset)
      rows = try JSONRowReader(
        fields: stamper.needed.map { table.schema.fields[$0] }, options: options, name: path, from: start, fetch: fetch)
    case .csv(let options):
      let fetch = try Self.fetch(request.environment, path, from: start.offset)
      let stored = table.schema.fields.indices.filter { table.computed[$0] == nil }
      rows = try CSVRowReader(
        fields: stored.map { table.schema.fields[$0] }, wanted: stamper.needed.compactMap { stored.firstIndex(of: $0) },
        options: options, name: path, from: start, fetch: fetch)
    case .parquet:
      rows = try ParquetRowReader(
        fields: stamper.needed.map { table.schema.fields[$0] }, path: path, from: start,
        library: ArrowLibraryLocator.library(in: request.environment))
    }
  }

  private static func fetch(_ environment: Environment, _ path: String, from offset: Int64) throws(MillraceError) -> ByteFetch {
    let file = try environment.files.open(path)
    if offset > 0, let info = try environment.files.info(path), info.kind == .file, info.byteCount < offset {
      throw MillraceError(
        .checkpointInvalid, "the file is shorter (\(info.byteCount) bytes) than what was already read of it (\(offset))", subject: path,
        hint: "put the file back as it was, or start without --restore")
    }
    return { (buffer: UnsafeMutableRawBufferPointer, at: Int64) throws(MillraceError) -> Int in try file.read(into: buffer, at: at) }
  }

  func next(maxRows: Int) throws(MillraceError) -> SourceEvent {
    while !isAtEnd {
      guard let decoded = try rows.next(maxRows: maxRows) else {
        isAtEnd = true
        break
      }
      if let batch = try stamper.stamp(decoded) { return .batch(batch, watermark: stamper.clock) }
    }
    return .end
  }

  var position: [UInt8] {
    var writer = ByteWriter()
    let place = rows.position
    writer.write(UInt8(1))
    writer.write(place.offset)
    writer.write(place.line)
    writer.write(stamper.clock)
    writer.write(Int64(skippedRowCount))
    writer.write(UInt8(isAtEnd ? 1 : 0))
    return writer.bytes
  }

  var skippedRowCount: Int { skippedBefore + rows.skippedRowCount + stamper.skippedRowCount }
}
