import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Expressions over an operator's input, evaluated for a batch; plain columns are passed through as they are.
struct RowExpressions {
  private let expressions: [Expression]

  init(_ expressions: [Expression], inputTypes: [DataType]) throws(MillraceError) {
    self.expressions = expressions
    for expression in expressions {
      guard case .column(let index) = expression.kind, inputTypes.indices.contains(index) else {
        throw .notSupported("computed expressions")
      }
    }
  }

  var types: [DataType] { expressions.map(\.type) }

  /// One column per expression.
  func evaluate(_ batch: Batch) throws(MillraceError) -> [Column] {
    expressions.map { expression in
      if case .column(let index) = expression.kind { batch.columns[index] } else { .nulls(expression.type, count: batch.rowCount) }
    }
  }
}
