#if canImport(Glibc)
  import Glibc
#endif

/// How the process uses memory.
public enum SystemMemory {
  /// Bytes of memory that the process may use: the machine's, or its container's limit when that is lower. Nil when unknown.
  public static var available: Int? {
    #if canImport(Glibc)
      let pages = sysconf(Int32(_SC_PHYS_PAGES))
      let size = sysconf(Int32(_SC_PAGESIZE))
      guard pages > 0, size > 0 else { return nil }
      var bytes = pages * size
      var buffer = [UInt8](repeating: 0, count: 64)
      let file = open("/sys/fs/cgroup/memory.max", O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { return bytes }
      defer { close(file) }
      let count = read(file, &buffer, buffer.count)
      let text = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
      if let limit = Int(text.prefix { $0.isNumber }) { bytes = min(bytes, limit) }
      return bytes
    #else
      return nil
    #endif
  }

  /// Keeps freed blocks for the next batch instead of giving them back to the system, whose zeroed pages would have to be fetched one
  /// by one again: a fifth of the cost of a source of wide rows. For programs that run jobs, before the first one; without effect
  /// where the allocator is not glibc's.
  public static func keepFreedBlocks() {
    #if canImport(Glibc)
      // <malloc.h> is in no module map, so the function is looked up.
      typealias Function = @convention(c) (CInt, CInt) -> CInt
      guard let symbol = dlsym(nil, "mallopt") else { return }
      let mallopt = unsafeBitCast(symbol, to: Function.self)
      // M_MMAP_THRESHOLD at the highest that glibc takes, M_TRIM_THRESHOLD: the top of the heap that may stay unused.
      _ = mallopt(-3, 32 << 20)
      _ = mallopt(-1, 512 << 20)
    #endif
  }
}
