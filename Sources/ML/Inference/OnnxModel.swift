import CMillraceOnnx
import Foundation
import MillraceTypes

/// A model ready to score: one session, shared by any number of threads.
///
/// Takes `float[rows, features]` and gives one score per row. The session uses the calling thread only (intra-op 1), which
/// makes results equal bit for bit whatever the batch size, with one exception: a matrix product over a single row may
/// round differently. So a single row of anything but trees is scored twice over, as two rows.
public final class OnnxModel: @unchecked Sendable {
  // Unchecked: all stored values are immutable, and ONNX Runtime's Run may be called from many threads.

  /// An input or output of the graph. `dimensions` holds -1 where the size is open; it is empty for what is not a tensor.
  public struct Port: Sendable, Hashable {
    public var name: String
    /// ONNX's code: 1 float, 7 int64, 8 string, 11 double; 0 for what is not a tensor.
    public var elementType: Int
    public var dimensions: [Int64]
  }

  /// Rows handed to ONNX Runtime at once; more are scored in several goes. Its arena keeps the largest batch's memory.
  public static let batchRowsMost = 4096

  public let runtime: OnnxRuntime
  public let file: String
  /// Of the file's bytes, the very ones the session was made from.
  public let sha256: String
  public let metadata: [String: String]
  public let producer: String
  public let inputs: [Port]
  public let outputs: [Port]
  public let contract: ModelContract?
  /// Columns of a row.
  public let featureCount: Int
  /// The output the score is read from.
  public let outputName: String

  private let session: SessionBox
  private let inputName: ContiguousArray<CChar>
  private let outputNameBytes: ContiguousArray<CChar>
  private let outputRank: Int
  private let outputWidth: Int
  private let outputColumn: Int
  private let padsSingleRows: Bool

  /// Reads, checks and loads a model file, and scores one row to see that it runs.
  ///
  /// - Parameters:
  ///   - expectedSHA256: refuse the file unless its bytes have this hash (hexadecimal, any case).
  ///   - output: which output holds the score, for a model without a contract that has several.
  /// - Throws: `file-failed`, `model-mismatch` (hash, shape, contract), `library-missing`, `invalid-input` (not a model).
  public init(file: String, expectedSHA256: String? = nil, output: String? = nil, runtime: OnnxRuntime? = nil) throws {
    guard let bytes = FileManager.default.contents(atPath: file) else {
      throw MillraceError(.fileFailed, "the model file cannot be read", subject: file, hint: "check the path and its permissions")
    }
    let sha256 = SHA256.hex(bytes)
    if let expectedSHA256, expectedSHA256.lowercased() != sha256 {
      throw MillraceError(
        .modelMismatch, "the model file has changed: SHA-256 is \(sha256), expected \(expectedSHA256.lowercased())", subject: file,
        hint: "restore the file, or register it again")
    }
    let runtime = try runtime ?? OnnxRuntime.shared()
    let session = try SessionBox(bytes: bytes, runtime: runtime, file: file)
    let inputs = try session.ports(.input), outputs = try session.ports(.output)
    let (producer, metadata) = try session.metadata()
    let contract = try metadata[ModelContract.metadataKey].map { try ModelContract(json: $0, subject: file) }

    guard inputs.count == 1, let input = inputs.first, input.elementType == Int(MILLRACE_ORT_ELEMENT_FLOAT), input.dimensions.count == 2
    else {
      throw MillraceError.notSupported(
        "a model whose input is not one float matrix [rows, features]; this one takes \(Self.words(inputs))", subject: file)
    }
    let declared = input.dimensions[1]
    guard let featureCount = contract?.features.count ?? (declared > 0 ? Int(declared) : nil), featureCount > 0 else {
      throw MillraceError(
        .modelMismatch, "the model does not say how many features it takes", subject: file,
        hint: "export it with a fixed number of columns, or with a contract")
    }
    guard declared <= 0 || Int(declared) == featureCount else {
      throw MillraceError(
        .modelMismatch, "the model's contract lists \(featureCount) features, its graph takes \(declared)", subject: file)
    }
    let scored = try Self.scoreOutput(named: contract?.output ?? output, among: outputs, file: file)
    let width = scored.dimensions.count == 2 ? Int(scored.dimensions[1]) : 1
    let column = contract?.outputColumn ?? (width - 1)
    guard column >= 0, column < width else {
      throw MillraceError(.modelMismatch, "the contract reads column \(column) of '\(scored.name)', which has \(width)", subject: file)
    }

    self.runtime = runtime
    self.file = file
    self.sha256 = sha256
    self.metadata = metadata
    self.producer = producer
    self.inputs = inputs
    self.outputs = outputs
    self.contract = contract
    self.featureCount = featureCount
    self.outputName = scored.name
    self.session = session
    inputName = input.name.utf8CString
    outputNameBytes = scored.name.utf8CString
    outputRank = scored.dimensions.count
    outputWidth = width
    outputColumn = column
    padsSingleRows = contract?.kind != "trees"

    try withUnsafeTemporaryAllocation(of: Float.self, capacity: featureCount + 1) { buffer in
      buffer.initialize(repeating: 0)
      guard let base = buffer.baseAddress else { return }
      try score(rowMajor: base, rows: 1, features: featureCount, into: base + featureCount)
    }
  }

  private static func scoreOutput(named name: String?, among outputs: [Port], file: String) throws -> Port {
    let usable = outputs.filter {
      $0.elementType == Int(MILLRACE_ORT_ELEMENT_FLOAT) && ($0.dimensions.count == 1 || $0.dimensions.count == 2 && $0.dimensions[1] > 0)
    }
    if let name {
      if let found = usable.first(where: { $0.name == name }) { return found }
      if outputs.contains(where: { $0.name == name }) {
        throw MillraceError.notSupported(
          "output '\(name)', which is not float[rows] or float[rows, n]; the model gives \(words(outputs))", subject: file)
      }
      throw MillraceError(.modelMismatch, "the model has no output '\(name)'; it gives \(words(outputs))", subject: file)
    }
    guard usable.count == 1, let only = usable.first else {
      throw MillraceError(
        .modelMismatch, "which output holds the score is not clear: the model gives \(words(outputs))", subject: file,
        hint: "name the output, or train with a contract (`millrace train`)")
    }
    return only
  }

  private static func words(_ ports: [Port]) -> String {
    ports.map { port in
      let type = [0: "not a tensor", 1: "float", 7: "int64", 8: "string", 11: "double"][port.elementType] ?? "type \(port.elementType)"
      let shape = port.dimensions.map { $0 < 0 ? "?" : String($0) }.joined(separator: ", ")
      return "'\(port.name)' \(type)[\(shape)]"
    }.joined(separator: ", ")
  }

  /// Scores `rows` rows of `features` values each (row-major, NaN allowed) into `scores`, which holds room for `rows` values.
  ///
  /// May be called from any thread and blocks it. `rows` 0 does nothing.
  /// - Throws: `model-mismatch` for a wrong number of features, `invalid-input` for what ONNX Runtime refuses.
  public func score(
    rowMajor values: UnsafePointer<Float>, rows: Int, features: Int, into scores: UnsafeMutablePointer<Float>
  ) throws {
    guard features == featureCount else {
      throw MillraceError(.modelMismatch, "the model takes \(featureCount) features, \(features) were given", subject: file)
    }
    guard rows >= 0 else { throw MillraceError(.invalidInput, "a batch cannot hold \(rows) rows", subject: file) }
    var done = 0
    while done < rows {
      let count = min(Self.batchRowsMost, rows - done)
      let start = values + done * features
      if count == 1 && padsSingleRows {
        try withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * features + 2) { buffer in
          guard let twice = buffer.baseAddress else { return }
          twice.initialize(from: start, count: features)
          (twice + features).initialize(from: start, count: features)
          try run(twice, rows: 2, into: twice + 2 * features)
          scores[done] = twice[2 * features]
        }
      } else {
        try run(start, rows: count, into: scores + done)
      }
      done += count
    }
  }

  private func run(_ values: UnsafePointer<Float>, rows: Int, into scores: UnsafeMutablePointer<Float>) throws {
    guard outputWidth > 1 else { return try session.run(values, rows, featureCount, inputName, outputNameBytes, outputRank, 1, scores) }
    try withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * outputWidth) { buffer in
      guard let wide = buffer.baseAddress else { return }
      try session.run(values, rows, featureCount, inputName, outputNameBytes, outputRank, outputWidth, wide)
      var position = outputColumn
      for row in 0..<rows {
        scores[row] = wide[position]
        position &+= outputWidth
      }
    }
  }
}
