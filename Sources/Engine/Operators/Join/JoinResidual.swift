import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The condition of a join beside its equal keys, evaluated over the columns that it reads and no others.
struct JoinResidual {
  /// Columns of the left and of the right input that it reads.
  let leftColumns: [Int]
  let rightColumns: [Int]
  private let evaluator: ExpressionEvaluator
  private let schema: Schema

  init?(_ join: Join) throws(MillraceError) {
    guard let residual = join.residual else { return nil }
    let width = join.left.schema.count
    let columns = residual.referencedColumns.sorted()
    leftColumns = columns.filter { $0 < width }
    rightColumns = columns.filter { $0 >= width }.map { $0 - width }
    let fields = join.left.schema.fields + join.right.schema.fields
    var schema = Schema(columns.map { fields[$0] })
    var condition = residual.mappingColumns { columns.firstIndex(of: $0) ?? 0 }
    if columns.isEmpty {
      // A constant condition still needs a row count: it reads a column of no use.
      schema = Schema([Field("none", .null)])
      condition = residual
    }
    self.schema = schema
    evaluator = try ExpressionEvaluator(condition.conjuncts, schema: schema)
  }

  /// The pairs for which the condition is true.
  ///
  /// - Parameters:
  ///   - left: `leftColumns` of each pair.
  ///   - right: `rightColumns` of each pair.
  func matching(_ left: [Column], _ right: [Column], count: Int) throws(MillraceError) -> Selection {
    let columns = left + right
    let given = columns.isEmpty ? [Column(type: .null, count: count, values: .none)] : columns
    return try evaluator.evaluateFilter(Batch(schema: schema, columns: given, rowCount: count))
  }
}
