import MillraceColumns
import MillraceTypes

/// UNION ALL: passes rows on under the first input's column names. Operators that need the total order restore it themselves.
public final class UnionOperator: Operator {
  private let schema: Schema

  public init(schema: Schema) { self.schema = schema }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    output.emit(batch.replacing(schema: schema, columns: batch.columns))
  }
}
