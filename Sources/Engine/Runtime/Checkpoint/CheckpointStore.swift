import MillraceColumns
import MillraceEnvironment
import MillraceOperators
import MillraceTypes

/// Checkpoints in a folder: `chk-<id>/state` and, once that is durable, `chk-<id>/manifest`. A checkpoint without a manifest never
/// happened.
///
/// A manifest may refer to the state files of earlier checkpoints, whose folders then stay, without a manifest of their own, for as
/// long as a checkpoint that is kept needs them. Used by one thread at a time.
final class CheckpointStore {
  private let files: any FileStore
  let directory: String
  private let retained: Int
  /// Per operator and partition what has been written so far; empty after a restore, so that the first state is whole.
  private var layers: [String: [Int: [CheckpointManifest.Layer]]] = [:]
  /// Per complete checkpoint the checkpoints whose files it needs.
  private var references: [Int64: Set<Int64>] = [:]

  init(files: any FileStore, directory: String, retained: Int) {
    self.files = files
    self.directory = directory
    self.retained = retained
  }

  static func folderName(_ id: Int64, prefix: String = "chk-") -> String {
    let digits = String(id)
    return prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  private func folder(_ id: Int64) -> String { FilePath.join(directory, Self.folderName(id)) }

  /// What a checkpoint cost.
  struct Saved {
    /// State that it consists of, and what of it was written this time.
    var stateBytes: Int64
    var writtenBytes: Int64
  }

  /// Encodes and writes a checkpoint; when this returns it survives a crash. Then drops what is no longer needed.
  @discardableResult
  func save(_ data: CheckpointData, kind: CheckpointKind, identity: CheckpointIdentity) throws(MillraceError) -> Saved {
    let folder = folder(data.id)
    let saved = try Self.write(data, kind: kind, identity: identity, over: &layers, files, folder: folder)
    try files.syncFolder(directory)
    references[data.id] = saved.manifest.references
    try prune()
    return Saved(stateBytes: saved.manifest.stateBytes, writtenBytes: saved.writtenBytes)
  }

  /// Writes a checkpoint that stands on its own into a folder of its own.
  static func write(
    whole data: CheckpointData, identity: CheckpointIdentity, _ files: any FileStore, folder: String
  ) throws(MillraceError) {
    var layers: [String: [Int: [CheckpointManifest.Layer]]] = [:]
    _ = try write(data, kind: .whole, identity: identity, over: &layers, files, folder: folder)
    try files.syncFolder(FilePath.folder(of: folder))
  }

  private static func write(
    _ data: CheckpointData, kind: CheckpointKind, identity: CheckpointIdentity,
    over layers: inout [String: [Int: [CheckpointManifest.Layer]]], _ files: any FileStore, folder: String
  ) throws(MillraceError) -> (manifest: CheckpointManifest, writtenBytes: Int64) {
    try files.makeFolder(folder)
    var manifest = CheckpointManifest(id: data.id, identity: identity, isEnd: kind == .end)
    (manifest.sources, manifest.sinks, manifest.lateRows) = (data.sources, data.sinks, data.lateRows)
    var written: Int64 = 0
    if !data.operators.isEmpty {
      var file = try StateFileWriter(files, folder: folder)
      do throws(MillraceError) {
        for id in data.operators.keys.sorted() {
          for (partition, state) in (data.operators[id] ?? [:]).sorted(by: { $0.key < $1.key }) {
            var layer = CheckpointManifest.Layer(checkpoint: data.id, blocks: [])
            try state.forEachKeyGroup { keyGroup, bytes throws(MillraceError) in
              layer.blocks.append(try file.add(keyGroup: keyGroup, bytes))
            }
            written += layer.byteCount
            layers[id, default: [:]][partition] = (state.isIncrement ? layers[id]?[partition] ?? [] : []) + [layer]
          }
        }
        try file.finish()
      } catch {
        file.abandon()
        throw error
      }
    }
    // An operator without state is not worth a word.
    if kind != .end { manifest.operators = layers.filter { $0.value.values.contains { $0.contains { !$0.blocks.isEmpty } } } }
    try files.writeDurably(manifest.encoded(), to: FilePath.join(folder, "manifest"))
    return (manifest, written)
  }

  /// Ids of the folders of checkpoints and of what is left of them, ascending, and whether they have a manifest.
  private func folders() throws(MillraceError) -> [(id: Int64, isComplete: Bool)] {
    guard try files.info(directory) != nil else { return [] }
    var found: [(id: Int64, isComplete: Bool)] = []
    for name in try files.list(directory) where name.hasPrefix("chk-") {
      guard let id = Int64(name.dropFirst(4)), Self.folderName(id) == name else { continue }
      found.append((id, try files.info(FilePath.join(folder(id), "manifest")) != nil))
    }
    return found.sorted { $0.id < $1.id }
  }

  /// Ids of the checkpoints that have a manifest, ascending.
  func completeIDs() throws(MillraceError) -> [Int64] { try folders().filter(\.isComplete).map(\.id) }

  /// The newest complete checkpoint; nil when there is none.
  func latest() throws(MillraceError) -> StoredCheckpoint? {
    guard let id = try completeIDs().last else { return nil }
    return try StoredCheckpoint(files, path: folder(id))
  }

  private func prune() throws(MillraceError) {
    let all = try folders()
    let kept = all.filter(\.isComplete).suffix(max(1, retained)).map(\.id)
    guard let newest = kept.last else { return }
    var needed = Set(kept)
    for id in kept {
      if references[id] == nil { references[id] = try? readReferences(id) }
      // What a checkpoint that cannot be read would need is not known: nothing that may belong to it goes.
      guard let used = references[id] else { return }
      needed.formUnion(used)
    }
    for (id, isComplete) in all where id < newest && !kept.contains(id) {
      // The manifest first: a half-removed checkpoint must not look complete.
      if isComplete { try files.remove(FilePath.join(folder(id), "manifest")) }
      references[id] = nil
      if !needed.contains(id) { try remove(id) }
    }
  }

  private func readReferences(_ id: Int64) throws(MillraceError) -> Set<Int64> {
    let path = FilePath.join(folder(id), "manifest")
    return try CheckpointManifest(decoding: try files.readAll(path), path: path).references
  }

  private func remove(_ id: Int64) throws(MillraceError) {
    let folder = folder(id)
    for name in try files.list(folder) { try files.remove(FilePath.join(folder, name)) }
    try files.remove(folder)
  }
}
