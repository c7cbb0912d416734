import CMillraceOnnx
import Foundation
import MillraceTypes

/// Owns an ONNX Runtime session and frees it with its last reference, so a replaced model lives until its last batch is done.
final class SessionBox: @unchecked Sendable {
  // Unchecked: the pointer is set once, and Run may be called from many threads at once.
  enum Side { case input, output }

  private let session: OpaquePointer
  private let runtime: OnnxRuntime
  private let file: String

  init(bytes: Data, runtime: OnnxRuntime, file: String) throws {
    let api = runtime.api
    var options: OpaquePointer?
    try check(api, api.pointee.CreateSessionOptions(&options), "make session options", subject: file)
    defer { api.pointee.ReleaseSessionOptions(options) }
    try check(api, api.pointee.SetIntraOpNumThreads(options, 1), "set threads", subject: file)
    try check(api, api.pointee.SetInterOpNumThreads(options, 1), "set threads", subject: file)
    try check(api, api.pointee.SetSessionExecutionMode(options, MILLRACE_ORT_SEQUENTIAL), "set the execution mode", subject: file)
    try check(api, api.pointee.SetSessionGraphOptimizationLevel(options, MILLRACE_ORT_OPTIMIZE_ALL), "set optimisation", subject: file)
    // Memory patterns are remembered per batch shape, and batches come in every size.
    try check(api, api.pointee.DisableMemPattern(options), "set memory use", subject: file)
    var made: OpaquePointer?
    try bytes.withUnsafeBytes { raw in
      try check(
        api, api.pointee.CreateSessionFromArray(runtime.environment, raw.baseAddress, raw.count, options, &made),
        "load the model", subject: file)
    }
    guard let made else { throw MillraceError(.invalidInput, "ONNX Runtime made no session", subject: file) }
    session = made
    self.runtime = runtime
    self.file = file
  }

  deinit { runtime.api.pointee.ReleaseSession(session) }

  /// Runs the graph over caller-owned memory: `values` holds rows x features, `scores` room for rows x width.
  func run(
    _ values: UnsafePointer<Float>, _ rows: Int, _ features: Int, _ inputName: ContiguousArray<CChar>,
    _ outputName: ContiguousArray<CChar>, _ rank: Int, _ width: Int, _ scores: UnsafeMutablePointer<Float>
  ) throws {
    let api = runtime.api
    let float = MILLRACE_ORT_ELEMENT_FLOAT
    let size = MemoryLayout<Float>.size
    var shape = (Int64(rows), Int64(features))
    var input: OpaquePointer?
    try withUnsafePointer(to: &shape) { tuple in
      try tuple.withMemoryRebound(to: Int64.self, capacity: 2) { dimensions in
        try check(
          api,
          api.pointee.CreateTensorWithDataAsOrtValue(
            runtime.cpuMemory, UnsafeMutableRawPointer(mutating: values), rows * features * size, dimensions, 2, float, &input),
          "wrap the features", subject: file)
      }
    }
    defer { api.pointee.ReleaseValue(input) }
    shape.1 = Int64(width)
    var output: OpaquePointer?
    try withUnsafePointer(to: &shape) { tuple in
      try tuple.withMemoryRebound(to: Int64.self, capacity: 2) { dimensions in
        try check(
          api,
          api.pointee.CreateTensorWithDataAsOrtValue(
            runtime.cpuMemory, scores, rows * width * size, dimensions, rank, float, &output),
          "wrap the scores", subject: file)
      }
    }
    defer { api.pointee.ReleaseValue(output) }
    try inputName.withUnsafeBufferPointer { inputName in
      try outputName.withUnsafeBufferPointer { outputName in
        var inputName = inputName.baseAddress, outputName = outputName.baseAddress
        try check(
          api, api.pointee.Run(session, nil, &inputName, &input, 1, &outputName, 1, &output), "score \(rows) rows", subject: file)
      }
    }
  }

  /// The graph's inputs or outputs, in its order.
  func ports(_ side: Side) throws -> [OnnxModel.Port] {
    let api = runtime.api
    var count = 0
    try check(
      api, side == .input ? api.pointee.SessionGetInputCount(session, &count) : api.pointee.SessionGetOutputCount(session, &count),
      "read the model", subject: file)
    return try (0..<count).map { index in
      var name: UnsafeMutablePointer<CChar>?
      var info: OpaquePointer?
      let allocator = try defaultAllocator()
      if side == .input {
        try check(api, api.pointee.SessionGetInputName(session, index, allocator, &name), "read the model", subject: file)
        try check(api, api.pointee.SessionGetInputTypeInfo(session, index, &info), "read the model", subject: file)
      } else {
        try check(api, api.pointee.SessionGetOutputName(session, index, allocator, &name), "read the model", subject: file)
        try check(api, api.pointee.SessionGetOutputTypeInfo(session, index, &info), "read the model", subject: file)
      }
      defer { api.pointee.ReleaseTypeInfo(info) }
      var port = OnnxModel.Port(name: take(name, allocator), elementType: 0, dimensions: [])
      var kind: Int32 = 0
      try check(api, api.pointee.GetOnnxTypeFromTypeInfo(info, &kind), "read the model", subject: file)
      guard kind == MILLRACE_ORT_TYPE_TENSOR else { return port }
      var tensor: OpaquePointer?
      try check(api, api.pointee.CastTypeInfoToTensorInfo(info, &tensor), "read the model", subject: file)
      var element: Int32 = 0
      var rank = 0
      try check(api, api.pointee.GetTensorElementType(tensor, &element), "read the model", subject: file)
      try check(api, api.pointee.GetDimensionsCount(tensor, &rank), "read the model", subject: file)
      port.elementType = Int(element)
      port.dimensions = Array(repeating: 0, count: rank)
      try check(api, api.pointee.GetDimensions(tensor, &port.dimensions, rank), "read the model", subject: file)
      return port
    }
  }

  /// The producer's name and the custom metadata map.
  func metadata() throws -> (producer: String, map: [String: String]) {
    let api = runtime.api
    let allocator = try defaultAllocator()
    var metadata: OpaquePointer?
    try check(api, api.pointee.SessionGetModelMetadata(session, &metadata), "read the model's metadata", subject: file)
    defer { api.pointee.ReleaseModelMetadata(metadata) }
    var producer: UnsafeMutablePointer<CChar>?
    try check(api, api.pointee.ModelMetadataGetProducerName(metadata, allocator, &producer), "read the model's metadata", subject: file)
    var keys: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    var count: Int64 = 0
    try check(
      api, api.pointee.ModelMetadataGetCustomMetadataMapKeys(metadata, allocator, &keys, &count), "read the model's metadata",
      subject: file)
    var map: [String: String] = [:]
    for index in 0..<Int(count) {
      guard let key = keys?[index] else { continue }
      var value: UnsafeMutablePointer<CChar>?
      try check(
        api, api.pointee.ModelMetadataLookupCustomMetadataMap(metadata, allocator, key, &value), "read the model's metadata",
        subject: file)
      map[take(key, allocator)] = take(value, allocator)
    }
    if let keys { _ = api.pointee.AllocatorFree(allocator, keys) }
    return (take(producer, allocator), map)
  }

  private func defaultAllocator() throws -> OpaquePointer? {
    var allocator: OpaquePointer?
    try check(runtime.api, runtime.api.pointee.GetAllocatorWithDefaultOptions(&allocator), "find an allocator", subject: file)
    return allocator
  }

  /// Copies text that ONNX Runtime allocated, and frees it.
  private func take(_ text: UnsafeMutablePointer<CChar>?, _ allocator: OpaquePointer?) -> String {
    guard let text else { return "" }
    defer { _ = runtime.api.pointee.AllocatorFree(allocator, text) }
    return String(cString: text)
  }
}
