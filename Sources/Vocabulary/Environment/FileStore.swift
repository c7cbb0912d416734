import MillraceTypes

/// A file system as the engine uses it: whole files are written once, under a temporary name, and renamed when they are durable.
///
/// Paths use `/`; relative paths are relative to the working folder of the process. Every call may block; none may be made from
/// Swift's cooperative thread pool. Safe to use from any thread.
public protocol FileStore: Sendable {
  /// What is at a path, links followed; nil when nothing is.
  func info(_ path: String) throws(MillraceError) -> FileInfo?

  /// Names (not paths) of the entries of a folder, without `.` and `..`, sorted bytewise.
  func list(_ folder: String) throws(MillraceError) -> [String]

  func open(_ path: String) throws(MillraceError) -> any ReadableFile

  /// Creates a file, or empties the one that is there.
  func create(_ path: String) throws(MillraceError) -> any WritableFile

  /// Makes a folder and its parents; one that exists is fine.
  func makeFolder(_ path: String) throws(MillraceError)

  /// Atomically gives a file another name in the same file system, replacing what had it. Durable after `syncFolder`.
  func rename(_ path: String, to newPath: String) throws(MillraceError)

  /// Makes creations, renames and removals in a folder durable.
  func syncFolder(_ path: String) throws(MillraceError)

  /// Removes a file or an empty folder; nothing there is fine.
  func remove(_ path: String) throws(MillraceError)
}

/// What `FileStore.info` says.
public struct FileInfo: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case file, folder
    /// A pipe, a socket or a device.
    case other
  }
  public var kind: Kind
  public var byteCount: Int64
  /// Microseconds since 1970.
  public var modifiedMicros: Int64

  public init(kind: Kind, byteCount: Int64, modifiedMicros: Int64) {
    self.kind = kind
    self.byteCount = byteCount
    self.modifiedMicros = modifiedMicros
  }
}

/// An open file to read, used by one thread at a time. Closed when released.
public protocol ReadableFile: AnyObject {
  var path: String { get }

  /// Fills the buffer with the bytes from `offset` on, as many as there are. Returns the number read: less than asked only at the
  /// end of the file, 0 at or past it. A pipe can only be read from front to back.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(MillraceError) -> Int
}

/// An open file to append to, used by one thread at a time.
public protocol WritableFile: AnyObject {
  var path: String { get }
  /// Bytes written so far.
  var byteCount: Int64 { get }

  /// Appends all bytes, or throws; after an error the file's content is undefined and it must be thrown away.
  func write(_ bytes: UnsafeRawBufferPointer) throws(MillraceError)

  /// Makes everything written durable. An error means that it may be lost even if a later call succeeds.
  func sync() throws(MillraceError)

  /// Closes the file; further calls do nothing.
  func close() throws(MillraceError)
}

extension WritableFile {
  public func write(_ bytes: [UInt8]) throws(MillraceError) {
    // `withUnsafeBytes` does not carry a typed error through, so the result is.
    let outcome = bytes.withUnsafeBytes { buffer in Result<Void, MillraceError> { () throws(MillraceError) in try write(buffer) } }
    try outcome.get()
  }
}

extension FileStore {
  /// The whole content of a small file.
  public func readAll(_ path: String) throws(MillraceError) -> [UInt8] {
    let file = try open(path)
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let offset = Int64(content.count)
      let outcome = chunk.withUnsafeMutableBytes { buffer in
        Result<Int, MillraceError> { () throws(MillraceError) in try file.read(into: buffer, at: offset) }
      }
      let count = try outcome.get()
      content.append(contentsOf: chunk[0..<count])
      if count < chunk.count { return content }
    }
  }

  /// Writes a small file so that it is whole under its name or not there: temporary file, fsync, rename, fsync of the folder.
  public func writeDurably(_ bytes: [UInt8], to path: String) throws(MillraceError) {
    let folder = FilePath.folder(of: path)
    let temporary = FilePath.join(folder, ".tmp-" + FilePath.name(of: path))
    do {
      let file = try create(temporary)
      try file.write(bytes)
      try file.sync()
      try file.close()
      try rename(temporary, to: path)
    } catch {
      try? remove(temporary)
      throw error
    }
    try syncFolder(folder)
  }
}
