import MillraceColumns
import MillraceExpressions
import MillraceInference
import MillraceOperators
import MillracePlan
import MillraceTypes

/// ML_PREDICT: scores each row with a model inside the stage. Stateless; rows keep their order and hidden columns.
///
/// Null features reach the model as NaN, treated as `MissingValues` says. A row that the policy refuses gets a null score.
public final class PredictOperator: Operator {
  private let scorer: Scorer
  private let arguments: ExpressionEvaluator
  /// The arguments' columns, when all of them are plain columns of the input.
  private let plainColumns: [Int]?
  private let missing: MissingValues
  private let schema: Schema
  private let outputType: DataType
  private var matrix: UnsafeMutablePointer<Float>
  private var scores: UnsafeMutablePointer<Float>
  private var capacity = 0
  /// Rows that the policy refused.
  public private(set) var refusedRowCount: Int64 = 0

  /// - Throws: `model-mismatch` with every difference between the job's columns and the model's contract.
  public init(_ predict: Predict, scorer: Scorer) throws(MillraceError) {
    guard predict.model.outputs.count == 1, predict.model.outputs[0].type.isFloating else {
      throw MillraceError.notSupported(
        "a model with \(predict.model.outputs.count) outputs, or one that is not FLOAT or DOUBLE", subject: "model \(predict.model.name)",
        hint: "declare OUTPUT (score DOUBLE)")
    }
    self.scorer = scorer
    arguments = try ExpressionEvaluator(predict.arguments, inputTypes: predict.input.schema.fields.map(\.type))
    let places = predict.arguments.compactMap { argument -> Int? in
      if case .column(let index) = argument.kind { index } else { nil }
    }
    plainColumns = places.count == predict.arguments.count ? places : nil
    missing = try Self.policy(predict.model)
    schema = predict.schema
    outputType = predict.model.outputs[0].type
    matrix = .allocate(capacity: 1)
    scores = .allocate(capacity: 1)
  }

  deinit {
    matrix.deallocate()
    scores.deallocate()
  }

  /// Option `missing`: `pass` (default), `refuse`, or a number that replaces NaN and infinities.
  static func policy(_ model: ModelDefinition) throws(MillraceError) -> MissingValues {
    switch model.options["missing"] ?? "pass" {
    case "pass": return .pass
    case "refuse": return .refuse
    case let text:
      guard let number = Float(text) else {
        throw MillraceError(
          .invalidOption, "option 'missing' = '\(text)' is not valid", subject: "model \(model.name)",
          hint: "give 'pass', 'refuse' or a number")
      }
      return .replace(with: number)
    }
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    let rows = batch.rowCount
    guard rows > 0 else { return }
    let features = arguments.expressions.count
    if rows > capacity {
      matrix.deallocate()
      scores.deallocate()
      matrix = .allocate(capacity: rows * features)
      scores = .allocate(capacity: rows)
      capacity = rows
    }
    if let plainColumns {
      try fillBlocks(rows) { block throws(MillraceError) in
        for index in plainColumns.indices { try fill(batch.columns[plainColumns[index]], index, features, block) }
      }
    } else {
      let columns = try arguments.evaluate(batch)
      try fillBlocks(rows) { block throws(MillraceError) in
        for index in columns.indices { try fill(columns[index], index, features, block) }
      }
    }
    let found = missing.apply(to: matrix, rows: rows, features: features)
    try scorer.score(matrix, rows: rows, features: features, into: scores)
    var validity: Bitmap?
    if !found.refusedRows.isEmpty {
      refusedRowCount += Int64(found.refusedRows.count)
      var valid = [Bool](repeating: true, count: rows)
      for row in found.refusedRows { valid[row] = false }
      validity = Bitmap(valid)
    }
    let values: Buffer
    if outputType == .float32 {
      values = Buffer(copying: UnsafeRawBufferPointer(start: scores, count: rows * 4))
    } else {
      values = Buffer(uninitialized: rows * 8)
      let out = values.pointer(Double.self)
      for i in 0..<rows { out[i] = Double(scores[i]) }
    }
    let scored = Column(type: outputType, count: rows, validity: validity, values: .fixed(values))
    output.emit(batch.replacing(schema: schema, columns: batch.columns + [scored]))
  }

  /// Goes through the rows in blocks whose part of the matrix stays in the nearest cache while its columns are filled in.
  @inline(__always) private func fillBlocks(_ rows: Int, _ body: (Range<Int>) throws(MillraceError) -> Void) throws(MillraceError) {
    var start = 0
    while start < rows {
      let end = min(rows, start &+ 128)
      try body(start..<end)
      start = end
    }
  }

  /// Writes some rows of a column into their places of the row-major matrix, null as NaN.
  private func fill(_ column: Column, _ index: Int, _ features: Int, _ rows: Range<Int>) throws(MillraceError) {
    let out = matrix + index
    switch column.type {
    case .boolean:
      let bits = column.bits
      for row in rows { out[row &* features] = bits[row] ? 1 : 0 }
    case .int8: Self.copy(column.pointer(Int8.self), out, features, rows)
    case .int16: Self.copy(column.pointer(Int16.self), out, features, rows)
    case .int32, .date: Self.copy(column.pointer(Int32.self), out, features, rows)
    case .float32:
      let values = column.pointer(Float.self)
      for row in rows { out[row &* features] = values[row] }
    case .float64:
      let values = column.pointer(Double.self)
      for row in rows { out[row &* features] = Float(values[row]) }
    case .decimal(_, let scale):
      var divisor = 1.0
      for _ in 0..<scale { divisor *= 10 }
      let values = column.pointer(Int128.self)
      for row in rows { out[row &* features] = Float(Double(values[row]) / divisor) }
    case .int64, .timestamp, .timestampLTZ, .time, .intervalMillis, .intervalMonths:
      Self.copy(column.pointer(Int64.self), out, features, rows)
    default:
      throw MillraceError.notSupported(
        "a model input of type \(column.type)", hint: "turn it into a number in SQL, for instance with CASE or CHAR_LENGTH")
    }
    if let validity = column.validity { for row in rows where !validity[row] { out[row &* features] = .nan } }
  }

  private static func copy<T: BinaryInteger>(
    _ values: UnsafePointer<T>, _ out: UnsafeMutablePointer<Float>, _ stride: Int, _ rows: Range<Int>
  ) {
    for row in rows { out[row &* stride] = Float(values[row]) }
  }
}
