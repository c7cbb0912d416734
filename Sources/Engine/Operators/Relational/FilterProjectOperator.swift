import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Keeps the rows for which a predicate is true and computes columns from them. Stateless; hidden columns go along.
public final class FilterProjectOperator: Operator {
  private let predicate: ExpressionEvaluator?
  private let projection: ExpressionEvaluator?
  private let schema: Schema

  /// - Parameters:
  ///   - predicate: nil keeps every row.
  ///   - expressions: nil keeps the columns as they are.
  ///   - clock: for PROCTIME().
  public init(
    predicate: Expression?, expressions: [Expression]?, inputSchema: Schema, outputSchema: Schema,
    clock: (@Sendable () -> Int64)? = nil
  ) throws(MillraceError) {
    if let predicate {
      // The parts of a conjunction one by one: the evaluator ANDs them.
      self.predicate = try ExpressionEvaluator(predicate.conjuncts, schema: inputSchema, clock: clock)
    } else {
      self.predicate = nil
    }
    if let expressions {
      projection = try ExpressionEvaluator(expressions, schema: inputSchema, clock: clock)
    } else {
      projection = nil
    }
    schema = outputSchema
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    var rows = batch
    if let predicate {
      let selection = try predicate.evaluateFilter(batch)
      if selection.count == 0 { return }
      if selection.count < batch.rowCount { rows = selected(batch, selection) }
    }
    let columns = try projection?.evaluate(rows) ?? rows.columns
    output.emit(rows.replacing(schema: schema, columns: columns))
  }

  /// The chosen rows; columns that the projection does not read are left without values.
  private func selected(_ batch: Batch, _ selection: Selection) -> Batch {
    guard let projection, projection.referencedColumns.count < batch.columns.count else {
      return selection.apply(to: batch)
    }
    var narrow = batch
    narrow.columns = batch.columns.indices.map { c in
      projection.referencedColumns.contains(c)
        ? batch.columns[c] : Column(type: batch.columns[c].type, count: batch.rowCount, values: .none)
    }
    return selection.apply(to: narrow)
  }
}
