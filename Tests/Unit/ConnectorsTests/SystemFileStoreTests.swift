import MillraceEnvironment
import MillraceSystemEnvironment
import MillraceTypes
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The real file system and the one in memory do the same.
@Suite struct FileStoreTests {
  static func stores() throws -> [(store: any FileStore, root: String)] {
    let root = "/tmp/millrace-files-\(getpid())-\(SystemRandomSource().bits())"
    let system = SystemFileStore()
    try system.makeFolder(root)
    let memory = MemoryFileStore()
    try memory.makeFolder("/root")
    return [(system, root), (memory, "/root")]
  }

  func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch let error as MillraceError { return error.message } catch { return "\(error)" }
  }

  @Test func filesAreWrittenReadRenamedAndRemoved() throws {
    for (store, root) in try Self.stores() {
      let folder = "\(root)/a/b"
      try store.makeFolder(folder)
      try store.makeFolder(folder)
      let file = try store.create("\(folder)/.tmp")
      try file.write(Array("hello ".utf8))
      try file.write(Array("world".utf8))
      #expect(file.byteCount == 11)
      try file.sync()
      try file.close()
      try store.rename("\(folder)/.tmp", to: "\(folder)/z")
      try store.syncFolder(folder)
      try store.writeDurably([1, 2, 3], to: "\(folder)/B")
      try store.writeDurably([], to: "\(folder)/a")
      #expect(try store.list(folder) == ["B", "a", "z"])
      #expect(try store.readAll("\(folder)/z") == Array("hello world".utf8))
      #expect(try store.info("\(folder)/z")?.byteCount == 11)
      #expect(try store.info(folder)?.kind == .folder)
      #expect(try store.info("\(folder)/none") == nil)
      var bytes = [UInt8](repeating: 0, count: 4)
      let reader = try store.open("\(folder)/z")
      #expect(try bytes.withUnsafeMutableBytes { try reader.read(into: $0, at: 9) } == 2)
      #expect(bytes == [108, 100, 0, 0])
      #expect(try bytes.withUnsafeMutableBytes { try reader.read(into: $0, at: 11) } == 0)
      for name in try store.list(folder) { try store.remove("\(folder)/\(name)") }
      try store.remove("\(folder)/none")
      for path in [folder, "\(root)/a", root] { try store.remove(path) }
      #expect(try store.info(root) == nil)
    }
  }

  @Test func errorsAreSentences() throws {
    for (store, root) in try Self.stores() {
      #expect(message { _ = try store.open("\(root)/none").path }.hasPrefix("cannot open: no such file or folder"))
      #expect(message { _ = try store.create("\(root)/none/x").path }.hasPrefix("cannot create: no such file or folder"))
      #expect(message { _ = try store.list("\(root)/none") }.hasPrefix("cannot list: no such file or folder"))
      try store.remove(root)
    }
    let system = SystemFileStore()
    #expect(message { _ = try system.open("/tmp").path } == "cannot open: it is a folder")
    // A device that is always full.
    let full = try? system.create("/dev/full")
    if let full { #expect(message { try full.write([1]) } == "cannot write: the disk is full") }
  }

  @Test func aCrashForgetsWhatWasNotDurable() throws {
    let store = MemoryFileStore()
    try store.makeFolder("d")
    let file = try store.create("d/x")
    try file.write([1, 2])
    try file.sync()
    try store.syncFolder("d")
    try file.write([3])
    let unsynced = try store.create("d/y")
    try unsynced.write([4])
    try unsynced.sync()
    try store.rename("d/x", to: "d/z")
    store.crash()
    #expect(store.paths == ["d/x"])
    #expect(try store.readAll("d/x") == [1, 2])
  }

  @Test func theRealEnvironmentAnswers() {
    let real = SystemEnvironment.real
    #expect(real.clock.nowMicros > 1_600_000_000_000_000)
    let before = real.clock.monotonicNanos
    real.clock.sleep(nanos: 1_000_000)
    #expect(real.clock.monotonicNanos >= before + 1_000_000)
    #expect(real.variables["PATH"] != nil)
    #expect(real.programFolder?.hasPrefix("/") == true)
    #expect(real.randomness.bits() != real.randomness.bits())
  }
}
