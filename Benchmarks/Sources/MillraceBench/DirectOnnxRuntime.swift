import CMillraceOnnx
import Foundation

/// ONNX Runtime called with nothing of Millrace in between: what scoring is compared with. One session, tensors made once per
/// buffer, one thread.
final class DirectOnnxRuntime {
  private let api: UnsafePointer<MillraceOrtApi>
  private var session: OpaquePointer?
  private var environment: OpaquePointer?
  private var memory: OpaquePointer?

  struct Failure: Error, CustomStringConvertible { var description: String }

  init(library: String, model: String) throws {
    guard let handle = dlopen(library, RTLD_NOW | RTLD_LOCAL), let symbol = dlsym(handle, "OrtGetApiBase") else {
      throw Failure(description: "\(library) cannot be opened")
    }
    let base = unsafeBitCast(symbol, to: (@convention(c) () -> UnsafePointer<MillraceOrtApiBase>?).self)()
    guard let api = base?.pointee.GetApi?(UInt32(MILLRACE_ORT_API_VERSION)) else {
      throw Failure(description: "\(library) gives no API")
    }
    self.api = api
    let bytes = try Data(contentsOf: URL(fileURLWithPath: model))
    try check(api.pointee.CreateEnv(MILLRACE_ORT_LOG_ERROR, "bench", &environment))
    try check(api.pointee.CreateCpuMemoryInfo(MILLRACE_ORT_ARENA_ALLOCATOR, MILLRACE_ORT_MEMORY_DEFAULT, &memory))
    var options: OpaquePointer?
    try check(api.pointee.CreateSessionOptions(&options))
    defer { api.pointee.ReleaseSessionOptions(options) }
    try check(api.pointee.SetIntraOpNumThreads(options, 1))
    try check(api.pointee.SetInterOpNumThreads(options, 1))
    try check(api.pointee.SetSessionGraphOptimizationLevel(options, MILLRACE_ORT_OPTIMIZE_ALL))
    try bytes.withUnsafeBytes {
      try check(api.pointee.CreateSessionFromArray(environment, $0.baseAddress, $0.count, options, &session))
    }
  }

  deinit {
    api.pointee.ReleaseSession(session)
    api.pointee.ReleaseMemoryInfo(memory)
    api.pointee.ReleaseEnv(environment)
  }

  private func check(_ status: OpaquePointer?) throws {
    guard let status else { return }
    defer { api.pointee.ReleaseStatus(status) }
    throw Failure(description: api.pointee.GetErrorMessage(status).map { String(cString: $0) } ?? "ONNX Runtime failed")
  }

  /// A tensor over caller-owned floats.
  private func tensor(_ values: UnsafeMutablePointer<Float>, rows: Int, width: Int) throws -> OpaquePointer? {
    var value: OpaquePointer?
    let shape = [Int64(rows), Int64(width)]
    try check(
      api.pointee.CreateTensorWithDataAsOrtValue(
        memory, values, rows * width * MemoryLayout<Float>.size, shape, 2, MILLRACE_ORT_ELEMENT_FLOAT, &value))
    return value
  }

  /// Scores `rows` rows; `probabilities` gets two values per row.
  func run(_ values: UnsafeMutablePointer<Float>, rows: Int, features: Int, into probabilities: UnsafeMutablePointer<Float>) throws {
    var input = try tensor(values, rows: rows, width: features)
    defer { api.pointee.ReleaseValue(input) }
    var output = try tensor(probabilities, rows: rows, width: 2)
    defer { api.pointee.ReleaseValue(output) }
    try "features".withCString { inputName in
      try "probabilities".withCString { outputName in
        var names: (UnsafePointer<CChar>?, UnsafePointer<CChar>?) = (inputName, outputName)
        try check(api.pointee.Run(session, nil, &names.0, &input, 1, &names.1, 1, &output))
      }
    }
  }
}
