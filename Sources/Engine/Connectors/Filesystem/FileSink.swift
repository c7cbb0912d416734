import MillraceColumns
import MillraceEnvironment
import MillraceFormats
import MillracePlan
import MillraceTypes

/// Writes part files `part-<partition>-<sequence>.<format>` into a folder, visible only when they are whole and committed.
///
/// A part is written as `.inprogress-part-...`, made durable by `prepareCheckpoint` and renamed by `commit`, so readers of the folder
/// never see half a file, and what a failed run leaves begins with a dot. Sequence numbers continue behind what the folder holds, so
/// a new run adds files. Two jobs must not write to one folder at the same time. A second sink of one job into the same table puts
/// its ordinal before the partition (`part-1.0-...`).
final class FileSink: Sink {
  private struct Part {
    var temporary: String
    var final: String
  }

  private let request: SinkRequest
  private let folder: String
  private let format: FileFormat
  private let rollBytes: Int64
  private let rollMicros: Int64?
  private let files: any FileStore
  private let schema: Schema

  private var current: (part: Part, writer: any PartWriter, openedMicros: Int64)?
  /// Whole and durable, but of no checkpoint yet.
  private var closed: [Part] = []
  private var prepared: [(id: Int64, parts: [Part])] = []
  private var sequence: Int64 = 1

  init(request: SinkRequest, folder: String, format: FileFormat, rollBytes: Int64, rollMicros: Int64?) {
    self.request = request
    self.folder = folder
    self.format = format
    self.rollBytes = max(1, rollBytes)
    self.rollMicros = rollMicros
    files = request.environment.files
    schema = request.table.physicalSchema
  }

  private static let temporaryPrefix = ".inprogress-"

  private func partPrefix(_ partition: Int) -> String {
    request.ordinal == 0 ? "part-\(partition)-" : "part-\(request.ordinal).\(partition)-"
  }

  /// The partition and sequence number in the name of a part of this sink; nil for other names.
  private func parse(_ name: String) -> (partition: Int, sequence: Int64)? {
    guard name.hasPrefix("part-") else { return nil }
    var rest = name.dropFirst(5)
    if request.ordinal != 0 {
      guard rest.hasPrefix("\(request.ordinal).") else { return nil }
      rest = rest.dropFirst("\(request.ordinal).".count)
    }
    let pieces = rest.split(separator: "-", omittingEmptySubsequences: false)
    guard pieces.count == 2, let partition = Int(pieces[0]), let sequence = Int64(pieces[1].prefix { $0 != "." }) else { return nil }
    return (partition, sequence)
  }

  func open(restoring pending: [[UInt8]]?) throws(MillraceError) {
    if let info = try files.info(folder), info.kind != .folder {
      throw MillraceError(
        .fileFailed, "a table is written as a folder of part files, but this is a file", subject: folder,
        hint: "give another 'path' to table \(request.table.name), or remove the file")
    }
    try files.makeFolder(folder)
    if let pending { try restore(pending) }
    var greatest: Int64 = 0
    for name in try files.list(folder) {
      if name.hasPrefix(Self.temporaryPrefix), let part = parse(String(name.dropFirst(Self.temporaryPrefix.count))) {
        // What this partition, or one that there is no more, left behind when it died.
        if part.partition == request.partition || (request.partition == 0 && part.partition >= request.parallelism) {
          try files.remove(FilePath.join(folder, name))
        }
      } else if let part = parse(name), part.partition == request.partition {
        greatest = max(greatest, part.sequence)
      }
    }
    sequence = max(sequence, greatest + 1)
  }

  private func restore(_ pending: [[UInt8]]) throws(MillraceError) {
    let present = try files.list(folder)
    for bytes in pending where !bytes.isEmpty {
      var reader = ByteReader(bytes)
      guard try reader.readUInt8() == 1 else {
        throw MillraceError(.checkpointInvalid, "the sink's state was written by another version", subject: folder)
      }
      let partition = Int(truncatingIfNeeded: try reader.readInt64())
      let nextSequence = try reader.readInt64()
      let count = try reader.readCount(unit: 16)
      var promised: [Part] = []
      for _ in 0..<count { promised.append(Part(temporary: try reader.readText(), final: try reader.readText())) }
      for name in present {
        guard let part = parse(name), part.partition == partition, part.sequence >= nextSequence else { continue }
        throw MillraceError(
          .checkpointInvalid, "the part file was committed after the checkpoint that is being restored",
          subject: FilePath.join(folder, name),
          hint: "restore the latest checkpoint, or move the files written since then away")
      }
      for part in promised { try publish(part) }
      if partition == request.partition { sequence = max(sequence, nextSequence) }
    }
    if try files.info(folder) != nil { try files.syncFolder(folder) }
  }

  /// Gives a part its final name, unless that happened before.
  private func publish(_ part: Part) throws(MillraceError) {
    let temporary = FilePath.join(folder, part.temporary)
    let final = FilePath.join(folder, part.final)
    if try files.info(temporary) != nil {
      try files.rename(temporary, to: final)
    } else if try files.info(final) == nil {
      throw MillraceError(
        .checkpointInvalid, "a part file that the checkpoint promises is gone", subject: final,
        hint: "restore an older checkpoint, or start anew without --restore")
    }
  }

  func write(_ batch: Batch) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    guard batch.columns.count == schema.count else {
      throw MillraceError(
        .invalidInput, "\(batch.columns.count) columns were given to a table of \(schema.count)", subject: "table \(request.table.name)")
    }
    if let weights = batch.weights {
      let values = weights.pointer(Int64.self)
      for row in 0..<batch.rowCount where values[row] != 1 {
        throw MillraceError(
          .invalidInput, "the query updates rows, but files can only be added to", subject: "table \(request.table.name)",
          hint: "use windows or event-time operations whose results are final, or insert into a 'print' table")
      }
    }
    try beginPart()
    guard let current else { return }
    try current.writer.write(batch)
    let isOld = rollMicros.map { request.environment.clock.nowMicros - current.openedMicros >= $0 } ?? false
    if current.writer.byteCount >= rollBytes || isOld { try endPart() }
  }

  private func beginPart() throws(MillraceError) {
    guard current == nil else { return }
    let digits = String(sequence)
    // Zeros in front, so that the order of names is the order of writing.
    let number = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    let final = partPrefix(request.partition) + number + "." + format.fileExtension
    let part = Part(temporary: Self.temporaryPrefix + final, final: final)
    let path = FilePath.join(folder, part.temporary)
    let writer: any PartWriter
    switch format {
    case .json(let options):
      writer = try TextPartWriter(files.create(path), JSONRowEncoder(fields: schema.fields, options: options))
    case .csv(let options):
      writer = try TextPartWriter(files.create(path), CSVRowEncoder(fields: schema.fields, options: options))
    case .parquet(let options):
      writer = try ParquetPartWriter(
        ParquetFileWriter(
          fields: schema.fields, path: path, options: options, library: ArrowLibraryLocator.library(in: request.environment)))
    }
    sequence += 1
    current = (part, writer, request.environment.clock.nowMicros)
  }

  private func endPart() throws(MillraceError) {
    guard let (part, writer, _) = current else { return }
    try writer.finish()
    current = nil
    closed.append(part)
  }

  func prepareCheckpoint(_ id: Int64) throws(MillraceError) -> [UInt8] {
    try endPart()
    if !closed.isEmpty {
      try files.syncFolder(folder)
      prepared.append((id, closed))
      closed = []
    }
    var writer = ByteWriter()
    writer.write(UInt8(1))
    writer.write(Int64(request.partition))
    writer.write(sequence)
    let parts = prepared.flatMap(\.parts)
    writer.write(count: parts.count)
    for part in parts {
      writer.write(part.temporary)
      writer.write(part.final)
    }
    return writer.bytes
  }

  func commit(_ id: Int64) throws(MillraceError) {
    guard prepared.contains(where: { $0.id <= id }) else { return }
    for checkpoint in prepared where checkpoint.id <= id { for part in checkpoint.parts { try publish(part) } }
    try files.syncFolder(folder)
    prepared.removeAll { $0.id <= id }
  }

  func finish() throws(MillraceError) {
    try endPart()
    let parts = prepared.flatMap(\.parts) + closed
    guard !parts.isEmpty else { return }
    try files.syncFolder(folder)
    for part in parts { try publish(part) }
    try files.syncFolder(folder)
    prepared = []
    closed = []
  }

  func abort() {
    if let current {
      current.writer.abort()
      try? files.remove(FilePath.join(folder, current.part.temporary))
    }
    current = nil
    // Parts prepared for a checkpoint may have been promised by it; they stay, under their hidden names, for a restore.
    for part in closed { try? files.remove(FilePath.join(folder, part.temporary)) }
    closed = []
  }
}

/// Writes one part file.
protocol PartWriter: AnyObject {
  var byteCount: Int64 { get }
  func write(_ batch: Batch) throws(MillraceError)
  /// Makes the file whole and durable and closes it.
  func finish() throws(MillraceError)
  func abort()
}

/// A part of text lines.
final class TextPartWriter: PartWriter {
  private let file: any WritableFile
  private let encoder: any RowEncoder
  private let output = TextOutput(capacity: 1 << 18)
  private var hasBegun = false

  init(_ file: any WritableFile, _ encoder: any RowEncoder) {
    self.file = file
    self.encoder = encoder
  }

  var byteCount: Int64 { file.byteCount + Int64(output.count) }

  func write(_ batch: Batch) throws(MillraceError) {
    try begin()
    try encoder.encode(batch, into: output)
    if output.count >= 1 << 18 { try flush() }
  }

  private func begin() throws(MillraceError) {
    guard !hasBegun else { return }
    hasBegun = true
    try encoder.begin(into: output)
  }

  private func flush() throws(MillraceError) {
    if output.count > 0 { try file.write(output.bytes) }
    output.removeAll()
  }

  func finish() throws(MillraceError) {
    try begin()
    try flush()
    try file.sync()
    try file.close()
  }

  func abort() { try? file.close() }
}

/// A part that is a Parquet file.
final class ParquetPartWriter: PartWriter {
  private let writer: ParquetFileWriter
  private(set) var byteCount: Int64 = 0

  init(_ writer: ParquetFileWriter) { self.writer = writer }

  func write(_ batch: Batch) throws(MillraceError) {
    try writer.write(batch)
    // The size on disk is known at the end only; this is an upper bound of what goes in.
    byteCount += Int64(batch.rowCount) * Int64(max(1, batch.columns.count)) * 8
  }

  func finish() throws(MillraceError) { try writer.finish() }
  func abort() { writer.abort() }
}
