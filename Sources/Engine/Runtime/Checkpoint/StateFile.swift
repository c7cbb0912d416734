import MillraceColumns
import MillraceEnvironment
import MillraceTypes

/// The operator state that one checkpoint wrote: blocks one behind the other, found through manifests.
struct StateFileWriter {
  private static let bufferBytes = 1 << 20
  private let files: any FileStore
  private let folder: String
  private let file: any WritableFile
  private var offset: Int64 = 0
  /// Small blocks on their way into the file.
  private var buffer: [UInt8] = []

  static let name = "state"
  private static let temporaryName = ".tmp-state"

  init(_ files: any FileStore, folder: String) throws(MillraceError) {
    self.files = files
    self.folder = folder
    file = try files.create(FilePath.join(folder, Self.temporaryName))
  }

  mutating func add(keyGroup: Int, _ bytes: [UInt8]) throws(MillraceError) -> CheckpointManifest.Block {
    let block = CheckpointManifest.Block(
      keyGroup: keyGroup, offset: offset, byteCount: bytes.count, checksum: CheckpointManifest.checksum(bytes))
    offset += Int64(bytes.count)
    if bytes.count >= Self.bufferBytes {
      try flush()
      try file.write(bytes)
    } else {
      buffer.append(contentsOf: bytes)
      if buffer.count >= Self.bufferBytes { try flush() }
    }
    return block
  }

  private mutating func flush() throws(MillraceError) {
    guard !buffer.isEmpty else { return }
    try file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  /// The file is durable under its name once this returns and the folder is synced. An empty one goes away.
  mutating func finish() throws(MillraceError) {
    let temporary = FilePath.join(folder, Self.temporaryName)
    try flush()
    guard offset > 0 else {
      try file.close()
      return try files.remove(temporary)
    }
    try file.sync()
    try file.close()
    try files.rename(temporary, to: FilePath.join(folder, Self.name))
    try files.syncFolder(folder)
  }

  /// Gives up.
  func abandon() {
    try? file.close()
    try? files.remove(FilePath.join(folder, Self.temporaryName))
  }
}

/// Reads blocks of a state file.
struct StateFileReader {
  private let file: any ReadableFile

  init(_ files: any FileStore, path: String, checkpoint: String) throws(MillraceError) {
    guard try files.info(path) != nil else {
      throw MillraceError(
        .checkpointInvalid, "the state file \(path) is missing", subject: checkpoint,
        hint: "an increment needs the checkpoints that it builds on: keep the whole folder together; or "
          + CheckpointManifest.otherWays)
    }
    file = try files.open(path)
  }

  /// - Throws: `checkpointInvalid` when the block is not what was written.
  func read(_ block: CheckpointManifest.Block, checkpoint: String) throws(MillraceError) -> [UInt8] {
    let info = file
    func damaged() -> MillraceError {
      MillraceError(
        .checkpointInvalid, "the state file \(info.path) does not match its manifest: it was damaged after it was written",
        subject: checkpoint, hint: CheckpointManifest.otherWays)
    }
    // A length that lies must not make us ask for memory that is not there.
    guard block.byteCount < 1 << 40, block.offset >= 0 else { throw damaged() }
    if block.byteCount > 0 {
      var last: UInt8 = 0
      let end = block.offset + Int64(block.byteCount) - 1
      let outcome = withUnsafeMutableBytes(of: &last) { buffer in
        Result<Int, MillraceError> { () throws(MillraceError) in try info.read(into: buffer, at: end) }
      }
      guard try outcome.get() == 1 else { throw damaged() }
    }
    var bytes = [UInt8](repeating: 0, count: block.byteCount)
    let outcome = bytes.withUnsafeMutableBytes { buffer in
      Result<Int, MillraceError> { () throws(MillraceError) in
        buffer.isEmpty ? 0 : try info.read(into: buffer, at: block.offset)
      }
    }
    guard try outcome.get() == block.byteCount, CheckpointManifest.checksum(bytes) == block.checksum else { throw damaged() }
    return bytes
  }
}
