#if canImport(Glibc)
  import Glibc
#endif

/// How the process uses memory.
public enum SystemMemory {
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
