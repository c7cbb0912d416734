import MillraceEnvironment
import MillraceTypes

/// A checkpoint to go on from. Operator state is read from its files when it is asked for.
struct StoredCheckpoint {
  let manifest: CheckpointManifest
  /// The number to count on from: its own, or a greater one that its folder has already seen.
  var id: Int64
  private let files: any FileStore
  private let path: String

  /// Reads a checkpoint's folder and checks everything that it refers to.
  ///
  /// - Throws: `.checkpointInvalid` when it is damaged; what it says is then of no use, an older one may be.
  init(_ files: any FileStore, path: String) throws(MillraceError) {
    let manifestPath = FilePath.join(path, "manifest")
    guard try files.info(manifestPath) != nil else {
      throw MillraceError(
        .checkpointInvalid, "there is no complete checkpoint here", subject: path,
        hint: "name a chk-... folder that has a manifest, or the folder given to --checkpoint-dir")
    }
    manifest = try CheckpointManifest(decoding: try files.readAll(manifestPath), path: manifestPath)
    id = manifest.id
    self.files = files
    self.path = path
    for layer in manifest.allLayers { try forEachBlock(layer, where: { _ in true }) { _, _ in } }
  }

  /// Calls `body` with the state of an operator in the key groups asked for: per key group a whole state, then increments.
  func restore(
    _ operatorID: String, where isWanted: (Int) -> Bool, _ body: (Int, [UInt8]) throws(MillraceError) -> Void
  ) throws(MillraceError) {
    let writers = manifest.operators[operatorID] ?? [:]
    for partition in writers.keys.sorted() {
      for layer in writers[partition] ?? [] { try forEachBlock(layer, where: isWanted, body) }
    }
  }

  private func forEachBlock(
    _ layer: CheckpointManifest.Layer, where isWanted: (Int) -> Bool, _ body: (Int, [UInt8]) throws(MillraceError) -> Void
  ) throws(MillraceError) {
    guard layer.blocks.contains(where: { isWanted($0.keyGroup) }) else { return }
    // Its own state lies beside the manifest, whatever the folder is called.
    let folder =
      layer.checkpoint == manifest.id
      ? path : FilePath.join(FilePath.folder(of: path), CheckpointStore.folderName(layer.checkpoint))
    let file = try StateFileReader(files, path: FilePath.join(folder, StateFileWriter.name), checkpoint: path)
    for block in layer.blocks where isWanted(block.keyGroup) { try body(block.keyGroup, try file.read(block, checkpoint: path)) }
  }
}
