import MillraceColumns
import MillraceExpressions
import MillraceOperators
import MillraceTypes

/// Splits batches by the key group of their key, so that every row reaches the partition that owns its state.
final class KeyPartitioner {
  private let evaluator: ExpressionEvaluator
  private let maxParallelism: Int

  init(keys: [Expression], inputTypes: [DataType], maxParallelism: Int) throws(MillraceError) {
    evaluator = try ExpressionEvaluator(keys, inputTypes: inputTypes)
    self.maxParallelism = maxParallelism
  }

  /// One batch per partition, rows in their order.
  func split(_ batch: Batch, over partitions: Int) throws(MillraceError) -> [Batch] {
    batch.hashPartition(keys: try evaluator.evaluate(batch), parallelism: partitions, maxParallelism: maxParallelism)
  }
}
