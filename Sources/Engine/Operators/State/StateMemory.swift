import CMillraceKernels
import MillraceTypes

/// Blocks of memory for the state of all operators of the process.
///
/// With a limit, what is over it lies in files without a name that are mapped into memory: the system keeps the pages in use and writes
/// the others out. Reads and writes stay what they are, so no operator knows of it; a restart begins from a checkpoint as ever, and the
/// files are gone with the process.
public enum StateMemory {
  public struct Use: Sendable, Equatable {
    /// Bytes of blocks of 4 MiB and more.
    public var inMemory: Int
    public var inFiles: Int
  }

  /// Sets the limit for the process. Blocks that are there already move when they grow.
  ///
  /// - Parameter folder: on a disk with room; nil for no limit.
  public static func limit(_ bytes: Int, folder: String?) { millrace_state_limit(bytes, folder) }

  public static var use: Use {
    let use = millrace_state_use()
    return Use(inMemory: use.in_memory, inFiles: use.in_files)
  }

  /// What went wrong with a file since the limit was set; the block went to memory then, and the job should end.
  public static var failure: MillraceError? {
    let code = millrace_state_use().failure
    guard code != 0 else { return nil }
    return MillraceError(
      .fileFailed,
      "state has outgrown its memory limit and could not be written to a file: \(String(cString: millrace_failure_text(Int32(code))))",
      hint: "give a folder with room as 'state.spill.dir', or a higher 'state.memory.limit'")
  }

  /// - Returns: uninitialised memory, aligned to 64 bytes. A process without memory ends here, as at any other allocation.
  static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    guard let block = millrace_block_new(byteCount) else {
      preconditionFailure("out of memory: no \(byteCount) bytes for state")
    }
    return block
  }

  /// A block of another size with the first `used` bytes of this one, which is gone then.
  static func resize(_ block: UnsafeMutableRawPointer, from byteCount: Int, to wanted: Int, keeping used: Int) -> UnsafeMutableRawPointer {
    guard let moved = millrace_block_resize(block, byteCount, wanted, used) else {
      preconditionFailure("out of memory: no \(wanted) bytes for state")
    }
    return moved
  }

  /// Frees a block that was allocated with this size.
  static func free(_ block: UnsafeMutableRawPointer, _ byteCount: Int) { millrace_block_free(block, byteCount) }

  /// The size to grow to: twice as much, half as much again when there is much already.
  static func bigger(than capacity: Int, atLeast wanted: Int) -> Int {
    max(wanted, capacity < 256 << 20 ? capacity * 2 : capacity + capacity / 2)
  }
}
