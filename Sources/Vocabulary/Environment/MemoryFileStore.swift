import MillraceTypes
import Synchronization

/// A file system in memory that forgets, on `crash`, what was not made durable: bytes after the last `sync` of their file, and
/// creations, renames and removals after the last `syncFolder` of their folder. Folders themselves are durable at once.
public final class MemoryFileStore: FileStore {
  private final class Node {
    var bytes: [UInt8] = []
    var syncedCount = 0
  }

  private struct State: ~Copyable {
    var current: [String: Node] = [:]
    var durable: [String: Node] = [:]
    var folders: Set<String> = ["/", "."]
    var capacity: Int?
    var used: Int { current.values.reduce(0) { $0 + $1.bytes.count } }
  }

  // Nodes are only touched while the lock is held.
  private let state: Mutex<State>

  /// - Parameter capacityBytes: writes that would pass it fail like a full disk.
  public init(capacityBytes: Int? = nil) {
    var initial = State()
    initial.capacity = capacityBytes
    state = Mutex(initial)
  }

  public func setCapacity(bytes: Int?) { state.withLock { $0.capacity = bytes } }

  /// The machine loses power: only what was durable is left. Files that were open must not be used any more.
  public func crash() {
    state.withLock { state in
      state.current = [:]
      for (path, node) in state.durable {
        let survivor = Node()
        survivor.bytes = Array(node.bytes.prefix(node.syncedCount))
        survivor.syncedCount = survivor.bytes.count
        state.current[path] = survivor
      }
      state.durable = state.current
    }
  }

  /// Puts a durable file in place, with its folder.
  public func put(_ path: String, _ bytes: [UInt8]) {
    let path = Self.normal(path)
    state.withLock { state in
      let node = Node()
      node.bytes = bytes
      node.syncedCount = bytes.count
      state.current[path] = node
      state.durable[path] = node
      Self.addFolders(FilePath.folder(of: path), &state.folders)
    }
  }

  public func put(_ path: String, _ text: String) { put(path, Array(text.utf8)) }

  /// Paths of all files, sorted.
  public var paths: [String] { state.withLock { $0.current.keys.sorted() } }

  private static func normal(_ path: String) -> String {
    var path = path
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    return path.hasPrefix("./") ? String(path.dropFirst(2)) : path
  }

  private static func addFolders(_ folder: String, _ folders: inout Set<String>) {
    var folder = folder
    while folders.insert(folder).inserted { folder = FilePath.folder(of: folder) }
  }

  private static func missing(_ path: String, _ verb: String) -> MillraceError {
    MillraceError(.fileFailed, "cannot \(verb): no such file or folder", subject: path, hint: "check the path")
  }

  public func info(_ path: String) throws(MillraceError) -> FileInfo? {
    let path = Self.normal(path)
    return state.withLock { state in
      if let node = state.current[path] { return FileInfo(kind: .file, byteCount: Int64(node.bytes.count), modifiedMicros: 0) }
      return state.folders.contains(path) ? FileInfo(kind: .folder, byteCount: 0, modifiedMicros: 0) : nil
    }
  }

  public func list(_ folder: String) throws(MillraceError) -> [String] {
    let folder = Self.normal(folder)
    let names: [String]? = state.withLock { state in
      guard state.folders.contains(folder) else { return nil }
      let all = Array(state.current.keys) + state.folders.filter { $0 != folder && $0 != "." }
      return all.filter { FilePath.folder(of: $0) == folder }.map(FilePath.name(of:))
    }
    guard let names else { throw Self.missing(folder, "list") }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  public func open(_ path: String) throws(MillraceError) -> any ReadableFile {
    let path = Self.normal(path)
    guard state.withLock({ $0.current[path] != nil }) else { throw Self.missing(path, "open") }
    return Reader(store: self, path: path)
  }

  public func create(_ path: String) throws(MillraceError) -> any WritableFile {
    let path = Self.normal(path)
    let hasFolder = state.withLock { state in
      guard state.folders.contains(FilePath.folder(of: path)) else { return false }
      state.current[path] = Node()
      return true
    }
    guard hasFolder else { throw Self.missing(path, "create") }
    return Writer(store: self, path: path)
  }

  public func makeFolder(_ path: String) throws(MillraceError) {
    let path = Self.normal(path)
    state.withLock { Self.addFolders(path, &$0.folders) }
  }

  public func rename(_ path: String, to newPath: String) throws(MillraceError) {
    let path = Self.normal(path)
    let newPath = Self.normal(newPath)
    let found = state.withLock { state in
      guard let node = state.current.removeValue(forKey: path) else { return false }
      state.current[newPath] = node
      return true
    }
    guard found else { throw Self.missing(path, "rename") }
  }

  public func syncFolder(_ path: String) throws(MillraceError) {
    let path = Self.normal(path)
    state.withLock { state in
      for key in state.durable.keys where FilePath.folder(of: key) == path { state.durable[key] = nil }
      for (key, node) in state.current where FilePath.folder(of: key) == path { state.durable[key] = node }
    }
  }

  public func remove(_ path: String) throws(MillraceError) {
    let path = Self.normal(path)
    state.withLock { state in
      if state.current.removeValue(forKey: path) == nil { state.folders.remove(path) }
    }
  }

  private final class Reader: ReadableFile {
    let store: MemoryFileStore
    let path: String
    init(store: MemoryFileStore, path: String) {
      self.store = store
      self.path = path
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(MillraceError) -> Int {
      let slice: ArraySlice<UInt8> = store.state.withLock { state in
        guard let node = state.current[path], offset >= 0, offset < Int64(node.bytes.count) else { return [] }
        return node.bytes[Int(offset)..<min(node.bytes.count, Int(offset) + buffer.count)]
      }
      buffer.copyBytes(from: slice)
      return slice.count
    }
  }

  private final class Writer: WritableFile {
    let store: MemoryFileStore
    let path: String
    private(set) var byteCount: Int64 = 0
    init(store: MemoryFileStore, path: String) {
      self.store = store
      self.path = path
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(MillraceError) {
      let copy = Array(bytes)
      let path = path
      let fits = store.state.withLock { state in
        if let capacity = state.capacity, state.used + copy.count > capacity { return false }
        state.current[path]?.bytes += copy
        return true
      }
      guard fits else {
        throw MillraceError(
          .fileFailed, "cannot write: the disk is full", subject: path, hint: "free some space or choose another folder",
          isRetryable: true)
      }
      byteCount += Int64(copy.count)
    }

    func sync() throws(MillraceError) {
      let path = path
      store.state.withLock { state in
        if let node = state.current[path] { node.syncedCount = node.bytes.count }
      }
    }

    func close() throws(MillraceError) {}
  }
}
