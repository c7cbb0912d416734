import CMillraceOnnx
import Foundation
import MillraceTypes
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// ONNX Runtime, opened at run time, with the one environment that a process may have.
///
/// Nothing links to it, so building Millrace needs no library; a missing or wrong one is an error that says how to get it.
/// Official builds from 1.29.0 on send telemetry unless `ORT_DISABLE_TELEMETRY=1` is set before their environment is
/// created. Millrace always sets it, and refuses such a release unless it was already set when the process looked first,
/// because a library opened by somebody else in this process may have started before us.
public final class OnnxRuntime: @unchecked Sendable {
  // Unchecked: the pointers are set once in init and never changed, and ONNX Runtime allows calls from any thread.
  let api: UnsafePointer<MillraceOrtApi>
  let environment: OpaquePointer
  let cpuMemory: OpaquePointer
  /// The library's own version, such as "1.28.0".
  public let version: String
  /// The file that was opened, or the bare name that the loader resolved.
  public let path: String

  public static let search = LibrarySearch(
    names: ["libonnxruntime.so.1", "libonnxruntime.1.dylib"], variable: "ORT_DYLIB_PATH")

  private static let loaded = Mutex<OnnxRuntime?>(nil)

  /// The process's runtime, opened by the first call; later calls return the same one whatever their path.
  /// A failure is not remembered, so a later call may succeed.
  /// - Throws: `library-missing` when none is found or the one found cannot be used.
  public static func shared(path: String? = nil) throws -> OnnxRuntime {
    try loaded.withLock { runtime in
      if let runtime { return runtime }
      let made = try OnnxRuntime(path: path)
      runtime = made
      return made
    }
  }

  /// Whether `shared()` works here; tests skip with words when it does not.
  public static var isAvailable: Bool { (try? shared()) != nil }

  private init(path explicit: String?) throws {
    let optedOutBefore = getenv("ORT_DISABLE_TELEMETRY").map { String(cString: $0) == "1" } ?? false
    setenv("ORT_DISABLE_TELEMETRY", "1", 1)

    let (path, base) = try Self.open(try Self.search.candidates(explicit: explicit))
    let version = base.pointee.GetVersionString.flatMap { $0() }.map { String(cString: $0) } ?? "unknown"
    try Self.refuseTelemetry(version: version, optedOutBefore: optedOutBefore, path: path)
    guard let api = base.pointee.GetApi?(UInt32(MILLRACE_ORT_API_VERSION)) else {
      throw MillraceError(
        .libraryMissing, "ONNX Runtime \(version) does not offer API version \(MILLRACE_ORT_API_VERSION)", subject: path,
        hint: Self.installHint)
    }
    var environment: OpaquePointer?
    try check(api, api.pointee.CreateEnv(MILLRACE_ORT_LOG_ERROR, "millrace", &environment), "create an ONNX Runtime environment")
    var memory: OpaquePointer?
    try check(
      api, api.pointee.CreateCpuMemoryInfo(MILLRACE_ORT_ARENA_ALLOCATOR, MILLRACE_ORT_MEMORY_DEFAULT, &memory),
      "describe CPU memory to ONNX Runtime")
    guard let environment, let memory else {
      throw MillraceError(.libraryMissing, "ONNX Runtime gave no environment", subject: path, hint: Self.installHint)
    }
    self.api = api
    self.environment = environment
    self.cpuMemory = memory
    self.version = version
    self.path = path
  }

  static let installHint = "run `make setup`, or name a library of ONNX Runtime 1.28.0 in ORT_DYLIB_PATH"

  private static func open(_ candidates: [String]) throws -> (String, UnsafePointer<MillraceOrtApiBase>) {
    var reasons: [String] = []
    for path in candidates {
      guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
        reasons.append(dlerror().map { String(cString: $0) } ?? "\(path) cannot be opened")
        continue
      }
      guard let symbol = dlsym(handle, "OrtGetApiBase") else {
        dlclose(handle)
        reasons.append("\(path) is not ONNX Runtime: it has no OrtGetApiBase")
        continue
      }
      // The handle is kept open for the life of the process: sessions and the environment live in it.
      if let base = unsafeBitCast(symbol, to: (@convention(c) () -> UnsafePointer<MillraceOrtApiBase>?).self)() { return (path, base) }
      reasons.append("\(path) gives no API")
    }
    throw MillraceError(
      .libraryMissing, "ONNX Runtime cannot be opened: " + (reasons.first ?? "no library was found"), hint: installHint)
  }

  /// Releases with telemetry need the opt-out to have been there before anything could start.
  static func refuseTelemetry(version: String, optedOutBefore: Bool, path: String) throws {
    let parts = version.split(separator: ".").map { Int($0.prefix { $0.isNumber }) ?? 0 }
    let known = parts.count >= 2
    let silent = known && (parts[0], parts[1]) < (1, 29)
    guard silent || optedOutBefore else {
      throw MillraceError(
        .libraryMissing, "ONNX Runtime \(version) contains telemetry, which is on unless ORT_DISABLE_TELEMETRY=1 is set", subject: path,
        hint: "set ORT_DISABLE_TELEMETRY=1 before starting, or use 1.28.0 (`make setup`)")
    }
  }
}

/// Turns a failed status into an error and releases it.
func check(_ api: UnsafePointer<MillraceOrtApi>, _ status: OpaquePointer?, _ doing: String, subject: String? = nil) throws {
  guard let status else { return }
  let text = api.pointee.GetErrorMessage(status).map { String(cString: $0) } ?? "no reason given"
  api.pointee.ReleaseStatus(status)
  throw MillraceError(.invalidInput, "cannot \(doing): \(text)", subject: subject)
}
