import Foundation
import MillraceColumns
import MillraceExpressions
import MillraceInference
import MillraceOperators
import MillracePlan
import MillraceScoring
import MillraceTypes

/// Rows scored per second of CPU by an XGBoost model, in batches of one size: by `OnnxModel` over a ready matrix, by ML_PREDICT
/// from columns, and by ONNX Runtime alone over the same matrix. The three take turns, so that noise hits them alike.
struct ScoringBenchmark {
  static let sizes = [1, 16, 256, 4096]
  private static let features = BenchmarkModel.featureCount
  let batch: Int

  /// Rows per repetition; the matrix holds 4096 different ones.
  private var rowCount: Int { batch == 1 ? 32_768 : 131_072 }
  private static let distinctRows = 4096

  func run(repetitions: Int, model: BenchmarkModel) throws -> [BenchmarkResult] {
    let runtime = try OnnxRuntime.shared()
    let subject = try OnnxModel(file: model.path)
    let direct = try DirectOnnxRuntime(library: runtime.path, model: model.path)
    let operation = try Self.predict(model)
    let matrix = Self.makeMatrix()
    defer { matrix.deallocate() }
    let batches = makeBatches(matrix)
    let expected = try Self.reference(direct, matrix)
    let scores = UnsafeMutablePointer<Float>.allocate(capacity: 2 * Self.distinctRows)
    defer { scores.deallocate() }
    let rounds = rowCount / batch
    let starts = Self.distinctRows / batch
    var times: (model: [Int64], operation: [Int64], direct: [Int64]) = ([], [], [])
    for _ in 0..<max(repetitions, 5) {
      var watch = Stopwatch()
      try watch.time {
        for round in 0..<rounds {
          let row = round % starts * batch
          try subject.score(rowMajor: matrix + row * Self.features, rows: batch, features: Self.features, into: scores + row)
        }
      }
      times.model.append(watch.nanoseconds)
      for row in 0..<Self.distinctRows { try requireEqual(scores[row].bitPattern, expected[row].bitPattern, "score of row \(row)") }

      watch = Stopwatch()
      try watch.time {
        for round in 0..<rounds {
          let row = round % starts * batch
          try direct.run(matrix + row * Self.features, rows: batch, features: Self.features, into: scores + 2 * row)
        }
      }
      times.direct.append(watch.nanoseconds)

      watch = Stopwatch()
      var outputs: [OperatorOutput] = []
      outputs.reserveCapacity(rounds)
      try watch.time {
        for round in 0..<rounds {
          var output = OperatorOutput()
          try operation.process(batches[round % starts], port: 0, into: &output)
          if round < starts { outputs.append(output) }
        }
      }
      times.operation.append(watch.nanoseconds)
      var row = 0
      for batch in outputs.flatMap(\.batches) {
        let found = batch.columns[Self.features].pointer(Double.self)
        for i in 0..<batch.rowCount {
          try requireEqual(found[i], Double(expected[row]), "score of row \(row) by ML_PREDICT")
          row += 1
        }
      }
      try requireEqual(row, Self.distinctRows, "rows of ML_PREDICT")
    }
    let note = "\(model.title), batch \(batch), ONNX Runtime \(runtime.version)"
    let alone = BenchmarkResult("", rows: rounds * batch, nanoseconds: times.direct, note: "").eventsPerS
    return [
      ("score_xgboost_batch_\(batch)", times.model, ""), ("predict_xgboost_batch_\(batch)", times.operation, ", from DOUBLE columns"),
    ].map {
      name, nanoseconds, more in
      var result = BenchmarkResult(name, rows: rounds * batch, nanoseconds: nanoseconds, note: note + more)
      result.directRowsPerS = alone
      return result
    }
  }

  /// Normal-looking values of which a tenth is missing, row by row.
  private static func makeMatrix() -> UnsafeMutablePointer<Float> {
    var random = Randoms(seed: 3)
    let matrix = UnsafeMutablePointer<Float>.allocate(capacity: distinctRows * features)
    for i in 0..<(distinctRows * features) {
      let sum = (0..<4).reduce(0.0) { total, _ in total + Double(random.below(1 << 20)) / Double(1 << 20) - 0.5 }
      (matrix + i).initialize(to: random.below(10) == 0 ? .nan : Float(sum * 1.7))
    }
    return matrix
  }

  private func makeBatches(_ matrix: UnsafeMutablePointer<Float>) -> [Batch] {
    stride(from: 0, to: Self.distinctRows, by: batch).map { first in
      let columns = (0..<Self.features).map { feature -> Column in
        let values = (first..<first + batch).map { Double(matrix[$0 * Self.features + feature]) }
        return Column(
          type: .float64, count: batch, validity: Bitmap(values.map { !$0.isNaN }), values: .fixed(Buffer(values.map { $0.isNaN ? 0 : $0 }))
        )
      }
      return Batch(schema: Self.input, columns: columns, rowCount: batch)
    }
  }

  private static let input = Schema((0..<features).map { Field("f\($0)", .float64) })

  private static func predict(_ model: BenchmarkModel) throws -> PredictOperator {
    let definition = ModelDefinition(
      name: "bench", inputs: input.fields, outputs: [Field("score", .float64)], options: ["provider": "onnx", "model": model.path])
    let table = TableDefinition(name: "rows", schema: input)
    return try PredictOperator(
      Predict(
        input: .scan(Scan(table: table)), model: definition, arguments: input.fields.enumerated().map { .column($0, $1) }),
      scorer: Scorer(definition))
  }

  /// Row by row by ONNX Runtime alone.
  private static func reference(_ direct: DirectOnnxRuntime, _ matrix: UnsafeMutablePointer<Float>) throws -> [Float] {
    var pair: [Float] = [0, 0]
    return try (0..<distinctRows).map { row in
      try direct.run(matrix + row * features, rows: 1, features: features, into: &pair)
      return pair[1]
    }
  }
}
