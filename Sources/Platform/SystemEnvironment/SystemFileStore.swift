import MillraceEnvironment
import MillraceTypes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The machine's file system through POSIX calls. Interrupted calls are repeated.
public struct SystemFileStore: FileStore {
  public init() {}

  public func info(_ path: String) throws(MillraceError) -> FileInfo? {
    var status = stat()
    if stat(path, &status) != 0 {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw .file("read", path, errno: errno)
    }
    let kind: FileInfo.Kind
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .file
    case S_IFDIR: kind = .folder
    default: kind = .other
    }
    #if canImport(Darwin)
      let modified = status.st_mtimespec
    #else
      let modified = status.st_mtim
    #endif
    return FileInfo(
      kind: kind, byteCount: Int64(status.st_size), modifiedMicros: Int64(modified.tv_sec) &* 1_000_000 &+ Int64(modified.tv_nsec) / 1000)
  }

  public func list(_ folder: String) throws(MillraceError) -> [String] {
    guard let handle = opendir(folder) else { throw .file("list", folder, errno: errno) }
    defer { closedir(handle) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(handle) else {
        if errno != 0 { throw .file("list", folder, errno: errno) }
        break
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(MemoryLayout.size(ofValue: entry.pointee.d_name))) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  public func open(_ path: String) throws(MillraceError) -> any ReadableFile {
    let descriptor = try Self.open(path, O_RDONLY | O_CLOEXEC, verb: "open")
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      _ = Self.close(descriptor)
      throw .file("open", path, errno: code)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      _ = Self.close(descriptor)
      throw .file("open", path, errno: EISDIR)
    }
    return SystemReadableFile(path: path, descriptor: descriptor, isSeekable: status.st_mode & S_IFMT == S_IFREG)
  }

  public func create(_ path: String) throws(MillraceError) -> any WritableFile {
    SystemWritableFile(
      path: path, descriptor: try Self.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, verb: "create"))
  }

  public func makeFolder(_ path: String) throws(MillraceError) {
    if mkdir(path, 0o777) == 0 { return }
    let code = errno
    if code == ENOENT, FilePath.folder(of: path) != path {
      try makeFolder(FilePath.folder(of: path))
      if mkdir(path, 0o777) == 0 { return }
    }
    if let found = try info(path), found.kind == .folder { return }
    throw .file("make folder", path, errno: code == ENOENT ? errno : code)
  }

  public func rename(_ path: String, to newPath: String) throws(MillraceError) {
    #if canImport(Glibc)
      let outcome = Glibc.rename(path, newPath)
    #elseif canImport(Musl)
      let outcome = Musl.rename(path, newPath)
    #else
      let outcome = Darwin.rename(path, newPath)
    #endif
    if outcome != 0 { throw .file("rename to \(newPath)", path, errno: errno) }
  }

  public func syncFolder(_ path: String) throws(MillraceError) {
    let descriptor = try Self.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, verb: "sync folder")
    let code = Self.sync(descriptor)
    _ = Self.close(descriptor)
    // Some file systems cannot sync a folder and say so with EINVAL; there is nothing more to be done there.
    if code != 0 && code != EINVAL { throw .file("sync folder", path, errno: code) }
  }

  public func remove(_ path: String) throws(MillraceError) {
    #if canImport(Glibc)
      let outcome = Glibc.remove(path)
    #elseif canImport(Musl)
      let outcome = Musl.remove(path)
    #else
      let outcome = Darwin.remove(path)
    #endif
    if outcome != 0 && errno != ENOENT { throw .file("remove", path, errno: errno) }
  }

  private static func open(_ path: String, _ flags: Int32, verb: String) throws(MillraceError) -> Int32 {
    while true {
      #if canImport(Glibc)
        let descriptor = Glibc.open(path, flags, 0o666)
      #elseif canImport(Musl)
        let descriptor = Musl.open(path, flags, 0o666)
      #else
        let descriptor = Darwin.open(path, flags, 0o666)
      #endif
      if descriptor >= 0 { return descriptor }
      if errno != EINTR { throw .file(verb, path, errno: errno) }
    }
  }

  /// Returns 0 or the errno. A close that was interrupted has closed on Linux and must not be repeated.
  static func close(_ descriptor: Int32) -> Int32 {
    #if canImport(Glibc)
      let outcome = Glibc.close(descriptor)
    #elseif canImport(Musl)
      let outcome = Musl.close(descriptor)
    #else
      let outcome = Darwin.close(descriptor)
    #endif
    return outcome == 0 || errno == EINTR ? 0 : errno
  }

  /// Returns 0 or the errno.
  static func sync(_ descriptor: Int32) -> Int32 {
    while fsync(descriptor) != 0 {
      if errno != EINTR { return errno }
    }
    return 0
  }
}

final class SystemReadableFile: ReadableFile {
  let path: String
  private let descriptor: Int32
  private let isSeekable: Bool
  /// Bytes taken from a pipe so far.
  private var consumed: Int64 = 0

  init(path: String, descriptor: Int32, isSeekable: Bool) {
    self.path = path
    self.descriptor = descriptor
    self.isSeekable = isSeekable
  }

  deinit { _ = SystemFileStore.close(descriptor) }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(MillraceError) -> Int {
    if !isSeekable && offset != consumed {
      throw MillraceError(
        .fileFailed, "cannot read from the middle of a pipe", subject: path, hint: "copy it to a file to be able to resume")
    }
    var filled = 0
    while filled < buffer.count, let base = buffer.baseAddress {
      let target = base + filled
      let count: Int
      if isSeekable {
        count = pread(descriptor, target, buffer.count - filled, off_t(offset) + off_t(filled))
      } else {
        #if canImport(Glibc)
          count = Glibc.read(descriptor, target, buffer.count - filled)
        #elseif canImport(Musl)
          count = Musl.read(descriptor, target, buffer.count - filled)
        #else
          count = Darwin.read(descriptor, target, buffer.count - filled)
        #endif
      }
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw .file("read", path, errno: errno)
      }
      filled += count
    }
    consumed += Int64(filled)
    return filled
  }
}

final class SystemWritableFile: WritableFile {
  let path: String
  private(set) var byteCount: Int64 = 0
  private var descriptor: Int32?

  init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { if let descriptor { _ = SystemFileStore.close(descriptor) } }

  func write(_ bytes: UnsafeRawBufferPointer) throws(MillraceError) {
    guard let descriptor else { throw MillraceError(.fileFailed, "cannot write: the file is closed", subject: path) }
    var at = 0
    while at < bytes.count, let base = bytes.baseAddress {
      #if canImport(Glibc)
        let count = Glibc.write(descriptor, base + at, bytes.count - at)
      #elseif canImport(Musl)
        let count = Musl.write(descriptor, base + at, bytes.count - at)
      #else
        let count = Darwin.write(descriptor, base + at, bytes.count - at)
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        throw .file("write", path, errno: errno)
      }
      at += count
    }
    byteCount += Int64(bytes.count)
  }

  func sync() throws(MillraceError) {
    guard let descriptor else { return }
    let code = SystemFileStore.sync(descriptor)
    // Pipes and terminals cannot be synced and say EINVAL.
    if code != 0 && code != EINVAL { throw .file("sync", path, errno: code) }
  }

  func close() throws(MillraceError) {
    guard let descriptor else { return }
    self.descriptor = nil
    let code = SystemFileStore.close(descriptor)
    if code != 0 { throw .file("close", path, errno: code) }
  }
}
