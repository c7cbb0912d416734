import MillraceColumns
import MillraceEnvironment
import MillraceTypes

/// Checkpoints in a folder: `chk-<id>/state` and, once that is durable, `chk-<id>/manifest`. A checkpoint without a manifest never
/// happened.
public struct CheckpointStore: Sendable {
  let files: any FileStore
  let directory: String
  let retained: Int

  public init(files: any FileStore, directory: String, retained: Int) {
    self.files = files
    self.directory = directory
    self.retained = retained
  }

  private func folder(_ id: Int64) -> String {
    let digits = String(id)
    return FilePath.join(directory, "chk-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits)
  }

  /// Writes a checkpoint; when this returns it survives a crash. Then drops the ones that are no longer kept.
  ///
  /// - Returns: the bytes of its state.
  @discardableResult
  public func save(_ data: CheckpointData) throws(MillraceError) -> Int64 {
    let folder = folder(data.id)
    try files.makeFolder(folder)
    let state = data.encoded()
    try files.writeDurably(state, to: FilePath.join(folder, "state"))
    let manifest = CheckpointManifest(id: data.id, byteCount: state.count, checksum: CheckpointManifest.checksum(state))
    try files.writeDurably(manifest.encoded(), to: FilePath.join(folder, "manifest"))
    try files.syncFolder(directory)
    let all = try completeIDs()
    for old in all.dropLast(max(1, retained)) { try remove(old) }
    return Int64(state.count)
  }

  /// Ids of the checkpoints that have a manifest, ascending.
  public func completeIDs() throws(MillraceError) -> [Int64] {
    guard try files.info(directory) != nil else { return [] }
    var ids: [Int64] = []
    for name in try files.list(directory) where name.hasPrefix("chk-") {
      guard let id = Int64(name.dropFirst(4)) else { continue }
      if try files.info(FilePath.join(self.folder(id), "manifest")) != nil { ids.append(id) }
    }
    return ids.sorted()
  }

  /// The newest complete checkpoint; nil when there is none.
  public func latest() throws(MillraceError) -> CheckpointData? {
    guard let id = try completeIDs().last else { return nil }
    return try Self.load(files, path: folder(id))
  }

  /// Reads a checkpoint's folder.
  ///
  /// - Throws: `.checkpointInvalid` when it is damaged; what it says is then of no use, an older one may be.
  public static func load(_ files: any FileStore, path: String) throws(MillraceError) -> CheckpointData {
    let manifestPath = FilePath.join(path, "manifest")
    guard try files.info(manifestPath) != nil else {
      throw MillraceError(
        .checkpointInvalid, "there is no complete checkpoint here", subject: path,
        hint: "name a chk-... folder that has a manifest, or the folder given to --checkpoint-dir")
    }
    let manifest = try CheckpointManifest(decoding: try files.readAll(manifestPath), path: manifestPath)
    let state = try files.readAll(FilePath.join(path, "state"))
    guard state.count == manifest.byteCount, CheckpointManifest.checksum(state) == manifest.checksum else {
      throw MillraceError(
        .checkpointInvalid, "the state file does not match its manifest: it was damaged after it was written", subject: path,
        hint: "restore an older checkpoint with --restore-from <folder>, or start anew with another --checkpoint-dir")
    }
    return try CheckpointData(decoding: state)
  }

  private func remove(_ id: Int64) throws(MillraceError) {
    let folder = folder(id)
    // The manifest first: a half-removed checkpoint must not look complete.
    try files.remove(FilePath.join(folder, "manifest"))
    for name in try files.list(folder) { try files.remove(FilePath.join(folder, name)) }
    try files.remove(folder)
  }
}

/// The small text that makes a checkpoint complete.
struct CheckpointManifest: Equatable {
  var id: Int64
  var byteCount: Int
  var checksum: UInt64

  init(id: Int64, byteCount: Int, checksum: UInt64) {
    self.id = id
    self.byteCount = byteCount
    self.checksum = checksum
  }

  static func checksum(_ bytes: [UInt8]) -> UInt64 {
    bytes.withUnsafeBufferPointer { buffer in buffer.baseAddress.map { KeyEncoder.hash($0, count: buffer.count) } ?? 0 }
  }

  func encoded() -> [UInt8] {
    Array("millrace checkpoint 1\nid \(id)\nbytes \(byteCount)\nchecksum \(String(checksum, radix: 16))\n".utf8)
  }

  init(decoding bytes: [UInt8], path: String) throws(MillraceError) {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    func value(_ index: Int, _ name: String) -> Substring? {
      guard lines.count > index, lines[index].hasPrefix(name + " ") else { return nil }
      return lines[index].dropFirst(name.count + 1)
    }
    guard lines.first == "millrace checkpoint 1", let id = value(1, "id").flatMap({ Int64($0) }),
      let count = value(2, "bytes").flatMap({ Int($0) }), let checksum = value(3, "checksum").flatMap({ UInt64($0, radix: 16) })
    else {
      throw MillraceError(
        .checkpointInvalid, "this is not a checkpoint manifest", subject: path,
        hint: "restore an older checkpoint with --restore-from <folder>, or start anew with another --checkpoint-dir")
    }
    self.init(id: id, byteCount: count, checksum: checksum)
  }
}
