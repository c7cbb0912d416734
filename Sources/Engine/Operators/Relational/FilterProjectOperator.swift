import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Keeps the rows for which a predicate is true and computes columns from them. Stateless; hidden columns go along.
public final class FilterProjectOperator: Operator {
  private let predicate: ExpressionEvaluator?
  private let projection: ExpressionEvaluator?
  /// What the projection reads of chosen rows, and the projection over just that.
  private let reads: FieldReads?
  private let narrow: ExpressionEvaluator?
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
    if let expressions, predicate != nil {
      let reads = FieldReads(expressions, schema: inputSchema)
      narrow = try ExpressionEvaluator(reads.expressions, schema: reads.schema, clock: clock)
      self.reads = reads
    } else {
      reads = nil
      narrow = nil
    }
    schema = outputSchema
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    var rows = batch
    if let predicate {
      let selection = try predicate.evaluateFilter(batch)
      if selection.isEmpty { return }
      if !selection.isAll {
        if let reads, let narrow {
          // Only what the projection reads is gathered.
          rows = reads.apply(selection, to: batch)
          let columns = try narrow.evaluate(rows)
          output.emit(rows.replacing(schema: schema, columns: columns))
          return
        }
        rows = selection.apply(to: batch)
      }
    }
    let columns = try projection?.evaluate(rows) ?? rows.columns
    output.emit(rows.replacing(schema: schema, columns: columns))
  }
}
