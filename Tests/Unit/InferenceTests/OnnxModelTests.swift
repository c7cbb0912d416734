import Foundation
import MillraceInference
import MillraceTypes
import Testing

/// Fixtures are made by python/make_fixture.py.
private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .appendingPathComponent("../../Golden/Models").standardized

private struct Cases: Decodable {
  var rows: [[Float?]]
  var trees: [Float]
  var linear_with_zero_for_null: [Float]

  static func read() throws -> Cases {
    try JSONDecoder().decode(Cases.self, from: Data(contentsOf: folder.appendingPathComponent("cases.json")))
  }
  func flat(missing: Float) -> [Float] { rows.flatMap { $0.map { $0 ?? missing } } }
}

private func model(_ name: String) throws -> OnnxModel { try OnnxModel(file: folder.appendingPathComponent(name).path) }

/// Scores all rows in batches of `batch`.
private func scores(_ model: OnnxModel, _ values: [Float], batch: Int) throws -> [Float] {
  let features = model.featureCount
  let rows = values.count / features
  var scores = [Float](repeating: -1, count: rows)
  try values.withUnsafeBufferPointer { values in
    try scores.withUnsafeMutableBufferPointer { scores in
      guard let input = values.baseAddress, let output = scores.baseAddress else { return }
      for start in stride(from: 0, to: rows, by: batch) {
        try model.score(
          rowMajor: input + start * features, rows: min(batch, rows - start), features: features, into: output + start)
      }
    }
  }
  return scores
}

@Suite(.enabled(if: OnnxRuntime.isAvailable, "ONNX Runtime is not installed: run `make setup`"))
struct OnnxModelTests {
  @Test func treesAnswerAsXGBoostDoes() throws {
    let cases = try Cases.read()
    let model = try model("trees.onnx")
    #expect(model.contract?.name == "fixture" && model.contract?.kind == "trees")
    #expect(model.contract?.features == ModelContractTests.features)
    #expect(model.outputName == "probabilities" && model.inputs.map(\.dimensions) == [[-1, 3]])
    #expect(model.producer == "millrace_train")
    let answers = try scores(model, cases.flat(missing: .nan), batch: 64)
    let worst = zip(answers, cases.trees).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst <= 1e-6, "worst difference \(worst)")
    #expect(Set(answers).count > 50)
  }

  @Test func linearModelMatchesArithmetic() throws {
    let cases = try Cases.read()
    let answers = try scores(try model("linear.onnx"), cases.flat(missing: 0), batch: 7)
    let worst = zip(answers, cases.linear_with_zero_for_null).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst <= 1e-6, "worst difference \(worst)")
  }

  @Test(arguments: ["trees.onnx", "linear.onnx"])
  func bitsDoNotDependOnTheBatch(name: String) throws {
    let model = try model(name)
    // 4,104 rows: more than one goes at once.
    let some = try Cases.read().flat(missing: name == "trees.onnx" ? .nan : 0)
    let values = Array(repeatElement(some, count: 21).joined().prefix(4104 * 3))
    let whole = try scores(model, values, batch: values.count).map(\.bitPattern)
    for batch in [1, 2, 3, 7, 16, 256, 4096, 4103] {
      let cut = try scores(model, values, batch: batch).map(\.bitPattern)
      #expect(cut == whole, "batches of \(batch)")
    }
  }

  @Test func threadsShareOneModel() async throws {
    let model = try model("trees.onnx")
    let values = try Cases.read().flat(missing: .nan)
    let alone = try scores(model, values, batch: 16)
    try await withThrowingTaskGroup(of: [Float].self) { group in
      for _ in 0..<4 {
        group.addTask {
          var last: [Float] = []
          for _ in 0..<50 { last = try scores(model, values, batch: 16) }
          return last
        }
      }
      for try await answers in group { #expect(answers == alone) }
    }
  }

  @Test func noRowsAndWrongShapes() throws {
    let model = try model("trees.onnx")
    var score: Float = 42
    let row: [Float] = [0, 0, 0, 0]
    try model.score(rowMajor: row, rows: 0, features: 3, into: &score)
    #expect(score == 42)
    let error = #expect(throws: MillraceError.self) { try model.score(rowMajor: row, rows: 1, features: 4, into: &score) }
    #expect(error?.message == "the model takes 3 features, 4 were given")
  }

  @Test func aChangedOrBrokenFileIsRefused() throws {
    let file = folder.appendingPathComponent("trees.onnx")
    let bytes = try Data(contentsOf: file)
    let hash = SHA256.hex(bytes)
    #expect(try OnnxModel(file: file.path, expectedSHA256: hash.uppercased()).sha256 == hash)

    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString).onnx")
    defer { try? FileManager.default.removeItem(at: scratch) }
    var flipped = bytes
    flipped[bytes.count / 2] ^= 1
    try flipped.write(to: scratch)
    let changed = #expect(throws: MillraceError.self) { try OnnxModel(file: scratch.path, expectedSHA256: hash) }
    #expect(changed?.code == .modelMismatch && changed?.subject == scratch.path)

    for broken in [Data(), Data("not a model".utf8), bytes.prefix(bytes.count / 2)] {
      try broken.write(to: scratch)
      let error = #expect(throws: MillraceError.self) { try OnnxModel(file: scratch.path) }
      #expect(error?.subject == scratch.path)
    }
    let absent = #expect(throws: MillraceError.self) { try OnnxModel(file: "/nowhere/model.onnx") }
    #expect(absent?.code == .fileFailed)
  }

  @Test func telemetryIsAlwaysSwitchedOff() throws {
    let runtime = try OnnxRuntime.shared()
    #expect(
      ProcessInfo.processInfo.environment["ORT_DISABLE_TELEMETRY"] == "1"
        || getenv("ORT_DISABLE_TELEMETRY").map { String(cString: $0) } == "1")
    #expect(!runtime.version.isEmpty && !runtime.path.isEmpty)
  }
}
