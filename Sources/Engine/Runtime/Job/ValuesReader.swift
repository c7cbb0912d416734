import MillraceColumns
import MillraceConnectors
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Reads the literal rows of VALUES.
final class ValuesReader: SourceReader {
  private let rows: Batch
  private var next = 0

  init(_ relation: ValuesRelation, from position: [UInt8]?) throws(MillraceError) {
    var columns: [Column] = []
    let single = Batch(schema: Schema([]), columns: [], rowCount: 1)
    for c in relation.schema.fields.indices {
      let evaluator = try ExpressionEvaluator(relation.rows.map { $0[c] }, inputTypes: [])
      columns.append(.concat(try evaluator.evaluate(single), type: relation.schema.fields[c].type))
    }
    var batch = Batch(schema: relation.schema, columns: columns, rowCount: relation.rows.count)
    batch.positions = .int64s((0..<Int64(relation.rows.count)).map { $0 })
    batch.order = KeyEncoder.encode([batch.positions].compactMap { $0 }, rowCount: batch.rowCount, prefix: [128, 255])
    rows = batch
    if let position {
      var stored = ByteReader(position)
      next = min(relation.rows.count, try stored.readCount())
    }
  }

  var position: [UInt8] {
    var out = ByteWriter()
    out.write(count: next)
    return out.bytes
  }

  func next(maxRows: Int) throws(MillraceError) -> SourceEvent {
    guard next < rows.rowCount else { return .end }
    let range = next..<min(rows.rowCount, next + maxRows)
    next = range.upperBound
    return .batch(rows.slice(range), watermark: .beginning)
  }
}
