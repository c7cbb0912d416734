import MillraceEnvironment
import MillraceTypes
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The machine that the process runs on.
public enum SystemEnvironment {
  /// Files, clock, random numbers, console and variables of this machine.
  public static var real: Environment {
    Environment(
      files: SystemFileStore(), clock: SystemClock(), randomness: SystemRandomSource(), console: SystemConsole(),
      variables: variables(), programFolder: programFolder())
  }

  private static func variables() -> [String: String] {
    var result: [String: String] = [:]
    #if canImport(Glibc) || canImport(Musl)
      let list = environ
    #else
      let list = _NSGetEnviron().pointee
    #endif
    var at = 0
    while let entry = list[at] {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") { result[String(text[..<equals])] = String(text[text.index(after: equals)...]) }
      at += 1
    }
    return result
  }

  private static func programFolder() -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? 0
    }
    let path = count > 0 ? String(decoding: buffer[0..<count], as: UTF8.self) : CommandLine.arguments.first
    return path.map(FilePath.folder(of:))
  }
}

/// The system's clocks.
public struct SystemClock: WallClock {
  public init() {}
  public var nowMicros: Int64 {
    let time = Self.read(CLOCK_REALTIME)
    return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
  }
  public var monotonicNanos: UInt64 {
    let time = Self.read(CLOCK_MONOTONIC)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
  public var threadCPUNanos: UInt64 {
    let time = Self.read(CLOCK_THREAD_CPUTIME_ID)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
  public func sleep(nanos: UInt64) {
    var left = timespec(tv_sec: Int(nanos / 1_000_000_000), tv_nsec: Int(nanos % 1_000_000_000))
    var unslept = timespec()
    while nanosleep(&left, &unslept) != 0 && errno == EINTR { left = unslept }
  }
  private static func read(_ id: clockid_t) -> timespec {
    var time = timespec()
    clock_gettime(id, &time)
    return time
  }
}

/// The system's random numbers.
public struct SystemRandomSource: RandomSource {
  public init() {}
  public func bits() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }
}

/// Standard output and standard error, unbuffered. What cannot be written (a full disk) is dropped; `outputFailure` then tells.
public struct SystemConsole: Console {
  /// errno of the first write to standard output that failed.
  private static let failedWrite = Atomic<Int32>(0)

  public init() {}

  /// Why standard output of this process is not whole; nil when it is.
  public static var outputFailure: MillraceError? {
    let code = failedWrite.load(ordering: .relaxed)
    return code == 0 ? nil : .file("write", "standard output", errno: code)
  }

  public func isTerminal(_ stream: ConsoleStream) -> Bool { isatty(stream == .output ? 1 : 2) == 1 }

  public func write(_ bytes: UnsafeRawBufferPointer, to stream: ConsoleStream) {
    let descriptor: Int32 = stream == .output ? 1 : 2
    var rest = bytes
    while let base = rest.baseAddress, rest.count > 0 {
      #if canImport(Glibc)
        let count = Glibc.write(descriptor, base, rest.count)
      #elseif canImport(Musl)
        let count = Musl.write(descriptor, base, rest.count)
      #else
        let count = Darwin.write(descriptor, base, rest.count)
      #endif
      if count < 0 {
        let code = errno
        if code == EINTR { continue }
        if stream == .output { _ = Self.failedWrite.compareExchange(expected: 0, desired: code, ordering: .relaxed) }
        return
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }
}
