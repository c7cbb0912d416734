import MillraceInference
import MillracePlan
import MillraceTypes
import Synchronization

/// A loaded model that fits a job's columns, shared by the partitions of the job.
public final class Scorer: Sendable {
  private let model: OnnxModel

  /// Loads the model of a definition and checks its contract.
  ///
  /// - Throws: `library-missing`, `file-failed`, or `model-mismatch` with every difference listed.
  public init(_ definition: ModelDefinition) throws(MillraceError) {
    let provider = definition.options["provider"] ?? "onnx"
    guard provider == "onnx" else {
      throw MillraceError.notSupported("model provider '\(provider)'", subject: "model \(definition.name)", hint: "use 'provider' = 'onnx'")
    }
    guard let path = definition.options["model"], !path.isEmpty else {
      throw MillraceError(
        .invalidOption, "option 'model' is missing", subject: "model \(definition.name)",
        hint: "add 'model' = '/path/to/model.onnx' to WITH")
    }
    let given = definition.inputs.map { ModelContract.Feature(name: $0.name, type: $0.type.description) }
    model = try Self.typed(definition.name) {
      let model = try OnnxModel(file: path, expectedSHA256: definition.options["model.sha256"])
      if let contract = model.contract {
        try contract.require(given)
      } else if model.featureCount != given.count {
        throw MillraceError(.modelMismatch, "the model takes \(model.featureCount) features, the job gives \(given.count)", subject: path)
      }
      return model
    }
  }

  func score(
    _ values: UnsafePointer<Float>, rows: Int, features: Int, into scores: UnsafeMutablePointer<Float>
  ) throws(MillraceError) {
    try Self.typed(model.file) { try model.score(rowMajor: values, rows: rows, features: features, into: scores) }
  }

  private static func typed<T>(_ subject: String, _ body: () throws -> T) throws(MillraceError) -> T {
    do {
      return try body()
    } catch let error as MillraceError {
      throw error
    } catch {
      throw MillraceError(.invalidInput, "the model failed: \(error)", subject: subject)
    }
  }
}
